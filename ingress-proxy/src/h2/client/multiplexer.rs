//! The connections of one worker to one endpoint.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::connection::Connection;
use super::stream::ClientStream;

/// Those who wait for a stream.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    wakers: RefCell<Vec<(u64, Waker)>>,
    last: Cell<u64>,
}

impl Waiters {
    pub(super) fn wake(&self) {
        self.wakers.borrow_mut().drain(..).for_each(|(_, waker)| waker.wake());
    }
}

/// The place of one who waits, until he is gone.
struct Place<'a> {
    waiters: &'a Waiters,
    number: u64,
}

impl<'a> Place<'a> {
    fn new(waiters: &'a Waiters) -> Self {
        let number = waiters.last.get().wrapping_add(1);
        waiters.last.set(number);
        Self { waiters, number }
    }

    fn wait(&self, cx: &Context<'_>) {
        let mut wakers = self.waiters.wakers.borrow_mut();
        match wakers.iter_mut().find(|(number, _)| *number == self.number) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => wakers.push((self.number, cx.waker().clone())),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiters.wakers.borrow_mut().retain(|(number, _)| *number != self.number);
    }
}

/// The connections of one worker to one endpoint. Another is made only when all are full, and one at a time.
#[derive(Debug)]
pub struct Multiplexer(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    connections: RefCell<Vec<Connection>>,
    most: usize,
    is_dialling: Cell<bool>,
    /// How many attempts to connect came to nothing.
    failures: Cell<u64>,
    waiters: Rc<Waiters>,
}

/// What to do for a stream.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever asks has to do one of these")]
#[expect(clippy::large_enum_variant, reason = "moved once; a box would be an allocation per request")]
pub enum Next {
    /// Use this one.
    Stream(ClientStream),
    /// Connect, [bring](Dial::bring) the connection and ask again; others wait for that.
    Dial(Dial),
    /// Somebody else tried to connect and could not.
    Failed,
    /// There are as many connections as there may be, and no room on them.
    Full,
}

impl Multiplexer {
    /// At most so many connections at one time.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Rc::new(Inner {
            connections: RefCell::default(),
            most,
            is_dialling: Cell::new(false),
            failures: Cell::new(0),
            waiters: Rc::default(),
        }))
    }

    /// Waits for a stream: until one of the connections has room, or it is time to make another. Where there is room only when
    /// somebody leaves it, `is_patient` says whether that is waited for too.
    pub async fn next(&self, is_patient: bool) -> Next {
        let place = Place::new(&self.0.waiters);
        let mut failures = None;
        poll_fn(|cx| self.0.poll_next(cx, &mut failures, is_patient, &place)).await
    }

    /// Whether there are as many connections as there may be, so that whoever waits does so for others to leave.
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.0.is_dialling.get() && self.connections() >= self.0.most
    }

    /// How many connections there are that take streams.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections.borrow().iter().filter(|connection| connection.is_usable()).count()
    }
}

impl Inner {
    fn poll_next(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        failures: &mut Option<u64>,
        is_patient: bool,
        place: &Place<'_>,
    ) -> Poll<Next> {
        let mut connections = self.connections.borrow_mut();
        connections.retain(Connection::is_usable);
        let emptiest = connections.iter().min_by_key(|connection| connection.active());
        if let Some(stream) = emptiest.and_then(Connection::stream) {
            return Poll::Ready(Next::Stream(stream));
        }
        // Whoever waited for an attempt that failed does not begin the next: it would be one after the other for all of them.
        if failures.is_some_and(|before| before != self.failures.get()) {
            return Poll::Ready(Next::Failed);
        }
        // Nobody knows how much room there is on one that has just been made.
        let may_be_more = self.is_dialling.get() || connections.iter().any(Connection::is_new);
        if !may_be_more && connections.len() < self.most {
            self.is_dialling.set(true);
            return Poll::Ready(Next::Dial(Dial { inner: Rc::clone(self) }));
        }
        if !may_be_more && !is_patient {
            return Poll::Ready(Next::Full);
        }
        *failures = self.is_dialling.get().then(|| self.failures.get());
        place.wait(cx);
        Poll::Pending
    }
}

impl Drop for Multiplexer {
    fn drop(&mut self) {
        self.0.connections.borrow_mut().drain(..).for_each(|connection| connection.retire());
    }
}

/// The task to connect. If it is dropped, whoever dialled had no more time or interest, and one of those who wait takes it up.
#[derive(Debug)]
pub struct Dial {
    inner: Rc<Inner>,
}

impl Dial {
    /// Adds the connection that was made, and gives the first stream on it, if the endpoint allows any.
    #[must_use]
    pub fn bring(self, connection: Connection) -> Option<ClientStream> {
        connection.set_waiters(&self.inner.waiters);
        let stream = connection.stream();
        self.inner.connections.borrow_mut().push(connection);
        stream
    }

    /// Says that the attempt came to nothing, and that whoever waited for it need not try.
    pub fn fail(self) {
        self.inner.failures.set(self.inner.failures.get() + 1);
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        self.inner.is_dialling.set(false);
        self.inner.waiters.wake();
    }
}

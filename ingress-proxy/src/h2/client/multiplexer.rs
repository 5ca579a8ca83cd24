//! The connections of one worker to one endpoint.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::connection::Connection;
use super::stream::ClientStream;

/// Those who wait for a stream.
#[derive(Debug, Default)]
pub(super) struct Waiters(RefCell<Vec<Waker>>);

impl Waiters {
    fn add(&self, cx: &Context<'_>) {
        let mut wakers = self.0.borrow_mut();
        if !wakers.iter().any(|it| it.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
    }

    pub(super) fn wake(&self) {
        self.0.borrow_mut().drain(..).for_each(Waker::wake);
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

    /// Waits for a stream: until one of the connections has room, or it is time to make another.
    pub async fn next(&self) -> Next {
        let mut failures = None;
        poll_fn(|cx| self.0.poll_next(cx, &mut failures)).await
    }

    /// How many connections there are that take streams.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections.borrow().iter().filter(|connection| connection.is_usable()).count()
    }
}

impl Inner {
    fn poll_next(self: &Rc<Self>, cx: &mut Context<'_>, failures: &mut Option<u64>) -> Poll<Next> {
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
        if !self.is_dialling.get() && connections.len() < self.most {
            self.is_dialling.set(true);
            return Poll::Ready(Next::Dial(Dial { inner: Rc::clone(self), is_done: false }));
        }
        *failures = self.is_dialling.get().then(|| self.failures.get());
        self.waiters.add(cx);
        Poll::Pending
    }
}

impl Drop for Multiplexer {
    fn drop(&mut self) {
        self.0.connections.borrow_mut().drain(..).for_each(|connection| connection.retire());
    }
}

/// The task to connect. If it is dropped, it has failed.
#[derive(Debug)]
pub struct Dial {
    inner: Rc<Inner>,
    is_done: bool,
}

impl Dial {
    /// Adds the connection that was made, and gives the first stream on it, if the endpoint allows any.
    #[must_use]
    pub fn bring(mut self, connection: Connection) -> Option<ClientStream> {
        self.is_done = true;
        connection.set_waiters(&self.inner.waiters);
        let stream = connection.stream();
        self.inner.connections.borrow_mut().push(connection);
        stream
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        self.inner.is_dialling.set(false);
        if !self.is_done {
            self.inner.failures.set(self.inner.failures.get() + 1);
        }
        self.inner.waiters.wake();
    }
}

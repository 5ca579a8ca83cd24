//! The life of a connection to an endpoint.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use h2::client::SendRequest;
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite};

use super::multiplexer::Waiters;
use super::settings::ClientSettings;
use super::stream::ClientStream;
use crate::h2::Ended;
use crate::h2::budget::{Guard, Guarded};
use crate::h2::error::io_error;
use crate::h2::ledger::{Ledger, Piece};
use crate::h2::outbox::Outbox;
use crate::h2::outgoing::Shared;
use crate::h2::window::Window;
use crate::worker::{Clock, Deadline};

/// A connection to an endpoint. Clones are the same connection, which lives as long as it has streams or may get some.
#[derive(Clone, Debug)]
pub struct Connection(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Rc<ClientSettings>,
    shared: Shared,
    /// None when there will be no more streams.
    requests: RefCell<Option<SendRequest<Piece>>>,
    is_usable: Cell<bool>,
    active: Cell<u32>,
    opened: Cell<u64>,
    /// How often it was heard before it had no stream; none if it never had one.
    idle_since: Cell<Option<u64>>,
    driver: RefCell<Option<Waker>>,
    waiters: RefCell<Option<Rc<Waiters>>>,
}

/// Begins HTTP/2 on a connection and drives it in a task of its own, which says at the end how it ended. The endpoint's
/// settings are not waited for, but until they are there the connection has room for one stream.
///
/// # Errors
///
/// When the connection fails.
pub async fn connect<I>(
    io: I,
    settings: &Rc<ClientSettings>,
    clock: &Clock,
    ended: impl FnOnce(Ended) + 'static,
) -> io::Result<Connection>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let guard = Guard::new(clock, settings.control_frames);
    let ledger = Ledger::new(settings.connection_send_buffer);
    let outbox = Outbox::new(Guarded::endpoint(io, &guard, settings.header_timeout, settings.write_timeout), &ledger);
    let (requests, mut http2) = settings.builder().handshake::<_, Piece>(outbox.clone()).await.map_err(io_error)?;
    let connection = Connection(Rc::new(Inner {
        settings: Rc::clone(settings),
        shared: Shared {
            guard,
            ledger,
            clock: clock.clone(),
            window: Window::new(settings.connection_window),
            is_leaving: Rc::default(),
        },
        requests: RefCell::new(Some(requests)),
        is_usable: Cell::new(true),
        active: Cell::new(0),
        opened: Cell::new(0),
        idle_since: Cell::new(None),
        driver: RefCell::default(),
        waiters: RefCell::default(),
    }));
    let ping = settings.ping.and_then(|_| http2.ping_pong());
    let mut driver = Driver::new(http2, outbox, connection.clone(), ping);
    tokio::task::spawn_local(async move {
        let how = poll_fn(|cx| driver.poll(cx)).await;
        driver.connection.retire();
        // The socket is closed first: then it is true.
        drop(driver);
        ended(how);
    });
    Ok(connection)
}

impl Connection {
    /// A stream, if there is room for one.
    #[must_use]
    pub fn stream(&self) -> Option<ClientStream> {
        let inner = &self.0;
        if !self.is_usable() || inner.active.get() >= self.room() {
            return None;
        }
        let heard = inner.shared.guard.times_heard();
        if inner.active.get() == 0 {
            inner.idle_since.set((inner.opened.get() > 0).then_some(heard));
        }
        // It may be gone, and nobody knows before something is heard of it.
        let was_idle = inner.idle_since.get() == Some(heard);
        inner.opened.set(inner.opened.get() + 1);
        if inner.opened.get() >= inner.settings.max_requests {
            inner.is_usable.set(false);
        }
        Some(ClientStream::new(Slot::new(self), was_idle))
    }

    /// Whether it takes new streams, now or when others have ended.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.0.is_usable.get()
    }

    /// Whether the endpoint has not said yet how many streams it takes.
    pub(super) fn is_new(&self) -> bool {
        !self.0.shared.guard.has_begun()
    }

    /// How many streams there are.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.0.active.get()
    }

    /// Takes no more streams; closes when the last has ended.
    pub fn retire(&self) {
        self.0.is_usable.set(false);
        self.0.wake();
    }

    /// How many streams there may be at one time.
    fn room(&self) -> u32 {
        let theirs = self.0.requests.borrow().as_ref().map_or(0, SendRequest::current_max_send_streams);
        self.0.settings.max_streams.min(u32::try_from(theirs).unwrap_or(u32::MAX))
    }

    pub(super) fn requests(&self) -> Option<SendRequest<Piece>> {
        self.0.requests.borrow().clone()
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(super) fn is_tls(&self) -> bool {
        self.0.settings.is_tls
    }

    /// Says whom to wake when a stream has ended or the connection has.
    pub(super) fn set_waiters(&self, waiters: &Rc<Waiters>) {
        *self.0.waiters.borrow_mut() = Some(Rc::clone(waiters));
    }
}

impl Inner {
    fn wake(&self) {
        if let Some(driver) = self.driver.borrow_mut().take() {
            driver.wake();
        }
        if let Some(waiters) = &*self.waiters.borrow() {
            waiters.wake();
        }
    }
}

/// The place of one stream on a connection.
#[derive(Debug)]
pub(super) struct Slot(Connection);

impl Slot {
    fn new(connection: &Connection) -> Self {
        connection.0.active.set(connection.0.active.get() + 1);
        Self(connection.clone())
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let inner = &self.0.0;
        inner.active.set(inner.active.get().saturating_sub(1));
        inner.wake();
    }
}

struct Driver<I: AsyncRead + AsyncWrite + Unpin> {
    http2: h2::client::Connection<Outbox<Guarded<I>>, Piece>,
    outbox: Outbox<Guarded<I>>,
    connection: Connection,
    idle: Deadline,
    age: Deadline,
    ping: Option<KeepAlive>,
    /// How many streams there may be, as those who wait for one know; none before the endpoint has spoken.
    room: Option<u32>,
    ended: Option<Ended>,
}

impl<I: AsyncRead + AsyncWrite + Unpin> Driver<I> {
    fn new(
        http2: h2::client::Connection<Outbox<Guarded<I>>, Piece>,
        outbox: Outbox<Guarded<I>>,
        connection: Connection,
        ping: Option<PingPong>,
    ) -> Self {
        let Inner { settings, shared, .. } = &*connection.0;
        let deadline = |after| Deadline::new(&shared.clock, Some(after));
        let ping = ping.zip(settings.ping).map(|(pings, (every, answer))| KeepAlive {
            pings,
            is_out: false,
            every: deadline(every),
            answer: deadline(answer),
        });
        Self {
            idle: deadline(settings.keep_alive),
            age: deadline(settings.max_age),
            http2,
            outbox,
            connection,
            ping,
            room: None,
            ended: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        let connection = self.connection.clone();
        let inner = &*connection.0;
        *inner.driver.borrow_mut() = Some(cx.waker().clone());
        loop {
            let result = Pin::new(&mut self.http2).poll(cx);
            if let Some(excess) = inner.shared.guard.excess() {
                return Poll::Ready(Ended::Excess(excess));
            }
            // Its settings may come after the head of their frame, and others later.
            let room = (!connection.is_new()).then(|| connection.room());
            if room > self.room
                && let Some(waiters) = &*inner.waiters.borrow()
            {
                waiters.wake();
            }
            self.room = room;
            if let Poll::Ready(result) = result {
                return Poll::Ready(match (self.ended.take(), result) {
                    (Some(ended), _) => ended,
                    (None, Ok(())) => Ended::Closed,
                    (None, Err(error)) => error.into(),
                });
            }
            if self.ping.as_mut().is_some_and(|ping| ping.is_dead(cx, inner)) {
                return Poll::Ready(Ended::NoPong);
            }
            if !self.may_close(cx, inner) {
                break;
            }
        }
        // Nothing more comes for now.
        match self.outbox.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(inner.shared.guard.excess().map_or(Ended::Io(error), Ended::Excess)),
            _ => Poll::Pending,
        }
    }

    /// Whether the last stream has ended and no other will come, so that `h2` has to be driven to the end.
    fn may_close(&mut self, cx: &mut Context<'_>, inner: &Inner) -> bool {
        let is_lost = match &mut *inner.requests.borrow_mut() {
            // It is an error as soon as the endpoint has sent GOAWAY.
            Some(requests) => matches!(requests.poll_ready(cx), Poll::Ready(Err(_))),
            None => return false,
        };
        if inner.is_usable.get() && (is_lost || self.age.is_over(cx)) {
            inner.is_usable.set(false);
            if let Some(waiters) = &*inner.waiters.borrow() {
                waiters.wake();
            }
        }
        if inner.active.get() > 0 {
            self.idle.clear();
            return false;
        }
        let is_idle = inner.is_usable.get() && self.idle.is_over(cx);
        if inner.is_usable.get() && !is_idle {
            return false;
        }
        inner.is_usable.set(false);
        if !is_lost {
            self.ended = Some(if is_idle { Ended::Idle } else { Ended::ShutDown });
        }
        inner.requests.borrow_mut().take();
        true
    }
}

/// Finds out whether an endpoint is still there.
struct KeepAlive {
    pings: PingPong,
    is_out: bool,
    every: Deadline,
    answer: Deadline,
}

impl KeepAlive {
    fn is_dead(&mut self, cx: &mut Context<'_>, inner: &Inner) -> bool {
        if self.is_out {
            match self.pings.poll_pong(cx) {
                Poll::Pending => return self.answer.is_over(cx),
                Poll::Ready(Err(_)) => return true,
                Poll::Ready(Ok(_)) => {
                    self.is_out = false;
                    self.answer.clear();
                }
            }
        }
        if inner.active.get() == 0 {
            self.every.clear();
            return false;
        }
        if !self.every.is_over(cx) {
            return false;
        }
        self.every.clear();
        if inner.settings.ping.is_some_and(|(every, _)| inner.shared.guard.silence() >= every) {
            self.is_out = self.pings.send_ping(Ping::opaque()).is_ok();
            // Asks for both wake-ups.
            return self.pings.poll_pong(cx).is_pending() && self.answer.is_over(cx);
        }
        // Begins anew.
        self.every.is_over(cx)
    }
}

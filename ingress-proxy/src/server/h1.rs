//! The client's side of HTTP/1: one connection, request after request.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::Client;
use crate::exchange::{self, Downstream, Outcome, Refused, Scratch};
use crate::h1::encode;
use crate::h1::{Decoder, HeadParser, Limits, request_line};
use crate::io::{Io, Wire};
use crate::message::{
    BodyError, EachField, Fill, NoFields, OutgoingResponse, Rejection, RequestHead, Sink, Source, Trailers, Version,
};
use crate::observe::metrics::Held;
use crate::worker::{Timer, Worker};

/// How long an idle connection may still bring a request when the worker is on its way out.
const LAST_REQUEST: std::time::Duration = std::time::Duration::from_secs(1);
/// What a client may still send after the last response before it is cut off: many read nothing before they have sent all.
const LINGER: u64 = 64 << 20;
/// For how long it may pause.
const LINGER_PAUSE: std::time::Duration = std::time::Duration::from_secs(2);
/// For how long it may do so, as in nginx.
const LINGER_TIME: std::time::Duration = std::time::Duration::from_secs(30);

/// A client's connection.
#[derive(Debug)]
pub struct Connection {
    worker: Rc<Worker>,
    wire: Wire,
    parser: HeadParser,
    limits: Limits,
    /// Between requests, and until a head is complete.
    timer: Timer,
    version: Version,
    /// Whether the connection stays open after this exchange.
    keep_alive: bool,
    /// The client waits for 100 before it sends the body.
    owes_continue: bool,
    idle_timeout: std::time::Duration,
    /// What had been received and sent before this exchange.
    before: (u64, u64),
    /// When a head began that did not come in one piece.
    begun: Instant,
    /// What it is counted as: by what is spoken, and by what goes on.
    open: Held,
    stage: Held,
}

/// What came instead of a request.
#[derive(Debug)]
enum NoRequest {
    /// The client has left, or stayed too long without asking.
    Gone,
    /// It began to ask and did not come to an end.
    TooSlow,
    /// It cannot be understood.
    Rejected(Rejection),
}

/// Serves a connection until it ends.
pub async fn serve(worker: Rc<Worker>, io: Io, client: Client) {
    let config = &worker.config.downstream;
    let mut wire = Wire::new(io, &worker.buffers, &worker.clock, config.idle_timeout, config.stall_timeout);
    wire.keep_pace();
    let mut connection = Connection {
        worker: Rc::clone(&worker),
        wire,
        parser: HeadParser::default(),
        limits: Limits::from(config),
        timer: worker.clock.timer(),
        version: Version::Http11,
        keep_alive: true,
        owes_continue: false,
        idle_timeout: config.idle_timeout,
        before: (0, 0),
        begun: Instant::now(),
        open: worker.metrics.hold(|it| &it.open_http1),
        stage: worker.metrics.hold(|it| &it.reading),
    };
    let mut head = RequestHead::default();
    let mut scratch = Scratch::default();
    let mut served = 0;
    loop {
        if let Err(why) = connection.read_head(&worker, &mut head, served > 0).await {
            let (status, reason) = match why {
                NoRequest::Gone => return connection.farewell().await,
                NoRequest::TooSlow => (408, "request-timeout"),
                NoRequest::Rejected(rejection) => (rejection.status(), rejection.as_str()),
            };
            connection.salvage(&mut head);
            // All of it is what is refused.
            connection.wire.input.consume(usize::MAX);
            let refused = Refused { status, reason, head: &head, started: connection.begun, number: served + 1 };
            exchange::refuse(&worker, &client, &mut connection, &refused).await;
            break;
        }
        served += 1;
        connection.stage.pass_to(|it| &it.writing);
        if served >= config.keep_alive_requests {
            connection.keep_alive = false;
        }
        let outcome = exchange::run(&worker, &client, &mut connection, &head, &mut scratch, served).await;
        let goes_on = outcome == Outcome::Complete && connection.keep_alive && connection.is_ready_for_more();
        if !goes_on {
            if outcome == Outcome::Complete {
                break;
            }
            return;
        }
        connection.wire.rest();
        connection.stage.pass_to(|it| &it.waiting);
    }
    connection.linger().await;
}

impl Connection {
    /// Reads the next head into `head`.
    async fn read_head(&mut self, worker: &Worker, head: &mut RequestHead, is_again: bool) -> Result<(), NoRequest> {
        let config = &worker.config.downstream;
        let (mut has_begun, mut is_leaving) = (false, false);
        self.before = self.wire.traffic();
        self.timer.set(if is_again { config.keep_alive } else { config.header_timeout });
        std::future::poll_fn(|cx| {
            loop {
                if !self.wire.input.is_empty() {
                    match self.parser.request(self.wire.input.filled(), &self.limits, head) {
                        Ok(Some(consumed)) => {
                            self.wire.input.consume(consumed);
                            return Poll::Ready(Ok(()));
                        }
                        Ok(None) => {}
                        Err(rejection) => {
                            if !has_begun {
                                self.begun = Instant::now();
                            }
                            return Poll::Ready(Err(NoRequest::Rejected(rejection)));
                        }
                    }
                    // Empty lines before a request are none of it (RFC 9112 2.2).
                    if !has_begun && !matches!(self.wire.input.filled(), b"\r" | b"\r\n") {
                        has_begun = true;
                        self.begun = Instant::now();
                        self.stage.pass_to(|it| &it.reading);
                        self.timer.set(config.header_timeout);
                    }
                }
                match self.wire.poll_receive(cx) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(NoRequest::Gone)),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending if self.timer.is_due(cx) && has_begun => {
                        return Poll::Ready(Err(NoRequest::TooSlow));
                    }
                    Poll::Pending if self.timer.is_due(cx) => return Poll::Ready(Err(NoRequest::Gone)),
                    Poll::Pending => {
                        // A request may be on its way already: closing now would lose it.
                        if worker.is_draining() && !has_begun && !is_leaving {
                            is_leaving = true;
                            self.timer.set(LAST_REQUEST);
                        }
                        return Poll::Pending;
                    }
                }
            }
        })
        .await?;
        self.timer.clear();
        self.version = head.version;
        self.keep_alive = head.keep_alive;
        self.owes_continue = head.expects_continue;
        self.wire.begin_reading(Decoder::new(head.framing));
        Ok(())
    }

    /// Puts into a head what there is of a request line, for the log.
    fn salvage(&self, head: &mut RequestHead) {
        const MOST: usize = 8 << 10;
        head.clear();
        let input = self.wire.input.filled();
        let input = input.strip_prefix(b"\r\n").unwrap_or(input);
        if request_line(input, &self.limits, head).is_err() {
            head.clear();
            let line = input.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
            head.target.extend_from_slice(line.get(..MOST).unwrap_or(line));
        }
    }

    /// Whether what follows in the stream is the next request.
    fn is_ready_for_more(&self) -> bool {
        self.wire.body_is_done() && !self.wire.is_eof()
    }

    /// Ends a connection on which nothing is under way. With TLS that is said, lest it look like somebody else's doing.
    async fn farewell(&mut self) {
        if !self.wire.io().is_tls() {
            return;
        }
        self.timer.set(LINGER_PAUSE);
        std::future::poll_fn(|cx| match self.wire.poll_shutdown(cx) {
            Poll::Pending if !self.timer.is_due(cx) => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
    }

    /// Ends the connection so that the client can read what was sent last: an abrupt end would take it away.
    async fn linger(&mut self) {
        let worker = Rc::clone(&self.worker);
        let end = worker.clock.timer();
        end.set(LINGER_TIME);
        self.timer.set(LINGER_PAUSE);
        let mut dropped = 0_u64;
        std::future::poll_fn(|cx| {
            if ready!(self.wire.poll_shutdown(cx)).is_err() {
                return Poll::Ready(());
            }
            loop {
                dropped = dropped.saturating_add(self.wire.input.filled().len() as u64);
                self.wire.input.consume(usize::MAX);
                if dropped > LINGER {
                    return Poll::Ready(());
                }
                match self.wire.poll_receive(cx) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                    // Nobody is waited for at the end of the process.
                    Poll::Ready(Ok(_)) if !worker.is_draining() => self.timer.set(LINGER_PAUSE),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending if self.timer.is_due(cx) || end.is_due(cx) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }
}

impl Source for Connection {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill<'_>, BodyError>> {
        if self.owes_continue {
            // Whoever asks for the body wants it.
            self.owes_continue = false;
            if self.wire.input.is_empty() && !self.wire.body_is_done() {
                encode::interim(self.wire.out(), 100, &NoFields);
            }
        }
        if !self.wire.out.is_empty()
            && let Poll::Ready(Err(error)) = self.wire.poll_send(cx)
        {
            return Poll::Ready(Err(error.into()));
        }
        self.wire.poll_fill(cx)
    }

    fn consume(&mut self, amount: usize) {
        self.wire.consume(amount);
    }

    fn trailers(&mut self) -> Option<Trailers> {
        self.wire.trailers()
    }

    fn is_done(&self) -> bool {
        self.wire.is_done()
    }

    fn wait_anew(&mut self) {
        self.wire.wait_anew();
    }
}

impl Sink for Connection {
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.wire.poll_write(cx, data)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_flush(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Trailers>) -> Poll<io::Result<()>> {
        self.wire.poll_finish(cx, trailers)
    }
}

impl Downstream for Connection {
    fn interim(&mut self, status: u16, fields: &dyn EachField) -> io::Result<()> {
        // HTTP/1.0 knows no interim responses.
        if self.version >= Version::Http11 {
            encode::interim(self.wire.out(), status, fields);
        }
        Ok(())
    }

    fn start(&mut self, response: &OutgoingResponse<'_>) -> io::Result<()> {
        if self.owes_continue && !self.wire.body_is_done() {
            // Nobody has asked for the body, and whether the client sends it now is its own affair.
            self.keep_alive = false;
        }
        if self.worker.is_draining() {
            self.keep_alive = false;
        }
        let (version, keep_alive) = (self.version, self.keep_alive);
        let writing = encode::response(self.wire.out(), response, version, keep_alive);
        if writing == encode::Writing::Identity && response.body == crate::message::BodyLength::Unknown {
            self.keep_alive = false;
        }
        self.wire.begin_writing(writing);
        Ok(())
    }

    fn switch(&mut self, fields: &dyn EachField) -> io::Result<()> {
        encode::interim(self.wire.out(), 101, fields);
        self.wire.tunnel();
        self.open.pass_to(|it| &it.open_tunnels);
        // A client that has nothing to say keeps its tunnel for as long as the endpoint has something.
        self.wire.set_timeouts(std::time::Duration::MAX, self.idle_timeout);
        self.keep_alive = false;
        Ok(())
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // What comes now is the next request; only the end of the connection matters.
        if !self.wire.body_is_done() || !self.wire.input.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.wire.poll_receive(cx)) {
            Ok(0) | Err(_) => Poll::Ready(()),
            Ok(_) => Poll::Pending,
        }
    }

    fn close_after(&mut self) {
        self.keep_alive = false;
    }

    fn traffic(&self) -> (u64, u64) {
        let (received, sent) = self.wire.traffic();
        (received.saturating_sub(self.before.0), sent.saturating_sub(self.before.1))
    }
}

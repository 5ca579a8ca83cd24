//! The life of a client's connection.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::header::{CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::settings::ServerSettings;
use super::stream::{Live, ServerStream};
use crate::h2::Ended;
use crate::h2::budget::{Excess, Guard, Guarded};
use crate::h2::grpc::{self, TrailersOnly};
use crate::h2::head::{Refusal, read_request};
use crate::h2::ledger::{Ledger, Piece};
use crate::h2::outbox::Outbox;
use crate::h2::outgoing::Shared;
use crate::h2::window::Window;
use crate::message::{EachField, ImfFixdate, Rejection, RequestHead};
use crate::worker::{Clock, Deadline};

/// What is said to a request that is refused for its head: in terms of gRPC to whoever speaks that.
fn refusal(rejection: Rejection, parts: &request::Parts) -> Response<()> {
    let mut response = Response::new(());
    let mut put = |name: HeaderName, value: &[u8]| {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            response.headers_mut().insert(name, value);
        }
    };
    put(DATE, ImfFixdate::now().to_string().as_bytes());
    if parts.headers.get(CONTENT_TYPE).is_some_and(|value| grpc::is_grpc_type(value.as_bytes())) {
        let answer = TrailersOnly::new(grpc::Status::of(rejection.status()), rejection.as_str());
        answer.each(&mut |name, value| {
            if let Ok(name) = HeaderName::from_bytes(name) {
                put(name, value);
            }
        });
    } else {
        *response.status_mut() = StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::BAD_REQUEST);
    }
    response
}

/// How long a client that is told to go away has to take that.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long a client may take to read the last that was sent, and how long it may say nothing meanwhile.
const LINGER: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_secs(2);

/// Who answers requests.
pub trait Service {
    /// An empty head to read a request into, with memory if there is some.
    fn head(&self) -> RequestHead {
        RequestHead::default()
    }

    /// Answers a request, in a task of its own: this must not block.
    fn request(&self, head: RequestHead, stream: ServerStream);

    /// Notes a request that was refused before it could be answered.
    fn refused(&self, rejection: Rejection, parts: &request::Parts);
}

/// Serves a connection until it ends. When `shutdown` is ready the client is told to go away (RFC 9113 6.8) and what is under
/// way is finished; whoever cannot wait for that drops the future.
pub async fn serve<I, S>(
    io: I,
    settings: &ServerSettings,
    clock: &Clock,
    service: &S,
    shutdown: impl Future<Output = ()>,
) -> Ended
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: Service,
{
    let guard = Guard::new(clock, settings.control_frames);
    let ledger = Ledger::new(settings.connection_send_buffer);
    let outbox = Outbox::new(Guarded::client(io, &guard, settings.header_timeout, settings.stall_timeout), &ledger);
    let mut handshake = pin!(settings.builder().handshake(outbox.clone()));
    let mut deadline = Deadline::new(clock, Some(settings.header_timeout));
    let begun = poll_fn(|cx| match handshake.as_mut().poll(cx) {
        Poll::Pending if deadline.is_over(cx) => Poll::Ready(Err(Ended::NoPreface)),
        Poll::Pending => match outbox.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(Ended::Io(error))),
            _ => Poll::Pending,
        },
        result => result.map_err(Ended::from),
    });
    let connection = match begun.await {
        Ok(connection) => connection,
        Err(ended) => return ended,
    };
    let shared = Shared {
        guard,
        ledger,
        clock: clock.clone(),
        window: Window::new(settings.connection_window),
        is_leaving: Rc::default(),
    };
    let mut shutdown = pin!(shutdown);
    let mut driver = Driver::new(connection, outbox.clone(), settings, shared, service);
    let ended = poll_fn(|cx| driver.poll(cx, shutdown.as_mut())).await;
    drop(driver);
    if matches!(ended, Ended::Idle | Ended::ShutDown) {
        linger(outbox).await;
    }
    ended
}

/// Reads what still comes until the client has seen the end. A connection that is closed with something unread is reset, and what
/// the client has not read by then is lost: it goes on to open its windows while it reads.
async fn linger(mut io: impl AsyncRead + AsyncWrite + Unpin) {
    let all = async {
        io.shutdown().await?;
        let mut unwanted = [0; 1_024];
        while let Ok(amount) = timeout(SILENCE, io.read(&mut unwanted)).await
            && amount? > 0
        {}
        std::io::Result::Ok(())
    };
    let _ = timeout(LINGER, all).await;
}

/// Whether new requests are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The client knows that it shall open no more streams, and may not have heard it yet.
    GoingAway,
    /// GOAWAY with the last stream was sent; the rest is written and no more is read.
    Closing,
}

struct Driver<'a, I, S> {
    connection: Connection<Outbox<Guarded<I>>, Piece>,
    outbox: Outbox<Guarded<I>>,
    settings: &'a ServerSettings,
    shared: Shared,
    service: &'a S,
    live: Rc<Cell<u32>>,
    requests: u64,
    refusals: usize,
    stage: Stage,
    /// What to say when the connection is closed.
    ended: Option<Ended>,
    is_told: bool,
    idle: Deadline,
    age: Deadline,
    grace: Deadline,
    farewell: Deadline,
}

impl<'a, I, S> Driver<'a, I, S>
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: Service,
{
    fn new(
        connection: Connection<Outbox<Guarded<I>>, Piece>,
        outbox: Outbox<Guarded<I>>,
        settings: &'a ServerSettings,
        shared: Shared,
        service: &'a S,
    ) -> Self {
        let deadline = |after| Deadline::new(&shared.clock, Some(after));
        Self {
            idle: deadline(settings.keep_alive),
            age: deadline(settings.max_age),
            grace: deadline(settings.goaway_grace),
            farewell: deadline(FAREWELL),
            connection,
            outbox,
            settings,
            shared,
            service,
            live: Rc::default(),
            requests: 0,
            refusals: 0,
            stage: Stage::Open,
            ended: None,
            is_told: false,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, shutdown: Pin<&mut impl Future<Output = ()>>) -> Poll<Ended> {
        if !self.is_told && shutdown.poll(cx).is_ready() {
            self.is_told = true;
            self.go_away(cx);
        }
        if self.stage == Stage::Open && (self.shared.is_leaving.get() || self.age.is_over(cx)) {
            self.go_away(cx);
        }
        loop {
            match self.connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => self.accept(cx, request, respond),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(self.end(Some(error.into()))),
                Poll::Ready(None) => return Poll::Ready(self.end(None)),
                Poll::Pending if self.may_close(cx) => {}
                Poll::Pending => break,
            }
        }
        if self.stage == Stage::Closing && self.farewell.is_over(cx) {
            return Poll::Ready(self.end(None));
        }
        // Nothing more comes for now.
        match self.outbox.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(self.end(Some(Ended::Io(error)))),
            _ => Poll::Pending,
        }
    }

    /// Whether the connection is to be closed now, so that it has to be driven once more.
    fn may_close(&mut self, cx: &mut Context<'_>) -> bool {
        if self.stage == Stage::Closing {
            return false;
        }
        if let Some(excess) = self.shared.guard.excess() {
            let reason = match excess {
                Excess::NoSettings => Reason::PROTOCOL_ERROR,
                _ => Reason::ENHANCE_YOUR_CALM,
            };
            self.close(reason, Ended::Excess(excess));
            return true;
        }
        if self.connection.has_streams() || self.live.get() > 0 {
            self.idle.clear();
            return false;
        }
        let (is_over, ended) = match self.stage {
            Stage::GoingAway => (self.grace.is_over(cx), Ended::ShutDown),
            _ => (self.idle.is_over(cx), Ended::Idle),
        };
        if is_over {
            self.close(Reason::NO_ERROR, ended);
        }
        is_over
    }

    fn close(&mut self, reason: Reason, ended: Ended) {
        self.stage = Stage::Closing;
        self.ended = Some(ended);
        self.connection.abrupt_shutdown(reason);
    }

    fn go_away(&mut self, cx: &mut Context<'_>) {
        if self.stage == Stage::Open {
            self.stage = Stage::GoingAway;
            // It begins with the question.
            self.grace.is_over(cx);
            self.connection.graceful_shutdown();
        }
    }

    fn end(&mut self, error: Option<Ended>) -> Ended {
        // What we know ourselves is the cause of what others say.
        if let Some(excess) = self.shared.guard.excess() {
            return Ended::Excess(excess);
        }
        match (self.ended.take(), error) {
            (Some(ended), _) | (None, Some(ended)) => ended,
            (None, None) if self.stage == Stage::GoingAway => Ended::ShutDown,
            (None, None) => Ended::Closed,
        }
    }

    fn accept(&mut self, cx: &mut Context<'_>, request: Request<RecvStream>, mut respond: SendResponse<Piece>) {
        let is_late = match self.stage {
            Stage::Open => false,
            Stage::GoingAway => self.grace.is_over(cx),
            Stage::Closing => true,
        };
        // A stream that the client has reset counts until whoever answers it has let it go.
        let is_crowded = self.live.get() >= self.settings.max_streams.saturating_mul(2);
        if is_late || is_crowded {
            respond.send_reset(Reason::REFUSED_STREAM);
            return self.count_refusal();
        }
        let (parts, body) = request.into_parts();
        let mut head = self.service.head();
        match read_request(&parts, body.is_end_stream(), self.settings.limits(), &mut head) {
            Ok(()) => {
                // A client that only listens is silent for as long as it likes.
                let idle = (!head.websocket).then_some(self.settings.idle_timeout);
                let times = (idle, self.settings.stall_timeout);
                let live = Live::new(&self.live);
                let stream = ServerStream::new(body, respond, &self.shared, times, head.expects_continue, live);
                self.service.request(head, stream);
            }
            Err(Refusal::Reset(rejection)) => {
                respond.send_reset(Reason::PROTOCOL_ERROR);
                self.service.refused(rejection, &parts);
                self.count_refusal();
            }
            Err(Refusal::Answer(rejection)) => {
                // If that fails, the client is gone.
                let _ = respond.send_response(refusal(rejection, &parts), true);
                self.service.refused(rejection, &parts);
            }
        }
        self.requests += 1;
        if self.requests >= self.settings.max_requests {
            self.go_away(cx);
        }
    }

    fn count_refusal(&mut self) {
        self.refusals += 1;
        if self.refusals > self.settings.max_error_resets {
            self.shared.guard.overstep(Excess::Refusals);
        }
    }
}

//! A server with a few pages, and a peer that speaks to it in frames.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use ingress_proxy::config;
use ingress_proxy::exchange::Downstream;
use ingress_proxy::h2::Ended;
use ingress_proxy::h2::server::{ServerSettings, ServerStream, Service, serve};
use ingress_proxy::message::{
    BodyError, BodyLength, EachField, Fill, OutgoingResponse, Rejection, RequestHead, Sink, Source, Trailers,
};
use ingress_proxy::worker::Clock;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::wire::{self, Frame, read_frame};

/// Nothing here takes so long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Pairs<'a>(pub &'a [(&'a [u8], &'a [u8])]);

impl EachField for Pairs<'_> {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.iter().for_each(|(name, value)| call(name, value));
    }
}

/// What happened.
#[derive(Debug, Default)]
pub struct Site {
    pub heads: RefCell<Vec<RequestHead>>,
    pub refused: RefCell<Vec<Rejection>>,
    /// What was read of bodies, in the end or before an error.
    pub bodies: RefCell<Vec<(Vec<u8>, Option<String>)>>,
    pub trailers: RefCell<Vec<Trailers>>,
    /// How responses ended.
    pub written: RefCell<Vec<io::Result<()>>>,
    pub active: Cell<usize>,
}

#[derive(Clone, Debug, Default)]
pub struct Shared(pub Rc<Site>);

impl Service for Shared {
    fn request(&self, head: RequestHead, stream: ServerStream) {
        let site = Rc::clone(&self.0);
        site.heads.borrow_mut().push(head.clone());
        site.active.set(site.active.get() + 1);
        spawn_local(async move {
            let result = answer(&site, &head, stream).await;
            site.written.borrow_mut().push(result);
            site.active.set(site.active.get() - 1);
        });
    }

    fn refused(&self, rejection: Rejection, _: &http::request::Parts) {
        self.0.refused.borrow_mut().push(rejection);
    }
}

pub async fn read_all(source: &mut impl Source) -> (Vec<u8>, Option<String>) {
    let mut body = Vec::new();
    let end = poll_fn(|cx| {
        loop {
            let taken = match source.poll_fill(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(Fill::Data(data))) => {
                    body.extend(data);
                    data.len()
                }
                Poll::Ready(Ok(Fill::End)) => return Poll::Ready(Ok::<_, BodyError>(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            };
            source.consume(taken);
        }
    });
    let error = end.await.err().map(|error| error.to_string());
    (body, error)
}

pub async fn write_all(sink: &mut impl Sink, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        let taken = poll_fn(|cx| sink.poll_write(cx, data)).await?;
        data = &data[taken..];
    }
    Ok(())
}

pub async fn finish(sink: &mut impl Sink, trailers: Option<&Trailers>) -> io::Result<()> {
    poll_fn(|cx| sink.poll_finish(cx, trailers)).await
}

async fn relay(site: &Site, stream: &mut ServerStream) -> io::Result<()> {
    loop {
        let piece = poll_fn(|cx| match stream.poll_fill(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Fill::Data(data))) => Poll::Ready(Ok(Some(data.to_vec()))),
            Poll::Ready(Ok(Fill::End)) => Poll::Ready(Ok(None)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        });
        match piece.await {
            Ok(Some(piece)) => {
                stream.consume(piece.len());
                write_all(stream, &piece).await?;
                poll_fn(|cx| stream.poll_flush(cx)).await?;
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                site.bodies.borrow_mut().push((Vec::new(), Some(error.to_string())));
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
    }
}

fn number(head: &RequestHead) -> usize {
    let target = String::from_utf8_lossy(&head.target).into_owned();
    target.rsplit('/').next().and_then(|text| text.parse().ok()).unwrap_or(0)
}

async fn answer(site: &Site, head: &RequestHead, mut stream: ServerStream) -> io::Result<()> {
    let none = Pairs(&[]);
    let start = |body| OutgoingResponse { status: 200, fields: &none, body };
    if head.websocket {
        stream.switch(&Pairs(&[(b"Sec-WebSocket-Protocol", b"chat")]))?;
        relay(site, &mut stream).await?;
        return finish(&mut stream, None).await;
    }
    if head.fields.named("content-type").any(|value| value.starts_with(b"application/grpc")) {
        stream.may_be_silent();
    }
    let path = String::from_utf8_lossy(&head.target).into_owned();
    match path.split(['/', '?']).nth(1).unwrap_or_default() {
        // Streams the body back, trailers too.
        "echo" => {
            stream.start(&start(BodyLength::Unknown))?;
            relay(site, &mut stream).await?;
            let trailers = stream.trailers();
            site.trailers.borrow_mut().extend(trailers.clone());
            finish(&mut stream, trailers.as_ref()).await
        }
        // So many bytes.
        "bytes" => {
            let length = number(head);
            stream.start(&start(BodyLength::Exact(length as u64)))?;
            // No memory of its own, so that what is used is the proxy's.
            static PIECE: [u8; 16 << 10] = [b'x'; 16 << 10];
            for at in (0..length).step_by(PIECE.len()) {
                write_all(&mut stream, &PIECE[..PIECE.len().min(length - at)]).await?;
            }
            finish(&mut stream, None).await
        }
        // Says ten bytes and sends so many.
        "lies" => {
            stream.start(&start(BodyLength::Exact(10)))?;
            write_all(&mut stream, &vec![b'x'; number(head)]).await?;
            finish(&mut stream, None).await
        }
        // Waits until the client has had enough.
        "wait" => {
            poll_fn(|cx| stream.poll_gone(cx)).await;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        // The same, and keeps what comes.
        "hoard" => {
            poll_fn(|cx| {
                stream.hoard(cx);
                stream.poll_gone(cx)
            })
            .await;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        // Does not care for the body.
        "early" => {
            stream.start(&start(BodyLength::Exact(0)))?;
            finish(&mut stream, None).await
        }
        "none" => {
            let response = OutgoingResponse { status: 204, fields: &none, body: BodyLength::None };
            stream.start(&response)?;
            finish(&mut stream, None).await
        }
        "interim" => {
            stream.interim(103, &Pairs(&[(b"Link", b"</a.css>")]))?;
            stream.interim(101, &none)?;
            stream.start(&start(BodyLength::Exact(2)))?;
            write_all(&mut stream, b"ok").await?;
            finish(&mut stream, None).await
        }
        // Gives up, before or after the head.
        "drop" => Ok(()),
        "half" => {
            stream.start(&start(BodyLength::Unknown))?;
            write_all(&mut stream, b"half").await?;
            poll_fn(|cx| stream.poll_flush(cx)).await
        }
        _ => {
            let (body, error) = read_all(&mut stream).await;
            let is_whole = error.is_none();
            site.trailers.borrow_mut().extend(stream.trailers());
            site.bodies.borrow_mut().push((body, error));
            if !is_whole {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            stream.start(&start(BodyLength::Exact(2)))?;
            write_all(&mut stream, b"ok").await?;
            finish(&mut stream, None).await
        }
    }
}

pub fn default_settings() -> ServerSettings {
    ServerSettings::from(&config::Downstream::default())
}

/// Runs something on one thread, with a clock that goes.
pub fn run<T>(test: impl AsyncFnOnce(Clock) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let clock = Clock::new();
        let ticking = spawn_local(clock.clone().run());
        let result = tokio::time::timeout(PATIENCE * 3, test(clock)).await.expect("it hangs");
        ticking.abort();
        result
    })
}

/// A connection to the server, seen from the client.
#[derive(Debug)]
pub struct Peer<I = DuplexStream> {
    pub io: I,
    pub site: Rc<Site>,
    pub shutdown: Option<oneshot::Sender<()>>,
    pub ended: JoinHandle<Ended>,
}

impl Peer {
    /// Has sent nothing yet.
    pub fn silent(clock: &Clock, settings: &ServerSettings) -> Self {
        let (ours, theirs) = duplex(1 << 16);
        Self::over(ours, theirs, clock, settings)
    }

    /// Has sent the preface and empty SETTINGS, and acknowledges the server's.
    pub async fn begin(clock: &Clock, settings: &ServerSettings) -> Self {
        let mut peer = Self::silent(clock, settings);
        peer.send(&opening(&[])).await;
        peer
    }
}

/// What a client begins with.
pub fn opening(values: &[(u16, u32)]) -> Vec<u8> {
    let mut bytes = wire::PREFACE.to_vec();
    bytes.extend(wire::settings(values));
    bytes.extend(wire::frame(wire::SETTINGS, wire::ACK, 0, &[]));
    bytes
}

impl<I: AsyncRead + AsyncWrite + Unpin> Peer<I> {
    pub fn over<S>(io: I, served: S, clock: &Clock, settings: &ServerSettings) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let shared = Shared::default();
        let site = Rc::clone(&shared.0);
        let (sender, receiver) = oneshot::channel::<()>();
        let (clock, settings) = (clock.clone(), settings.clone());
        let ended = spawn_local(async move {
            let told = async {
                // A sender that is dropped tells nothing.
                if receiver.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            serve(served, &settings, &clock, &shared, told).await
        });
        Self { io, site, shutdown: Some(sender), ended }
    }

    /// Sends, as far as the server takes it.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = tokio::time::timeout(PATIENCE, self.io.write_all(bytes)).await.expect("the server reads nothing");
    }

    /// The next frame that is neither SETTINGS nor WINDOW_UPDATE; none at the end.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            let frame = patiently(read_frame(&mut self.io)).await?;
            if !matches!(frame.kind, wire::SETTINGS | wire::WINDOW_UPDATE) {
                return Some(frame);
            }
        }
    }

    /// All frames until one is what is looked for, or the end.
    pub async fn until(&mut self, is_it: impl Fn(&Frame) -> bool) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            let is_last = is_it(&frame);
            frames.push(frame);
            if is_last {
                break;
            }
        }
        frames
    }

    /// Whether the connection still answers a PING; what comes before the answer.
    pub async fn ping(&mut self) -> (bool, Vec<Frame>) {
        self.send(&wire::ping(b"are you?")).await;
        let is_pong = |frame: &Frame| frame.kind == wire::PING && frame.payload == b"are you?";
        let frames = self.until(is_pong).await;
        (frames.last().is_some_and(is_pong), frames)
    }

    pub async fn ended(self) -> Ended {
        drop(self.io);
        patiently(self.ended).await.unwrap()
    }
}

pub async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it hangs")
}

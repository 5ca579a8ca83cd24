//! Clients that ask all the time, each in its own way, until they are told to stop.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tokio_rustls::TlsConnector;

use super::program::{PATIENCE, Ports};
use super::tls::trusting_anybody;

/// The host that they ask for.
pub(crate) const HOST: &str = "a.example";

/// How a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// HTTP/1.1 on a connection for as long as the server lets it.
    Http1,
    /// The same, and a new connection for each request.
    Fresh,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
}

/// Where clients connect to, in plain text and with TLS; it may change.
pub(crate) type Target = Arc<Mutex<(SocketAddr, SocketAddr)>>;

/// What the clients have found.
#[derive(Debug, Default)]
struct Tally {
    stop: AtomicBool,
    good: AtomicUsize,
}

impl Tally {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn good(&self) {
        self.good.fetch_add(1, Ordering::Relaxed);
    }
}

/// What came of one client's requests.
#[derive(Debug, Default)]
struct Seen {
    failures: Vec<String>,
    repeated: usize,
    moved: usize,
    took: Vec<u32>,
}

impl Seen {
    fn took(&mut self, began: Instant) {
        self.took.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

/// What came of all.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) good: usize,
    pub(crate) failures: Vec<String>,
    /// Requests of HTTP/2 that crossed a GOAWAY which says that they were not seen. `h2` answers the PING behind the first GOAWAY
    /// before it sends what was to be sent, so that no server can know of it.
    pub(crate) repeated: usize,
    /// Connections of HTTP/2 that had ended, or were told to, when the next request was to go over them.
    pub(crate) moved: usize,
    /// How long they took, in order, in microseconds.
    took: Vec<u32>,
}

impl Summary {
    /// How long so many of a thousand took at most.
    pub(crate) fn quantile(&self, of_thousand: usize) -> Duration {
        let place = (self.took.len() * of_thousand / 1_000).min(self.took.len().saturating_sub(1));
        Duration::from_micros(self.took.get(place).copied().unwrap_or_default().into())
    }

    /// No request failed, and no connection of HTTP/2 ended.
    pub(crate) fn assert_undisturbed(&self) {
        self.assert_clean();
        assert_eq!((self.repeated, self.moved), (0, 0), "{self}");
    }

    /// No request failed.
    pub(crate) fn assert_clean(&self) {
        let Self { good, failures, .. } = self;
        assert!(failures.is_empty(), "{} of {good} failed, such as {:?}", failures.len(), failures.first());
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { good, failures, repeated, moved, .. } = self;
        let (half, most, last) = (self.quantile(500), self.quantile(990), self.quantile(1_000));
        write!(
            f,
            "{good} good, {} failed, {repeated} repeated, {moved} moved, p50 {half:?}, p99 {most:?}, longest {last:?}",
            failures.len()
        )
    }
}

/// The clients.
#[derive(Debug)]
pub(crate) struct Load {
    tally: Arc<Tally>,
    threads: Vec<JoinHandle<Seen>>,
}

impl Load {
    /// Clients that each ask for `/`. One comes again when it was told that the connection closes.
    pub(crate) fn start(ports: &Ports, ways: &[Way]) -> Self {
        Self::towards(&ports.target(), ways)
    }

    /// The same for a target that changes.
    pub(crate) fn towards(target: &Target, ways: &[Way]) -> Self {
        let tally: Arc<Tally> = Arc::default();
        let threads = ways.iter().map(|way| {
            let (way, tally, target) = (*way, Arc::clone(&tally), Arc::clone(target));
            std::thread::spawn(move || match way {
                Way::Http1 | Way::Fresh => one_by_one(&tally, way == Way::Fresh, || TcpStream::connect(http(&target))),
                Way::Tls => one_by_one(&tally, false, || over_tls(https(&target))),
                Way::Http2 => {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    runtime.expect("a runtime").block_on(http2(&tally, &target))
                }
            })
        });
        let threads = threads.collect();
        Self { tally, threads }
    }

    /// How many requests went well so far.
    pub(crate) fn good(&self) -> usize {
        self.tally.good.load(Ordering::Relaxed)
    }

    /// Waits until so many more went well.
    pub(crate) fn wait_for(&self, more: usize) {
        let (before, mut deadline) = (self.good(), Instant::now() + PATIENCE);
        let mut last = before;
        while self.good() < before + more {
            if self.good() > last {
                (last, deadline) = (self.good(), Instant::now() + PATIENCE);
            }
            assert!(Instant::now() < deadline, "no progress");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn end(self) -> Summary {
        self.tally.stop.store(true, Ordering::Relaxed);
        let seen: Vec<Seen> = self.threads.into_iter().map(|thread| thread.join().expect("a client")).collect();
        let (mut failures, mut repeated, mut moved, mut took) = (Vec::new(), 0, 0, Vec::new());
        for seen in seen {
            failures.extend(seen.failures);
            repeated += seen.repeated;
            moved += seen.moved;
            took.extend(seen.took);
        }
        took.sort_unstable();
        Summary { good: self.tally.good.load(Ordering::Relaxed), failures, repeated, moved, took }
    }
}

fn http(target: &Target) -> SocketAddr {
    target.lock().expect("the target").0
}

fn https(target: &Target) -> SocketAddr {
    target.lock().expect("the target").1
}

fn over_tls(address: SocketAddr) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from(HOST).expect("a name");
    let session = ClientConnection::new(Arc::new(trusting_anybody()), name).map_err(std::io::Error::other)?;
    Ok(StreamOwned::new(session, TcpStream::connect(address)?))
}

/// One answer on a connection that stays open.
pub(crate) fn ask(stream: &mut (impl Read + Write), request: &str) -> std::io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let amount = stream.read(&mut buffer)?;
        if amount == 0 {
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, format!("after {} bytes", seen.len())));
        }
        seen.extend_from_slice(&buffer[..amount]);
        let text = String::from_utf8_lossy(&seen);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(text.into_owned());
            }
        }
    }
}

fn one_by_one<S: Read + Write>(tally: &Tally, is_fresh: bool, connect: impl Fn() -> std::io::Result<S>) -> Seen {
    let close = if is_fresh { "Connection: close\r\n" } else { "" };
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{close}\r\n");
    let mut seen = Seen::default();
    let mut connection = None;
    while !tally.is_over() {
        let began = Instant::now();
        let is_reused = connection.is_some();
        let answer = connection.take().map_or_else(&connect, Ok).and_then(|mut stream| {
            let answer = ask(&mut stream, &request)?;
            Ok((stream, answer))
        });
        match answer {
            Ok((stream, answer)) if answer.starts_with("HTTP/1.1 200 ") => {
                tally.good();
                seen.took(began);
                connection = (!answer.contains("Connection: close")).then_some(stream);
            }
            Ok((_, answer)) => seen.failures.push(answer),
            Err(error) => seen.failures.push(format!("reused: {is_reused}: {error}")),
        }
    }
    seen
}

async fn http2(tally: &Tally, target: &Target) -> Seen {
    let mut seen = Seen::default();
    let mut connection = None;
    while !tally.is_over() {
        let began = Instant::now();
        let ready = match connection.take() {
            Some(requests) => SendRequest::ready(requests).await,
            None => connect(https(target)).await,
        };
        // Who was told to go elsewhere before it asked does so.
        let Ok(mut requests) = ready else {
            seen.moved += 1;
            continue;
        };
        let request = http::Request::get(format!("https://{HOST}/")).body(()).expect("a request");
        let Ok((response, _)) = requests.send_request(request, true) else {
            seen.moved += 1;
            continue;
        };
        match whole(response).await {
            Ok(200) => {
                tally.good();
                seen.took(began);
                connection = Some(requests);
            }
            Ok(status) => seen.failures.push(format!("HTTP/2: {status}")),
            Err(error) if is_unseen(&error) => seen.repeated += 1,
            Err(error) => seen.failures.push(format!("HTTP/2: {error}")),
        }
    }
    seen
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Bytes>, h2::Error> {
    let mut config = trusting_anybody();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let name = ServerName::try_from(HOST).expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("a handshake");
    let (requests, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    requests.ready().await
}

/// Whether the server has not looked at the request (RFC 9113 6.8), as it says.
fn is_unseen(error: &h2::Error) -> bool {
    error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
}

/// The status of a response that comes to its end.
async fn whole(response: h2::client::ResponseFuture) -> Result<u16, h2::Error> {
    let (parts, mut body) = response.await?.into_parts();
    while let Some(data) = body.data().await {
        body.flow_control().release_capacity(data?.len())?;
    }
    Ok(parts.status.as_u16())
}

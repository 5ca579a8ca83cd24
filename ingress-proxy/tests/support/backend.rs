//! Endpoints that fail as they are told: they are killed and started, reset connections, fall silent, answer with 503.
//!
//! They count requests and remember none but those that say who they are.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::program::Port;
use super::requests::{read, value};

/// The handshake of RFC 6455 1.3; clients that want a tunnel have to ask with its key.
pub(crate) const WEBSOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What comes out of the tunnel `/greeting`: a frame of text, and one that closes.
pub(crate) const GREETING: &[u8] = b"\x81\x05hello\x88\x02\x03\xe8";

/// What an endpoint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Up,
    /// Nobody listens, and all connections are gone, as after SIGKILL.
    Down,
    /// Every request is read and its connection reset.
    Resetting,
    /// Every request is read and none is answered.
    Silent,
    /// Every request is answered with 503.
    Failing,
}

/// An endpoint. All of one test are served by a thread of their own.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
    counts: Arc<Counts>,
    _port: Port,
}

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicUsize,
    /// How often each came that says who it is.
    ids: Mutex<BTreeMap<String, usize>>,
}

impl Backend {
    /// So many endpoints that are up.
    pub(crate) fn start(count: usize) -> Vec<Self> {
        Self::start_at("127.0.0.1".parse().expect("an address"), count)
    }

    /// The same at another address than that of loopback.
    pub(crate) fn start_at(address: IpAddr, count: usize) -> Vec<Self> {
        let new = |_| {
            let port = Port::at(address);
            let (state, receiver) = watch::channel(State::Up);
            let backend = Self { address: port.address, state, counts: Arc::default(), _port: port };
            (receiver, backend)
        };
        let (receivers, backends): (Vec<_>, Vec<_>) = (0..count).map(new).unzip();
        let served: Vec<_> =
            receivers.into_iter().zip(&backends).map(|(it, to)| (it, to.address, Arc::clone(&to.counts))).collect();
        let (ready, is_ready) = std::sync::mpsc::sync_channel(count);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            tokio::task::LocalSet::new().block_on(&runtime, async {
                let mut all = JoinSet::new();
                for (state, address, counts) in served {
                    all.spawn_local(live(address, state, counts, ready.clone()));
                }
                while all.join_next().await.is_some() {}
            });
        });
        for _ in 0..count {
            is_ready.recv().expect("an endpoint");
        }
        backends
    }

    /// One endpoint that is up.
    pub(crate) fn one() -> Self {
        Self::start(1).remove(0)
    }

    pub(crate) fn become_(&self, state: State) {
        self.state.send_replace(state);
    }

    /// How many requests have come.
    pub(crate) fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::Relaxed)
    }

    /// How often each request came that had an `X-Id`.
    pub(crate) fn ids(&self) -> BTreeMap<String, usize> {
        self.counts.ids.lock().expect("the record").clone()
    }
}

/// One endpoint, from its first to its last day.
async fn live(
    address: SocketAddr,
    mut state: watch::Receiver<State>,
    counts: Arc<Counts>,
    ready: std::sync::mpsc::SyncSender<()>,
) {
    loop {
        if *state.borrow_and_update() != State::Down {
            let listener = listen(address);
            let _ = ready.try_send(());
            let mut connections = JoinSet::new();
            while *state.borrow_and_update() != State::Down {
                tokio::select! {
                    accepted = listener.accept() => {
                        let (stream, _) = accepted.expect("a connection");
                        connections.spawn_local(serve(stream, state.clone(), Arc::clone(&counts)));
                    }
                    Some(_) = connections.join_next() => {}
                    changed = state.changed() => {
                        if changed.is_err() {
                            return;
                        }
                    }
                }
            }
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).and_then(|()| socket.set_reuseport(true)).expect("a port that is shared");
    socket.bind(address).and_then(|()| socket.listen(4_096)).expect("a listener")
}

async fn serve(mut stream: TcpStream, state: watch::Receiver<State>, counts: Arc<Counts>) {
    // What nobody reads would be held by the system, megabytes of it for each connection.
    let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(64 << 10);
    // When it is dropped the other side sees a reset.
    let _ = stream.set_zero_linger();
    let mut seen = Vec::new();
    let mut is_known = false;
    loop {
        if !is_known && let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            is_known = true;
            counts.requests.fetch_add(1, Ordering::Relaxed);
            let head = String::from_utf8_lossy(&seen[..end]);
            if let Some(id) = value(&head, "x-id") {
                *counts.ids.lock().expect("the record").entry(id.to_owned()).or_default() += 1;
            }
        }
        if let Some((head, _)) = read(&seen) {
            let doing = *state.borrow();
            match doing {
                State::Up => {}
                State::Down | State::Resetting => return,
                State::Silent => {
                    while stream.read_buf(&mut seen).await.is_ok_and(|amount| amount > 0) {}
                    return;
                }
                State::Failing => {
                    if stream.write_all(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n").await.is_err() {
                        return;
                    }
                }
            }
            if doing == State::Up && answer(&mut stream, &head).await.is_err() {
                return;
            }
            seen.clear();
            is_known = false;
        }
        match stream.read_buf(&mut seen).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// `/endless` never ends, `/large` is large, `/slow` takes a moment, everything else is `ok`. A WebSocket echoes bytes but for
/// `/greeting`, which ends.
async fn answer(stream: &mut TcpStream, head: &str) -> std::io::Result<()> {
    let path = head.split(' ').nth(1).unwrap_or_default();
    if value(head, "upgrade").is_some() {
        let fields = format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}");
        stream.write_all(format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n").as_bytes()).await?;
        if path == "/greeting" {
            stream.write_all(GREETING).await?;
            stream.shutdown().await?;
            while stream.read(&mut [0; 64]).await.is_ok_and(|amount| amount > 0) {}
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await?;
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    match path {
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
            loop {
                stream.write_all(b"5\r\nhello\r\n").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        "/large" => {
            let piece = [b'x'; 64 << 10];
            let count = 256;
            let length = piece.len() * count;
            stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes()).await?;
            for _ in 0..count {
                stream.write_all(&piece).await?;
            }
            Ok(())
        }
        _ => {
            if path == "/slow" {
                tokio::time::sleep(Duration::from_millis(thoughts())).await;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await
        }
    }
}

/// Milliseconds, other ones each time.
fn thoughts() -> u64 {
    thread_local!(static NEXT: Rc<Cell<u64>> = Rc::default());
    NEXT.with(|next| {
        next.set(next.get() + 1);
        next.get() * 7 % 5
    })
}

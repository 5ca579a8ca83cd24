//! An endpoint that does on each connection what a script says. It reads strictly and remembers every request.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::strict::{self, Fault, Request};

/// Nothing takes so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The endpoint. It stops listening when it is dropped.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
}

#[derive(Debug, Default)]
struct Log {
    /// With the number of the connection.
    requests: Mutex<Vec<(usize, Request)>>,
    /// What could not be read.
    faults: Mutex<Vec<String>>,
    /// Connections that the other side has ended.
    ended: Mutex<Vec<usize>>,
    is_over: AtomicBool,
}

/// One of its connections.
#[derive(Debug)]
pub(crate) struct Peer {
    /// From 0 in order of their beginning.
    pub(crate) number: usize,
    pub(crate) stream: TcpStream,
    /// What has come and was not read yet.
    pub(crate) pending: Vec<u8>,
    log: Arc<Log>,
}

impl Scripted {
    pub(crate) fn start(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").expect("a listener"), script)
    }

    /// At a listener that was bound before.
    pub(crate) fn at(listener: TcpListener, script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().expect("an address");
        let log: Arc<Log> = Arc::default();
        let (shared, script) = (Arc::clone(&log), Arc::new(script));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                if shared.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let _ = stream.set_nodelay(true);
                let mut peer = Peer { number, stream, pending: Vec::new(), log: Arc::clone(&shared) };
                let script = Arc::clone(&script);
                std::thread::spawn(move || script(&mut peer));
            }
        });
        Self { address, log }
    }

    /// Answers every request with its target, and with the number of the connection in `X-Connection`.
    pub(crate) fn echo() -> Self {
        Self::start(|peer| while peer.echo().is_some() {})
    }

    /// All requests so far, with the numbers of their connections.
    pub(crate) fn requests(&self) -> Vec<(usize, Request)> {
        self.log.requests.lock().expect("the record").clone()
    }

    /// The request for a target.
    pub(crate) fn find(&self, target: &str) -> Option<(usize, Request)> {
        self.requests().into_iter().find(|(_, request)| request.target == target.as_bytes())
    }

    /// What nobody should have been sent.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.log.faults.lock().expect("the record").clone()
    }

    /// Waits until the other side has ended a connection.
    pub(crate) fn wait_for_end(&self, number: usize) {
        eventually("the connection ends", || self.log.ended.lock().expect("the record").contains(&number));
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.log.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// Waits for something to become so.
pub(crate) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Peer {
    /// The next request with its body; none when the connection ends or cannot be understood.
    pub(crate) fn request(&mut self) -> Option<Request> {
        loop {
            match strict::request(&self.pending) {
                Ok((request, length)) => {
                    self.pending.drain(..length);
                    self.log.requests.lock().expect("the record").push((self.number, request.clone()));
                    return Some(request);
                }
                Err(Fault::Incomplete) => {}
                Err(Fault::Malformed(why)) => {
                    let seen = String::from_utf8_lossy(&self.pending);
                    self.log.faults.lock().expect("the record").push(format!("{why}: {seen:?}"));
                    return None;
                }
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// The next head, whatever body it has.
    pub(crate) fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.pending.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.pending.drain(..end + 4).collect();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// Some more bytes; false at the end, of whatever kind.
    pub(crate) fn receive(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(amount @ 1..) => {
                self.pending.extend_from_slice(&buffer[..amount]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            _ => {
                self.log.ended.lock().expect("the record").push(self.number);
                false
            }
        }
    }

    /// Sends bytes; false if the other side is gone.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Answers one request with its target.
    pub(crate) fn echo(&mut self) -> Option<Request> {
        let request = self.request()?;
        let answer = self.tagged(&request);
        self.send(answer).then_some(request)
    }

    /// An answer that says what was asked, and by which connection it came.
    pub(crate) fn tagged(&self, request: &Request) -> Vec<u8> {
        let target = String::from_utf8_lossy(&request.target);
        let body = if request.method == "HEAD" { "" } else { &target };
        let (length, number) = (target.len(), self.number);
        format!("HTTP/1.1 200 OK\r\nX-Connection: {number}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
    }

    /// Waits until the other side ends the connection.
    pub(crate) fn wait_for_end(&mut self) {
        while self.receive() {}
    }
}

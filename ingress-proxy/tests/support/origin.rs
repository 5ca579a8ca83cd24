//! An endpoint that answers as it is told and remembers every byte.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// An endpoint on its own threads.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    /// What each connection has sent, in order of their beginning.
    pub(crate) seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Origin {
    /// Answers what `answer` makes of everything that a connection has sent so far; `None` waits for more, an empty answer
    /// closes the connection.
    pub(crate) fn start(answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1".parse().expect("an address"), answer)
    }

    /// The same at another address than that of loopback.
    pub(crate) fn at(address: IpAddr, answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let (all, answer) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let place = {
                    let mut all = all.lock().expect("the record");
                    all.push(Vec::new());
                    all.len() - 1
                };
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &all, place, &*answer));
            }
        });
        Self { address, seen }
    }

    /// Answers each bodyless request with this.
    pub(crate) fn constant(answer: &'static str) -> Self {
        Self::start(move |seen| seen.ends_with(b"\r\n\r\n").then(|| answer.as_bytes().to_vec()))
    }

    /// What all connections have sent, as text.
    pub(crate) fn text(&self) -> String {
        let seen = self.seen.lock().expect("the record");
        seen.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

fn serve(mut stream: TcpStream, all: &Mutex<Vec<Vec<u8>>>, place: usize, answer: &dyn Fn(&[u8]) -> Option<Vec<u8>>) {
    let mut buffer = [0; 64 << 10];
    let mut pending = Vec::new();
    while let Ok(amount) = stream.read(&mut buffer) {
        if amount == 0 {
            return;
        }
        all.lock().expect("the record")[place].extend_from_slice(&buffer[..amount]);
        pending.extend_from_slice(&buffer[..amount]);
        if let Some(bytes) = answer(&pending) {
            if bytes.is_empty() || stream.write_all(&bytes).is_err() {
                return;
            }
            pending.clear();
        }
    }
}

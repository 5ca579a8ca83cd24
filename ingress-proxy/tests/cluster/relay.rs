//! Something between the program and the API server that passes on bytes, until it is told otherwise.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;

/// A relay on its own threads, which end with the process.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    open: Mutex<Vec<(TcpStream, TcpStream)>>,
    is_down: AtomicBool,
    /// Connections that came before so many changes of this pass on nothing any more.
    stalls: AtomicUsize,
}

impl Relay {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let shared: Arc<Shared> = Arc::default();
        let all = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if all.is_down.load(Ordering::Relaxed) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(server) else { continue };
                let both = [&client, &server].map(|stream| stream.try_clone().expect("a stream"));
                let [from_client, from_server] = both;
                let copies = [&client, &server].map(|stream| stream.try_clone().expect("a stream"));
                let [to_client, to_server] = copies;
                all.open.lock().expect("the connections").push((client, server));
                for (from, to) in [(from_client, to_server), (from_server, to_client)] {
                    let all = Arc::clone(&all);
                    let stalls = all.stalls.load(Ordering::Relaxed);
                    std::thread::spawn(move || pass_on(from, to, &all, stalls));
                }
            }
        });
        Self { address, shared }
    }

    /// The flag that sends the program through here.
    pub(crate) fn flag(&self) -> String {
        format!("--apiserver-host=https://{}", self.address)
    }

    /// Resets all connections.
    pub(crate) fn reset(&self) {
        for (client, server) in self.shared.open.lock().expect("the connections").drain(..) {
            for stream in [client, server] {
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
        }
    }

    /// Ends all connections, and each new one at once.
    pub(crate) fn go_down(&self) {
        self.shared.is_down.store(true, Ordering::Relaxed);
        self.reset();
    }

    pub(crate) fn come_back(&self) {
        self.shared.is_down.store(false, Ordering::Relaxed);
    }

    /// Lets every connection that is open fall silent; it stays open.
    pub(crate) fn stall(&self) {
        self.shared.stalls.fetch_add(1, Ordering::Relaxed);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, all: &Shared, stalls: usize) {
    let mut buffer = [0; 64 << 10];
    loop {
        let amount = match from.read(&mut buffer) {
            Ok(amount) if amount > 0 => amount,
            _ => break,
        };
        if all.stalls.load(Ordering::Relaxed) > stalls {
            continue;
        }
        if to.write_all(&buffer[..amount]).is_err() {
            break;
        }
    }
    if all.stalls.load(Ordering::Relaxed) == stalls {
        let _ = to.shutdown(std::net::Shutdown::Write);
    }
}

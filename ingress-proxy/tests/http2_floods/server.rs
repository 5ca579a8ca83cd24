//! The server under attack: one thread that serves every connection, as a worker does.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use ingress_proxy::h2::Ended;
use ingress_proxy::h2::server::serve;
use ingress_proxy::worker::Clock;
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

use super::site::{Shared, default_settings};

/// For how long the server waits for a client that takes nothing; 30 seconds in truth.
pub const STALL: Duration = Duration::from_millis(400);

#[derive(Debug, Default)]
struct Counts {
    streams: AtomicUsize,
    connections: AtomicUsize,
    reasons: Mutex<BTreeMap<String, usize>>,
}

#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    thread: String,
    counts: Arc<Counts>,
}

impl Server {
    pub fn start() -> Self {
        let (sender, receiver) = mpsc::channel();
        let counts = Arc::<Counts>::default();
        let counting = Arc::clone(&counts);
        // It ends with the process.
        thread::spawn(move || {
            let thread = fs::read_link("/proc/thread-self").map(|path| format!("/proc/{}", path.display()));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            LocalSet::new().block_on(&runtime, async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send((listener.local_addr().unwrap(), thread.unwrap())).unwrap();
                listen(listener, counting).await;
            });
        });
        let (address, thread) = receiver.recv().unwrap();
        Self { address, thread, counts }
    }

    /// How long the server's thread has run.
    pub fn cpu(&self) -> Duration {
        let text = fs::read_to_string(format!("{}/schedstat", self.thread)).unwrap();
        Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
    }

    pub fn streams(&self) -> usize {
        self.counts.streams.load(Ordering::Relaxed)
    }

    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// How connections ended.
    pub fn reasons(&self) -> BTreeMap<String, usize> {
        self.counts.reasons.lock().unwrap().clone()
    }
}

async fn listen(listener: TcpListener, counts: Arc<Counts>) {
    let clock = Clock::new();
    spawn_local(clock.clone().run());
    let mut settings = default_settings();
    settings.stall_timeout = STALL;
    settings.idle_timeout = STALL;
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let (clock, settings, counts) = (clock.clone(), settings.clone(), Arc::clone(&counts));
        spawn_local(async move {
            counts.connections.fetch_add(1, Ordering::Relaxed);
            let service = Shared::default();
            let ended = serve(tcp, &settings, &clock, &service, std::future::pending::<()>()).await;
            let reason = match ended {
                Ended::Io(_) => "io".to_owned(),
                other => format!("{other:?}"),
            };
            *counts.reasons.lock().unwrap().entry(reason).or_default() += 1;
            counts.connections.fetch_sub(1, Ordering::Relaxed);
            counts.streams.fetch_add(1, Ordering::Relaxed);
            while service.0.active.get() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            counts.streams.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// The memory of this process in bytes.
pub fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

//! Pages for operators, probes and Prometheus, served by a thread of its own.
//!
//! It answers while the workers are busy. It can change nothing, speaks JSON and plain text, and answers GET and HEAD. The
//! pages under `/debug` are for loopback connections only; there, and wherever it listens on a loopback address, the Host
//! must be an address, `localhost` or a configured name, so that no web site can point its own name here.

mod connection;
mod explain;
mod gate;
mod pages;
mod pieces;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use ingress_core::publish::Reader;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::LocalSet;

use self::pages::Pages;
use super::error_log::{ErrorLog, Level};
use super::health::Health;
use super::metrics::Metrics;

/// Connections at one time.
const MAX_CONNECTIONS: usize = 64;
/// How many must be free for one to be kept for the next request: who only keeps them must not keep others out.
const SPARE_CONNECTIONS: usize = MAX_CONNECTIONS / 2;
/// Threads for pages that take long.
const BUSY_THREADS: usize = 8;
/// How many of them may be busy with figures, which a slow client holds up.
const SCRAPES: usize = 4;

/// How the pages are served.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Options {
    /// The page that says that the process is alive, beside `/healthz`.
    pub health_check_path: String,
    /// For how long at most that page says 503 because there is nothing to serve yet; more than none, and it says so while the
    /// proxy drains.
    pub ready_within: Duration,
    /// Whether figures are shown.
    pub metrics: bool,
    /// Names that may stand in Host, beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Whether requests may have header names with an underscore (`--enable-underscores-in-headers`), for the explanations.
    pub underscores_in_headers: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            health_check_path: "/healthz".to_owned(),
            ready_within: Duration::ZERO,
            metrics: true,
            hosts: Vec::new(),
            underscores_in_headers: false,
        }
    }
}

/// What the pages show.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Sources {
    /// The snapshot in force.
    pub reader: Reader,
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// Whether requests may be sent here.
    pub health: Arc<Health>,
}

/// The thread that serves the pages. It ends when this is dropped.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Admin {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// If the listener cannot be used or there can be no more threads.
    pub fn start(listener: TcpListener, options: Options, sources: Sources, errors: ErrorLog) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let pages = Arc::new(Pages::new(sources, options, address.ip().is_loopback()));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(BUSY_THREADS).build()?;
        let (stop, stopped) = oneshot::channel();
        std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            let tasks = LocalSet::new();
            tasks.block_on(&runtime, async {
                tokio::select! {
                    () = accept(listener, pages, errors) => {}
                    // The sender is dropped.
                    _ = stopped => {}
                }
            });
            drop(tasks);
            // A page that is being made keeps nobody waiting.
            runtime.shutdown_background();
        })?;
        Ok(Self { address, _stop: stop })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

/// Accepts connections for ever.
async fn accept(listener: TcpListener, pages: Arc<Pages>, errors: ErrorLog) {
    const PAUSE: Duration = Duration::from_millis(50);
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return errors.event(Level::Error, "cannot serve the admin pages", &[("error", &error)]),
    };
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = listener.accept().await;
        let error = accepted.as_ref().err().map(|error| error as &dyn std::fmt::Display);
        errors.state("admin listener", "accepts nothing", "accepts again", error);
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // More than that is closed at once.
        if let Ok(permit) = Arc::clone(&free).try_acquire_owned() {
            let pages = Arc::clone(&pages);
            tokio::task::spawn_local(async move {
                connection::serve(stream, peer, &pages, permit).await;
            });
        }
    }
}

#[cfg(test)]
mod tests;

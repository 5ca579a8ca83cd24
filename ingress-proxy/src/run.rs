//! Workers on their threads, from the first connection to the last.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ingress_core::publish::Reader;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::certs::CertStore;
use crate::config::Config;
use crate::observe::access_log::AccessLog;
use crate::observe::metrics::Metrics;
use crate::server::{self, Listener, tls};
use crate::upstream::Own;
use crate::upstream::tls::ClientConfigs;
use crate::worker::{Parts, Worker};

/// How often idle connections and unused backends are looked at.
const SWEEP: Duration = Duration::from_secs(5);
/// How often lines of the access log are handed on though the buffer is not full.
const LOG_FLUSH: Duration = Duration::from_millis(200);
/// How often a worker that drains looks whether it is done.
const DRAIN_TICK: Duration = Duration::from_millis(20);

/// What a proxy is made of.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "whoever starts a proxy has to give everything")]
pub struct Settings {
    /// Limits, timeouts, trust.
    pub config: Config,
    /// Where requests go.
    pub reader: Reader,
    /// Certificates.
    pub certs: Arc<CertStore>,
    /// TLS towards clients.
    pub tls: tls::Options,
    /// Addresses of plain text.
    pub http: Vec<SocketAddr>,
    /// Addresses of TLS.
    pub https: Vec<SocketAddr>,
    /// How many threads serve.
    pub workers: usize,
    /// Counters for as many workers.
    pub metrics: Arc<Metrics>,
    /// The access log, if there is one.
    pub access_log: Option<AccessLog>,
    /// Addresses of the proxy that are not among the above, such as that of the metrics.
    pub own: Vec<SocketAddr>,
}

/// A proxy that is serving.
#[derive(Debug)]
pub struct Running {
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
    http: Vec<SocketAddr>,
    https: Vec<SocketAddr>,
}

/// What a worker does at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// Nothing new is accepted; what is under way may go on until then.
    Draining(Instant),
    /// Everything ends.
    Stopped,
}

/// Binds the addresses and starts the workers. Port 0 takes a free port, which [`Running::http`] tells.
///
/// # Errors
///
/// When an address cannot be bound or a thread cannot be started.
pub fn start(settings: Settings) -> io::Result<Running> {
    let Settings { config, reader, certs, tls, http, https, workers, metrics, access_log, own } = settings;
    let workers = workers.max(1);
    let mut sockets: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::new()).collect();
    let http = bind_all(&http, false, &mut sockets)?;
    let https = bind_all(&https, true, &mut sockets)?;
    let own = Arc::new(Own::new(http.iter().chain(&https).chain(&own).copied()));
    let acceptor = Arc::new(tls::Acceptor::new(&tls, reader.clone(), Arc::clone(&certs)).map_err(io::Error::other)?);
    let (phase, receiver) = watch::channel(Phase::Serving);
    let config = Arc::new(config);
    let mut threads = Vec::new();
    for (index, listeners) in sockets.into_iter().enumerate() {
        let (config, own) = (Arc::clone(&config), Arc::clone(&own));
        let metrics = metrics.worker(index).ok_or_else(|| io::Error::other("there are more workers than counters"))?;
        let (reader, certs, acceptor) = (reader.clone(), Arc::clone(&certs), Arc::clone(&acceptor));
        let (log, receiver) = (access_log.as_ref().map(AccessLog::logger), receiver.clone());
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        let serve = move || {
            let upstream_tls = ClientConfigs::new(certs);
            let reader = reader.cached();
            let worker = Worker::new(Parts { config, reader, metrics, log, upstream_tls, own });
            runtime.block_on(serve(Rc::new(worker), listeners, acceptor, receiver));
            // What has not come to its end by now is not waited for.
            runtime.shutdown_timeout(Duration::ZERO);
        };
        threads.push(std::thread::Builder::new().name(format!("worker-{index}")).spawn(serve)?);
    }
    Ok(Running { phase, threads, http, https })
}

/// One socket for each worker and address.
fn bind_all(addresses: &[SocketAddr], tls: bool, sockets: &mut [Vec<Listener>]) -> io::Result<Vec<SocketAddr>> {
    let mut bound = Vec::new();
    for &address in addresses {
        let mut actual = address;
        for listeners in sockets.iter_mut() {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on `{address}`: {error}"));
            let socket = server::bind(actual).map_err(named)?;
            actual = socket.local_addr()?;
            listeners.push(Listener { socket, tls });
        }
        bound.push(actual);
    }
    Ok(bound)
}

impl Running {
    /// The addresses of plain text, with their ports.
    #[must_use]
    pub fn http(&self) -> &[SocketAddr] {
        &self.http
    }

    /// The addresses of TLS, with their ports.
    #[must_use]
    pub fn https(&self) -> &[SocketAddr] {
        &self.https
    }

    /// Accepts nothing more, lets exchanges come to their end within the time, and ends connections after them.
    pub fn drain(&self, within: Duration) {
        self.phase.send_replace(Phase::Draining(Instant::now() + within));
    }

    /// Ends everything now.
    pub fn stop(&self) {
        self.phase.send_replace(Phase::Stopped);
    }

    /// Waits until the workers have ended, as they do after [`drain`](Self::drain) and [`stop`](Self::stop).
    pub fn join(&mut self) {
        for thread in self.threads.drain(..) {
            // A worker that panicked has said so.
            let _ = thread.join();
        }
    }

    /// Whether all workers have ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }
}

/// A worker's whole life.
async fn serve(worker: Rc<Worker>, listeners: Vec<Listener>, tls: Arc<tls::Acceptor>, phase: watch::Receiver<Phase>) {
    worker.clock.tick();
    tokio::task::spawn_local(worker.clock.clone().run());
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|it| tokio::task::spawn_local(server::accept(Rc::clone(&worker), it, Arc::clone(&tls), phase.clone())))
        .collect();
    let housekeeping = tokio::task::spawn_local(housekeeping(Rc::clone(&worker)));
    wait(phase.clone(), |phase| phase != Phase::Serving).await;
    let until = match *phase.borrow() {
        Phase::Draining(until) => until,
        Phase::Serving | Phase::Stopped => Instant::now(),
    };
    worker.drain();
    for accepting in accepting {
        // It ends by itself once it has taken what the system had accepted already.
        let _ = accepting.await;
    }
    while worker.connections() > 0 && Instant::now() < until && *phase.borrow() != Phase::Stopped {
        tokio::time::sleep(DRAIN_TICK).await;
        // Connections that came while the listeners closed have to hear of it too.
        worker.drain();
    }
    housekeeping.abort();
    worker.flush_log();
}

async fn wait(mut phase: watch::Receiver<Phase>, is_reached: impl Fn(Phase) -> bool) {
    while !is_reached(*phase.borrow_and_update()) {
        if phase.changed().await.is_err() {
            return;
        }
    }
}

async fn housekeeping(worker: Rc<Worker>) {
    let (mut sweep, mut flush) = (tokio::time::interval(SWEEP), tokio::time::interval(LOG_FLUSH));
    poll_fn(|cx| {
        while sweep.poll_tick(cx).is_ready() {
            worker.sweep();
        }
        while flush.poll_tick(cx).is_ready() {
            worker.flush_log();
        }
        std::task::Poll::<()>::Pending
    })
    .await;
}

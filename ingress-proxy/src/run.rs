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
use crate::observe::access_log::{AccessLog, Format};
use crate::observe::error_log::ErrorLog;
use crate::observe::metrics::Metrics;
use crate::server::tls::{self, TlsAcceptor};
use crate::server::{self, Listener};
use crate::upstream::Own;
use crate::upstream::tls::ClientConfigs;
use crate::worker::{Parts, Worker};

/// How often idle connections and unused backends are looked at.
const SWEEP: Duration = Duration::from_secs(5);
/// How often lines of the access log are handed on though the buffer is not full.
const LOG_FLUSH: Duration = Duration::from_millis(200);
/// As good as for ever, and short enough to be added to any time.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);
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
    /// The access log, if there is one, and its format.
    pub access_log: Option<(AccessLog, Arc<Format>)>,
    /// Where it says what is wrong.
    pub errors: ErrorLog,
    /// Addresses of the proxy that are not among the above, such as that of the metrics.
    pub own: Vec<SocketAddr>,
    /// Addresses under which the proxy is reached, beside those that the system knows to be of this machine: it does not dial
    /// its own ports there.
    pub own_addresses: Vec<std::net::IpAddr>,
}

/// A proxy that is serving. When it is dropped everything ends, as after [`stop`](Self::stop).
#[derive(Debug)]
pub struct Running {
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
    http: Vec<SocketAddr>,
    https: Vec<SocketAddr>,
    access_log: Option<AccessLog>,
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

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on `{address}`: {error}")]
    Listen {
        /// The address, one of [`Settings::http`] or [`Settings::https`].
        address: SocketAddr,
        /// Whether it is one of TLS.
        is_tls: bool,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// TLS cannot be spoken as the options say, there are figures for fewer workers, or there can be no thread.
    #[error(transparent)]
    Other(#[from] io::Error),
}

/// Binds the addresses and starts the workers. Port 0 takes a free port, which [`Running::http`] tells.
///
/// # Errors
///
/// When an address cannot be bound, no version or suite of TLS is left, there are figures for fewer workers, or a thread cannot be started.
pub fn start(settings: Settings) -> Result<Running, StartError> {
    let Settings { config, reader, certs, tls, http, https, workers, metrics, access_log, errors, own, own_addresses } =
        settings;
    let workers = workers.max(1);
    let counters: Option<Vec<_>> = (0..workers).map(|index| metrics.worker(index)).collect();
    let counters = counters.ok_or_else(|| io::Error::other("there are more workers than counters"))?;
    let mut sockets: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::new()).collect();
    let http = bind_all(&http, false, &mut sockets)?;
    let https = bind_all(&https, true, &mut sockets)?;
    let own =
        Arc::new(Own { listeners: http.iter().chain(&https).chain(&own).copied().collect(), addresses: own_addresses });
    let tickets = tls::Tickets::default();
    let acceptor = TlsAcceptor::new(&tls, &tickets, reader.clone(), Arc::clone(&certs)).map_err(io::Error::other)?;
    let (phase, receiver) = watch::channel(Phase::Serving);
    let config = Arc::new(config);
    let mut threads = Vec::new();
    // What can fail without a thread has been done by now; a worker ends by itself if a later one cannot be started.
    for (index, (listeners, worker_metrics)) in sockets.into_iter().zip(counters).enumerate() {
        let (config, own) = (Arc::clone(&config), Arc::clone(&own));
        let (reader, certs, acceptor) = (reader.clone(), Arc::clone(&certs), acceptor.clone());
        let log = access_log.as_ref().map(|(log, format)| log.logger(Arc::clone(&worker_metrics), Arc::clone(format)));
        let (receiver, errors, all_metrics) = (receiver.clone(), errors.clone(), Arc::clone(&metrics));
        let (started, has_started) = std::sync::mpsc::sync_channel(1);
        let serve = move || {
            let runtime = match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            drop(started.send(Ok(())));
            let upstream_tls = ClientConfigs::new(certs);
            let reader = reader.cached();
            let worker = Worker::new(Parts {
                config,
                reader,
                metrics: worker_metrics,
                all_metrics,
                errors,
                log,
                upstream_tls,
                own,
            });
            runtime.block_on(serve(Rc::new(worker), listeners, acceptor, receiver));
            // What has not come to its end by now is not waited for.
            runtime.shutdown_timeout(Duration::ZERO);
        };
        threads.push(std::thread::Builder::new().name(format!("worker-{index}")).spawn(serve)?);
        has_started.recv().map_err(io::Error::other)??;
    }
    Ok(Running { phase, threads, http, https, access_log: access_log.map(|(log, _)| log) })
}

/// One socket for each worker and address.
fn bind_all(addresses: &[SocketAddr], tls: bool, sockets: &mut [Vec<Listener>]) -> Result<Vec<SocketAddr>, StartError> {
    let mut bound = Vec::new();
    for &address in addresses {
        let mut actual = address;
        for listeners in sockets.iter_mut() {
            let named = |error| StartError::Listen { address, is_tls: tls, error };
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
        self.phase.send_replace(Phase::Draining(Instant::now() + within.min(FOREVER)));
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

    /// Opens the file of the access log anew.
    pub fn reopen_log(&self) {
        if let Some(log) = &self.access_log {
            log.reopen();
        }
    }

    /// Waits for the last lines of the access log, after [`join`](Self::join), but not for longer than this.
    pub fn finish_log(&mut self, within: Duration) {
        if let Some(log) = self.access_log.take() {
            log.finish(within);
        }
    }

    /// Whether all workers have ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }
}

/// A worker's whole life.
async fn serve(worker: Rc<Worker>, listeners: Vec<Listener>, tls: TlsAcceptor, phase: watch::Receiver<Phase>) {
    let tls = Rc::new(tls);
    worker.clock.tick();
    tokio::task::spawn_local(worker.clock.clone().run());
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|it| tokio::task::spawn_local(server::accept(Rc::clone(&worker), it, Rc::clone(&tls), phase.clone())))
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
        // Whoever came while the listeners closed has found out by itself.
        tokio::time::sleep(DRAIN_TICK).await;
    }
    housekeeping.abort();
    worker.abandon();
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

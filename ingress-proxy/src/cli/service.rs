//! Everything together: the source, the proxy, its own pages, and the end of it all.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ingress_core::publish::Reader;
use ingress_proxy::certs::CertStore;
use ingress_proxy::observe::access_log::{AccessLog, Destination};
use ingress_proxy::observe::admin::{self, Admin, Sources};
use ingress_proxy::observe::error_log::ErrorLog;
use ingress_proxy::observe::health::Health;
use ingress_proxy::observe::metrics::Metrics;
use ingress_proxy::shadow::Shadow;
use ingress_proxy::{Running, StartError, server};
use rustix::io::Errno;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

#[cfg(feature = "kubernetes")]
use super::cluster::{self, Cluster};
use super::plane::{Certificates, Plane};
use super::settings::{self, Settings, Shutdown, SourceSettings};
use super::source::FileSource;
use super::source::watch::Watch;

/// How long lines of a log are waited for at the end.
pub(crate) const LAST_LINES: Duration = Duration::from_secs(2);

/// A proxy that serves what files or a cluster say.
pub(crate) struct Service {
    runtime: Runtime,
    signals: Signals,
    running: Running,
    shutdown: Shutdown,
    health: Arc<Health>,
    errors: ErrorLog,
    follower: Follower,
    _pages: Vec<Admin>,
}

/// Where the configuration comes from.
enum Source {
    Files(Box<FileSource<Plane>>),
    #[cfg(feature = "kubernetes")]
    Cluster(Box<Cluster>),
}

/// What follows it.
enum Follower {
    Files(#[expect(dead_code, reason = "it ends when it is dropped")] Watch),
    #[cfg(feature = "kubernetes")]
    Cluster(cluster::Follower),
}

impl Follower {
    /// Begins to end what this process does for others.
    fn end_duties(&mut self) {
        #[cfg(feature = "kubernetes")]
        if let Self::Cluster(follower) = self {
            follower.end_duties();
        }
    }

    /// Waits until that is done: some seconds at most.
    async fn duties_ended(&mut self) {
        #[cfg(feature = "kubernetes")]
        if let Self::Cluster(follower) = self {
            follower.duties_ended().await;
        }
    }
}

impl Source {
    fn files(settings: SourceSettings, sink: Plane) -> Result<Self, String> {
        FileSource::open(settings, sink).map(|source| Self::Files(Box::new(source))).map_err(|error| error.to_string())
    }

    fn reader(&self) -> Reader {
        match self {
            Self::Files(source) => source.reader(),
            #[cfg(feature = "kubernetes")]
            Self::Cluster(cluster) => cluster.reader(),
        }
    }

    /// Where it listens itself.
    fn listeners(&self) -> Vec<SocketAddr> {
        match self {
            Self::Files(_) => Vec::new(),
            #[cfg(feature = "kubernetes")]
            Self::Cluster(cluster) => cluster.listeners(),
        }
    }

    /// Files are in force afterwards.
    fn follow(self) -> std::io::Result<Follower> {
        match self {
            Self::Files(source) => source.watch().map(Follower::Files),
            #[cfg(feature = "kubernetes")]
            Self::Cluster(cluster) => cluster.follow().map(Follower::Cluster),
        }
    }
}

impl Service {
    /// Reads the manifests, then accepts connections; none if the process is told to end before.
    ///
    /// # Errors
    ///
    /// What cannot be done, for people.
    pub(crate) fn start(settings: Settings, errors: ErrorLog) -> Result<Option<Self>, String> {
        // From the beginning, since what is first in a container does not hear what it has not asked for.
        let (runtime, mut signals) = signals().map_err(|error| format!("cannot wait for signals: {error}"))?;
        let Settings {
            mut config,
            tls,
            listeners,
            workers,
            default_certificate,
            cloud_certificates,
            admin,
            labels,
            access_log,
            log_format,
            shutdown,
            shadow,
            ..
        } = settings;
        let metrics = Metrics::new(workers, labels);
        if let Some(options) = shadow {
            let shadow = Shadow::start(options, Arc::clone(&metrics), errors.clone());
            config.shadow = Some(shadow.map_err(|error| format!("cannot be a shadow: {error}"))?);
        }
        let health = Arc::new(Health::default());
        let certs = Arc::new(CertStore::new(default_certificate));
        let certificates = Certificates { store: Arc::clone(&certs), cloud: cloud_certificates };
        let sink = Plane::new(certificates, Arc::clone(&metrics), Arc::clone(&health), errors.clone());
        #[cfg(feature = "kubernetes")]
        let source = match settings.cluster {
            Some(cluster) => {
                let health = Arc::clone(&health);
                let cluster = Cluster::open(cluster, settings.source, sink, health)?;
                Source::Cluster(Box::new(cluster))
            }
            None => Source::files(settings.source, sink)?,
        };
        #[cfg(not(feature = "kubernetes"))]
        let source = Source::files(settings.source, sink)?;
        let reader = source.reader();
        let pages = bind_pages(&admin.addresses)?;
        let own = pages.iter().filter_map(|page| page.local_addr().ok()).chain(source.listeners()).collect();
        // Whoever asks while manifests are read is told that the process is alive, and not ready.
        let options = admin::Options {
            health_check_path: admin.health_path,
            ready_within: admin.ready_within,
            metrics: admin.metrics,
            underscores_in_headers: config.downstream.underscores_in_headers,
            ..admin::Options::default()
        };
        let pages = pages.into_iter().map(|page| {
            let (reader, metrics, health) = (reader.clone(), Arc::clone(&metrics), Arc::clone(&health));
            Admin::start(page, options.clone(), Sources { reader, metrics, health }, errors.clone())
        });
        let pages = pages.collect::<Result<_, _>>().map_err(|error| format!("cannot start a thread: {error}"))?;
        let value = access_log.value();
        let access_log = match destination(access_log) {
            None => None,
            Some(destination) => {
                let log = AccessLog::start(destination, Arc::clone(&metrics), errors.clone());
                let log = log.map_err(|error| format!("`--access-log {value}`: {error}"))?;
                Some((log, Arc::new(log_format.format)))
            }
        };
        let Some(follower) = runtime.block_on(followed(source, &mut signals)) else {
            errors.tell("told to end before everything was read");
            errors.flush(LAST_LINES);
            return Ok(None);
        };
        let follower = follower.map_err(|error| format!("cannot start a thread: {error}"))?;
        let running = ingress_proxy::start(ingress_proxy::Settings {
            config,
            reader: reader.clone(),
            certs,
            tls,
            http: listeners.http,
            https: listeners.https,
            workers,
            metrics: Arc::clone(&metrics),
            access_log,
            errors: errors.clone(),
            own,
            own_addresses: own_addresses(),
        });
        let running = running.map_err(|error| match error {
            StartError::Listen { is_tls, error: ref why, .. } => {
                let flag = if is_tls { "--https-port" } else { "--http-port" };
                format!("`{}`: {error}", at_fault(why, "--bind-address", flag))
            }
            error => error.to_string(),
        })?;
        if matches!(follower, Follower::Files(_)) {
            // They have been read; a cluster is ready when it has been.
            health.ready();
        }
        Ok(Some(Self { runtime, signals, running, shutdown, health, errors, follower, _pages: pages }))
    }

    /// Serves until the process is told to end, and then ends in order: not ready, some time for others to see that, nothing
    /// new, what is under way. A second signal ends it at once.
    pub(crate) fn run(mut self) -> ExitCode {
        let Shutdown { grace, drain, after } = self.shutdown;
        self.runtime.block_on(async {
            self.signals.end(|| self.running.reopen_log()).await;
            self.health.drain();
            self.errors.tell("shutting down");
            // Meanwhile, so that another replica leads as soon as possible.
            self.follower.end_duties();
            let orderly = async {
                tokio::time::sleep(grace).await;
                self.running.drain(drain);
                while !self.running.is_over() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                self.follower.duties_ended().await;
                tokio::time::sleep(after).await;
            };
            tokio::select! {
                () = orderly => {}
                () = self.signals.end(|| self.running.reopen_log()) => self.running.stop(),
            }
        });
        self.running.join();
        self.running.finish_log(LAST_LINES);
        self.errors.flush(LAST_LINES);
        ExitCode::SUCCESS
    }
}

/// What follows the source, once it has read what there is; none if the process is told to end before. There is nothing under way
/// then that would have to be waited for.
async fn followed(source: Source, signals: &mut Signals) -> Option<std::io::Result<Follower>> {
    let (done, is_done) = oneshot::channel();
    let reading =
        std::thread::Builder::new().name("start".to_owned()).spawn(move || done.send(source.follow()).map_err(drop));
    if let Err(error) = reading {
        return Some(Err(error));
    }
    tokio::select! {
        follower = is_done => Some(follower.unwrap_or_else(|_| Err(std::io::Error::other("it has ended")))),
        () = signals.end(|| {}) => None,
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hang_up: Signal,
    user: Signal,
}

impl Signals {
    /// Waits for one that tells the process to end. SIGHUP and SIGUSR1 ask for the access log to be opened anew.
    async fn end(&mut self, reopen_log: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.quit.recv() => return,
                _ = self.hang_up.recv() => reopen_log(),
                _ = self.user.recv() => reopen_log(),
            }
        }
    }
}

/// The signals from now on, and what waits for them.
fn signals() -> std::io::Result<(Runtime, Signals)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _inside = runtime.enter();
        Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        }
    };
    Ok((runtime, signals))
}

/// The flag that nothing can be bound for.
fn at_fault(error: &std::io::Error, address: &'static str, port: &'static str) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ADDRNOTAVAIL) => address,
        // Each has sockets of its own.
        Some(Errno::MFILE | Errno::NFILE) => "--workers",
        _ => port,
    }
}

fn bind_pages(addresses: &[SocketAddr]) -> Result<Vec<std::net::TcpListener>, String> {
    let bind = |address: &SocketAddr| {
        server::bind(*address).map_err(|error| {
            let flag = at_fault(&error, "--healthz-host", "--healthz-port");
            format!("`{flag}`: cannot listen on `{address}`: {error}")
        })
    };
    addresses.iter().map(bind).collect()
}

fn destination(access_log: settings::AccessLog) -> Option<Destination> {
    match access_log {
        settings::AccessLog::Off => None,
        settings::AccessLog::Stdout => Some(Destination::Stdout),
        settings::AccessLog::Stderr => Some(Destination::Stderr),
        settings::AccessLog::File(path) => Some(Destination::File(path)),
    }
}

/// The addresses of this host that packets would leave from. The system is asked for others when it matters, but where
/// sockets may be bound to any address it cannot tell.
fn own_addresses() -> Vec<IpAddr> {
    let routes = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    let local = routes.iter().filter_map(|(from, to)| {
        // Nothing is sent: connecting a datagram socket only chooses a route.
        let socket = std::net::UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    });
    local.collect()
}

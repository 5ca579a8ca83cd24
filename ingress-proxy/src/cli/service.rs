//! Everything together: the source, the proxy, its own pages, and the end of it all.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ingress_cli::input::SecretData;
use ingress_core::object::ObjectRef;
use ingress_core::policy::CertificateId;
use ingress_proxy::certs::{CertStore, SecretPem};
use ingress_proxy::observe::access_log::{AccessLog, Destination, Format};
use ingress_proxy::observe::admin::{self, Admin, Sources};
use ingress_proxy::observe::error_log::ErrorLog;
use ingress_proxy::observe::escape::Escape;
use ingress_proxy::observe::health::Health;
use ingress_proxy::observe::metrics::{self, Metrics, Reload};
use ingress_proxy::{Running, server};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::settings::{self, LogFormat, Settings, Shutdown};
use super::source::watch::Watch;
use super::source::{FileSource, Sink, State};

/// How long lines of the access log are waited for at the end.
const LAST_LINES: Duration = Duration::from_secs(2);

/// A proxy that serves what files say.
pub(crate) struct Service {
    running: Running,
    shutdown: Shutdown,
    health: Arc<Health>,
    _watch: Watch,
    _pages: Vec<Admin>,
}

impl Service {
    /// Reads the manifests, then accepts connections.
    ///
    /// # Errors
    ///
    /// What cannot be done, for people.
    pub(crate) fn start(settings: Settings) -> Result<Self, String> {
        let Settings {
            config, listeners, workers, default_certificate, admin, access_log, log_format, shutdown, ..
        } = settings;
        let errors = ErrorLog::default();
        let metrics = Metrics::new(workers, metrics::Options::default());
        let health = Arc::new(Health::default());
        let certs =
            CertStore::new(default_certificate).map_err(|error| format!("cannot make a certificate: {error}"))?;
        let certs = Arc::new(certs);
        let sink = Plane {
            certs: Arc::clone(&certs),
            metrics: Arc::clone(&metrics),
            errors: errors.clone(),
            hasher: RandomState::new(),
            swaps: 0,
        };
        let source = FileSource::open(settings.source, sink).map_err(|error| error.to_string())?;
        let reader = source.reader();
        let pages = bind_pages(&admin.addresses)?;
        let own = pages.iter().filter_map(|page| page.local_addr().ok()).collect();
        let access_log = match destination(access_log) {
            None => None,
            Some(destination) => {
                let log = AccessLog::start(destination, Arc::clone(&metrics), errors.clone());
                let log = log.map_err(|error| format!("`--access-log`: {error}"))?;
                Some((log, Arc::new(format(&log_format)?)))
            }
        };
        let watch = source.watch().map_err(|error| format!("cannot start a thread: {error}"))?;
        let running = ingress_proxy::start(ingress_proxy::Settings {
            config,
            reader: reader.clone(),
            certs,
            tls: server::tls::Options::default(),
            http: listeners.http,
            https: listeners.https,
            workers,
            metrics: Arc::clone(&metrics),
            access_log,
            errors: errors.clone(),
            own,
            own_addresses: own_addresses(),
        });
        let running = running.map_err(|error| error.to_string())?;
        let options = admin::Options {
            health_check_path: admin.health_path,
            metrics: admin.metrics,
            ..admin::Options::default()
        };
        let pages = pages.into_iter().map(|page| {
            let (reader, metrics, health) = (reader.clone(), Arc::clone(&metrics), Arc::clone(&health));
            Admin::start(page, options.clone(), Sources { reader, metrics, health }, errors.clone())
        });
        let pages = pages.collect::<Result<_, _>>().map_err(|error| format!("cannot start a thread: {error}"))?;
        health.ready();
        Ok(Self { running, shutdown, health, _watch: watch, _pages: pages })
    }

    /// Serves until the process is told to end, and then ends in order: not ready, some time for others to see that, nothing
    /// new, what is under way. A second signal ends it at once.
    ///
    /// # Errors
    ///
    /// When signals cannot be waited for.
    pub(crate) fn run(mut self) -> Result<ExitCode, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start a runtime: {error}"))?;
        let Shutdown { grace, drain, after } = self.shutdown;
        let ended: std::io::Result<()> = runtime.block_on(async {
            let mut signals = Signals::new()?;
            self.serve(&mut signals).await;
            eprintln!("shutting down");
            self.health.drain();
            let orderly = async {
                tokio::time::sleep(grace).await;
                self.running.drain(drain);
                while !self.running.is_over() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                tokio::time::sleep(after).await;
            };
            tokio::select! {
                () = orderly => {}
                () = signals.end() => self.running.stop(),
            }
            Ok(())
        });
        ended.map_err(|error| format!("cannot wait for signals: {error}"))?;
        self.running.join();
        self.running.finish_log(LAST_LINES);
        Ok(ExitCode::SUCCESS)
    }

    /// Until the process is told to end; SIGHUP and SIGUSR1 open the access log anew.
    async fn serve(&self, signals: &mut Signals) {
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return,
                _ = signals.interrupt.recv() => return,
                _ = signals.quit.recv() => return,
                _ = signals.hang_up.recv() => self.running.reopen_log(),
                _ = signals.user.recv() => self.running.reopen_log(),
            }
        }
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
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
        }
    }
}

/// What the source finds goes to the proxy's stores and figures.
struct Plane {
    certs: Arc<CertStore>,
    metrics: Arc<Metrics>,
    errors: ErrorLog,
    hasher: RandomState,
    swaps: u64,
}

fn certificate_id(name: &ObjectRef) -> CertificateId {
    CertificateId::Secret { namespace: Arc::clone(&name.namespace), name: Arc::clone(&name.name) }
}

impl Plane {
    fn certificates_changed(&self) {
        let seconds = |at: SystemTime| {
            at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
        };
        let all = self.certs.expiry().into_iter().map(|(id, until)| (id.to_string().into(), seconds(until)));
        self.metrics.set_certificates(all);
    }
}

impl Sink for Plane {
    fn secret(&mut self, name: &ObjectRef, data: &SecretData) -> Option<Vec<Box<str>>> {
        let pem =
            SecretPem { certificate: data.get("tls.crt"), key: data.get("tls.key"), authorities: data.get("ca.crt") };
        if pem.certificate.is_none() && pem.key.is_none() && pem.authorities.is_none() {
            self.certs.remove(&certificate_id(name));
            return None;
        }
        let id = certificate_id(name);
        let refused = self.certs.update(&id, pem).err();
        let why = refused.as_ref().map(|refused| refused as &dyn std::fmt::Display);
        self.errors.state(name, "cannot be used", "can be used again", why);
        self.certificates_changed();
        let material = self.certs.material(&id).filter(|_| refused.is_some_and(|refused| refused.is_served))?;
        material.pair().map(|pair| pair.dns_names().to_vec())
    }

    fn secret_gone(&mut self, name: &ObjectRef) {
        self.certs.remove(&certificate_id(name));
        self.certificates_changed();
    }

    fn in_force(&mut self, State { snapshot, findings, stale_files }: State<'_>) {
        self.swaps += 1;
        let mut hash = self.hasher.build_hasher();
        hash.write_u64(self.swaps);
        let unix_seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let hosts = snapshot.host_count();
        self.metrics.reloaded(&Reload { hash: hash.finish(), unix_seconds, hosts, diagnostics: findings });
        if stale_files > 0 {
            self.metrics.reload_failed();
        }
    }

    fn say(&mut self, line: &str) {
        eprintln!("{line}");
    }
}

fn bind_pages(addresses: &[SocketAddr]) -> Result<Vec<std::net::TcpListener>, String> {
    let bind = |address: &SocketAddr| {
        server::bind(*address).map_err(|error| format!("`--healthz-port`: cannot listen on `{address}`: {error}"))
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

fn format(format: &LogFormat) -> Result<Format, String> {
    match format {
        LogFormat::Json => Ok(Format::json()),
        LogFormat::Nginx => Ok(Format::default()),
        LogFormat::Template(text) => {
            Format::parse(text, Escape::Default).map_err(|error| format!("`--log-format {text}`: {error}"))
        }
    }
}

/// The addresses of this host, as far as they can be found without asking anybody: those that packets would leave from.
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

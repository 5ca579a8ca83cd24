//! What the flags come to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ingress_cli::cert_source::DirectorySource;
use ingress_cli::commands::simulate::EngineArgs;
use ingress_core::lower::{ClassSelection, ControllerClass, Options};
use ingress_core::policy::CertificateId;
use ingress_proxy::config::{Balance, Config, Downstream, Forwarding, Upstream};
use ingress_proxy::observe::metrics;
use ingress_proxy::server::tls;
use ingress_proxy::shadow;

#[cfg(feature = "kubernetes")]
use super::cluster::ClusterSettings;
use super::descriptors;
use super::flags::{ClientArgs, EndpointArgs, Flags, LoadBalance, ReachArgs};
use super::pin::{Pin, Pins};
use super::values;
pub(crate) use super::values::{AccessLog, LogFormat};
use super::wait_shutdown::LAST_LOOK;

/// Everything that the process needs to know.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The library's.
    pub(crate) config: Config,
    /// How TLS is spoken with clients.
    pub(crate) tls: tls::Options,
    /// Where requests come in.
    pub(crate) listeners: Listeners,
    /// How many threads serve them.
    pub(crate) workers: usize,
    /// The certificate for names that no other is for; one that nobody trusts where the flags name none.
    pub(crate) default_certificate: CertificateId,
    /// Certificates that Secrets know by a cloud's identifier only.
    pub(crate) cloud_certificates: Option<Arc<DirectorySource>>,
    /// Health checks and metrics.
    pub(crate) admin: Admin,
    /// What figures are labelled with.
    pub(crate) labels: metrics::Options,
    /// Where the access log goes.
    pub(crate) access_log: AccessLog,
    /// How its lines are written.
    pub(crate) log_format: LogFormat,
    /// How the process ends.
    pub(crate) shutdown: Shutdown,
    /// Where the manifests are, and how they are read.
    pub(crate) source: SourceSettings,
    /// The cluster that is followed, where it is none of files.
    #[cfg(feature = "kubernetes")]
    pub(crate) cluster: Option<ClusterSettings>,
    /// Whether to look at the manifests and do no more.
    pub(crate) check: bool,
    /// What a shadow does, where it is one. It is started with the proxy.
    pub(crate) shadow: Option<shadow::Options>,
}

/// Where requests come in. A socket for an IPv6 address takes IPv6 only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listeners {
    /// Without TLS.
    pub(crate) http: Vec<SocketAddr>,
    /// With TLS.
    pub(crate) https: Vec<SocketAddr>,
}

/// Health checks and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admin {
    /// Where they are served.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The path of the health check.
    pub(crate) health_path: String,
    /// For how long at most it says that there is nothing to serve yet.
    pub(crate) ready_within: Duration,
    /// Whether there are metrics.
    pub(crate) metrics: bool,
}

/// How the process ends: three waits, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shutdown {
    /// Until no connections are accepted any more.
    pub(crate) grace: Duration,
    /// Until requests under way are given up.
    pub(crate) drain: Duration,
    /// Until the process ends.
    pub(crate) after: Duration,
}

/// Where the manifests are, and how they are read.
#[derive(Debug)]
pub(crate) struct SourceSettings {
    /// Files and directories, in order.
    pub(crate) files: Vec<PathBuf>,
    /// The namespace of objects that name none.
    pub(crate) namespace: String,
    /// The namespace that counts; none if all do.
    pub(crate) watched: Option<String>,
    /// The engine's options.
    pub(crate) engine: Options,
    /// Endpoints that count for more than the manifests'.
    pub(crate) pins: Pins,
    /// Whether Services of type ExternalName lead nowhere.
    pub(crate) no_external_names: bool,
}

impl Settings {
    /// What is served where, a line for each listener, and by whom.
    pub(crate) fn announcement(&self) -> Vec<String> {
        let line = |what: &str, address: &SocketAddr| format!("{what} on {address}");
        let http = self.listeners.http.iter().map(|address| line("http", address));
        let https = self.listeners.https.iter().map(|address| line("https", address));
        let health = self.admin.addresses.iter().map(|address| {
            let metrics = if self.admin.metrics { " and metrics at /metrics" } else { "" };
            format!("{}{}{metrics}", line("health", address), self.admin.health_path)
        });
        let workers = [format!("{} workers, default certificate {}", self.workers, self.default_certificate)];
        let log = [format!("access log {}, format {}", self.access_log, self.log_format)];
        http.chain(https).chain(health).chain(workers).chain(log).collect()
    }
}

/// What settings depend on beside the flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// How many cores there are.
    pub(crate) cores: usize,
    /// Whether there is IPv6.
    pub(crate) has_ipv6: bool,
    /// Whether the process runs in a Kubernetes pod.
    pub(crate) in_pod: bool,
    /// How many descriptors the process may have.
    pub(crate) descriptors: usize,
    /// The pod's namespace and name, where the process is told of them as ingress-nginx is.
    pub(crate) pod: (String, String),
}

impl Machine {
    /// This one, with as many descriptors.
    pub(crate) fn this(descriptors: usize) -> Self {
        Self {
            descriptors,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            has_ipv6: UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok(),
            in_pod: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
            pod: (std::env::var("POD_NAMESPACE").unwrap_or_default(), std::env::var("POD_NAME").unwrap_or_default()),
        }
    }
}

impl Flags {
    /// What the flags come to on a machine.
    ///
    /// # Errors
    ///
    /// What contradicts itself or cannot be done, naming the flag and its value.
    pub(crate) fn resolve(self, machine: Machine) -> Result<Settings, String> {
        let Self {
            manifests,
            #[cfg(feature = "kubernetes")]
            cluster,
            engine,
            listen,
            tls,
            reach,
            client,
            endpoint,
            observe,
            shutdown,
            shadow,
        } = self;
        let shadow = shadow.options()?;
        if listen.use_proxy_protocol && engine.trust().trusted_cidr.is_empty() {
            let flag = "--use-proxy-protocol";
            return Err(format!("`{flag}` would believe anybody; say whom to believe with `--trusted-cidr`"));
        }
        let default_certificate = match engine.default_certificate() {
            None => CertificateId::Default,
            Some(name) => {
                let secret = values::secret(name).map_err(|error| format!("`--default-ssl-certificate`: {error}"))?;
                CertificateId::Secret { namespace: secret.namespace, name: secret.name }
            }
        };
        #[cfg(feature = "kubernetes")]
        let cluster = cluster.settings(&default_certificate, &machine.pod, shadow.is_some());
        #[cfg(feature = "kubernetes")]
        let is_cluster = cluster.is_some();
        #[cfg(not(feature = "kubernetes"))]
        let is_cluster = false;
        let everywhere = everywhere(&machine);
        let addresses = if listen.bind_address.is_empty() { &everywhere } else { &listen.bind_address };
        let at = |port| addresses.iter().map(|address| SocketAddr::new(*address, port)).collect();
        let listeners = Listeners { http: at(listen.http_port), https: at(listen.https_port) };
        let ports = [
            ("--http-port", listen.http_port),
            ("--https-port", listen.https_port),
            ("--healthz-port", observe.healthz_port),
        ];
        for (number, (flag, port)) in ports.into_iter().enumerate() {
            // Listeners share ports with another process of this program, so that the system would not object.
            let other = ports.into_iter().skip(number + 1).find(|(_, other)| *other == port);
            if let Some((other, _)) = other {
                return Err(format!("`{flag}` and `{other}` are both `{port}`"));
            }
        }
        let admin = match observe.healthz_host {
            Some(host) => vec![host],
            None if machine.in_pod => everywhere,
            None => vec![Ipv4Addr::LOCALHOST.into()],
        };
        let mut upstream = upstream(&endpoint);
        upstream.allowed_endpoints.clone_from(&engine.trust().allow_endpoint_cidr);
        upstream.named_endpoints = manifests.pins.iter().map(Pin::named).collect();
        let workers = listen.workers.unwrap_or(machine.cores).max(1);
        let mut downstream = downstream(&client);
        if client.max_worker_connections.is_none() {
            let most = descriptors::connections(machine.descriptors, workers);
            downstream.max_connections = downstream.max_connections.min(most);
        }
        downstream.proxy_protocol = listen.use_proxy_protocol;
        downstream.http2_cleartext = listen.http2_cleartext;
        let (mut options, cloud_certificates) = engine.options_and_certificates()?;
        // Files are given to be served; a cluster is shared with other controllers.
        if is_cluster && !engine.claims_all() && options.classes == ClassSelection::All {
            options.classes = ClassSelection::Controller(ControllerClass::default());
        }
        let class = match &options.classes {
            ClassSelection::Controller(class) => class.controller.to_string(),
            _ => ControllerClass::default().controller.to_string(),
        };
        let (namespace, pod) = machine.pod;
        let labels = metrics::Options { class, namespace, pod, ..metrics::Options::default() };
        options.counted_routes = labels.max_routes;
        Ok(Settings {
            config: Config { downstream, upstream, forwarding: forwarding(&engine, &reach), shadow: None },
            tls: tls::Options {
                versions: tls.ssl_protocols.unwrap_or_default(),
                suites: tls.ssl_ciphers.unwrap_or_default(),
                http2: tls.use_http2,
                reject_unknown: tls.ssl_reject_handshake,
                ..tls::Options::default()
            },
            listeners,
            workers,
            default_certificate,
            cloud_certificates,
            admin: Admin {
                addresses: admin.into_iter().map(|host| SocketAddr::new(host, observe.healthz_port)).collect(),
                health_path: observe.health_check_path,
                ready_within: observe.healthz_ready_within,
                metrics: observe.enable_metrics,
            },
            labels,
            access_log: observe.access_log,
            log_format: values::log_format(&observe.log_format, observe.log_format_escape_json)
                .map_err(|error| format!("`--log-format`: {error}"))?,
            shutdown: Shutdown {
                grace: shutdown.shutdown_grace_period,
                drain: shutdown.worker_shutdown_timeout,
                after: if machine.in_pod {
                    shutdown.post_shutdown_grace_period.max(LAST_LOOK)
                } else {
                    shutdown.post_shutdown_grace_period
                },
            },
            source: SourceSettings {
                files: manifests.files,
                namespace: engine.namespace().to_owned(),
                // ingress-nginx's default is the empty name.
                watched: manifests.watch_namespace.filter(|namespace| !namespace.is_empty()),
                engine: options,
                pins: manifests.pins.into_iter().collect(),
                no_external_names: manifests.disable_svc_external_name,
            },
            #[cfg(feature = "kubernetes")]
            cluster,
            check: manifests.check,
            shadow,
        })
    }
}

fn everywhere(machine: &Machine) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = vec![Ipv4Addr::UNSPECIFIED.into()];
    if machine.has_ipv6 {
        addresses.push(Ipv6Addr::UNSPECIFIED.into());
    }
    addresses
}

fn downstream(args: &ClientArgs) -> Downstream {
    let mut downstream =
        Downstream { underscores_in_headers: args.enable_underscores_in_headers, ..Downstream::default() };
    set(&mut downstream.keep_alive, args.keep_alive);
    set(&mut downstream.keep_alive_requests, args.keep_alive_requests.map(|n| n as u64));
    set(&mut downstream.header_timeout, args.client_header_timeout);
    set(&mut downstream.idle_timeout, args.client_body_timeout);
    set(&mut downstream.stall_timeout, args.send_timeout);
    set(&mut downstream.max_head, args.max_header_size);
    set(&mut downstream.max_fields, args.max_header_fields);
    set(&mut downstream.max_target, args.max_target_size);
    set(&mut downstream.http2_max_streams, args.http2_max_concurrent_streams.and_then(|n| u32::try_from(n).ok()));
    set(&mut downstream.max_connections, args.max_worker_connections);
    set(&mut downstream.max_handshakes, args.max_worker_handshakes);
    downstream
}

fn upstream(args: &EndpointArgs) -> Upstream {
    let balance = match args.load_balance {
        LoadBalance::RoundRobin => Balance::RoundRobin,
        LoadBalance::LeastRequest => Balance::LeastRequest,
        LoadBalance::Ewma => Balance::Ewma,
    };
    let mut upstream = Upstream { balance, ..Upstream::default() };
    set(&mut upstream.slow_start, args.slow_start);
    set(&mut upstream.max_fails, args.max_fails);
    set(&mut upstream.fail_timeout, args.fail_timeout);
    set(&mut upstream.keep_alive_connections, args.upstream_keepalive_connections.map(|n| n as usize));
    set(&mut upstream.keep_alive_timeout, args.upstream_keepalive_timeout);
    set(&mut upstream.keep_alive_requests, args.upstream_keepalive_requests.map(|n| n as u64));
    set(&mut upstream.keep_alive_age, args.upstream_keepalive_time);
    set(&mut upstream.max_head, args.max_response_header_size);
    upstream
}

fn forwarding(engine: &EngineArgs, reach: &ReachArgs) -> Forwarding {
    let trust = engine.trust();
    Forwarding {
        trusted: trust.trusted_cidr.clone(),
        use_forwarded_headers: trust.use_forwarded_headers,
        send_forwarded: reach.send_forwarded,
    }
}

fn set<T>(setting: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *setting = value;
    }
}

#[cfg(test)]
mod tests;

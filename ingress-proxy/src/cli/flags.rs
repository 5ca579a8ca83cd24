//! The flags. Their names are those of ingress-nginx's flags and ConfigMap keys, where it has them.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, ValueEnum};
use ingress_cli::commands::simulate::EngineArgs;
use ingress_proxy::certs::{Suites, Versions};

#[cfg(feature = "kubernetes")]
use super::cluster::ClusterArgs;
use super::foreign;
use super::pin::{self, Pin};
use super::shadow::ShadowArgs;
use super::values::{self, AccessLog};

/// Where to begin.
const EXAMPLE: &str = "\
Example:
  python3 -m http.server 9001 &
  ingress-proxy --file examples/manifests/cafe.yaml --endpoint default/garden:8080=127.0.0.1:9001 \\
    --http-port 8080 --https-port 8443 &
  curl -H 'Host: my.example.com' http://127.0.0.1:8080/

`ingress-cli simulate examples/manifests/cafe.yaml` shows where every host and path leads.";

/// A reverse proxy that serves Kubernetes Ingress manifests from files, or the Ingresses of a cluster.
///
/// Manifests may change at any time: what is changed counts within milliseconds, and connections stay open.
#[derive(Debug, Parser)]
#[command(name = "ingress-proxy", version, max_term_width = 100, args_override_self = true, after_long_help = EXAMPLE)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(super) manifests: ManifestArgs,
    #[cfg(feature = "kubernetes")]
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
    #[command(flatten)]
    pub(super) listen: ListenArgs,
    #[command(flatten)]
    pub(super) tls: TlsArgs,
    #[command(flatten)]
    pub(super) reach: ReachArgs,
    #[command(flatten)]
    pub(super) client: ClientArgs,
    #[command(flatten)]
    pub(super) endpoint: EndpointArgs,
    #[command(flatten)]
    pub(super) observe: ObserveArgs,
    #[command(flatten)]
    pub(super) shutdown: ShutdownArgs,
    #[command(flatten)]
    pub(super) shadow: ShadowArgs,
}

/// Where the manifests are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Manifests")]
pub(super) struct ManifestArgs {
    /// File or directory (read recursively) with manifests in YAML or JSON, watched for changes; repeatable. Of two
    /// manifests for one object the later counts
    #[arg(short, long = "file", value_name = "PATH")]
    #[cfg_attr(feature = "kubernetes", arg(required_unless_present = "kubernetes"))]
    #[cfg_attr(not(feature = "kubernetes"), arg(required = true))]
    pub(super) files: Vec<PathBuf>,
    /// Read everything, say what is wrong, and exit: 0 fine, 1 errors in the manifests, 2 wrong usage
    #[arg(long)]
    pub(super) check: bool,
    /// Send what is for a Service port to this address instead of where the manifests say; repeatable, also for one port
    #[arg(long = "endpoint", value_name = "NS/SVC:PORT=ADDR:PORT", value_parser = pin::parse)]
    pub(super) pins: Vec<Pin>,
    /// Leave out what is of another namespace, but for the ConfigMap of --configmap [default: all namespaces]
    #[arg(long, value_name = "NS")]
    pub(super) watch_namespace: Option<String>,
    /// Do not connect to what Services of type ExternalName name
    #[arg(long)]
    pub(super) disable_svc_external_name: bool,
}

/// Where requests come in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Listeners")]
pub(super) struct ListenArgs {
    /// Port for HTTP
    #[arg(long, value_name = "PORT", default_value_t = 80, value_parser = values::port)]
    pub(super) http_port: u16,
    /// Port for HTTPS
    #[arg(long, value_name = "PORT", default_value_t = 443, value_parser = values::port)]
    pub(super) https_port: u16,
    /// Addresses to listen on, separated by commas [default: all, of IPv6 too where the machine has it]
    #[arg(long, value_name = "IP", value_delimiter = ',')]
    pub(super) bind_address: Vec<IpAddr>,
    /// Expect the PROXY protocol, version 1 or 2, on every connection; needs --trusted-cidr
    #[arg(long)]
    pub(super) use_proxy_protocol: bool,
    /// Speak HTTP/2 without TLS to clients that begin with it
    #[arg(long)]
    pub(super) http2_cleartext: bool,
    /// Threads that serve requests [default: one for each core]
    #[arg(long, value_name = "N", value_parser = values::workers, alias = "worker-processes")]
    pub(super) workers: Option<usize>,
}

/// How TLS is spoken with clients.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArgs {
    /// Versions that are offered [default: TLSv1.2 TLSv1.3]
    #[arg(long, value_name = "LIST", value_parser = values::protocols)]
    pub(super) ssl_protocols: Option<Versions>,
    /// Cipher suites of TLS 1.2 that are offered, in the language of OpenSSL [default: all that are good]
    #[arg(long, value_name = "LIST", value_parser = values::ciphers, allow_hyphen_values = true)]
    pub(super) ssl_ciphers: Option<Suites>,
    /// Refuse handshakes for names that no host has
    #[arg(long)]
    pub(super) ssl_reject_handshake: bool,
    /// Offer HTTP/2
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = ArgAction::Set
    )]
    pub(super) use_http2: bool,
}

/// What is said of clients.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(super) struct ReachArgs {
    /// Send the header Forwarded (RFC 7239) too
    #[arg(long)]
    pub(super) send_forwarded: bool,
}

/// What clients may do. Times are written `10s`, `500ms`, `2m`, `1h` or in seconds, sizes `8k`, `1m` or in bytes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Clients (times: 10s, 500ms, 2m or seconds; sizes: 8k, 1m or bytes)")]
pub(super) struct ClientArgs {
    /// How long a connection may be idle between two requests [default: 75s]
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    pub(super) keep_alive: Option<Duration>,
    /// The most requests of a connection [default: 100000]
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(super) keep_alive_requests: Option<usize>,
    /// How long the head of a request, or a TLS handshake, may take [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    pub(super) client_header_timeout: Option<Duration>,
    /// How long a client may send nothing of a body, or over HTTP/1 take nothing of a tunnel [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    pub(super) client_body_timeout: Option<Duration>,
    /// How long a client may take next to nothing of a response, or over HTTP/2 of a tunnel [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    pub(super) send_timeout: Option<Duration>,
    /// The greatest head of a request; over HTTP/2 16k at most, or half of this if that is more [default: 32k]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(super) max_header_size: Option<usize>,
    /// The most fields of a head [default: 100]
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(super) max_header_fields: Option<usize>,
    /// The greatest path and query of a request [default: 8k]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(super) max_target_size: Option<usize>,
    /// The most HTTP/2 requests of a connection at one time [default: 100]
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(super) http2_max_concurrent_streams: Option<usize>,
    /// The most connections of one worker [default: 16384, or fewer where the process may not have two descriptors for each]
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(super) max_worker_connections: Option<usize>,
    /// The most TLS handshakes of one worker at one time; others wait for as long as a handshake may take [default: 2048]
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(super) max_worker_handshakes: Option<usize>,
    /// Keep headers whose names have an underscore
    #[arg(long)]
    pub(super) enable_underscores_in_headers: bool,
}

/// How endpoints are treated.
#[derive(Debug, Args)]
#[command(next_help_heading = "Endpoints")]
pub(super) struct EndpointArgs {
    /// How an endpoint is chosen where neither Ingress nor ConfigMap asks for ewma
    #[arg(long, value_enum, default_value_t = LoadBalance::RoundRobin)]
    pub(super) load_balance: LoadBalance,
    /// For how long a new endpoint gets less than its share [default: 0]
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(super) slow_start: Option<Duration>,
    /// Failures after which an endpoint is left out for a while; 0 for never [default: 1]
    #[arg(long, value_name = "N")]
    pub(super) max_fails: Option<u32>,
    /// How long failures count, and how long that while is [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    pub(super) fail_timeout: Option<Duration>,
    /// The most idle connections of HTTP/1 that one worker keeps to an endpoint; 0 for none [default: 320]
    #[arg(long, value_name = "N")]
    pub(super) upstream_keepalive_connections: Option<u32>,
    /// How long a connection to an endpoint may be idle [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    pub(super) upstream_keepalive_timeout: Option<Duration>,
    /// The most requests of a connection to an endpoint [default: 10000]
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(super) upstream_keepalive_requests: Option<usize>,
    /// How old a connection to an endpoint may become [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    pub(super) upstream_keepalive_time: Option<Duration>,
    /// The greatest head of a response, which has 1,000 fields at the most [default: 64k]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(super) max_response_header_size: Option<usize>,
}

/// What is told to whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Observation")]
pub(super) struct ObserveArgs {
    /// Port for health checks and metrics
    #[arg(long, value_name = "PORT", default_value_t = 10254, value_parser = values::port)]
    pub(super) healthz_port: u16,
    /// Address for them [default: 127.0.0.1, and all addresses in a Kubernetes pod]
    #[arg(long, value_name = "IP")]
    pub(super) healthz_host: Option<IpAddr>,
    /// Path of the health check
    #[arg(long, value_name = "PATH", default_value = "/healthz", value_parser = values::url_path)]
    pub(super) health_check_path: String,
    /// Let the health check fail until there is something to serve, for no longer than this, and while the proxy ends: for
    /// readiness probes that ask it. Others ask /readyz [default: 0, or 30s for /nginx-ingress-controller]
    #[arg(long, value_name = "TIME", default_value = "0", hide_default_value = true, value_parser = values::time)]
    pub(super) healthz_ready_within: Duration,
    /// Serve Prometheus metrics at /metrics
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = ArgAction::Set
    )]
    pub(super) enable_metrics: bool,
    /// Where the access log goes: off, stdout, stderr or a path
    #[arg(long, value_name = "WHERE", default_value = "stdout", value_parser = values::access_log)]
    pub(super) access_log: AccessLog,
    /// How its lines are written: json, nginx or a format of your own, such as '$remote_addr $status'
    #[arg(long, value_name = "FORMAT", default_value = "nginx")]
    pub(super) log_format: String,
    /// Escape values as JSON does, also in a format that is not json
    #[arg(long)]
    pub(super) log_format_escape_json: bool,
}

/// How the proxy ends.
#[derive(Debug, Args)]
#[command(next_help_heading = "Shutdown")]
pub(super) struct ShutdownArgs {
    /// How long to go on as usual after SIGTERM, so that load balancers notice
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = values::time)]
    pub(super) shutdown_grace_period: Duration,
    /// How long requests under way may then take
    #[arg(long, value_name = "TIME", default_value = "240s", value_parser = values::time)]
    pub(super) worker_shutdown_timeout: Duration,
    /// How long to wait at the very end; in a pod a quarter of a second at least
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = values::time)]
    pub(super) post_shutdown_grace_period: Duration,
}

/// How an endpoint is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum LoadBalance {
    /// In turn
    RoundRobin,
    /// The less busy of two
    LeastRequest,
    /// The faster of two
    Ewma,
}

impl Flags {
    /// Reads a command line that begins with the program's name. Returned are also lines on flags that change nothing.
    ///
    /// # Errors
    ///
    /// clap's, which knows how to print itself; a request for help is one.
    pub(crate) fn read(args: impl IntoIterator<Item = OsString>) -> Result<(Self, Vec<String>), clap::Error> {
        // Where a number is wanted it is the flag's parser that says what is wrong with a negative one.
        let numbers =
            |arg: clap::Arg| if arg.get_action().takes_values() { arg.allow_negative_numbers(true) } else { arg };
        let mut command = foreign::add(Self::command()).mut_args(numbers);
        let matches = command.try_get_matches_from_mut(as_clap_reads(args, &command.clone()))?;
        let flags = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        Ok((flags, foreign::notes(&matches)))
    }
}

/// A command line as ingress-nginx reads it, for clap: flags may be switched on with `=true` and off with `=false`, as Go
/// writes them, and the first argument may be the name of ingress-nginx's program, which its manifests give to an entry point.
fn as_clap_reads(args: impl IntoIterator<Item = OsString>, command: &clap::Command) -> Vec<OsString> {
    let switch = |name: &str| {
        let mut args = command.get_arguments();
        args.any(|arg| arg.get_long() == Some(name) && matches!(arg.get_action(), ArgAction::SetTrue))
    };
    let mut read: Vec<OsString> = Vec::new();
    let mut is_controller = false;
    for arg in args {
        let parts = arg.to_str().and_then(|arg| arg.split_once('='));
        match parts.filter(|(flag, _)| flag.strip_prefix("--").is_some_and(switch)) {
            Some((flag, "true" | "True" | "TRUE" | "t" | "T" | "1")) => read.push(flag.into()),
            // The last one counts.
            Some((flag, "false" | "False" | "FALSE" | "f" | "F" | "0")) => read.retain(|earlier| earlier != flag),
            _ if read.len() == 1 && arg.to_str().is_some_and(|arg| arg.ends_with("/nginx-ingress-controller")) => {
                is_controller = true;
                // Its manifests have one page for both kinds of probes. Whoever waits longer is alive nevertheless.
                read.push("--healthz-ready-within=30s".into());
            }
            _ => read.push(arg),
        }
    }
    let names_files = |arg: &OsString| arg == "-f" || arg.to_str().is_some_and(|arg| arg.starts_with("--file"));
    if cfg!(feature = "kubernetes") && is_controller && !read.iter().any(names_files) {
        // That program has no other source.
        read.push("--kubernetes".into());
    }
    let names_dialect = |arg: &OsString| arg.to_str().is_some_and(|arg| arg.starts_with("--dialect"));
    if is_controller && !read.iter().any(names_dialect) {
        // Nor another way of reading, whatever its classes and their controllers are called.
        read.push("--dialect=ingress-nginx".into());
    }
    read
}

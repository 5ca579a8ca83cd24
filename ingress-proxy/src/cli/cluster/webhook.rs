//! The validating webhook: its flags, its sockets, and where it tells what it does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use ingress_kube::webhook::cert::SelfIssued;
use ingress_kube::webhook::{CertificateSource, Limits, Observer, Outcome, Rules, Webhook, WebhookSettings};
use ingress_kube::{ClientOptions, Handle};
use ingress_proxy::observe::error_log::ErrorLog;
use ingress_proxy::observe::metrics::Metrics;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 256;

/// What is asked of the webhook.
#[derive(Debug, Args)]
#[command(next_help_heading = "Validating webhook")]
pub(crate) struct WebhookArgs {
    /// Address at which the API server may ask about Ingresses before it stores them, such as ':8443'
    #[arg(long = "validating-webhook", id = "validating-webhook", value_name = "[IP]:PORT", value_parser = address)]
    validating_webhook: Option<Address>,
    /// File with its certificate, followed by intermediate ones; read again when it changes. Without it a certificate is
    /// issued, kept in a Secret, renewed, and made known in the webhook's configuration
    #[arg(
        long = "validating-webhook-certificate",
        id = "validating-webhook-certificate",
        value_name = "FILE",
        requires = "validating-webhook-key"
    )]
    certificate: Option<PathBuf>,
    /// File with the key of that certificate
    #[arg(
        long = "validating-webhook-key",
        id = "validating-webhook-key",
        value_name = "FILE",
        requires = "validating-webhook-certificate"
    )]
    key: Option<PathBuf>,
    /// File with the authorities that clients need a certificate of: only the API server may ask then
    #[arg(
        long = "validating-webhook-client-ca",
        id = "validating-webhook-client-ca",
        value_name = "FILE",
        requires = "validating-webhook"
    )]
    client_ca: Option<PathBuf>,
    /// Secret for a certificate that is issued here, in the namespace of this pod
    #[arg(
        long = "validating-webhook-secret",
        id = "validating-webhook-secret",
        value_name = "NAME",
        default_value = "ingress-nginx-admission",
        requires = "validating-webhook"
    )]
    secret: String,
    /// Service by which the API server reaches the webhook, in the namespace of this pod
    #[arg(
        long = "validating-webhook-service",
        id = "validating-webhook-service",
        value_name = "NAME",
        default_value = "ingress-nginx-controller-admission",
        requires = "validating-webhook"
    )]
    service: String,
    /// ValidatingWebhookConfiguration that gets the authority of a certificate that is issued here
    #[arg(
        long = "validating-webhook-configuration",
        id = "validating-webhook-configuration",
        value_name = "NAME",
        default_value = "ingress-nginx-admission",
        requires = "validating-webhook"
    )]
    configuration: String,
    /// Let a host belong to the namespace of its oldest Ingress: the webhook refuses it to all others
    #[arg(
        long = "deny-hosts-of-other-namespaces",
        id = "deny-hosts-of-other-namespaces",
        requires = "validating-webhook"
    )]
    deny_hosts_of_other_namespaces: bool,
}

/// Where to listen, or not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    Nowhere,
    /// At every address of the host.
    Everywhere(u16),
    At(SocketAddr),
}

/// What the flags come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HookSettings {
    address: Address,
    files: Option<(PathBuf, PathBuf)>,
    client_ca: Option<PathBuf>,
    secret: String,
    service: String,
    configuration: String,
    rules: Rules,
}

/// Reads an address as Go's programs do: without a host it is every one.
fn address(text: &str) -> Result<Address, String> {
    let wrong = || format!("`{text}` is no address such as `:8443` or `127.0.0.1:8443`");
    if text.is_empty() {
        return Ok(Address::Nowhere);
    }
    if let Some(port) = text.strip_prefix(':') {
        return port.parse().map(Address::Everywhere).map_err(|_| wrong());
    }
    text.parse().map(Address::At).map_err(|_| wrong())
}

impl WebhookArgs {
    /// None if nobody may ask.
    pub(super) fn settings(self) -> Option<HookSettings> {
        let Self { validating_webhook, certificate, key, client_ca, secret, service, configuration, .. } = self;
        let address = validating_webhook.filter(|address| *address != Address::Nowhere)?;
        // ingress-nginx's defaults are empty texts.
        let given = |path: &PathBuf| !path.as_os_str().is_empty();
        Some(HookSettings {
            address,
            files: certificate.filter(given).zip(key.filter(given)),
            client_ca: client_ca.filter(given),
            secret,
            service,
            configuration,
            rules: Rules { hosts_belong_to_namespaces: self.deny_hosts_of_other_namespaces },
        })
    }
}

/// A webhook that listens and does not answer yet.
#[derive(Debug)]
pub(super) struct Hook {
    listeners: Vec<TcpListener>,
    settings: WebhookSettings,
    metrics: Arc<Metrics>,
    errors: ErrorLog,
}

impl HookSettings {
    /// Listens.
    ///
    /// # Errors
    ///
    /// What cannot be done, for people.
    pub(super) fn open(self, client: ClientOptions, metrics: Arc<Metrics>, errors: ErrorLog) -> Result<Hook, String> {
        let Self { address, files, client_ca, secret, service, configuration, rules } = self;
        let certificate = match files {
            Some((certificate, key)) => CertificateSource::Files { certificate, key },
            None => {
                let namespace = std::env::var("POD_NAMESPACE").unwrap_or_default();
                let own = SelfIssued { client, namespace, secret, service, configuration, ..SelfIssued::default() };
                CertificateSource::SelfIssued(Box::new(own))
            }
        };
        let authorities = client_ca.map(|path| {
            let read = std::fs::read(&path);
            read.map_err(|error| format!("`--validating-webhook-client-ca`: cannot read `{}`: {error}", path.display()))
        });
        let client_authorities = authorities.transpose()?;
        let settings = WebhookSettings { certificate, client_authorities, rules, limits: Limits::default() };
        Ok(Hook { listeners: listen(address)?, settings, metrics, errors })
    }
}

impl Hook {
    /// Where it listens.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Answers, on a thread of its own.
    ///
    /// # Errors
    ///
    /// When that cannot be.
    pub(super) fn start(self, handle: Handle) -> std::io::Result<Webhook> {
        let addresses: Vec<String> = self.addresses().iter().map(SocketAddr::to_string).collect();
        let errors = self.errors.clone();
        let observer = Arc::new(Log { metrics: self.metrics, errors: self.errors });
        let webhook = Webhook::start(self.listeners, self.settings, handle, observer).map_err(std::io::Error::other)?;
        errors.tell(&format!("validating webhook on {}", addresses.join(" and ")));
        Ok(webhook)
    }
}

/// Sockets that no other process shares: two webhooks at one port would be a mistake.
fn listen(address: Address) -> Result<Vec<TcpListener>, String> {
    let bind = |address: SocketAddr| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok::<_, std::io::Error>(TcpListener::from(socket))
    };
    let wrong = |address, error| format!("`--validating-webhook`: cannot listen on `{address}`: {error}");
    let listener = |address: SocketAddr| bind(address).map_err(|error| wrong(address, error));
    match address {
        Address::Nowhere => Ok(Vec::new()),
        Address::At(address) => Ok(vec![listener(address)?]),
        Address::Everywhere(port) => {
            let first = listener(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port))?;
            let port = first.local_addr().map_or(port, |address| address.port());
            let second = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
            match bind(second) {
                Ok(second) => Ok(vec![first, second]),
                // There is no IPv6 here.
                Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => Ok(vec![first]),
                Err(error) => Err(wrong(second, error)),
            }
        }
    }
}

/// What the webhook does goes into the log and the figures.
struct Log {
    metrics: Arc<Metrics>,
    errors: ErrorLog,
}

impl Observer for Log {
    fn reviewed(&self, outcome: Outcome, took: Duration) {
        let result = match outcome {
            Outcome::Allowed => "allowed",
            Outcome::Denied => "denied",
            _ => "failed",
        };
        self.metrics.reviewed(result, took);
    }

    fn say(&self, line: &str) {
        self.errors.tell(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_go() {
        assert_eq!(address(":8443"), Ok(Address::Everywhere(8443)));
        assert_eq!(address(""), Ok(Address::Nowhere));
        assert_eq!(address("127.0.0.1:8443"), Ok(Address::At(SocketAddr::from(([127, 0, 0, 1], 8443)))));
        assert_eq!(address("[::1]:1"), Ok(Address::At(SocketAddr::from((Ipv6Addr::LOCALHOST, 1)))));
        for wrong in ["8443", ":", ":70000", "localhost:1"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_port_that_is_taken_is_not_shared() {
        let taken = listen(Address::Everywhere(0)).unwrap();
        let port = taken[0].local_addr().unwrap().port();
        let error = listen(Address::Everywhere(port)).unwrap_err();
        assert!(error.starts_with("`--validating-webhook`: cannot listen on"), "{error}");
    }
}

//! A part of a cluster that one test has for itself, and a program that serves it with the rights that the documentation names
//! and no others.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use super::api::{class, ingress, service, slice, tls_ingress};
use super::real::{Account, Admin, Server, class_of, own_address, rights};
use super::support::client::{Answer, Client};
use super::support::load::HOST;
use super::support::origin::Origin;
use super::support::program::{Ports, Program};
use super::support::tls::certificate;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A namespace, a class of which the program is the controller, and an account for it.
pub(crate) struct Site<'a> {
    pub(crate) server: &'a Server,
    pub(crate) name: String,
    pub(crate) account: Account<'a>,
    /// Where endpoints may be.
    pub(crate) address: IpAddr,
}

/// A program that serves a site.
pub(crate) struct Proxy {
    pub(crate) program: Program,
    pub(crate) ports: Ports,
}

impl<'a> Site<'a> {
    /// None, and a line that says why, if this machine has no address that a server takes for an endpoint's.
    pub(crate) fn new(server: &'a Server, name: &str) -> Option<Self> {
        let Some(address) = own_address() else {
            eprintln!(
                "SKIPPED: {name}: the API server takes no endpoint on loopback, and this machine has no other address"
            );
            return None;
        };
        let name = if server.is_own() { name.to_owned() } else { format!("{name}-{}", std::process::id()) };
        let account = Account::new(server, &name, "controller");
        account.may(rights());
        server.admin().apply(class(&name, &controller(&name)));
        Some(Self { server, name, account, address })
    }

    pub(crate) fn admin(&self) -> &Admin {
        self.server.admin()
    }

    /// A program with the account's rights; it may not be ready yet.
    pub(crate) fn begin(&self, ports: Ports, more: &[&str]) -> Proxy {
        let (class, range) = (format!("--controller-class={}", controller(&self.name)), format!("{}/32", self.address));
        // The replica writes nothing unless a test asks for it, and what annotations would do is no concern of these tests.
        let quiet = ["--update-status=false", "--disable-sync-events", "--dialect=kubernetes"];
        let own = [&[&*class, "--allow-endpoint-cidr", &range][..], &quiet].concat();
        let program = Program::in_cluster(self.account.kubeconfig(), &ports, &[&own[..], more].concat());
        Proxy { program, ports }
    }

    /// The same, once it is ready.
    pub(crate) fn start(&self, more: &[&str]) -> Proxy {
        let proxy = self.begin(Ports::new(), more);
        proxy.until("ready", Proxy::is_ready);
        proxy
    }

    /// An endpoint that answers with its name.
    pub(crate) fn endpoint(&self, name: &str) -> Origin {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()).into_bytes();
        Origin::at(self.address, move |seen| seen.ends_with(b"\r\n\r\n").then(|| answer.clone()))
    }

    pub(crate) fn ingress(&self, name: &str, host: &str, service: &str) -> Value {
        class_of(ingress(&self.name, name, host, service), &self.name)
    }

    pub(crate) fn tls_ingress(&self, name: &str, host: &str, service: &str, secret: &str) -> Value {
        class_of(tls_ingress(&self.name, name, host, service, secret), &self.name)
    }

    pub(crate) fn service(&self, name: &str) -> Value {
        service(&self.name, name)
    }

    pub(crate) fn slice(&self, service: &str, endpoint: SocketAddr) -> Value {
        slice(&self.name, service, &[&endpoint.ip().to_string()], endpoint.port())
    }

    /// A Service with an endpoint, and the Ingress of the host that load asks for.
    pub(crate) fn open_shop(&self, endpoint: SocketAddr) {
        let objects = [self.service("tea"), self.slice("tea", endpoint), self.ingress("shop", HOST, "tea")];
        self.admin().apply_all(objects);
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        // Ours goes as a whole.
        if !self.server.is_own() {
            self.admin().delete("IngressClass", "", &self.name);
            self.admin().delete("Namespace", "", &self.name);
        }
    }
}

/// The name of the controller of a class.
pub(crate) fn controller(class: &str) -> String {
    format!("example.com/{class}")
}

/// A Secret with a pair.
pub(crate) fn pair(namespace: &str, name: &str, certificate: &str, key: &str) -> Value {
    json!({
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "type": "Opaque",
        "stringData": {"tls.crt": certificate, "tls.key": key},
    })
}

impl Proxy {
    pub(crate) fn is_ready(&self) -> bool {
        self.program.page("/readyz").starts_with("HTTP/1.1 200")
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.ports.http.address)
    }

    /// The answer to a request on a connection of its own.
    pub(crate) fn ask(&self, host: &str) -> Answer {
        ask(&mut self.client(), host)
    }

    pub(crate) fn is_served(&self, host: &str, by: &str) -> bool {
        let answer = self.ask(host);
        answer.status == 200 && answer.body == by.as_bytes()
    }

    /// The certificate that is served for a name; none if the handshake fails.
    pub(crate) fn certificate(&self, name: &str) -> Option<CertificateDer<'static>> {
        certificate(self.ports.https.address, name)
    }

    pub(crate) fn until(&self, what: &str, is_true: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_true(self) {
            assert!(Instant::now() < deadline, "never {what}; it said {:#?}", self.program.lines());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn until_served(&self, host: &str, by: &str) {
        self.until(&format!("{host} is served by {by}"), |proxy| proxy.is_served(host, by));
    }

    pub(crate) fn until_status(&self, host: &str, status: u16) {
        self.until(&format!("{host} gets {status}"), |proxy| proxy.ask(host).status == status);
    }

    /// A figure of `/metrics`: the sum of what its series have whose line has this.
    pub(crate) fn figure(&self, name: &str, with: &str) -> f64 {
        let page = self.program.page("/metrics");
        let lines =
            page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        let values =
            lines.filter(|line| line.contains(with)).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.sum()
    }
}

pub(crate) fn ask(client: &mut Client, host: &str) -> Answer {
    client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).answer().expect("an answer")
}

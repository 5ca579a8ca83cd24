//! The program with a cluster as its source: an API server in this process, endpoints on loopback, requests over sockets.

#![cfg(feature = "kubernetes")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../../ingress-kube/tests/support/api/mod.rs"]
mod api;
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use socket2::{Domain, Socket, Type};
use support::tls::certificate;

use api::{ApiServer, class, ingress, service, slice, tls_ingress};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// An endpoint that answers each connection once, with its name. It ends with the process.
fn endpoint(name: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream, name));
        }
    });
    port
}

fn answer(mut stream: TcpStream, name: &str) {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(amount) if amount > 0 => head.extend_from_slice(&buffer[..amount]),
            _ => return,
        }
    }
    let length = name.len();
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}");
}

/// The program, ended when it is dropped.
struct Program {
    child: Child,
    http: SocketAddr,
    https: SocketAddr,
    admin: SocketAddr,
}

/// A port for the program alone: it stays bound, so that the system gives it to nobody else, and listeners of the program
/// share it.
fn free_port() -> SocketAddr {
    static BOUND: Mutex<Vec<Socket>> = Mutex::new(Vec::new());
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    // Not before it is bound: with this the system may choose a port that is shared already.
    socket.set_reuse_port(true).expect("an option");
    let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    BOUND.lock().expect("the sockets").push(socket);
    address
}

impl Program {
    fn start(first: &[&str], more: &[&str], environment: &[(&str, &str)]) -> Self {
        let [http, https, admin] = [(); 3].map(|()| free_port());
        let child = Command::new(env!("CARGO_BIN_EXE_ingress-proxy"))
            .args(first)
            .args(["--bind-address", "127.0.0.1", "--access-log", "off", "--workers", "1"])
            .args(["--http-port", &http.port().to_string(), "--https-port", &https.port().to_string()])
            .args(["--healthz-port", &admin.port().to_string(), "--allow-endpoint-cidr", "127.0.0.0/8"])
            .args(more)
            .env_remove("KUBECONFIG")
            .envs(environment.iter().copied())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        Self { child, http, https, admin }
    }

    fn on(api: &ApiServer) -> Self {
        Self::start(&["--kubernetes"], &["--apiserver-host", &api.url()], &[])
    }

    fn get(address: SocketAddr, host: &str, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
        let mut answer = String::new();
        let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
        answer
    }

    fn page(&self, path: &str) -> String {
        Self::get(self.admin, "localhost", path)
    }

    fn ask(&self, host: &str) -> String {
        Self::get(self.http, host, "/")
    }

    /// The certificate that is served for a name; none if the handshake fails.
    fn certificate(&self, name: &str) -> Option<CertificateDer<'static>> {
        certificate(self.https, name)
    }

    fn until(&self, what: &str, is_true: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_true(self) {
            assert!(Instant::now() < deadline, "never {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn until_ready(&self) {
        self.until("ready", |program| program.page("/readyz").starts_with("HTTP/1.1 200"));
    }

    fn until_served(&self, host: &str, by: &str) {
        self.until(&format!("{host} is served by {by}"), |program| program.ask(host).ends_with(by));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shop(endpoint: u16) -> ApiServer {
    let api = ApiServer::start();
    api.apply_all([
        class("nginx", "k8s.io/ingress-nginx"),
        class("other", "example.com/other"),
        ingress("shop", "cafe", "cafe.example", "tea"),
        service("shop", "tea"),
        slice("shop", "tea", &["127.0.0.1"], endpoint),
    ]);
    api
}

#[test]
fn what_changes_in_the_cluster_changes_on_the_wire() {
    let (green, black) = (endpoint("green"), endpoint("black"));
    let api = shop(green);
    let program = Program::on(&api);
    program.until_ready();
    assert!(program.ask("cafe.example").ends_with("green"));
    api.apply(slice("shop", "tea", &["127.0.0.1"], black));
    program.until_served("cafe.example", "black");
    api.apply(ingress("shop", "more", "more.example", "tea"));
    program.until_served("more.example", "black");
    let mut theirs = ingress("shop", "more", "more.example", "tea");
    theirs["spec"]["ingressClassName"] = "other".into();
    api.apply(theirs);
    program.until("left to another controller", |program| program.ask("more.example").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_server_that_is_away_costs_no_request() {
    let api = shop(endpoint("green"));
    api.go_down();
    let program = Program::on(&api);
    program.until("answers", |program| program.ask("cafe.example").starts_with("HTTP/1.1 503"));
    program.until("says why", |program| program.page("/readyz").contains("cannot read ingresses: unreachable: "));
    assert!(program.page("/readyz").starts_with("HTTP/1.1 503"));
    assert!(program.page("/healthz").starts_with("HTTP/1.1 200"), "it is alive");
    api.come_back();
    program.until_ready();
    assert!(program.ask("cafe.example").ends_with("green"));
    api.go_down();
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        assert!(program.ask("cafe.example").ends_with("green"));
    }
    assert!(program.page("/readyz").starts_with("HTTP/1.1 200"), "what is in force can be served");
}

#[test]
fn certificates_come_from_the_secrets_that_are_named() {
    let api = shop(endpoint("green"));
    let pair = rcgen::generate_simple_self_signed(["web.example".to_owned()]).expect("a certificate");
    let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let (certificate, key) = (encode(&pair.cert.pem()), encode(&pair.signing_key.serialize_pem()));
    api.apply_all([
        tls_ingress("shop", "web", "web.example", "tea", "cert"),
        api::secret("shop", "cert", &[("tls.crt", &certificate), ("tls.key", &key)]),
        api::secret("shop", "other", &[("tls.crt", &certificate), ("tls.key", &key)]),
    ]);
    let program = Program::on(&api);
    program.until_ready();
    let figure = "nginx_ingress_controller_ssl_expire_time_seconds";
    let expires = |program: &Program| {
        let page = program.page("/metrics");
        page.lines().any(|line| line.starts_with(figure) && line.contains("host=\"web.example\""))
    };
    program.until("a certificate", expires);
    let requests = api.take_requests().into_iter();
    let read = requests.filter(|request| request.resource == "secrets" && !request.is_metadata);
    assert_eq!(read.map(|request| request.name).collect::<Vec<_>>(), ["cert"]);
}

fn half(text: &str) -> &str {
    text.split_at(text.len() / 2).0
}

#[test]
fn a_bad_pair_does_not_take_the_place_of_a_good_one() {
    let api = shop(endpoint("green"));
    let make = || rcgen::generate_simple_self_signed(["web.example".to_owned()]).expect("a certificate");
    let (old, new) = (make(), make());
    let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let put = |certificate: &str, key: &str| {
        api.apply(api::secret("shop", "cert", &[("tls.crt", &encode(certificate)), ("tls.key", &encode(key))]));
    };
    put(&old.cert.pem(), &old.signing_key.serialize_pem());
    api.apply(tls_ingress("shop", "web", "web.example", "tea", "cert"));
    let program = Program::on(&api);
    program.until_ready();
    assert_eq!(program.certificate("web.example").as_ref(), Some(old.cert.der()));

    let (pem, key) = (new.cert.pem(), new.signing_key.serialize_pem());
    let bad: [(&str, &str); 7] = [
        (&pem, &old.signing_key.serialize_pem()),
        (half(&pem), &key),
        (&pem, half(&key)),
        ("", ""),
        ("", &key),
        (&pem, "not a key"),
        (&pem.repeat(1_000), &key),
    ];
    for (number, (certificate, key)) in bad.into_iter().enumerate() {
        api.take_requests();
        put(certificate, key);
        let has_read = || api.take_requests().iter().any(|request| request.verb == "get" && request.name == "cert");
        program.until("read", |_| has_read());
        let end = Instant::now() + Duration::from_millis(200);
        while Instant::now() < end {
            let served = program.certificate("web.example");
            assert_eq!(served.as_ref(), Some(old.cert.der()), "pair {number}");
        }
    }
    put(&pem, &key);
    program.until("served", |program| program.certificate("web.example").as_ref() == Some(new.cert.der()));
    api.delete("Secret", "shop", "cert");
    program.until("gone", |program| program.certificate("web.example").is_some_and(|served| served != *new.cert.der()));
}

#[test]
fn the_command_line_of_ingress_nginx_is_that_of_a_controller() {
    let api = shop(endpoint("green"));
    let kubeconfig = std::env::temp_dir().join(format!("ingress-proxy-kubeconfig-{}", std::process::id()));
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: '{}'}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n",
        api.url()
    );
    std::fs::write(&kubeconfig, text).expect("a file");
    let more = [
        "--publish-service=ingress-nginx/ingress-nginx-controller",
        "--election-id=ingress-controller-leader",
        "--controller-class=k8s.io/ingress-nginx",
        "--ingress-class=nginx",
        "--configmap=ingress-nginx/ingress-nginx-controller",
        "--watch-ingress-without-class=true",
        "--watch-namespace=shop",
    ];
    let kubeconfig = kubeconfig.to_str().expect("a path");
    let program = Program::start(&["/nginx-ingress-controller"], &more, &[("KUBECONFIG", kubeconfig)]);
    program.until_ready();
    assert!(program.ask("cafe.example").ends_with("green"));
    let mut without = ingress("shop", "plain", "plain.example", "tea");
    without["spec"].as_object_mut().expect("a map").remove("ingressClassName");
    api.apply(without);
    program.until_served("plain.example", "green");
    let _ = std::fs::remove_file(kubeconfig);
    let requests = api.take_requests();
    let is_allowed = |request: &api::Request| {
        let is_config = request.resource == "configmaps" && request.namespace == "ingress-nginx";
        // Who leads, and what addresses it writes.
        let is_lock = (&*request.verb, &*request.name) == ("get", "ingress-controller-leader-nginx");
        let is_duty =
            request.resource == "leases" || (&*request.verb, &*request.resource) == ("get", "services") || is_lock;
        request.namespace == "shop" || request.resource == "ingressclasses" || is_config || is_duty
    };
    assert!(requests.iter().all(is_allowed), "{requests:?}");
}

//! The program's validating webhook: its flags, the Jobs that make its certificate, and what an attack on it costs the proxy.

#![cfg(feature = "kubernetes")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../../ingress-kube/tests/support/api/mod.rs"]
mod api;
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ClientConnection, StreamOwned};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use support::tls;

use api::{ApiServer, class, ingress, service, slice};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

const PROGRAM: &str = env!("CARGO_BIN_EXE_ingress-proxy");

/// An endpoint that answers whatever it is asked.
fn endpoint() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                while stream.read(&mut head).is_ok_and(|amount| amount > 0) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntea");
                }
            });
        }
    });
    port
}

fn shop() -> ApiServer {
    let api = ApiServer::start();
    api.apply_all([
        class("nginx", "k8s.io/ingress-nginx"),
        ingress("shop", "cafe", "cafe.example", "tea"),
        service("shop", "tea"),
        slice("shop", "tea", &["127.0.0.1"], endpoint()),
    ]);
    api
}

/// A folder that goes with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("webhook-program-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), content).expect("a file");
        self.path(name)
    }

    fn kubeconfig(&self, api: &ApiServer) -> String {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: '{}'}}}}]\n\
             users: [{{name: c, user: {{}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: c}}}}]\n",
            api.url()
        );
        self.write("kubeconfig", text)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A port for the program alone, which shares it with a socket that does not listen.
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

/// The program, ended when it is dropped.
struct Program {
    child: Child,
    http: SocketAddr,
    admin: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Program {
    fn start(first: &[&str], more: &[&str], namespace: &str) -> Self {
        let [http, https, admin] = [(); 3].map(|()| free_port());
        let mut child = Command::new(PROGRAM)
            .args(first)
            .args(["--bind-address", "127.0.0.1", "--access-log", "off", "--workers", "1"])
            .args(["--http-port", &http.port().to_string(), "--https-port", &https.port().to_string()])
            .args(["--healthz-port", &admin.port().to_string(), "--allow-endpoint-cidr", "127.0.0.0/8"])
            .args(more)
            .env("POD_NAMESPACE", namespace)
            .env_remove("KUBECONFIG")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (heard, log) = (Arc::clone(&lines), child.stderr.take().expect("a log"));
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                heard.lock().expect("the lines").push(line);
            }
        });
        let program = Self { child, http, admin, lines };
        program.until("ready", |program| Self::get(program.admin, "localhost", "/readyz").starts_with("HTTP/1.1 200"));
        program
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("the lines").clone()
    }

    /// Where the webhook is, as it says.
    fn webhook(&self) -> SocketAddr {
        let lines = self.lines();
        let address = lines.iter().find_map(|line| line.split_once("validating webhook on ")?.1.parse().ok());
        address.expect("a webhook")
    }

    fn get(address: SocketAddr, host: &str, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
        let mut answer = String::new();
        let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
        answer
    }

    fn until(&self, what: &str, is_true: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_true(self) {
            assert!(Instant::now() < deadline, "never {what}: {:#?}", self.lines());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its memory, in KiB.
    fn resident(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(webhook: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
    let name = "hook.shop.svc".try_into().expect("a name");
    let session = ClientConnection::new(Arc::new(tls::trusting_anybody()), name).expect("a session");
    let socket = TcpStream::connect(webhook).expect("a connection");
    socket.set_nodelay(true).expect("an option");
    socket.set_read_timeout(Some(PATIENCE)).expect("an option");
    StreamOwned::new(session, socket)
}

fn post(length: usize) -> String {
    format!(
        "POST /networking/v1beta1/ingresses HTTP/1.1\r\nHost: hook.shop.svc\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// The whole response to a question on a connection of its own.
fn ask_with(webhook: SocketAddr, body: &str) -> String {
    let mut stream = connect(webhook);
    let mut answer = String::new();
    let sent = stream.write_all(post(body.len()).as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    let _ = sent.and_then(|()| stream.flush());
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn review(ingress: &Value) -> String {
    let kind = json!({"group": "networking.k8s.io", "version": "v1", "kind": "Ingress"});
    let request = json!({"uid": "a", "kind": kind, "operation": "CREATE", "object": ingress});
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).to_string()
}

fn ask(webhook: SocketAddr, ingress: &Value) -> Value {
    let answer = ask_with(webhook, &review(ingress));
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    serde_json::from_str::<Value>(body).unwrap_or_else(|_| unreachable!("{answer}"))["response"].take()
}

fn run(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).env_remove("KUBECONFIG").output().expect("the program")
}

#[test]
fn jobs_and_arguments_of_ingress_nginx_work_with_another_image() {
    let (api, folder) = (shop(), Folder::new());
    let kubeconfig = folder.kubeconfig(&api);
    let webhook =
        json!({"name": "validate.nginx.ingress.kubernetes.io", "clientConfig": {"service": {"name": "hook"}}});
    let name = json!({"name": "ingress-nginx-admission"});
    api.apply(json!({"kind": "ValidatingWebhookConfiguration", "metadata": name, "webhooks": [webhook]}));
    let create = run(&[
        "create",
        "--host=ingress-nginx-controller-admission,ingress-nginx-controller-admission.ingress-nginx.svc",
        "--namespace=ingress-nginx",
        "--secret-name=ingress-nginx-admission",
        "--kubeconfig",
        &kubeconfig,
    ]);
    assert!(create.status.success(), "{create:?}");
    let patch = [
        "patch",
        "--webhook-name=ingress-nginx-admission",
        "--namespace=ingress-nginx",
        "--patch-mutating=false",
        "--secret-name=ingress-nginx-admission",
        "--patch-failure-policy=Fail",
        "--kubeconfig",
        &kubeconfig,
    ];
    for args in [&patch[..], &[&["webhook-cert"], &patch[..]].concat()] {
        let patch = run(args);
        assert!(patch.status.success(), "{patch:?}");
    }
    let secret = api.object("Secret", "ingress-nginx", "ingress-nginx-admission").expect("a Secret");
    let configuration = api.object("ValidatingWebhookConfiguration", "", "ingress-nginx-admission").expect("it");
    assert_eq!(configuration["webhooks"][0]["clientConfig"]["caBundle"], secret["data"]["ca"]);
    assert_eq!(configuration["webhooks"][0]["failurePolicy"], "Fail");
    let missing = run(&["patch", "--webhook-name=a", "--namespace=b", "--secret-name=c", "--kubeconfig", &kubeconfig]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("Secret `b/c` has no `ca`"), "{missing:?}");

    // Mounted, as the Deployment mounts it.
    let file = |key: &str| {
        let value = STANDARD.decode(secret["data"][key].as_str().expect("a value")).expect("base64");
        folder.write(key, value)
    };
    let (certificate, key) = (file("cert"), file("key"));
    let program = Program::start(
        &["/nginx-ingress-controller", "--election-id=ingress-controller-leader", "--ingress-class=nginx"],
        &[
            "--kubeconfig",
            &kubeconfig,
            "--validating-webhook=127.0.0.1:0",
            &format!("--validating-webhook-certificate={certificate}"),
            &format!("--validating-webhook-key={key}"),
        ],
        "ingress-nginx",
    );
    program.until("answering", |program| {
        let mut stream = connect(program.webhook());
        stream.flush().is_ok()
    });
    assert_eq!(ask(program.webhook(), &ingress("shop", "new", "new.example", "tea"))["allowed"], true);
    let taken = ask(program.webhook(), &ingress("shop", "new", "cafe.example", "tea"));
    assert_eq!(taken["allowed"], false, "{taken}");
    let page = Program::get(program.admin, "localhost", "/metrics");
    for result in ["allowed", "denied"] {
        let figure = format!("ingress_proxy_admission_review_duration_seconds_count{{result=\"{result}\"");
        assert!(page.lines().any(|line| line.starts_with(&figure) && line.ends_with(" 1")), "{page}");
    }
    assert!(program.lines().iter().all(|line| !line.contains("validating-webhook` has no effect")));
}

#[test]
fn an_ingress_does_not_lead_to_the_webhook() {
    let api = shop();
    let program =
        Program::start(&["--kubernetes"], &["--apiserver-host", &api.url(), "--validating-webhook=127.0.0.1:0"], "pub");
    let tea = || Program::get(program.http, "cafe.example", "/");
    assert!(tea().starts_with("HTTP/1.1 200"));
    // Loopback is allowed here; what the proxy listens on itself is not.
    api.apply(slice("shop", "tea", &["127.0.0.1"], program.webhook().port()));
    program.until("refused", |_| tea().starts_with("HTTP/1.1 503"));
    let page = Program::get(program.admin, "localhost", "/metrics");
    assert!(page.contains("endpoint-forbidden"), "{page}");
}

#[test]
fn a_certificate_of_its_own_and_stricter_rules() {
    let api = shop();
    let service = json!({"namespace": "pub", "name": "my-service"});
    let webhooks = json!([{"name": "a.example", "clientConfig": {"service": service}}]);
    api.apply(json!({"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "mine"}, "webhooks": webhooks}));
    let callers = rcgen::generate_simple_self_signed(["callers".to_owned()]).expect("a certificate");
    let folder = Folder::new();
    let program = Program::start(
        &["--kubernetes"],
        &[
            "--apiserver-host",
            &api.url(),
            "--validating-webhook=127.0.0.1:0",
            "--validating-webhook-secret=my-secret",
            "--validating-webhook-service=my-service",
            "--validating-webhook-configuration=mine",
            "--deny-hosts-of-other-namespaces",
            "--disable-catch-all",
        ],
        "pub",
    );
    let bundle = || {
        let configuration = api.object("ValidatingWebhookConfiguration", "", "mine").expect("it");
        configuration["webhooks"][0]["clientConfig"]["caBundle"].as_str().map(ToOwned::to_owned)
    };
    program.until("made known", |_| bundle().is_some());
    let secret = api.object("Secret", "pub", "my-secret").expect("a Secret");
    assert_eq!(secret["data"]["ca"].as_str().map(ToOwned::to_owned), bundle());
    let mut beer = ingress("pub", "beer", "cafe.example", "beer");
    beer["spec"]["rules"][0]["http"]["paths"][0]["path"] = json!("/beer");
    let refused = ask(program.webhook(), &beer);
    assert_eq!(refused["status"]["code"], 403, "{refused}");
    assert_eq!(refused["status"]["message"], "host `cafe.example` belongs to another namespace");
    let mut all = ingress("shop", "all", "all.example", "tea");
    all["spec"]["defaultBackend"] = json!({"service": {"name": "tea", "port": {"number": 80}}});
    let refused = ask(program.webhook(), &all);
    assert!(refused["status"]["message"].as_str().is_some_and(|it| it.contains("--disable-catch-all")), "{refused}");
    drop(program);

    let authorities = folder.write("callers", callers.cert.pem());
    let url = api.url();
    let more = ["--apiserver-host", &url, "--validating-webhook=127.0.0.1:0"];
    let strict = Program::start(
        &["--kubernetes"],
        &[&more[..], &["--validating-webhook-client-ca", &authorities]].concat(),
        "pub",
    );
    let answer = ask_with(strict.webhook(), &review(&ingress("shop", "new", "new.example", "tea")));
    assert!(answer.is_empty(), "whoever has no certificate gets no answer: {answer}");
}

#[test]
fn wrong_flags_are_said() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = format!("--validating-webhook={}", taken.local_addr().expect("an address"));
    for (args, words) in [
        (vec!["--validating-webhook=8443"], "is no address such as"),
        (vec!["--validating-webhook=:1", "--validating-webhook-key=k"], "--validating-webhook-certificate"),
        (vec![&*taken], "`--validating-webhook`: cannot listen on"),
        (vec!["--validating-webhook=127.0.0.1:0", "--validating-webhook-client-ca=/no/such"], "cannot read `/no/such`"),
    ] {
        let all = [&["--kubernetes", "--apiserver-host=http://127.0.0.1:1"], &args[..]].concat();
        let output = run(&all);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(words), "{args:?}: {error}");
    }
}

/// Asks the proxy on one connection after the other until it is told to stop; how long each took, and how many failed.
fn ask_the_proxy(http: SocketAddr, stop: &AtomicBool) -> (Vec<Duration>, usize) {
    let (mut times, mut failed) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let answer = Program::get(http, "cafe.example", "/");
        times.push(began.elapsed());
        failed += usize::from(!answer.ends_with("tea"));
    }
    times.sort();
    (times, failed)
}

#[test]
fn an_attack_on_the_webhook_costs_the_proxy_nothing() {
    let api = shop();
    let more = ["--apiserver-host", &api.url(), "--validating-webhook=127.0.0.1:0"];
    let program = Program::start(&["--kubernetes"], &more, "pub");
    let new = ingress("shop", "new", "new.example", "tea");
    program.until("issued", |_| api.object("Secret", "pub", "ingress-nginx-admission").is_some());
    program.until("answering", |program| !ask_with(program.webhook(), &review(&new)).is_empty());
    let webhook = program.webhook();

    // More than may be: refused by its head alone.
    let before = program.resident();
    for _ in 0..50 {
        let mut stream = connect(webhook);
        stream.write_all(post((7 << 20) + 1).as_bytes()).expect("a head");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
    let grown = program.resident() - before;
    assert!(grown < 8 << 10, "{grown} KiB");
    assert!(ask_with(webhook, &"[".repeat(10_000)).starts_with("HTTP/1.1 400 "));

    // Two hundred at once, a mebibyte each, while the proxy is asked.
    let before = program.resident();
    let stop = AtomicBool::new(false);
    let mut object = new;
    object["metadata"]["labels"] = json!({"a": "x".repeat(1 << 20)});
    let question = review(&object);
    let answers = std::thread::scope(|scope| {
        let proxy = scope.spawn(|| ask_the_proxy(program.http, &stop));
        let askers: Vec<_> = (0..200).map(|_| scope.spawn(|| ask_with(webhook, &question))).collect();
        let answers: Vec<String> = askers.into_iter().map(|asker| asker.join().unwrap_or_default()).collect();
        stop.store(true, Ordering::Relaxed);
        let (times, failed) = proxy.join().unwrap_or_default();
        assert_eq!(failed, 0, "of {}", times.len());
        println!("{} requests meanwhile, the median took {:?}", times.len(), times[times.len() / 2]);
        answers
    });
    let answered = answers.iter().filter(|answer| answer.contains("\"allowed\":true")).count();
    let turned_away = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 503 ")).count();
    let grown = program.resident() - before;
    println!("{answered} answered, {turned_away} turned away, memory grew by {grown} KiB");
    assert_eq!(answered + turned_away, 200);
    assert!(answered > 0);
    assert!(grown < 64 << 10, "{grown} KiB");
    assert_eq!(ask(webhook, &ingress("shop", "new", "new.example", "tea"))["allowed"], true);
}

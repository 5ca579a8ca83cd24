//! Manifests on a real API server, and the program as their pod would run it: with the account's rights, the container's
//! arguments and environment, and what the kubelet and other controllers would add to the cluster.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::Method;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use super::api;
use super::objects::{arguments, controller, kind, name, text};
use super::real::{Account, Admin, Audited, Server, own_address};
use super::support::client::{Answer, Client};
use super::support::origin::Origin;
use super::support::program::{Folder, Port, Ports, Program};
use super::support::tls::certificate;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pod that the program is.
pub(crate) const POD: &str = "controller-0";

/// The address of the node that it runs on.
pub(crate) const NODE_ADDRESS: &str = "192.0.2.7";

/// A server for one test, one after the other: each has its own, since the names in manifests are the same.
pub(crate) struct Turn {
    pub(crate) server: Server,
    _turn: MutexGuard<'static, ()>,
}

impl Turn {
    /// None where there is no server to be had.
    pub(crate) fn take() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        match Server::private() {
            Some(server) => Some(Self { server, _turn: turn }),
            None => {
                eprintln!(
                    "SKIPPED: manifests on a real API server: neither KUBE_APISERVER nor KUBEBUILDER_ASSETS has one"
                );
                None
            }
        }
    }
}

/// Where the objects of a kind are, or one of them.
pub(crate) fn place(object: &Value) -> String {
    let (version, kind) = (text(object, "/apiVersion"), kind(object).to_lowercase());
    let root = if version.contains('/') { "/apis" } else { "/api" };
    let plural = match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    };
    let namespace = match text(object, "/metadata/namespace") {
        "" => String::new(),
        namespace => format!("/namespaces/{namespace}"),
    };
    format!("{root}/{version}{namespace}/{plural}/{}", name(object))
}

/// Applies an object as `kubectl apply --server-side` does, with every field looked at.
pub(crate) fn apply(admin: &Admin, object: &Value, options: &str) {
    let path = format!("{}?fieldManager=kubectl&force=true&fieldValidation=Strict{options}", place(object));
    let applied = admin.ask(Method::PATCH, &path, "application/apply-patch+yaml", Some(object.clone()));
    applied.unwrap_or_else(|refused| panic!("{path}: {refused:?}"));
}

/// Manifests that are installed, with a pod that runs.
pub(crate) struct Installed<'a> {
    pub(crate) server: &'a Server,
    pub(crate) namespace: String,
    pub(crate) account: Account<'a>,
    objects: Vec<Value>,
    /// Where endpoints are.
    pub(crate) endpoint: Origin,
}

/// The program as the pod's container.
pub(crate) struct Pod {
    pub(crate) program: Program,
    pub(crate) ports: Ports,
    /// Where the webhook is.
    pub(crate) webhook: SocketAddr,
    _webhook: Port,
    started: Instant,
}

impl<'a> Installed<'a> {
    /// None, and a line that says why, if this machine has no address that a server takes for an endpoint's.
    pub(crate) fn new(server: &'a Server, objects: Vec<Value>) -> Option<Self> {
        let Some(address) = own_address() else {
            eprintln!("SKIPPED: the API server takes no endpoint on loopback, and this machine has no other address");
            return None;
        };
        let pod = controller(&objects);
        let namespace = text(pod, "/metadata/namespace").to_owned();
        let service_account = text(pod, "/spec/template/spec/serviceAccountName");
        let admin = server.admin();
        let (namespaces, others): (Vec<_>, Vec<_>) = objects.iter().partition(|object| kind(object) == "Namespace");
        namespaces.into_iter().chain(others).for_each(|object| apply(admin, object, ""));
        let account = Account::new(server, &namespace, service_account);
        let labels = &pod["spec"]["template"]["metadata"]["labels"];
        admin.apply(json!({"kind": "Node", "metadata": {"name": "node-0"}}));
        admin.patch(
            ["Node", "", "node-0"],
            "/status",
            json!({"status": {
                "addresses": [{"type": "InternalIP", "address": NODE_ADDRESS}],
            }}),
        );
        // The namespace's security standard is looked at when a pod is made.
        let mut spec = pod["spec"]["template"]["spec"].clone();
        spec["nodeName"] = "node-0".into();
        let metadata = json!({"namespace": namespace, "name": POD, "labels": labels});
        admin.apply(json!({"kind": "Pod", "metadata": metadata, "spec": spec}));
        admin.patch(
            ["Pod", &namespace, POD],
            "/status",
            json!({"status": {
                "phase": "Running",
                "podIP": "192.0.2.70",
                "podIPs": [{"ip": "192.0.2.70"}],
                "conditions": [{"type": "Ready", "status": "True"}],
            }}),
        );
        let endpoint = Origin::at(address, |seen| {
            seen.ends_with(b"\r\n\r\n").then(|| b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntea".to_vec())
        });
        Some(Self { server, namespace, account, objects, endpoint })
    }

    pub(crate) fn admin(&self) -> &Admin {
        self.server.admin()
    }

    /// The IngressClass that ingress-nginx has, where a manifest brings none.
    pub(crate) fn add_class(&self) {
        self.admin().apply(json!({
            "kind": "IngressClass", "metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"},
        }));
    }

    /// Puts a new pair for these names into the Secret `cert` of `shop`, and returns its certificate.
    pub(crate) fn renew(&self, names: &[&str]) -> CertificateDer<'static> {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let pair = rcgen::generate_simple_self_signed(names).expect("a certificate");
        self.admin().apply(json!({
            "kind": "Secret",
            "metadata": {"namespace": "shop", "name": "cert"},
            "stringData": {"tls.crt": pair.cert.pem(), "tls.key": pair.signing_key.serialize_pem()},
        }));
        pair.cert.der().clone()
    }

    /// An Ingress of class `nginx` for a host in `shop`, its Service and endpoints: Endpoints, and the slice that a cluster's
    /// own controller makes of them.
    pub(crate) fn open_shop(&self, host: &str, secret: &str) {
        let address = self.endpoint.address;
        let (ip, port) = (address.ip().to_string(), address.port());
        self.admin().apply_all([
            api::service("shop", "tea"),
            api::endpoints("shop", "tea", &[&ip], port),
            api::slice("shop", "tea", &[&ip], port),
        ]);
        let mut ingress = api::tls_ingress("shop", "cafe", host, "tea", secret);
        ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/ssl-redirect"] = "false".into();
        self.admin().apply(ingress);
    }

    /// Runs the program as the container. Its ports are others than in the cluster, and so are paths that `paths` leads
    /// somewhere else.
    pub(crate) fn run(&self, paths: Option<(&str, &Folder)>) -> Pod {
        let (args, webhook) = self.arguments(paths);
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        let mut environment = vec![("POD_NAMESPACE", &*self.namespace), ("POD_NAME", POD)];
        environment.push(("KUBECONFIG", self.account.kubeconfig().to_str().expect("a path")));
        // Whatever else the manifest sets.
        let given = super::objects::container(&self.objects)["env"].as_array().expect("variables").iter();
        environment
            .extend(given.filter(|it| it["value"].is_string()).map(|it| (text(it, "/name"), text(it, "/value"))));
        let ports = Ports::new();
        let program = Program::as_container(&args, &environment, &ports);
        Pod { program, ports, webhook: webhook.address, _webhook: webhook, started: Instant::now() }
    }

    /// The container's arguments, and where its webhook is.
    pub(crate) fn arguments(&self, paths: Option<(&str, &Folder)>) -> (Vec<String>, Port) {
        let webhook = Port::new();
        let range = format!("{}/32", self.endpoint.address.ip());
        let mut args: Vec<String> = arguments(&self.objects);
        for arg in &mut args {
            *arg = arg.replace("--validating-webhook=:8443", &format!("--validating-webhook={}", webhook.address));
            if let Some((there, here)) = paths {
                *arg = arg.replace(there, &format!("{}/", here.display()));
            }
        }
        args.extend(["--allow-endpoint-cidr".to_owned(), range]);
        (args, webhook)
    }

    /// Writes out a Secret as the kubelet mounts it.
    pub(crate) fn mount(&self, secret: &str) -> Folder {
        let folder = Folder::new("mounted");
        let secret = self.admin().get("Secret", &self.namespace, secret).expect("a Secret");
        for (key, value) in secret["data"].as_object().expect("data") {
            use base64::Engine;
            let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().expect("text"));
            std::fs::write(Path::join(&folder, key), bytes.expect("base64")).expect("a file");
        }
        folder
    }

    pub(crate) fn until(&self, what: &str, pod: &Pod, is_true: impl Fn() -> bool) {
        while !is_true() {
            assert!(pod.started.elapsed() < PATIENCE, "never {what}; it said {:#?}", pod.program.lines());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The requests of the account.
    pub(crate) fn requests(&self) -> Vec<Audited> {
        let user = self.account.user();
        self.server.audit().into_iter().filter(|request| request.user == user).collect()
    }
}

impl Pod {
    pub(crate) fn is_ready(&self) -> bool {
        self.program.page("/readyz").starts_with("HTTP/1.1 200")
    }

    pub(crate) fn ask(&self, host: &str) -> Answer {
        let mut client = Client::new(self.ports.http.address);
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).answer().expect("an answer")
    }

    /// The certificate that is served for a name; none if the handshake fails.
    pub(crate) fn certificate(&self, name: &str) -> Option<CertificateDer<'static>> {
        certificate(self.ports.https.address, name)
    }

    pub(crate) fn is_served(&self, host: &str) -> bool {
        let answer = self.ask(host);
        answer.status == 200 && answer.body == b"tea"
    }
}

//! Manifests on a real API server: whether it takes them, and whether the rights that they give are those that are used.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::installed::{Installed, NODE_ADDRESS, Turn, apply};
use super::objects::{Right, chart, file, folder, helm, kind, kubectl, objects, output, rights};
use super::real::{Audited, Server};
use super::support::program::Folder;

const HOST: &str = "cafe.example";

/// Rights that a test's short life does not need: the webhook's certificate is renewed after eight months.
const UNUSED: [&str; 1] = ["update secrets"];

/// What the chart makes in each of its modes, and kustomize's components.
fn others() -> Vec<Value> {
    let mut all = Vec::new();
    if let Some(helm) = helm() {
        for values in [
            "replicas=3",
            "service.type=NodePort,service.nodePorts.http=30080",
            "kind=DaemonSet,hostNetwork=true,service.enabled=false",
            "scope.namespace=shop",
            "scope.namespace=shop,scope.classes=false,webhook.enabled=false",
            "secrets.namespaces={shop,blog},networkPolicy.enabled=true,networkPolicy.podCidrs={10.244.0.0/16,fd00::/64}",
            "config.use-gzip=true,ingressClass.default=true,tolerations[0].operator=Exists",
            "service.annotations.a=b,podAnnotations.a=b,priorityClassName=system-cluster-critical,imagePullSecrets[0].name=x",
        ] {
            all.extend(chart(&helm, &[values]));
        }
    }
    if let Some(kubectl) = kubectl() {
        for component in ["secrets-per-namespace", "without-webhook", "network-policy", "unprivileged-ports"] {
            all.extend(with_component(&kubectl, component));
        }
    }
    all
}

/// The overlay for a cloud with a component.
fn with_component(kubectl: &Path, component: &str) -> Vec<Value> {
    let here = Folder::new("kustomize");
    let depth = here.canonicalize().expect("a folder").components().count() - 1;
    let deploy = format!("{}{}", "../".repeat(depth), folder().display().to_string().trim_start_matches('/'));
    let text = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [format!("{deploy}/kustomize/overlays/cloud")],
        "components": [format!("{deploy}/kustomize/components/{component}")],
    });
    here.write("kustomization.yaml", &text.to_string());
    std::fs::remove_file(here.join("new")).unwrap_or_default();
    objects(&output(Command::new(kubectl).arg("kustomize").arg(&*here)))
}

#[test]
fn the_server_takes_every_manifest() {
    let Some(Turn { server, .. }) = Turn::take() else { return };
    let files = ["cloud.yaml", "baremetal.yaml", "hostnetwork.yaml"].map(file).into_iter().flatten();
    let all: Vec<Value> = files.chain(others()).collect();
    for namespace in ["ingress-proxy", "shop", "blog"] {
        server.admin().apply(json!({"kind": "Namespace", "metadata": {"name": namespace}}));
    }
    all.iter().for_each(|object| apply(server.admin(), object, "&dryRun=All"));
    let kinds: BTreeSet<&str> = all.iter().map(kind).collect();
    assert!(kinds.contains("DaemonSet") && kinds.contains("ValidatingWebhookConfiguration"), "{kinds:?}");
    eprintln!("{} objects of {} kinds", all.len(), kinds.len());
}

/// Whether a request is one that the right allows.
fn allows(right: &Right, request: &Audited) -> bool {
    (&right.verb, &right.group, &right.resource) == (&request.verb, &request.group, &request.resource)
        && (right.namespace.is_empty() || right.namespace == request.namespace)
        && right.names.as_ref().is_none_or(|names| names.contains(&request.name))
}

#[test]
fn no_right_is_missing_and_none_is_too_much() {
    for mode in ["cloud.yaml", "baremetal.yaml"] {
        let Some(Turn { server, .. }) = Turn::take() else { return };
        used(&server, mode);
    }
}

fn used(server: &Server, mode: &str) {
    let manifests = file(mode);
    let rights = rights(&manifests);
    let Some(installed) = Installed::new(server, manifests) else { return };
    let admin = installed.admin();
    if mode == "cloud.yaml" {
        let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
        admin.patch(["Service", "ingress-proxy", "ingress-proxy-controller"], "/status", status);
    }
    let secret = |value: &str| {
        let pair = rcgen::generate_simple_self_signed([HOST.to_owned(), value.to_owned()]).expect("a certificate");
        admin.apply(json!({
            "kind": "Secret",
            "metadata": {"namespace": "shop", "name": "cert"},
            "stringData": {"tls.crt": pair.cert.pem(), "tls.key": pair.signing_key.serialize_pem()},
        }));
    };
    secret("first.example");
    installed.open_shop(HOST, "cert");
    let mut pod = installed.run(None);
    installed.until("ready", &pod, || pod.is_ready());
    installed.until("served", &pod, || pod.is_served(HOST));
    // What is written, and what is read again because it has changed.
    let certificates = |installed: &Installed<'_>| {
        installed.requests().iter().filter(|request| request.verb == "get" && request.name == "cert").count()
    };
    assert_eq!(certificates(&installed), 1);
    secret("second.example");
    installed.until("the new certificate", &pod, || certificates(&installed) == 2);
    let address = if mode == "cloud.yaml" { "192.0.2.1" } else { NODE_ADDRESS };
    let _ = address;
    pod.program.signal("TERM");
    assert!(pod.program.wait().success());

    let requests = installed.requests();
    let refused = requests.iter().filter(|request| matches!(request.status, 401 | 403));
    assert_eq!(refused.collect::<Vec<_>>(), Vec::<&Audited>::new());
    // Everybody may ask for these, without a right of their own.
    let others = requests.iter().filter(|request| !rights.iter().any(|right| allows(right, request)));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&Audited>::new());
    let unused = rights.iter().filter(|right| !requests.iter().any(|request| allows(right, request)));
    let unused: Vec<String> = unused.map(|right| format!("{} {}", right.verb, right.resource)).collect();
    assert_eq!(unused, UNUSED, "{mode}");
}

//! Manifests on a real API server: whether it takes them, and whether the rights that they give are those that are used.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::installed::{Installed, NODE_ADDRESS, Turn, apply};
use super::objects::{Right, chart, file, folder, helm, kind, kubectl, objects, output, rights};
use super::real::Audited;
use super::support::program::Folder;

const HOST: &str = "cafe.example";

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
        for component in ["secrets-per-namespace", "without-webhook", "network-policy", "unprivileged-ports", "shadow"]
        {
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
    // What a test's short life does not need: the webhook's certificate is renewed after eight months.
    for (mode, address, unused) in [
        ("cloud.yaml", "192.0.2.1", &["update secrets"][..]),
        // What happens again is told again after ten seconds, which is waited for once.
        ("baremetal.yaml", NODE_ADDRESS, &["patch events", "update secrets"]),
    ] {
        let Some(Turn { server, .. }) = Turn::take() else { return };
        let manifests = file(mode);
        let rights = rights(&manifests);
        let Some(installed) = Installed::new(&server, manifests) else { return };
        live(&installed, address, !unused.contains(&"patch events"));
        let requests = installed.requests();
        let refused = requests.iter().filter(|request| matches!(request.status, 401 | 403));
        assert_eq!(refused.collect::<Vec<_>>(), Vec::<&Audited>::new(), "{mode}");
        // Nor what everybody may ask for.
        let others = requests.iter().filter(|request| !rights.iter().any(|right| allows(right, request)));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&Audited>::new(), "{mode}");
        let left = rights.iter().filter(|right| !requests.iter().any(|request| allows(right, request)));
        let left: Vec<String> = left.map(|right| format!("{} {}", right.verb, right.resource)).collect();
        assert_eq!(left, unused, "{mode}");
    }
}

/// A life in which everything happens that takes a right.
fn live(installed: &Installed<'_>, address: &str, tells_again: bool) {
    let admin = installed.admin();
    if admin.get("Service", "ingress-proxy", "ingress-proxy-controller").is_some() {
        let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}});
        // A Service that is no LoadBalancer cannot have it, and need not.
        let path = "/api/v1/namespaces/ingress-proxy/services/ingress-proxy-controller/status";
        let _ = admin.ask(http::Method::PATCH, path, "application/merge-patch+json", Some(status));
    }
    installed.renew(&[HOST, "first.example"]);
    installed.open_shop(HOST, "cert");
    let mut pod = installed.run(None);
    installed.until("ready", &pod, || pod.is_ready());
    installed.until("served", &pod, || pod.is_served(HOST));
    installed.until("an address", &pod, || {
        let ingress = admin.get("Ingress", "shop", "cafe").expect("it");
        ingress["status"]["loadBalancer"]["ingress"] == json!([{"ip": address}])
    });
    let is_told = |verb: &str| installed.requests().iter().any(|it| it.verb == verb && it.resource == "events");
    let mut other = super::api::ingress("shop", "other", "other.example", "tea");
    let mut change = |value: &str| {
        other["metadata"]["annotations"] = json!({"nginx.ingress.kubernetes.io/proxy-read-timeout": value});
        admin.apply(other.clone());
    };
    // What a leader finds when it begins is no news.
    let (mut value, began) = (10, Instant::now());
    while !is_told("create") || (tells_again && !is_told("patch")) {
        assert!(began.elapsed() < Duration::from_secs(60), "no Event; it said {:#?}", pod.program.lines());
        change(&value.to_string());
        value += 1;
        std::thread::sleep(Duration::from_secs(1));
    }
    let read = || installed.requests().iter().filter(|request| request.verb == "get" && request.name == "cert").count();
    assert_eq!(read(), 1, "it has not changed");
    installed.renew(&[HOST, "second.example"]);
    installed.until("the new certificate", &pod, || read() == 2);
    pod.program.signal("TERM");
    assert!(pod.program.wait().success());
}

#[test]
fn a_shadow_has_the_right_to_read_alone_and_needs_no_other() {
    let Some(kubectl) = kubectl() else { return };
    let Some(Turn { server, .. }) = Turn::take() else { return };
    let manifests = with_component(&kubectl, "shadow");
    let rights = rights(&manifests);
    let Some(installed) = Installed::new(&server, manifests) else { return };
    // That of the controller in charge.
    installed.add_class();
    installed.renew(&[HOST]);
    installed.open_shop(HOST, "cert");
    let mut pod = installed.run(None);
    installed.until("ready", &pod, || pod.is_ready());
    installed.until("served", &pod, || pod.is_served(HOST));
    let compared =
        || pod.program.page("/metrics").contains("ingress_proxy_shadow_comparisons_total{result=\"unanswered\"}");
    installed.until("a comparison, with whom there is not", &pod, compared);
    // What a leader writes it writes at once.
    std::thread::sleep(Duration::from_secs(3));
    pod.program.signal("TERM");
    assert!(pod.program.wait().success());
    let requests = installed.requests();
    let others = requests.iter().filter(|request| !rights.iter().any(|right| allows(right, request)));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&Audited>::new());
    let writes = rights.iter().filter(|right| !matches!(&*right.verb, "get" | "list" | "watch"));
    assert_eq!(writes.collect::<Vec<_>>(), Vec::<&Right>::new());
    let left = rights.iter().filter(|right| !requests.iter().any(|request| allows(right, request)));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<&Right>::new());
}

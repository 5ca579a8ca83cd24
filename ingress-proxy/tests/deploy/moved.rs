//! A manifest of ingress-nginx in which nothing but the image is another: the program does with its arguments, its rights, its
//! files and its Jobs.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::{Value, json};

use super::installed::{Installed, NODE_ADDRESS, Turn};
use super::objects::{find, kubectl, objects, output, text};
use super::real::{Account, Admin};
use super::support::program::PROGRAM;

const HOST: &str = "cafe.example";
const NAMESPACE: &str = "ingress-nginx";

/// The manifest.
fn manifest() -> Vec<Value> {
    objects(include_str!("ingress-nginx.yaml"))
}

/// Runs a Job's container with the rights of its account.
fn job(installed: &Installed<'_>, manifest: &[Value], called: &str) {
    let pod = &find(manifest, "Job", called)["spec"]["template"]["spec"];
    let account = Account::new(installed.server, NAMESPACE, text(pod, "/serviceAccountName"));
    let args = pod["containers"][0]["args"].as_array().expect("arguments").iter();
    let args = args.map(|arg| arg.as_str().expect("text").replace("$(POD_NAMESPACE)", NAMESPACE));
    let done = Command::new(PROGRAM).args(args).env("KUBECONFIG", account.kubeconfig()).output().expect("the program");
    assert!(done.status.success(), "{called}: {}", String::from_utf8_lossy(&done.stderr));
}

/// What `kubectl get ingress` shows, where there is a kubectl.
fn shown(admin: &Admin) -> Option<String> {
    let mut get = Command::new(kubectl()?);
    get.arg("--kubeconfig").arg(admin.kubeconfig()).args(["--namespace", "shop", "get", "ingress"]);
    Some(output(&mut get))
}

/// Whether the webhook shows a certificate for this name from this authority.
fn is_trusted(address: std::net::SocketAddr, authority: &Path, name: &str) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).expect("an authority"))?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut session = ClientConnection::new(Arc::new(config), name.to_owned().try_into().expect("a name"))?;
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    while session.is_handshaking() {
        if let Err(error) = session.complete_io(&mut stream) {
            return Err(error.downcast::<rustls::Error>().expect("an error of TLS"));
        }
    }
    Ok(())
}

#[test]
fn nothing_but_the_image_is_another() {
    let Some(Turn { server, .. }) = Turn::take() else { return };
    let manifest = manifest();
    let Some(installed) = Installed::new(&server, manifest.clone()) else { return };
    let admin = installed.admin();
    // ingress-nginx of that time had none.
    installed.add_class();
    let certificate = installed.renew(&[HOST]);
    installed.open_shop(HOST, "cert");

    job(&installed, &manifest, "ingress-nginx-admission-create");
    let certificates = installed.mount("ingress-nginx-admission");
    let mut pod = installed.run(Some(("/usr/local/certificates/", &certificates)));
    job(&installed, &manifest, "ingress-nginx-admission-patch");
    let configuration = admin.get("ValidatingWebhookConfiguration", "", "ingress-nginx-admission").expect("it");
    assert!(!text(&configuration, "/webhooks/0/clientConfig/caBundle").is_empty(), "{configuration}");
    assert_eq!(text(&configuration, "/webhooks/0/failurePolicy"), "Fail");

    // Its readiness probe.
    installed.until("ready", &pod, || pod.program.page("/healthz").starts_with("HTTP/1.1 200"));
    assert!(pod.is_ready(), "what says so is so");
    assert!(pod.is_served(HOST), "{}", pod.ask(HOST).status);
    assert_eq!(pod.certificate(HOST), Some(certificate), "a Secret that may be listed and not read");
    let service = format!("ingress-nginx-controller-admission.{NAMESPACE}.svc");
    installed.until("a webhook", &pod, || std::net::TcpStream::connect(pod.webhook).is_ok());
    assert_eq!(is_trusted(pod.webhook, &certificates.join("ca"), &service), Ok(()));

    // Without a right to Leases, by the ConfigMap that it has a right to.
    installed.until("an address", &pod, || {
        let ingress = admin.get("Ingress", "shop", "cafe").expect("it");
        ingress["status"]["loadBalancer"]["ingress"] == json!([{"ip": NODE_ADDRESS}])
    });
    if let Some(shown) = shown(admin) {
        assert!(shown.contains("ADDRESS") && shown.contains(NODE_ADDRESS), "{shown}");
    }
    let events = || {
        let events = admin.list("Event", "shop").into_iter();
        let texts = events
            .map(|event| ["type", "reason", "message"].map(|field| text(&event, &format!("/{field}")).to_owned()));
        texts.collect::<Vec<_>>()
    };
    installed.until("an Event", &pod, || events().contains(&["Normal", "Sync", "accepted"].map(str::to_owned)));
    let leads = "nginx_ingress_controller_leader_election_status";
    let metrics = pod.program.page("/metrics");
    let leads = metrics.lines().find(|line| line.starts_with(leads)).expect("a figure");
    assert!(leads.ends_with(" 1") && leads.contains("\"ingress-controller-leader\""), "{leads}");

    let lines = pod.program.lines();
    let is_said = |part: &str| lines.iter().any(|line| line.contains(part));
    assert!(is_said("`endpoints` are read in their place"), "{lines:#?}");
    assert!(is_said("cannot use Lease ingress-nginx/ingress-controller-leader: forbidden: "), "{lines:#?}");
    let place = "; ConfigMap ingress-nginx/ingress-controller-leader-nginx says who leads in its place";
    assert!(is_said(place), "{lines:#?}");
    assert!(!is_said("error: ") && !is_said("no status is written"), "{lines:#?}");
    pod.program.signal("TERM");
    assert!(pod.program.wait().success());
    let ingress = admin.get("Ingress", "shop", "cafe").expect("it");
    assert_eq!(ingress["status"]["loadBalancer"], json!({}), "the last replica has cleared it");
    let lock = admin.get("ConfigMap", NAMESPACE, "ingress-controller-leader-nginx").expect("it");
    let record = text(&lock, "/metadata/annotations/control-plane.alpha.kubernetes.io~1leader");
    assert!(record.contains(r#""holderIdentity":"""#), "it has been given back: {record}");
    let refused: Vec<_> = installed.requests().into_iter().filter(|request| request.status == 403).collect();
    let each: BTreeSet<String> =
        refused.iter().map(|request| format!("{} {}", request.verb, request.resource)).collect();
    // All of them have something in their place.
    let expected = ["list endpointslices", "get secrets", "get leases"].map(str::to_owned);
    assert_eq!(each, BTreeSet::from(expected), "and nothing that is refused is written");
    let leases = refused.iter().filter(|request| request.resource == "leases").count();
    assert!(leases <= 8, "{leases}: it is asked for a lease time, and then no more");
}

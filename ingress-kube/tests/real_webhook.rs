//! The webhook as a real API server asks it: refusals and warnings reach whoever writes, and certificates change meanwhile.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request};
use ingress_core::dialect::{Dialects, Nginx};
use ingress_core::lower::{ClassSelection, ControllerClass};
use ingress_kube::webhook::cert::SelfIssued;
use ingress_kube::webhook::{CertificateSource, WebhookSettings};
use ingress_kube::{ClientOptions, View};
use serde_json::{Value, json};
use support::cluster::{Cluster, settings};
use support::hook::{Client, Folder, Hook, PATIENCE, review};
use support::real::{Server, class_of, rule};
use support::{class, ingress, service, slice};

/// What the webhook may do, as the documentation has it.
fn rights_of_hook(name: &str) -> (Vec<Value>, Vec<Value>) {
    let mut configuration =
        rule("admissionregistration.k8s.io", &["validatingwebhookconfigurations"], &["get", "watch", "update"]);
    configuration["resourceNames"] = json!([name]);
    let mut secret = rule("", &["secrets"], &["get", "update"]);
    secret["resourceNames"] = json!([name]);
    (vec![configuration], vec![secret, rule("", &["secrets"], &["create"])])
}

/// A controller and its webhook in a namespace of their own, and the API server asks it about that namespace.
struct Site {
    server: &'static Server,
    cluster: Cluster<()>,
    hook: Hook,
    account: support::real::Account<'static>,
    name: &'static str,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.admin().delete("ValidatingWebhookConfiguration", "", self.name);
    }
}

fn configuration(name: &str, address: std::net::SocketAddr) -> Value {
    let rules = json!([{
        "apiGroups": ["networking.k8s.io"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["ingresses"],
    }]);
    json!({
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": "validate.nginx.ingress.kubernetes.io",
            "matchPolicy": "Equivalent",
            "rules": rules,
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1", "v1beta1"],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
            "clientConfig": {"url": format!("https://{address}/networking/v1/ingresses")},
        }],
    })
}

impl Site {
    async fn new(name: &'static str) -> Option<Self> {
        let server = Server::shared()?;
        let admin = server.admin();
        let controller = format!("example.com/{name}");
        admin.apply(class(name, &controller));
        admin.apply(service(name, "tea"));
        admin.apply(slice(name, "tea", &["10.0.0.1"], 8080));
        let mut settings = settings();
        let ours = ControllerClass { controller: controller.into(), ..Default::default() };
        settings.engine.classes = ClassSelection::Controller(ours);
        settings.engine.dialects = Dialects::only(Arc::new(Nginx::new(false)));
        let options = ClientOptions { kubeconfig: Some(admin.kubeconfig().clone()), ..ClientOptions::default() };
        let mut cluster = Cluster::with((), &options, settings).await;
        cluster.until("ready", View::is_ready).await;
        cluster.until("of the class", |view| view.resources.values().all(|status| status.is_complete)).await;
        let account = support::real::Account::new(server, name, "hook");
        let (everywhere, inside) = rights_of_hook(name);
        account.may(everywhere);
        account.may_in(name, inside);
        let certificate = SelfIssued {
            client: ClientOptions { kubeconfig: Some(account.kubeconfig().into()), ..ClientOptions::default() },
            namespace: name.to_owned(),
            secret: name.to_owned(),
            service: "hook".to_owned(),
            hosts: vec!["127.0.0.1".to_owned()],
            configuration: name.to_owned(),
            overlap: Duration::from_secs(3),
            every: Duration::from_millis(200),
            ..SelfIssued::default()
        };
        let certificate = CertificateSource::SelfIssued(Box::new(certificate));
        let hook = Hook::start(cluster.handle.clone(), WebhookSettings { certificate, ..Folder::new().settings() });
        admin.apply(configuration(name, hook.address));
        let site = Self { server, cluster, hook, account, name };
        let mut attempts = 0;
        site.until("asked", || {
            attempts += 1;
            let _ = site.try_create("asked", &format!("asked{attempts}.example"));
            !site.hook.heard.outcomes.lock().unwrap().is_empty()
        })
        .await;
        Some(site)
    }

    async fn until(&self, what: &str, mut is_true: impl FnMut() -> bool) {
        let began = Instant::now();
        while !is_true() {
            assert!(began.elapsed() < PATIENCE, "never {what}; {:#?}", self.hook.lines());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn ingress(&self, name: &str, host: &str) -> Value {
        class_of(ingress(self.name, name, host, "tea"), self.name)
    }

    fn try_create(&self, name: &str, host: &str) -> Result<Value, support::real::Refused> {
        self.server.admin().try_apply(self.ingress(name, host))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_ingress_is_refused_and_a_good_one_is_stored() {
    let Some(site) = Site::new("hooked").await else { return };
    let admin = site.server.admin();
    site.try_create("good", "good.example").unwrap();
    let mut bad = site.ingress("bad", "bad.example");
    bad["metadata"]["annotations"]["nginx.ingress.kubernetes.io/auth-url"] = json!("nothing");
    let refused = admin.try_apply(bad.clone()).unwrap_err();
    assert_eq!(refused.status, 400, "{refused:?}");
    for part in [
        r#"admission webhook \"validate.nginx.ingress.kubernetes.io\" denied the request: ING0703: "#,
        "(metadata.annotations[nginx.ingress.kubernetes.io/auth-url])",
    ] {
        assert!(refused.message.contains(part), "{refused:?}");
    }
    assert!(admin.get("Ingress", site.name, "bad").is_none());
    site.cluster.until_leads("good.example", &["10.0.0.1:8080"]).await;
    let taken = site.try_create("taken", "good.example").unwrap_err();
    assert!(taken.message.contains("is already defined in ingress `hooked/good`"), "{taken:?}");
    // A dry run is asked about too.
    let place = format!("/apis/networking.k8s.io/v1/namespaces/{}/ingresses?dryRun=All", site.name);
    let mut dry = bad.clone();
    dry["apiVersion"] = json!("networking.k8s.io/v1");
    let refused = admin.ask(Method::POST, &place, "application/json", Some(dry)).unwrap_err();
    assert!(refused.message.contains("ING0703"), "{refused:?}");
    // Another controller's is not ours to judge.
    bad["spec"]["ingressClassName"] = json!("another");
    admin.apply(bad);
    admin.delete("Ingress", site.name, "bad");
    admin.delete("Ingress", site.name, "good");
    assert!(admin.get("Ingress", site.name, "good").is_none(), "nothing keeps anything from being deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_reach_whoever_writes() {
    let Some(site) = Site::new("warned").await else { return };
    let mut object = site.ingress("warned", "warned.example");
    object["apiVersion"] = json!("networking.k8s.io/v1");
    object["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = json!("nowhere");
    let path = format!("/apis/networking.k8s.io/v1/namespaces/{}/ingresses", site.name);
    let request = Request::post(path).header("Content-Type", "application/json");
    let request = request.body(object.to_string().into_bytes().into()).unwrap();
    let response = site.server.admin().client().send(request).await.unwrap();
    assert_eq!(response.status(), 201);
    let warnings: Vec<&str> =
        response.headers().get_all("warning").iter().map(|value| value.to_str().unwrap()).collect();
    let [warning] = warnings.as_slice() else { unreachable!("{warnings:?}") };
    assert!(warning.starts_with("299 - \"ING0501: Service `warned/nowhere` "), "{warning}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_changes_while_the_api_server_asks() {
    let Some(site) = Site::new("rotated").await else { return };
    let admin = site.server.admin();
    let secret = || admin.get("Secret", site.name, site.name).unwrap();
    let first = secret()["data"]["cert"].clone();
    // The same authority for a certificate that is due to be renewed: three times, each while questions are asked.
    let mut seen = BTreeSet::from([first.to_string()]);
    let mut writes = 0;
    for round in 0..2 {
        let old = support::hook::Issued::of(site.name, -100, 20);
        // Where it is told of first: what the API server does not know must not be shown.
        let known = admin.get("ValidatingWebhookConfiguration", "", site.name).unwrap();
        let known = known["webhooks"][0]["clientConfig"]["caBundle"].as_str().unwrap().to_owned();
        let both = both(&known, &old.authority);
        let encoded = |text: &str| json!(base64(text.as_bytes()));
        let next = json!({"data": {"ca": both, "next-cert": encoded(&old.certificate), "next-key": encoded(&old.key)}});
        admin.patch(["Secret", site.name, site.name], "", next);
        let began = Instant::now();
        let before = secret()["data"]["cert"].clone();
        // It takes over, is found to be due, and is renewed: two changes.
        let mut changes = 0;
        let mut last = before;
        while changes < 2 {
            assert!(began.elapsed() < Duration::from_secs(120), "{changes}: {:#?}", site.hook.lines());
            let object = site.ingress("turning", &format!("turning{writes}.example"));
            admin.try_apply(object).unwrap_or_else(|refused| unreachable!("round {round}: {refused:?}"));
            writes += 1;
            let now = secret()["data"]["cert"].clone();
            if now != last {
                changes += 1;
                seen.insert(now.to_string());
                last = now;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(seen.len() >= 5, "{}", seen.len());
    println!("{writes} writes while the certificate changed {} times", seen.len() - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_review_and_a_configuration_that_somebody_spoils() {
    let Some(site) = Site::new("spoiled").await else { return };
    let admin = site.server.admin();
    let known = || {
        let object = admin.get("ValidatingWebhookConfiguration", "", site.name).unwrap();
        object["webhooks"][0]["clientConfig"]["caBundle"].as_str().unwrap_or_default().to_owned()
    };
    let before = known();
    let client = Client::new(site.hook.address, &text(&before));
    let mut question = review(&site.ingress("new", "Not A Host"));
    question["apiVersion"] = json!("admission.k8s.io/v1beta1");
    let answer = client.ask(&question).await.unwrap();
    assert_eq!(answer.allowed(), Some(false), "{answer:?}");
    assert!(answer.body.contains("admission.k8s.io/v1beta1"), "{answer:?}");
    let webhooks = json!([{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": ""}]);
    let path = format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{}", site.name);
    admin.ask(Method::PATCH, &path, "application/json-patch+json", Some(webhooks)).unwrap();
    site.until("corrected", || known() == before).await;
    // All of it with the rights that the documentation names, and no others were missed.
    let user = site.account.user();
    let refused: Vec<_> = site.server.audit().into_iter().filter(|it| it.user == user && it.status == 403).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn text(encoded: &str) -> String {
    use base64::Engine;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()).unwrap()
}

fn both(known: &str, authority: &str) -> String {
    let known = text(known);
    let last = known.split_inclusive("-----END CERTIFICATE-----\n").last().unwrap().to_owned();
    base64((last + authority).as_bytes())
}

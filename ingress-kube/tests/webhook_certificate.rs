//! The certificate that the webhook issues for itself: kept in a Secret, made known in its configuration, renewed.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ingress_kube::ClientOptions;
use ingress_kube::webhook::cert::{ConfigurationKind, Create, Created, Patch, SelfIssued, TaskError, create, patch};
use ingress_kube::webhook::{CertificateSource, WebhookSettings};
use serde_json::{Value, json};
use support::cluster::{Cluster, settings, shop};
use support::hook::{Client, Folder, Hook, Issued, PATIENCE, review};
use support::{ApiServer, Fault, ingress};

const CONFIGURATION: &str = "ValidatingWebhookConfiguration";

fn self_issued(api: &ApiServer) -> SelfIssued {
    SelfIssued {
        client: ClientOptions { apiserver_host: Some(api.url()), ..ClientOptions::default() },
        namespace: "shop".to_owned(),
        secret: "hook-cert".to_owned(),
        service: "hook".to_owned(),
        hosts: vec!["127.0.0.1".to_owned()],
        configuration: "hook".to_owned(),
        overlap: Duration::from_secs(2),
        every: Duration::from_millis(100),
        ..SelfIssued::default()
    }
}

fn with(certificate: SelfIssued) -> WebhookSettings {
    let certificate = CertificateSource::SelfIssued(Box::new(certificate));
    WebhookSettings { certificate, ..Folder::new().settings() }
}

fn configuration() -> Value {
    let service = json!({"namespace": "shop", "name": "hook", "path": "/"});
    let other = json!({"namespace": "shop", "name": "other"});
    let webhook = |name: &str, client: Value| json!({"name": name, "failurePolicy": "Fail", "clientConfig": client});
    let webhooks = json!([
        webhook("a.example", json!({"service": service})),
        webhook("b.example", json!({"url": "https://127.0.0.1:1/"})),
        webhook("c.example", json!({"service": other, "caBundle": "dGhlaXJz"})),
    ]);
    json!({"kind": CONFIGURATION, "metadata": {"name": "hook", "labels": {"a": "b"}}, "webhooks": webhooks})
}

/// The authorities of the first webhook, as the API server has them.
fn authorities(api: &ApiServer) -> Option<String> {
    let object = api.object(CONFIGURATION, "", "hook")?;
    let bundle = object["webhooks"][0]["clientConfig"]["caBundle"].as_str()?;
    Some(String::from_utf8(STANDARD.decode(bundle).unwrap()).unwrap())
}

fn value(api: &ApiServer, key: &str) -> String {
    let secret = api.object("Secret", "shop", "hook-cert").unwrap_or_default();
    let value = STANDARD.decode(secret["data"][key].as_str().unwrap_or_default()).unwrap();
    String::from_utf8(value).unwrap()
}

fn secret_of(issued: &Issued, owner: &str) -> Value {
    let data = json!({
        "ca": STANDARD.encode(&issued.authority),
        "cert": STANDARD.encode(&issued.certificate),
        "key": STANDARD.encode(&issued.key),
    });
    let labels = json!({"app.kubernetes.io/managed-by": owner});
    json!({"kind": "Secret", "metadata": {"namespace": "shop", "name": "hook-cert", "labels": labels}, "data": data})
}

fn writes(api: &ApiServer, resource: &str) -> Vec<String> {
    let requests = api.take_requests();
    let of = requests.iter().filter(|request| request.resource == resource);
    of.map(|request| request.verb.clone()).filter(|verb| !matches!(&**verb, "get" | "watch" | "list")).collect()
}

#[tokio::test]
async fn two_replicas_share_one_certificate_and_the_api_server_learns_of_it() {
    let api = shop();
    api.apply(configuration());
    let cluster = Cluster::ready(api, settings()).await;
    let start = || Hook::start(cluster.handle.clone(), with(self_issued(&cluster.api)));
    let (first, second) = (start(), start());
    cluster.until_true("made known", || authorities(&cluster.api).is_some()).await;
    let known = authorities(&cluster.api).unwrap();
    assert_eq!(known, value(&cluster.api, "ca"));
    for hook in [&first, &second] {
        let client = Client::new(hook.address, &known);
        let mut connection = client.until_connected().await;
        let answer = connection.ask(&review(&ingress("shop", "new", "new.example", "tea"))).await.unwrap();
        assert_eq!(answer.allowed(), Some(true));
    }
    let object = cluster.api.object(CONFIGURATION, "", "hook").unwrap();
    assert_eq!(object["webhooks"][1]["clientConfig"]["caBundle"], STANDARD.encode(&known), "a URL may be ours");
    assert_eq!(object["webhooks"][2]["clientConfig"]["caBundle"], "dGhlaXJz", "another Service's is theirs");
    assert_eq!(
        (&object["metadata"]["labels"]["a"], &object["webhooks"][0]["failurePolicy"]),
        (&json!("b"), &json!("Fail"))
    );

    // Somebody installs the configuration once more.
    cluster.api.apply(configuration());
    cluster.until_true("corrected", || authorities(&cluster.api).as_ref() == Some(&known)).await;
    cluster.api.delete(CONFIGURATION, "", "hook");
    cluster.api.apply(configuration());
    cluster.until_true("corrected", || authorities(&cluster.api).as_ref() == Some(&known)).await;
    // From here on nothing is to be done, and nothing is written.
    cluster.api.take_requests();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(writes(&cluster.api, "validatingwebhookconfigurations").is_empty());
}

#[tokio::test]
async fn what_is_not_ours_is_used_and_never_written() {
    let api = shop();
    let issued = Issued::new();
    api.apply_all([configuration(), secret_of(&issued, "Helm")]);
    let cluster = Cluster::ready(api, settings()).await;
    let hook = Hook::start(cluster.handle.clone(), with(self_issued(&cluster.api)));
    Client::new(hook.address, &issued.authority).until_connected().await;
    // cert-manager's keys, and its rotation.
    let next = Issued::new();
    let data = json!({"tls.crt": STANDARD.encode(&next.certificate), "tls.key": STANDARD.encode(&next.key)});
    let metadata = json!({"namespace": "shop", "name": "hook-cert"});
    cluster.api.apply(json!({"kind": "Secret", "metadata": metadata, "data": data}));
    let client = Client::new(hook.address, &next.authority);
    client.until_connected().await;
    // One that is no good changes nothing.
    let data = json!({"tls.crt": STANDARD.encode(&issued.certificate), "tls.key": STANDARD.encode(&next.key)});
    cluster.api.apply(json!({"kind": "Secret", "metadata": metadata, "data": data}));
    cluster.until_true("said", || hook.lines().iter().any(|line| line.contains("belongs to another"))).await;
    assert!(client.connect().await.is_ok());
    assert!(writes(&cluster.api, "secrets").is_empty());
    assert!(authorities(&cluster.api).is_none());
}

#[tokio::test]
async fn cert_manager_may_have_the_configuration() {
    let api = shop();
    let mut configuration = configuration();
    configuration["metadata"]["annotations"] = json!({"cert-manager.io/inject-ca-from": "shop/hook"});
    api.apply(configuration);
    let cluster = Cluster::ready(api, settings()).await;
    let hook = Hook::start(cluster.handle.clone(), with(self_issued(&cluster.api)));
    cluster.until_true("issued", || !value(&cluster.api, "ca").is_empty()).await;
    Client::new(hook.address, &value(&cluster.api, "ca")).until_connected().await;
    assert!(authorities(&cluster.api).is_none());
}

/// Asks on new connections all the time, trusting what the configuration says at that moment.
fn ask_all_the_time(
    api: &Arc<Cluster>,
    hook: &Hook,
) -> (Arc<AtomicBool>, tokio::task::JoinHandle<(usize, Vec<String>)>) {
    let stop = Arc::new(AtomicBool::new(false));
    let (cluster, stopped, address) = (Arc::clone(api), Arc::clone(&stop), hook.address);
    let task = tokio::spawn(async move {
        let (mut asked, mut failed) = (0, Vec::new());
        let question = review(&ingress("shop", "new", "new.example", "tea"));
        while !stopped.load(Ordering::Relaxed) {
            let known = authorities(&cluster.api).unwrap();
            asked += 1;
            match Client::new(address, &known).ask(&question).await {
                Ok(response) if response.allowed() == Some(true) => {}
                other => failed.push(format!("{other:?}")),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        (asked, failed)
    });
    (stop, task)
}

#[tokio::test]
async fn a_certificate_is_renewed_and_no_question_fails() {
    let api = shop();
    // Less than a third of its time is left.
    let old = Issued::between(-100, 20);
    api.apply_all([configuration(), secret_of(&old, "ingress-proxy")]);
    let cluster = Arc::new(Cluster::ready(api, settings()).await);
    // It begins when the old one is known.
    let mut configuration = configuration();
    configuration["webhooks"][0]["clientConfig"]["caBundle"] = json!(STANDARD.encode(&old.authority));
    cluster.api.apply(configuration);
    let hook = Hook::start(cluster.handle.clone(), with(self_issued(&cluster.api)));
    let second = Hook::start(cluster.handle.clone(), with(self_issued(&cluster.api)));
    Client::new(hook.address, &old.authority).until_connected().await;
    let (stop, asking) = ask_all_the_time(&cluster, &hook);
    cluster.until_true("prepared", || authorities(&cluster.api).unwrap().matches("BEGIN").count() == 2).await;
    assert_eq!(value(&cluster.api, "cert"), old.certificate, "both authorities are known before it takes over");
    cluster.until_true("renewed", || value(&cluster.api, "cert") != old.certificate).await;
    assert_eq!(value(&cluster.api, "next-cert"), "");
    let known = authorities(&cluster.api).unwrap();
    let newest = known.split_inclusive("-----END CERTIFICATE-----\n").last().unwrap();
    for address in [hook.address, second.address] {
        Client::new(address, newest).until_connected().await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.store(true, Ordering::Relaxed);
    let (asked, failed) = asking.await.unwrap();
    assert!(failed.is_empty(), "{} of {asked}: {failed:#?}", failed.len());
    assert!(asked > 10, "{asked}");
    assert_eq!(known.matches("BEGIN").count(), 2, "it stays known until the next one comes");
}

#[tokio::test]
async fn what_is_no_good_any_more_is_replaced_at_once() {
    for expired in [true, false] {
        let api = shop();
        let old = if expired { Issued::between(-100, -1) } else { Issued::new() };
        let mut secret = secret_of(&old, "ingress-proxy");
        if !expired {
            secret["data"]["key"] = json!(STANDARD.encode(Issued::new().key));
        }
        api.apply_all([configuration(), secret]);
        let cluster = Cluster::ready(api, settings()).await;
        let hook = Hook::start(cluster.handle.clone(), with(self_issued(&cluster.api)));
        cluster.until_true("replaced", || authorities(&cluster.api).is_some()).await;
        Client::new(hook.address, &authorities(&cluster.api).unwrap()).until_connected().await;
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_said_once_and_waited_for() {
    let api = shop();
    api.apply(configuration());
    let forbid = |resource, verb| Fault { resource, verb, status: 403, retry_after: None, times: None };
    api.fail(forbid("secrets", "create"));
    let cluster = Cluster::ready(api, settings()).await;
    let hook = Hook::start(cluster.handle.clone(), with(self_issued(&cluster.api)));
    let complaints = || hook.lines().iter().filter(|line| line.contains("forbidden")).count();
    cluster.until_true("said", || complaints() == 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(complaints(), 1, "{:?}", hook.lines());
    cluster.api.heal();
    cluster.api.fail(forbid("validatingwebhookconfigurations", "update"));
    cluster.until_true("said", || complaints() == 2).await;
    Client::new(hook.address, &value(&cluster.api, "ca")).until_connected().await;
    cluster.api.heal();
    cluster.until_true("made known", || authorities(&cluster.api).is_some()).await;
    // The API server knows it before the answer to the write has come back and the line is said.
    cluster.until_true("said", || hook.lines().iter().any(|line| line.contains("again"))).await;
    assert!(hook.lines().iter().all(|line| !line.contains("PRIVATE")));
}

#[tokio::test]
async fn the_tasks_of_kube_webhook_certgen() {
    let api = ApiServer::start();
    let options = ClientOptions { apiserver_host: Some(api.url()), ..ClientOptions::default() };
    let client = ingress_kube::connect(&options).await.unwrap();
    let hosts = ["hook", "hook.shop.svc", "127.0.0.1"].map(ToOwned::to_owned).into();
    let task = Create { hosts, namespace: "shop".into(), secret: "hook-cert".into() };
    let kinds = vec![(ConfigurationKind::Validating, true), (ConfigurationKind::Mutating, false)];
    let (namespace, secret) = (task.namespace.clone(), task.secret.clone());
    let policy = Some("Ignore".to_owned());
    let mut patch_task = Patch { webhook: "hook".into(), namespace, secret, kinds, failure_policy: policy };
    let error = patch(&client, &patch_task).await.unwrap_err();
    assert!(matches!(error, TaskError::NoAuthorities(_)), "{error}");
    assert_eq!(create(&client, &task).await.unwrap(), Created::New);
    let authority = value(&api, "ca");
    assert_eq!(create(&client, &task).await.unwrap(), Created::Kept);
    assert_eq!(value(&api, "ca"), authority);
    let error = patch(&client, &patch_task).await.unwrap_err();
    assert!(matches!(error, TaskError::NoConfiguration { .. }), "{error}");
    api.apply(configuration());
    assert_eq!(patch(&client, &patch_task).await.unwrap(), [ConfigurationKind::Validating]);
    let object = api.object(CONFIGURATION, "", "hook").unwrap();
    for webhook in object["webhooks"].as_array().unwrap() {
        assert_eq!(webhook["clientConfig"]["caBundle"], STANDARD.encode(&authority));
        assert_eq!(webhook["failurePolicy"], "Ignore");
    }
    assert!(patch(&client, &patch_task).await.unwrap().is_empty(), "it is right already");
    // What it made can be mounted where ingress-nginx's manifest mounts it.
    let cluster = Cluster::ready(shop(), settings()).await;
    let folder = Folder::new();
    std::fs::write(folder.0.join("cert"), value(&api, "cert")).unwrap();
    std::fs::write(folder.0.join("key"), value(&api, "key")).unwrap();
    let hook = Hook::start(cluster.handle.clone(), folder.settings());
    Client::new(hook.address, &authority).until_connected().await;
    api.fail(Fault { resource: "secrets", verb: "get", status: 403, retry_after: None, times: None });
    patch_task.kinds.clear();
    let error = tokio::time::timeout(PATIENCE, patch(&client, &patch_task)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("forbidden"), "{error}");
}

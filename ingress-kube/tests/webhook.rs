//! The webhook's server: what it answers over HTTPS, and what it makes of those who do not behave like an API server.

mod support;

use std::time::Duration;

use ingress_kube::webhook::{Outcome, StartError, Webhook};
use serde_json::json;
use support::cluster::{Cluster, settings, shop};
use support::hook::{Client, Folder, Heard, Hook, Issued, post, review};
use support::{ingress, tls_ingress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MAX_BODY: usize = 7 << 20;

struct Site {
    cluster: Cluster,
    hook: Hook,
    client: Client,
    folder: Folder,
}

async fn site() -> Site {
    site_with(|_| {}).await
}

/// A cluster with a webhook that has a certificate already.
async fn site_with(change: impl FnOnce(&mut ingress_kube::webhook::WebhookSettings)) -> Site {
    let cluster = Cluster::ready(shop(), settings()).await;
    let folder = Folder::new();
    let issued = Issued::new();
    issued.write(&folder.0);
    let mut settings = folder.settings();
    change(&mut settings);
    let hook = Hook::start(cluster.handle.clone(), settings);
    let client = Client::new(hook.address, &issued.authority);
    client.until_connected().await;
    Site { cluster, hook, client, folder }
}

#[tokio::test]
async fn questions_are_answered_one_after_the_other() {
    let site = site().await;
    let mut connection = site.client.connect().await.unwrap();
    let good = connection.ask(&review(&ingress("shop", "new", "new.example", "tea"))).await.unwrap();
    assert_eq!((good.status, good.allowed()), (200, Some(true)), "{good:?}");
    assert!(good.head.to_lowercase().contains("content-type: application/json"), "{good:?}");
    let mut object = ingress("shop", "new", "new.example", "tea");
    object["metadata"]["annotations"]["nginx.ingress.kubernetes.io/auth-url"] = json!("nothing");
    let bad = connection.ask(&review(&object)).await.unwrap();
    assert_eq!((bad.status, bad.allowed()), (200, Some(false)), "{bad:?}");
    assert!(bad.body.contains("auth-url"), "{bad:?}");
    // That the Secret is missing is nothing to refuse it for.
    let tls = connection.ask(&review(&tls_ingress("shop", "new", "new.example", "tea", "cert"))).await.unwrap();
    assert_eq!(tls.allowed(), Some(true), "{tls:?}");
    assert!(!tls.body.contains("warnings"), "{tls:?}");
    assert_eq!(*site.hook.heard.outcomes.lock().unwrap(), [Outcome::Allowed, Outcome::Denied, Outcome::Allowed]);
    assert_eq!(site.cluster.snapshots(), 1, "to ask changes nothing");
}

#[tokio::test]
async fn what_is_no_question_gets_a_status_and_the_connection_ends() {
    let site = site().await;
    let body = b"{}";
    let with = |from: &str, to: &str| String::from_utf8(post(body)).unwrap().replacen(from, to, 1).into_bytes();
    let deep = "[".repeat(10_000);
    for (request, status) in [
        (post(body), 400),
        (post(deep.as_bytes()), 400),
        (post(b"\xff"), 400),
        (with("application/json", "text/plain"), 415),
        (with("POST", "GET"), 405),
        (with("POST", "PUT"), 405),
        (with("Content-Length: 2", "Content-Length: 7340033"), 413),
        (with("Content-Length: 2", "Content-Length: 9000000000000"), 413),
    ] {
        let mut connection = site.client.connect().await.unwrap();
        connection.send(&request).await.unwrap();
        let response = connection.response().await.unwrap();
        assert_eq!(response.status, status, "{}", String::from_utf8_lossy(&request[..request.len().min(100)]));
        assert!(response.head.to_lowercase().contains("connection: close"), "{response:?}");
        let mut rest = Vec::new();
        let _ = connection.stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
    }
    // Whatever that was, it goes on.
    let good = site.client.ask(&review(&ingress("shop", "new", "new.example", "tea"))).await.unwrap();
    assert_eq!(good.allowed(), Some(true));
}

#[tokio::test]
async fn a_question_may_have_seven_mebibytes_and_no_byte_more() {
    let site = site().await;
    let question = review(&ingress("shop", "new", "new.example", "tea")).to_string();
    let padded = |length: usize| question.clone() + &" ".repeat(length - question.len());
    let mut connection = site.client.connect().await.unwrap();
    connection.send(&post(padded(MAX_BODY).as_bytes())).await.unwrap();
    let response = connection.response().await.unwrap();
    assert_eq!((response.status, response.allowed()), (200, Some(true)));
    // One that does not say how long it is: the answer comes before its end.
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut connection = site.client.connect().await.unwrap();
    connection.send(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", MAX_BODY + 1, padded(MAX_BODY + 1));
    let (mut reader, mut writer) = tokio::io::split(connection.stream);
    let written = tokio::spawn(async move {
        let _ = writer.write_all(chunk.as_bytes()).await;
        let _ = writer.flush().await;
    });
    let mut answer = vec![0; 1_024];
    let read = reader.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&answer[..read]));
    written.abort();
}

#[tokio::test]
async fn there_is_a_limit_to_the_questions_and_a_deadline_for_each() {
    let site = site_with(|settings| {
        settings.limits.questions = 1;
        settings.limits.answer = Duration::from_secs(2);
    })
    .await;
    let question = review(&ingress("shop", "new", "new.example", "tea"));
    let request = String::from_utf8(post(question.to_string().as_bytes())).unwrap();
    let request = request.replacen("\r\n", "\r\nExpect: 100-continue\r\n", 1).into_bytes();
    let mut slow = site.client.connect().await.unwrap();
    slow.send(&request[..request.len() - 10]).await.unwrap();
    assert_eq!(slow.response().await.unwrap().status, 100, "its body is being read");
    let other = site.client.ask(&question).await.unwrap();
    assert_eq!(other.status, 503);
    assert!(other.body.contains("too many questions"), "{other:?}");
    let late = slow.response().await.unwrap();
    assert_eq!((late.status, &*late.body), (503, "no answer in time\n"));
    let good = site.client.ask(&question).await.unwrap();
    assert_eq!(good.allowed(), Some(true), "the place is free again");
}

#[tokio::test]
async fn memory_for_questions_is_limited_and_those_that_are_too_many_wait() {
    let site = site_with(|settings| settings.limits.bodies = 0).await;
    // There is room for one of the greatest size at a time.
    let question = review(&ingress("shop", "new", "new.example", "tea")).to_string();
    let padded = question.clone() + &" ".repeat(MAX_BODY - question.len());
    let request = post(padded.as_bytes());
    let mut first = site.client.connect().await.unwrap();
    first.send(&request[..1_000]).await.unwrap();
    let mut second = site.client.connect().await.unwrap();
    second.send(&post(question.as_bytes())).await.unwrap();
    first.send(&request[1_000..]).await.unwrap();
    assert_eq!(first.response().await.unwrap().allowed(), Some(true));
    assert_eq!(second.response().await.unwrap().allowed(), Some(true));
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let site = site_with(|settings| settings.limits.first_head = Duration::from_millis(200)).await;
    let mut silent = tokio::net::TcpStream::connect(site.hook.address).await.unwrap();
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(30), silent.read_to_end(&mut rest)).await.unwrap();
    let mut slow = site.client.connect().await.unwrap();
    slow.send(b"POST / HTTP/1.1\r\nHost: ").await.unwrap();
    let _ = tokio::time::timeout(Duration::from_secs(30), slow.stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn before_anything_is_known_the_api_server_has_to_decide() {
    let api = shop();
    api.go_down();
    let cluster = Cluster::start(api, settings()).await;
    let folder = Folder::new();
    let issued = Issued::new();
    issued.write(&folder.0);
    let hook = Hook::start(cluster.handle.clone(), folder.settings());
    let client = Client::new(hook.address, &issued.authority);
    let mut connection = client.until_connected().await;
    let response = connection.ask(&review(&ingress("shop", "new", "new.example", "tea"))).await.unwrap();
    assert_eq!(response.status, 503, "{response:?}");
    assert!(response.body.contains("not ready"), "{response:?}");
    let mut delete = review(&ingress("shop", "new", "new.example", "tea"));
    delete["request"]["operation"] = json!("DELETE");
    assert_eq!(client.ask(&delete).await.unwrap().allowed(), Some(true), "what needs no knowledge is answered");
}

#[tokio::test]
async fn files_may_change_and_a_bad_pair_changes_nothing() {
    let site = site().await;
    let next = Issued::new();
    let (old, new) = (site.client.clone(), Client::new(site.hook.address, &next.authority));
    let mut open = old.connect().await.unwrap();
    assert!(new.connect().await.is_err());
    // A key that belongs to another certificate, as it is while two files are replaced.
    std::fs::write(site.folder.0.join("key"), &next.key).unwrap();
    site.cluster.until_true("said", || site.hook.lines().iter().any(|line| line.contains("belongs to another"))).await;
    assert!(old.connect().await.is_ok() && new.connect().await.is_err());
    next.write(&site.folder.0);
    new.until_connected().await;
    assert!(old.connect().await.is_err());
    let question = review(&ingress("shop", "new", "new.example", "tea"));
    assert_eq!(open.ask(&question).await.unwrap().allowed(), Some(true), "connections stay");
    std::fs::remove_file(site.folder.0.join("cert")).unwrap();
    site.cluster.until_true("said", || site.hook.lines().iter().any(|line| line.contains("cannot read"))).await;
    assert!(new.connect().await.is_ok());
}

#[tokio::test]
async fn only_those_with_a_certificate_may_ask_where_that_is_wanted() {
    let callers = Issued::new();
    let cluster = Cluster::ready(shop(), settings()).await;
    let (folder, own) = (Folder::new(), Issued::new());
    own.write(&folder.0);
    let mut settings = folder.settings();
    settings.client_authorities = Some(callers.authority.clone().into_bytes());
    let hook = Hook::start(cluster.handle.clone(), settings.clone());
    let question = review(&ingress("shop", "new", "new.example", "tea"));
    let known = Client::with(hook.address, &own.authority, Some(&callers));
    known.until_connected().await;
    assert_eq!(known.ask(&question).await.unwrap().allowed(), Some(true));
    for stranger in [None, Some(&own)] {
        let stranger = Client::with(hook.address, &own.authority, stranger);
        assert!(stranger.ask(&question).await.is_err());
    }
    settings.client_authorities = Some(b"nothing".to_vec());
    let error = Webhook::start(vec![], settings, cluster.handle.clone(), std::sync::Arc::new(Heard::default()));
    assert!(matches!(error, Err(StartError::ClientAuthorities(_))), "{error:?}");
}

#[tokio::test]
async fn at_the_end_what_is_under_way_is_answered() {
    let site = site().await;
    let question = review(&ingress("shop", "new", "new.example", "tea"));
    let request = post(question.to_string().as_bytes());
    let mut open = site.client.connect().await.unwrap();
    open.send(&request[..100]).await.unwrap();
    let mut idle = site.client.connect().await.unwrap();
    assert_eq!(idle.ask(&question).await.unwrap().allowed(), Some(true));
    let Hook { webhook, address, .. } = site.hook;
    let ended = tokio::task::spawn_blocking(move || drop(webhook));
    let mut rest = Vec::new();
    let _ = idle.stream.read_to_end(&mut rest).await;
    open.send(&request[100..]).await.unwrap();
    assert_eq!(open.response().await.unwrap().allowed(), Some(true));
    drop(open);
    ended.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

//! What the webhook answers: a file in `testdata/reviews` is what the cluster has, a question, and the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use ingress_kube::Handle;
use ingress_kube::webhook::Rules;
use ingress_kube::webhook::review::{BadReview, Review, Subject, judge};
use serde_json::{Value, json};
use support::cluster::{Cluster, settings};
use support::{ApiServer, ingress};

async fn answer(handle: &Handle, review: &[u8], rules: Rules) -> Value {
    let review = Review::read(review).unwrap();
    let verdict = match &review.subject {
        Subject::Settled(verdict) => verdict.clone(),
        Subject::Ingress(ingress) => {
            let trial = handle.try_ingress((**ingress).clone()).await.unwrap();
            judge(ingress, &trial, rules)
        }
    };
    serde_json::from_str(&review.answer(&verdict)).unwrap()
}

#[tokio::test]
async fn the_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/reviews");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 40, "the cases are not there");
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let api = ApiServer::start();
        api.apply_all(case["given"].as_array().unwrap().iter().cloned());
        let mut settings = settings();
        settings.engine.disable_catch_all = case["flags"]["disable_catch_all"] == true;
        let cluster = Cluster::ready(api, settings).await;
        let rules = Rules { hosts_belong_to_namespaces: case["rules"]["hosts_belong_to_namespaces"] == true };
        let mut answer = answer(&cluster.handle, case["review"].to_string().as_bytes(), rules).await;
        assert_eq!(answer["apiVersion"], case["review"]["apiVersion"], "{name}");
        assert_eq!(answer["kind"], "AdmissionReview", "{name}");
        let mut response = answer["response"].take();
        assert_eq!(response.as_object_mut().unwrap().remove("uid").as_ref(), Some(&case["review"]["request"]["uid"]));
        assert_eq!(response["allowed"] == true, response["status"].is_null(), "{name}");
        if response != case["answer"] {
            wrong.push(format!("{name}: {response:#}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

fn error(review: &str) -> String {
    Review::read(review.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_is_no_question() {
    assert!(error("").starts_with("it is no AdmissionReview: "));
    assert!(error("[]").starts_with("it is no AdmissionReview: "));
    let with = |version: &str, request: &Value| {
        json!({"apiVersion": version, "kind": "AdmissionReview", "request": request}).to_string()
    };
    let version = "it is no AdmissionReview of v1 or v1beta1";
    assert_eq!(error(&with("admission.k8s.io/v2", &Value::Null)), version);
    assert_eq!(error(&json!({"apiVersion": "v1", "kind": "Pod"}).to_string()), version);
    assert_eq!(error(&with("admission.k8s.io/v1", &Value::Null)), "it has no request");
    let kind = json!({"group": "networking.k8s.io", "version": "v1", "kind": "Ingress"});
    let request = json!({"uid": "a", "kind": kind, "operation": "CREATE", "object": null});
    assert_eq!(error(&with("admission.k8s.io/v1", &request)), "its request has no object");
    let trailing = with("admission.k8s.io/v1", &request) + "x";
    assert!(error(&trailing).contains("trailing"), "{}", error(&trailing));
}

#[test]
fn depth_has_a_limit_wherever_it_is() {
    let deep = |open: &str, close: &str, levels: usize| {
        let value = open.repeat(levels) + "1" + &close.repeat(levels);
        let object = ingress("shop", "a", "a.example", "tea").to_string();
        let object = object.replacen('{', &format!("{{\"status\": {value},"), 1);
        let kind = r#"{"group": "networking.k8s.io", "version": "v1", "kind": "Ingress"}"#;
        format!(
            r#"{{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request":
                {{"uid": "a", "kind": {kind}, "operation": "CREATE", "object": {object}}}}}"#
        )
    };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        assert!(Review::read(deep(open, close, 50).as_bytes()).is_ok());
        for levels in [10_000, 1_000_000] {
            let review = deep(open, close, levels);
            assert!(matches!(Review::read(review.as_bytes()), Err(BadReview::TooDeep)), "{open} {levels}");
        }
    }
    // Brackets in a text are text, and a quote in it ends nothing.
    let review = deep("[", "]", 1).replace("a.example", &format!(r#"a\"{}"#, "[".repeat(1_000)));
    assert!(Review::read(review.as_bytes()).is_ok());
}

#[test]
fn annotations_have_the_limit_of_the_api() {
    let review = |bytes: usize| {
        let mut object = ingress("shop", "a", "a.example", "tea");
        object["metadata"]["annotations"]["example.com/a"] = json!("x".repeat(bytes));
        let kind = json!({"group": "networking.k8s.io", "version": "v1", "kind": "Ingress"});
        let request = json!({"uid": "a", "kind": kind, "operation": "CREATE", "object": object});
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).to_string()
    };
    let settled = |review: &str| match Review::read(review.as_bytes()).unwrap().subject {
        Subject::Settled(verdict) => verdict.denied,
        Subject::Ingress(_) => None,
    };
    assert!(settled(&review(250_000)).is_none());
    let (code, _, message) = settled(&review(300_000)).unwrap_or_else(|| panic!("it is allowed"));
    assert_eq!(code, 400);
    assert!(message.contains("262144 bytes"), "{message}");
}

//! What one Ingress comes to, where it takes more than a request to see it.

use serde_json::{Value, json};

use super::*;
use crate::dialect::{Cluster, ExtraRoute};
use crate::model::{CertificateState, CloudCertificate, Ingress, Inputs, Object, Secret, SecretState};
use crate::object::{Kind, ObjectRef};
use crate::policy::Schemes;

/// An Ingress with rules of these hosts and paths for `shop:80`; `spec.tls` names the Secret `ssl`, if any.
fn ingress(annotations: &Value, tls: bool, rules: &[(&str, &str)]) -> Ingress {
    let backend = json!({"service": {"name": "shop", "port": {"number": 80}}});
    let rule = |(host, path): &(&str, &str)| {
        let path = json!({"path": path, "pathType": "Prefix", "backend": backend});
        json!({"host": host, "http": {"paths": [path]}})
    };
    let tls = if tls { json!([{"secretName": "ssl"}]) } else { json!([]) };
    serde_json::from_value(json!({
        "metadata": {"namespace": "default", "name": "x", "annotations": annotations},
        "spec": {"rules": rules.iter().map(rule).collect::<Vec<_>>(), "tls": tls},
    }))
    .expect("an Ingress")
}

fn interpret(tke: &Tke, inputs: &Inputs, ingress: &Ingress) -> (Intent, Vec<String>) {
    let object = Arc::new(ObjectRef::new(Kind::Ingress, "default", "x"));
    let cluster = Cluster::new(inputs);
    let mut out = Vec::new();
    let intent = tke.interpret(&Subject { object: &object, ingress, cluster: &cluster }, &mut out);
    let findings = out.iter().map(|it| format!("{} {}: {}", it.code.slug(), it.field, it.message));
    (intent, findings.collect())
}

fn read(annotations: &Value, tls: bool, rules: &[(&str, &str)]) -> (Intent, Vec<String>) {
    interpret(&Tke::default(), &Inputs::default(), &ingress(annotations, tls, rules))
}

/// The annotations of an Ingress with manual redirects.
fn manual(http: &Value, https: &Value) -> Value {
    json!({
        "ingress.cloud.tencent.com/rewrite-support": "true",
        "kubernetes.io/ingress.rule-mix": "true",
        "kubernetes.io/ingress.http-rules": http.to_string(),
        "kubernetes.io/ingress.https-rules": https.to_string(),
    })
}

fn entry(host: &str, path: &str, port: u16, to: &str) -> Value {
    json!({"host": host, "path": path, "rewrite": {"port": port, "path": to}})
}

fn shown(routes: &[ExtraRoute]) -> Vec<String> {
    let one =
        |it: &ExtraRoute| format!("{:?} {} {} -> {}", it.schemes, it.host, it.path.as_str(), it.redirect.location);
    routes.iter().map(one).collect()
}

#[test]
fn lists_that_cannot_be_read_say_where() {
    for (list, why) in [
        ("[", "the value is not JSON: EOF while parsing a list at line 1 column 1"),
        ("7", "the value is a number, not a list"),
        ("[7]", "`[0]` is a number, not a mapping"),
        ("[[]]", "`[0]` is a list, not a mapping"),
        ("[{}]", "`[0]` has no `backend`"),
        (r#"[{"host":7}]"#, "`[0]` has no `backend`"),
        (r#"[{"host":7,"backend":{"serviceName":"a","servicePort":1}}]"#, "`[0].host` is a number, not a text"),
        (r#"[{"backend":{"service":{}}}]"#, "`[0].backend` has no `serviceName`"),
        (r#"[{"backend":{"serviceName":"a"}}]"#, "`[0].backend` has no `servicePort`"),
        (r#"[{"backend":{"serviceName":"a","servicePort":[]}}]"#, "`[0].backend.servicePort` is a list"),
        (r#"[{"rewrite":{}}]"#, "`[0].rewrite` has no `port`"),
        (r#"[{"rewrite":{"port":"x"}}]"#, "`[0].rewrite.port` is not a port from 1 to 65535"),
        (r#"[{"rewrite":{"port":0}}]"#, "`[0].rewrite.port` is not a port from 1 to 65535"),
    ] {
        let annotations = json!({"kubernetes.io/ingress.rule-mix": "true", "kubernetes.io/ingress.http-rules": list});
        let (intent, findings) = read(&annotations, true, &[("a.example", "/")]);
        assert!(intent.refused.is_some(), "{list}");
        assert_eq!((intent.schemes, intent.placed.len()), (Schemes::All, 0), "{list}");
        assert_eq!(findings.len(), 1, "{list}");
        assert!(findings[0].contains(why), "{list}: {findings:?}");
    }
}

#[test]
fn both_lists_are_reported() {
    let annotations = json!({
        "kubernetes.io/ingress.rule-mix": "true",
        "kubernetes.io/ingress.http-rules": "x",
        "kubernetes.io/ingress.https-rules": "y",
    });
    assert_eq!(read(&annotations, true, &[("a.example", "/")]).1.len(), 2);
}

#[test]
fn an_address_is_the_rule_without_host() {
    let entry = json!([{"host": "203.0.113.7", "path": "/", "backend": {"serviceName": "shop", "servicePort": 80}}]);
    let (intent, findings) = read(&manual(&entry, &json!([])), true, &[("", "/"), ("a.example", "/")]);
    assert_eq!(findings, [""; 0]);
    assert_eq!(intent.schemes, Schemes::Https);
    assert_eq!(intent.placed.into_iter().collect::<Vec<_>>(), [((0, 0), Schemes::Http)]);
}

#[test]
fn a_rule_gives_way_to_the_redirect_of_one_protocol() {
    let rule = json!({"host": "a.example", "backend": {"serviceName": "shop", "servicePort": 80}});
    let http = json!([rule, entry("a.example", "/", 443, "/")]);
    let (intent, findings) = read(&manual(&http, &json!([rule])), true, &[("a.example", "/")]);
    assert_eq!(findings, [""; 0]);
    assert_eq!(intent.placed.into_iter().collect::<Vec<_>>(), [((0, 0), Schemes::Https)]);
    assert_eq!(shown(&intent.extra), ["Http a.example / -> https://{host}/{rest}"]);
}

#[test]
fn redirects_to_redirects_are_left_out() {
    let kept = |http: &Value, https: &Value| {
        let rules = [("", "/"), ("a.example", "/shop"), ("b.example", "/")];
        shown(&read(&manual(http, https), true, &rules).0.extra)
    };
    let root = |port| entry("a.example", "/", port, "/");
    // Round in circles by way of the other protocol, however it is cut.
    assert_eq!(kept(&json!([root(443)]), &json!([root(80)])), [""; 0]);
    assert_eq!(kept(&json!([entry("a.example", "/x", 80, "/x/y")]), &json!([])), [""; 0]);
    assert_eq!(kept(&json!([entry("a.example", "/", 80, "/x")]), &json!([])), [""; 0]);
    assert_eq!(
        kept(&json!([entry("*.example", "/", 443, "/")]), &json!([root(80)])),
        ["Http *.example / -> https://{host}/{rest}"]
    );
    assert_eq!(
        kept(&json!([entry("a.example", "/x", 80, "/y"), entry("a.example", "/y/z", 80, "/x")]), &json!([])),
        ["Http a.example /x -> http://{host}/y{rest}"]
    );
    // A rule that stands before the redirect answers first, but not below an exact path.
    assert_eq!(
        kept(&json!([]), &json!([entry("a.example", "/", 443, "/shop")])),
        ["Https a.example / -> https://{host}/shop{rest}"]
    );
    // A longer path may redirect on.
    assert_eq!(kept(&json!([root(443)]), &json!([entry("a.example", "/old", 443, "/shop")])).len(), 2);
}

#[test]
fn an_exact_rule_does_not_break_a_circle() {
    let mut ingress =
        ingress(&manual(&json!([]), &json!([entry("a.example", "/", 443, "/shop")])), true, &[("a.example", "/shop")]);
    let path = &mut ingress.spec.rules[0].http.as_mut().expect("paths").paths[0];
    path.path_type = Some("Exact".into());
    assert_eq!(interpret(&Tke::default(), &Inputs::default(), &ingress).0.extra.len(), 0);
}

#[test]
fn redirects_to_nowhere_are_left_out() {
    let to = |host: &str, path: &str| json!([{"rewrite": {"port": 443, "host": host, "path": path}}]);
    for (list, why) in [
        (json!([entry("A.example", "/", 443, "/")]), "is for `A.example`, which is no host"),
        (json!([entry("a.example", "x", 443, "/")]), "has `x` for a path"),
        (json!([entry("a.example", "/", 8443, "/")]), "leads to port 8443, where nobody listens"),
        (to("a b", "/"), "leads to `a b`, which is no host"),
        (to("*.example", "/"), "leads to `*.example`, which is no host"),
        (to("b.example", "/x?y"), "has `/x?y` for a path"),
        (to("b.example", "/x\r\ny"), "has `/x\\r\\ny` for a path"),
        (to("b.example", "/./x"), "has `/./x` for a path"),
    ] {
        let (intent, findings) = read(&manual(&list, &json!([])), true, &[("a.example", "/")]);
        assert_eq!(intent.extra.len(), 0, "{why}");
        assert!(findings.len() == 1 && findings[0].ends_with(&format!("it {why}")), "{why}: {findings:?}");
    }
    for (host, location) in [
        ("2001:db8::7", "https://[2001:db8::7]/x{rest}"),
        ("203.0.113.7", "https://203.0.113.7/x{rest}"),
        ("", "https://{host}/x{rest}"),
    ] {
        let (intent, _) = read(&manual(&to(host, "/x"), &json!([])), true, &[("a.example", "/")]);
        assert_eq!(shown(&intent.extra), [format!("Http * / -> {location}")]);
    }
}

#[test]
fn a_port_may_be_text() {
    let list = json!([{"host": "b.example", "rewrite": {"port": "443", "path": "/"}}]);
    assert_eq!(read(&manual(&list, &json!([])), true, &[("a.example", "/")]).0.extra.len(), 1);
}

#[test]
fn automatic_redirects_need_their_support() {
    let annotations = json!({"ingress.cloud.tencent.com/auto-rewrite": "true"});
    let (intent, findings) = read(&annotations, true, &[("a.example", "/")]);
    assert_eq!(intent.extra.len(), 0);
    assert!(findings[0].starts_with("rewrite-invalid metadata.annotations[ingress.cloud.tencent.com/auto-rewrite]"));
}

#[test]
fn statuses_that_cannot_be_read_close_both_protocols() {
    for codes in ["301", r#"{"defaultRewriteCode":"301"}"#, r#"{"rewriteCodeInfos":[{"host":"a.example"}]}"#] {
        let annotations = json!({
            "ingress.cloud.tencent.com/auto-rewrite": "true",
            "ingress.cloud.tencent.com/rewrite-support": "true",
            "ingress.cloud.tencent.com/auto-rewrite-code": codes,
        });
        let (intent, findings) = read(&annotations, true, &[("a.example", "/")]);
        assert!(intent.refused.is_some() && findings.len() == 1, "{codes}");
        assert_eq!((intent.extra.len(), intent.placed.get(&(0, 0))), (0, Some(&Schemes::All)), "{codes}");
    }
}

#[test]
fn listener_ports_are_checked() {
    for (ports, is_good) in [
        (r#"[{"HTTP":80},{"HTTPS":443}]"#, true),
        (r#"[{"HTTP":80,"HTTPS":"443"}]"#, true),
        ("[]", true),
        ("null", true),
        (r#"[{"http":80}]"#, false),
        (r#"[{"HTTP":0}]"#, false),
        (r#"[{"HTTP":"+80"}]"#, false),
        ("[443]", false),
    ] {
        let annotations = json!({"ingress.cloud.tencent.com/listen-ports": ports});
        let (intent, findings) = read(&annotations, true, &[("a.example", "/")]);
        assert_eq!(intent.refused.is_none(), is_good, "{ports}: {findings:?}");
        assert_eq!(intent.schemes, Schemes::Https, "{ports}");
    }
}

#[test]
fn unknown_keys_are_named_with_the_one_that_was_meant() {
    let object = Arc::new(ObjectRef::new(Kind::Ingress, "default", "x"));
    for (key, help) in [
        ("kubernetes.io/ingress.rule-mixed", Some("did you mean `kubernetes.io/ingress.rule-mix`?")),
        ("ingress.cloud.tencent.com/rule-mix", Some("did you mean `kubernetes.io/ingress.rule-mix`?")),
        ("kubernetes.io/ingress.existLBid", Some("did you mean `kubernetes.io/ingress.existLbId`?")),
        ("ingress.cloud.tencent.com/no-such-thing", None),
    ] {
        let (inputs, mut out) = (Inputs::default(), Vec::new());
        let ingress = ingress(&json!({key: "x"}), false, &[]);
        let cluster = Cluster::new(&inputs);
        Tke::default().interpret(&Subject { object: &object, ingress: &ingress, cluster: &cluster }, &mut out);
        let found: Vec<_> = out.iter().map(|it| (it.code.slug(), it.help.as_deref())).collect();
        assert_eq!(found, [("annotation-unknown", help)], "{key}");
    }
    let known = json!({"kubernetes.io/ingress.class": "qcloud", "ingress.cloud.tencent.com/loadbalance-ipv6": "::1"});
    assert_eq!(read(&known, false, &[]).1, [""; 0]);
}

#[derive(Debug)]
struct OneCertificate;

impl CertificateSource for OneCertificate {
    fn dns_names(&self, id: &str) -> Option<Vec<Box<str>>> {
        (id == "here").then(|| vec!["a.example".into()])
    }
}

#[test]
fn certificates_come_from_the_source() {
    let names = |ids: &[&str], keys: &[&str], is_usable: bool| {
        let mut inputs = Inputs::default();
        inputs.insert(Object::Secret(
            Secret {
                metadata: serde_json::from_value(json!({"namespace": "default", "name": "ssl"})).expect("metadata"),
                state: SecretState {
                    certificate: match is_usable {
                        true => CertificateState::Usable { dns_names: Vec::new() },
                        false => CertificateState::default(),
                    },
                    ..SecretState::default()
                },
                keys: keys.iter().map(|key| (*key).into()).collect(),
                cloud: Some(CloudCertificate { certificates: ids.iter().map(|id| (*id).into()).collect(), ca: None }),
            }
            .into(),
        ));
        let tke = Tke::new(Some(Arc::new(OneCertificate)));
        let (intent, findings) = interpret(&tke, &inputs, &ingress(&json!({}), true, &[("a.example", "/")]));
        assert_eq!(findings.len(), intent.certificates.len());
        (intent.resolved_certificates.contains_key(&0), intent.certificates.contains_key(&0))
    };
    assert_eq!(names(&["here"], &[CERTIFICATE_ID], false), (true, false));
    assert_eq!(names(&["away", "here"], &[CERTIFICATE_ID], false), (true, false));
    assert_eq!(names(&["away"], &[CERTIFICATE_ID], false), (false, true));
    assert_eq!(names(&[], &[CERTIFICATE_ID], false), (false, true));
    // Of these only the Secret itself has something to say.
    assert_eq!(names(&["here"], &[CERTIFICATE_ID], true), (false, false));
    assert_eq!(names(&[], &["qcloud_ca_cert_id"], false), (false, false));
}

#[test]
fn an_annotation_may_stand_for_the_tls_entries() {
    let list = r#"[{"hosts":["a.example"],"qcloud_cert_id":["m2VxW0pa"]}]"#;
    let (intent, findings) =
        read(&json!({"ingress.cloud.tencent.com/certificate": list}), false, &[("a.example", "/")]);
    assert_eq!(intent.schemes, Schemes::Https);
    assert!(findings.len() == 1 && findings[0].starts_with("certificate-unresolved"), "{findings:?}");
    for (value, schemes) in [("[]", Schemes::Http), ("x", Schemes::Https), ("[{}]", Schemes::Https)] {
        let annotations = json!({"ingress.cloud.tencent.com/certificate": value});
        let (intent, _) = read(&annotations, false, &[("a.example", "/")]);
        assert_eq!((intent.schemes, intent.refused.is_some()), (schemes, value != "[]"), "{value}");
    }
}

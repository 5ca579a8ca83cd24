//! What is said of keys.

use std::collections::BTreeSet;

use super::super::access::tests::{config_map, findings, read};
use super::*;
use crate::diagnostic::Code::{
    AnnotationNotImplemented as NotDone, AnnotationRemoved as Removed, AnnotationUnknown as Unknown,
};
use crate::model::{Ingress, Inputs};
use crate::object::ObjectRef;

#[test]
fn keys_that_do_nothing() {
    for (key, value, code, help) in [
        ("rewrite-targt", "/", Some(Unknown), Some("did you mean `rewrite-target`?")),
        ("no-such-thing", "/", Some(Unknown), None),
        ("secure-backends", "true", Some(Removed), Some("use `backend-protocol: HTTPS`")),
        ("enable-rewrite-log", "true", Some(NotDone), None),
        ("enable-rewrite-log", "false", None, None),
        ("enable-rewrite-log", "", None, None),
        ("proxy-max-temp-file-size", "1m", Some(NotDone), None),
        ("proxy-body-size", "1m", None, None),
    ] {
        let (intent, out) = read(&[(key, value)]);
        assert_eq!(findings(&out), code.into_iter().map(|code| (code, key.to_owned())).collect::<Vec<_>>(), "{key}");
        assert_eq!(out.first().and_then(|finding| finding.help.as_deref()), help, "{key}");
        assert_eq!((intent.refused, intent.is_dropped), (None, false), "{key}");
    }
}

#[test]
fn what_could_restrict_access_closes() {
    for (key, value, is_closed, help) in [
        ("server-snippet", "location /a { return 404; }", true, "use a path rule"),
        ("configuration-snippet", "return 301 https://a.example;", true, "use annotation `permanent-redirect` instead"),
        ("configuration-snippet", "lua_something;", true, "write annotations"),
        ("configuration-snippet", " ", false, ""),
        ("auth-snippet", "proxy_set_header X y;", true, "`auth-proxy-set-headers`"),
        ("modsecurity-snippet", "SecRuleEngine On", true, "web application firewall"),
        ("modsecurity-transaction-id", "$request_id", true, "web application firewall"),
        ("enable-modsecurity", "true", true, "web application firewall"),
        ("enable-modsecurity", "yes", true, "web application firewall"),
        ("enable-modsecurity", "False", false, ""),
        ("enable-owasp-core-rules", "0", false, ""),
    ] {
        let (intent, out) = read(&[(key, value)]);
        let reason = intent.refused.map(|refused| refused.reason);
        assert_eq!(reason, is_closed.then_some("snippet-refused"), "{key} {value}");
        assert_eq!(out.len(), usize::from(is_closed), "{key} {value}");
        for finding in out {
            assert_eq!(finding.code, Code::SnippetRefused, "{key} {value}");
            assert!(finding.help.as_deref().is_some_and(|text| text.contains(help)), "{key} {value}: {finding}");
        }
    }
}

#[test]
fn hints_are_limited() {
    let keys: Vec<String> = (10..40).map(|number| format!("canary-weigh{number}")).collect();
    let annotations: Vec<_> = keys.iter().map(|key| (&**key, "1")).collect();
    let (_, out) = read(&annotations);
    assert_eq!(out.len(), 30);
    assert_eq!(out.iter().filter(|finding| finding.help.is_some()).count(), MAX_HINTS);
}

#[test]
fn the_old_prefix_is_told() {
    let mut ingress = Ingress::default();
    for key in ["ingress.kubernetes.io/rewrite-target", "x.ingress.kubernetes.io/rewrite-target", "rewrite-target"] {
        ingress.metadata.annotations.insert(key.into(), "/".into());
    }
    let (object, inputs, mut out) =
        (Arc::new(ObjectRef::new(Kind::Ingress, "shop", "cafe")), Inputs::default(), vec![]);
    let cluster = super::super::super::Cluster::new(&inputs);
    old_prefix(&Subject { object: &object, ingress: &ingress, cluster: &cluster }, &mut out);
    assert_eq!(findings(&out), [(Removed, "rewrite-target".to_owned())]);
    assert_eq!(out[0].help.as_deref(), Some("write `nginx.ingress.kubernetes.io/rewrite-target`"));
}

#[test]
fn keys_of_the_config_map() {
    for (key, value, code, message, help) in [
        ("proxy-read-time-out", "7", Code::ConfigmapKeyUnknown, "no key", Some("did you mean `proxy-read-timeout`?")),
        ("proxy-read-timeout", "7s", Code::ConfigmapValueInvalid, "`7s` is not a whole number; the default", None),
        ("global-auth-url", "http://a/$nothing", Code::ConfigmapValueInvalid, "nobody can be", None),
        ("global-auth-signin", "http://a/$nothing", Code::ConfigmapValueInvalid, "sign in", None),
        ("global-auth-cache-key", "$nothing", Code::ConfigmapValueInvalid, "no answer is remembered", None),
        ("access-log-params", "buffer=4k", Code::ConfigmapKeyNotImplemented, "", None),
        (
            "ssl-protocols",
            "TLSv1.3",
            Code::ConfigmapKeyNotImplemented,
            "its flag `--ssl-protocols` does the same",
            None,
        ),
        ("use-gzip", "true", Code::ConfigmapKeyNotImplemented, "not compressed", None),
        ("lua-shared-dicts", "a: 1", Code::SnippetRefused, "honoured", Some("there is no Lua here; remove the key")),
    ] {
        let mut out = Vec::new();
        settings(
            &config_map("ingress-nginx/controller", &[(key, value), ("hsts", "true")]),
            &Trust::default(),
            &mut out,
        );
        let [finding] = &out[..] else { panic!("{key}: {out:?}") };
        assert_eq!((finding.code, finding.help.as_deref()), (code, help), "{key}");
        assert!(finding.message.contains(message), "{key}: {finding}");
        let place = finding.object.as_ref().map(|object| format!("{object} {}", finding.field));
        assert_eq!(place.as_deref(), Some(&*format!("ConfigMap ingress-nginx/controller data[{key}]")), "{key}");
        assert_ne!(finding.effect, Effect::RouteRefused, "{key}");
    }
}

/// Whoever moves here with a ConfigMap has to hear of each key that does nothing.
#[test]
fn keys_for_the_process_are_known_and_said() {
    let all: BTreeSet<_> = Settings::names().collect();
    for key in process::names() {
        assert!(all.contains(key), "{key}");
        assert!([false, true].into_iter().any(|is_off| process::verdict(key, is_off).is_some()), "{key}");
    }
    // What is off asks for nothing.
    for key in ["use-gzip", "use-proxy-protocol", "ssl-reject-handshake", "server-tokens"] {
        assert_eq!(process::verdict(key, true), None, "{key}");
    }
    assert_eq!(process::verdict("generate-request-id", false), None, "it is so anyway");
    assert!(process::verdict("generate-request-id", true).is_some());
    assert!(process::verdict("use-proxy-protocol", false).is_some_and(|(_, is_warning)| is_warning));
    assert!(process::verdict("use-http2", true).is_some());
    assert!(process::verdict("ssl-session-tickets", true).is_some());
}

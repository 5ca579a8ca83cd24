//! Which settings ask for what, and that none that is wrong lets everybody in.

use super::super::access::tests::{Texts, access, config_map, findings, read, read_with, secret};
use super::*;
use crate::diagnostic::Code::{
    AnnotationDropsIngress as Drops, AnnotationInvalid as Invalid, AnnotationRefusesRoute as Refuses,
    DiffersFromIngressNginx as Differs, ReferenceMissing as Missing,
};
use crate::model::Object;

const TYPE: (&str, &str) = ("auth-type", "basic");
const CHECK: (&str, &str) = (URL, "http://auth.internal/check");

#[test]
fn passwords() {
    let (intent, out) = read(&[("auth-type", "digest"), (SECRET, "shop/users"), ("auth-realm", "Staff only")]);
    assert_eq!((intent.refused, out), (None, vec![]));
    let basic = access(&intent).basic.as_ref().expect("a password is asked for");
    assert_eq!((&*basic.realm, &*basic.namespace, &*basic.secret), ("Staff only", "shop", "users"));
    assert!(basic.digest && basic.file == PasswordFile::AuthFile);
}

#[test]
fn wrong_settings_of_passwords() {
    let users = || secret("shop/users", &["auth"]);
    let map = ("auth-secret-type", "auth-map");
    for (annotations, object, expected) in [
        (&[TYPE, (SECRET, "users")][..], users(), None),
        (&[TYPE, (SECRET, "people"), map], secret("shop/people", &["ada"]), None),
        (&[TYPE, (SECRET, "people")], secret("shop/people", &["ada"]), Some((Missing, SECRET))),
        (&[TYPE, (SECRET, "users")], secret("other/users", &["auth"]), Some((Missing, SECRET))),
        (&[TYPE, (SECRET, "other/users")], secret("other/users", &["auth"]), Some((Refuses, SECRET))),
        (&[TYPE, (SECRET, "shop/users/x")], users(), Some((Refuses, SECRET))),
        (&[TYPE, (SECRET, "a b")], users(), Some((Refuses, SECRET))),
        (&[TYPE], users(), Some((Refuses, SECRET))),
        (&[("auth-type", "xbasic"), (SECRET, "users")], users(), Some((Drops, "auth-type"))),
        (&[TYPE, (SECRET, "users"), ("auth-secret-type", "file")], users(), Some((Drops, "auth-secret-type"))),
        (&[TYPE, (SECRET, "users"), ("auth-realm", "a \"b\"")], users(), Some((Drops, "auth-realm"))),
        (&[(SECRET, "users")], users(), Some((Invalid, SECRET))),
        (&[("auth-type", ""), (SECRET, "users")], users(), Some((Invalid, SECRET))),
    ] {
        let (intent, out) = read_with(&[], annotations, [object]);
        let expected: Vec<_> = expected.into_iter().map(|(code, key)| (code, key.to_owned())).collect();
        assert_eq!(findings(&out), expected, "{annotations:?}");
        let code = out.first().map(|finding| finding.code);
        let is_open = access(&intent).basic.is_none() && intent.refused.is_none() && !intent.is_dropped;
        assert_eq!(is_open, code == Some(Invalid), "{annotations:?}");
        assert_eq!(intent.is_dropped, code == Some(Drops), "{annotations:?}");
        assert_eq!(intent.refused.is_some(), matches!(code, Some(Refuses | Missing)), "{annotations:?}");
    }
}

#[test]
fn secrets_of_other_namespaces_are_for_the_controller_to_allow() {
    let settings = [("allow-cross-namespace-resources", "true")];
    let object = secret("other/users", &["auth"]);
    let (intent, out) = read_with(&settings, &[TYPE, (SECRET, "other/users")], [object]);
    assert_eq!((intent.refused, out), (None, vec![]));
    assert_eq!(access(&intent).basic.as_ref().map(|basic| &*basic.namespace), Some("other"));
}

fn external_of(annotations: Texts<'_>) -> ExternalAuth {
    let (intent, out) = read(&[&[CHECK], annotations].concat());
    assert_eq!((intent.refused, intent.is_dropped, findings(&out)), (None, false, vec![]), "{annotations:?}");
    ExternalAuth::clone(access(&intent).external.as_ref().expect("a service is asked"))
}

#[test]
fn another_service() {
    let plain = external_of(&[]);
    assert_eq!((plain.url.as_str(), plain.method.as_deref(), &*plain.signin_redirect_param), (CHECK.1, None, "rd"));
    assert_eq!((plain.keepalive, plain.keepalive_requests, plain.keepalive_timeout), (0, 1000, 60));
    assert_eq!(plain.cache_durations, [Box::from("200 202 401 5m")].into());
    let full = external_of(&[
        ("auth-method", "POST"),
        ("auth-signin", "https://$host/start?rd=$escaped_request_uri"),
        ("auth-signin-redirect-param", "back"),
        ("auth-response-headers", "X-User, X_Groups,"),
        ("auth-request-redirect", "https://a.example/?a=b"),
        ("auth-cache-key", "$http_authorization"),
        ("auth-cache-duration", "200 202 1h 30m, any 1m"),
        ("auth-always-set-cookie", "true"),
        ("auth-keepalive", "10"),
        ("auth-keepalive-requests", "20"),
        ("auth-keepalive-timeout", "30"),
        ("auth-keepalive-share-vars", "true"),
    ]);
    assert_eq!(full.method.as_deref(), Some("POST"));
    assert_eq!(full.signin.as_ref().map(Template::as_str), Some("https://$host/start?rd=$escaped_request_uri"));
    assert_eq!(&*full.signin_redirect_param, "back");
    assert_eq!(full.response_headers, ["X-User".into(), "X_Groups".into()].into());
    assert_eq!(full.request_redirect.as_deref(), Some("https://a.example/?a=b"));
    assert_eq!(full.cache_key.as_ref().map(Template::as_str), Some("$http_authorization"));
    assert_eq!(full.cache_durations, ["200 202 1h 30m".into(), "any 1m".into()].into());
    assert!(full.always_set_cookie && full.keepalive_share_vars);
    assert_eq!((full.keepalive, full.keepalive_requests, full.keepalive_timeout), (10, 20, 30));
}

#[test]
fn urls() {
    for (url, code) in [
        ("https://$host:8443/x?u=$request_uri", None),
        ("HTTP://auth", None),
        ("http://auth.internal/<check>", Some(Drops)),
        ("http://auth.internal/check\nX", Some(Drops)),
        ("http://auth.internal/${host}", Some(Drops)),
        ("auth.internal/check", Some(Refuses)),
        ("ftp://auth.internal/", Some(Refuses)),
        ("http://", Some(Refuses)),
        ("http://:80/", Some(Refuses)),
        ("http://a..b/", Some(Refuses)),
        ("http://a:b/", Some(Refuses)),
        ("http://a b/", Some(Refuses)),
        ("http://a/$request_body", Some(Refuses)),
        ("http://a/$", Some(Refuses)),
    ] {
        let (intent, out) = read(&[(URL, url)]);
        assert_eq!(out.first().map(|finding| finding.code), code, "{url}");
        assert_eq!(out.len(), usize::from(code.is_some()), "{url}");
        assert_eq!(access(&intent).external.is_some(), code.is_none(), "{url}");
        assert_eq!(
            (intent.is_dropped, intent.refused.is_some()),
            (code == Some(Drops), code == Some(Refuses)),
            "{url}"
        );
    }
}

#[test]
fn an_empty_url_is_told() {
    let (intent, out) = read(&[(URL, "")]);
    assert!(access(&intent).external.is_none() && intent.refused.is_none());
    assert_eq!(findings(&out), [(Invalid, URL.to_owned())]);
    assert!(out[0].message.contains("everybody passes"), "{}", out[0].message);
    let (intent, out) = read_with(&[("global-auth-url", CHECK.1)], &[(URL, " ")], []);
    assert!(access(&intent).external.is_some() && out[0].message.contains("of the controller"), "{}", out[0].message);
}

#[test]
fn wrong_settings_of_another_service() {
    let bad_map = || Object::ConfigMap(config_map("shop/bad", &[("X: Y", "z")]).into());
    for (key, value, codes) in [
        ("auth-method", "get", &[Refuses][..]),
        ("auth-response-headers", "X-User: a", &[Refuses]),
        ("auth-response-headers", "X-User X-Group", &[Refuses]),
        ("auth-always-set-cookie", "yes", &[Refuses, Differs]),
        ("auth-request-redirect", "https://a/<b>", &[Refuses, Differs]),
        (CACHE, "200;5m", &[Refuses, Differs]),
        (CACHE, "200 five", &[Refuses]),
        (CACHE, "5m 200", &[Refuses]),
        (REQUEST_HEADERS, "bad", &[Missing]),
        (REQUEST_HEADERS, "none", &[Missing]),
        (REQUEST_HEADERS, "other/map", &[Refuses]),
        (REQUEST_HEADERS, "<map>", &[Invalid]),
        ("auth-signin", "https://a/<b>", &[Invalid]),
        ("auth-signin", "https://a/$nothing", &[Invalid]),
        ("auth-cache-key", "a b", &[Invalid]),
        ("auth-keepalive", "-1", &[Invalid]),
        ("auth-keepalive-requests", "0", &[Invalid]),
    ] {
        let (intent, out) = read_with(&[], &[CHECK, (key, value)], [bad_map()]);
        let expected: Vec<_> = codes.iter().map(|code| (*code, key.to_owned())).collect();
        assert_eq!(findings(&out), expected, "{key} {value}");
        assert!(access(&intent).external.is_some(), "{key} {value}");
        assert_eq!(intent.refused.is_some(), codes != [Invalid], "{key} {value}");
    }
}

#[test]
fn connections_are_kept_to_a_fixed_host_only() {
    let kept = |annotations: Texts<'_>| {
        let (intent, out) = read(annotations);
        (access(&intent).external.as_ref().expect("a service is asked").keepalive, out.len())
    };
    assert_eq!(kept(&[CHECK, ("auth-keepalive", "5")]), (5, 0));
    assert_eq!(kept(&[CHECK, ("auth-keepalive", "5"), ("auth-keepalive-timeout", "-3")]), (0, 1));
    assert_eq!(kept(&[(URL, "http://$host/"), ("auth-keepalive", "5")]), (0, 1));
}

#[test]
fn headers_of_the_question() {
    let map = Object::ConfigMap(config_map("shop/headers", &[("X-A", "b"), ("X_C", "")]).into());
    let (intent, out) = read_with(&[], &[CHECK, (REQUEST_HEADERS, "headers")], [map]);
    assert_eq!((intent.refused, out), (None, vec![]));
    let external = access(&intent).external.as_ref().expect("a service is asked");
    let expected = [("X-A", "b"), ("X_C", "")].map(|(name, value)| (name.into(), value.into()));
    assert_eq!(external.request_headers, expected.into());
}

#[test]
fn the_service_of_the_controller() {
    let asked = |settings: Texts<'_>, annotations: Texts<'_>| {
        let (intent, _) = read_with(settings, annotations, []);
        let url = access(&intent).external.as_ref().map(|external| external.url.as_str().to_owned());
        (url, intent.refused.is_some())
    };
    let settings = [("global-auth-url", "http://global/")];
    assert_eq!(asked(&settings, &[]), (Some("http://global/".to_owned()), false));
    assert_eq!(asked(&settings, &[CHECK]), (Some(CHECK.1.to_owned()), false));
    assert_eq!(asked(&settings, &[("enable-global-auth", "false")]), (None, false));
    assert_eq!(asked(&settings, &[("enable-global-auth", "no")]), (Some("http://global/".to_owned()), false));
    for url in ["global/", "http://global/$nothing"] {
        assert_eq!(asked(&[("global-auth-url", url)], &[]), (None, true), "{url}");
        assert_eq!(asked(&[("global-auth-url", url)], &[("enable-global-auth", "false")]), (None, false), "{url}");
        assert_eq!(asked(&[("global-auth-url", url)], &[CHECK]), (Some(CHECK.1.to_owned()), false), "{url}");
    }
}

#[test]
fn paths_that_are_exempt() {
    let mut settings = Settings::default();
    assert!(is_exempt(&settings, "/.well-known/acme-challenge/x"));
    assert!(!is_exempt(&settings, "/") && !is_exempt(&settings, "/.well-known"));
    settings.auth.no_auth_locations = ["/open".into(), "/free".into()].into();
    assert!(is_exempt(&settings, "/opened") && is_exempt(&settings, "/free"));
    assert!(!is_exempt(&settings, "/.well-known/acme-challenge"));
}

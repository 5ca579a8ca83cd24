//! Keys of the ConfigMap: that all are known, that their defaults are ingress-nginx's, what bad values do.

mod defaults;

use std::collections::BTreeSet;

use access::{HeaderPattern, Risk};
use auth::AuthUrl;
use data_plane::telemetry::Sampler;
use defaults::DEFAULTS;
use headers::ConfigMapName;
use tls::Versions;
use upstream::LoadBalance;

use super::super::trust::Trust;
use super::*;

fn read(key: &str, value: &str) -> (Settings, Option<ProblemKind>) {
    let (settings, mut problems) = Settings::read(&BTreeMap::from([(key.into(), value.into())]));
    assert!(problems.len() < 2);
    let problem = problems.pop().map(|problem| {
        assert_eq!(&*problem.key, key);
        problem.what
    });
    (settings, problem)
}

#[test]
fn defaults_are_those_of_the_documentation() {
    for (key, value) in DEFAULTS {
        let (mut found, problem) = read(key, value);
        // A flag may say what the ConfigMap does not, so that silence is kept apart from the same as the default.
        let (silent, trust) = (Client::default(), Trust::default());
        assert_eq!(trust.takes_over(&found.client), trust.takes_over(&silent), "{key}");
        assert_eq!(trust.ranges(&found.client), trust.ranges(&silent), "{key}");
        found.client = Client { use_forwarded_headers: None, trusted: None, ..found.client };
        assert_eq!((found, problem), (Settings::default(), None), "{key}");
    }
    let read: BTreeSet<_> = DEFAULTS.iter().map(|(key, _)| *key).chain(["gzip-types", "brotli-types"]).collect();
    let unread: BTreeSet<_> = unread::names().collect();
    assert_eq!(Settings::names().filter(|name| !unread.contains(name)).collect::<BTreeSet<_>>(), read);
}

#[test]
fn names_are_not_repeated() {
    let names: BTreeSet<_> = Settings::names().collect();
    assert_eq!(names.len(), Settings::names().count());
}

#[test]
fn what_is_set_is_in_force() {
    type Check = fn(&Settings) -> bool;
    let checks: &[(&str, &str, Check)] = &[
        ("proxy-real-ip-cidr", "10.0.0.0/8, ::1", |to| to.client.trusted.as_ref().is_some_and(|it| it.len() == 2)),
        ("forwarded-for-header", "CF-Connecting-IP", |to| &*to.client.forwarded_for_header == "CF-Connecting-IP"),
        ("http-redirect-code", "301", |to| to.redirects.http_redirect_code == 301),
        ("no-tls-redirect-locations", "", |to| to.redirects.no_tls_redirect_locations.is_empty()),
        ("hsts", "0", |to| !to.redirects.hsts.is_on),
        ("proxy-body-size", "0", |to| to.upstream.body_size == 0),
        ("proxy-next-upstream", "http_502 off", |to| *to.upstream.next_upstream == ["http_502", "off"]),
        ("load-balance", "ewma", |to| to.upstream.load_balance == LoadBalance::Ewma),
        ("custom-http-errors", "404, 503", |to| *to.upstream.custom_http_errors == [404, 503]),
        ("proxy-set-headers", "a/b", |to| {
            to.headers.proxy_set_headers == Some(ConfigMapName { namespace: "a".into(), name: "b".into() })
        }),
        ("annotations-risk-level", "critical", |to| to.access.annotations_risk_level == Risk::Critical),
        ("annotation-value-word-blocklist", "load_module, root,,{", |to| {
            *to.access.annotation_value_word_blocklist == ["load_module".into(), " root".into(), "{".into()]
        }),
        ("whitelist-source-range", "10.0.0.1", |to| to.access.allowed.is_complete && to.access.denied.is_complete),
        ("block-user-agents", "curl, ~Bot,\"~*a b\"", |to| {
            *to.access.blocked_user_agents
                == [
                    HeaderPattern::Text("curl".into()),
                    HeaderPattern::Regex("Bot".into()),
                    HeaderPattern::RegexIgnoringCase("a b".into()),
                ]
        }),
        ("global-auth-url", "https://auth.example/check?a=$b", |to| matches!(to.auth.url, AuthUrl::At(_))),
        ("global-auth-cache-duration", "200 1m, any 10s, 1h", |to| to.auth.cache_duration.len() == 3),
        ("ssl-protocols", "TLSv1.3", |to| to.tls.versions == Versions::Only13),
        ("ssl-ciphers", "HIGH:!aNULL", |to| to.tls.ciphers.len() == 2),
        ("large-client-header-buffers", "8 16k", |to| {
            to.data_plane.connections.large_client_header_buffers == (8, 16 << 10)
        }),
        ("worker-processes", "3", |to| to.data_plane.connections.worker_processes == Some(3)),
        ("bind-address", "127.0.0.1,::1", |to| to.data_plane.connections.bind_address.len() == 2),
        ("gzip-types", "*", |to| *to.data_plane.compression.gzip_types == ["*".into()]),
        ("otel-sampler", "TraceIdRatioBased", |to| to.data_plane.telemetry.sampler == Sampler::TraceIdRatioBased),
        ("proxy-stream-timeout", "1m 30s", |to| to.data_plane.streams.timeout == 90_000),
    ];
    for (key, value, check) in checks {
        let (settings, problem) = read(key, value);
        assert_eq!(problem, None, "{key}: {value}");
        assert!(check(&settings), "{key}: {value}");
    }
}

#[test]
fn bad_values_leave_the_default() {
    for (key, value, why) in [
        ("proxy-read-timeout", "60s", "is not a whole number; the default is used"),
        ("proxy-read-timeout", "-1", "is not a whole number; the default is used"),
        ("proxy-read-timeout", "", "is not a whole number; the default is used"),
        ("proxy-body-size", "10MB", "is not a size such as `8k` or `10m`; the default is used"),
        ("ssl-redirect", "yes", "is not `true` or `false`; the default is used"),
        ("ssl-redirect", "", "is not `true` or `false`; the default is used"),
        ("proxy-buffering", "true", "is not one of `on`, `off`; the default is used"),
        ("http-redirect-code", "303", "is not one of `301`, `302`, `307`, `308`; the default is used"),
        ("limit-req-status-code", "200", "is not within 400 and 599; the default is used"),
        ("load-balance", "ip_hash", "is not one of `round_robin`, `ewma`; the default is used"),
        ("forwarded-for-header", "X Y", "is not the name of a header; the default is used"),
        ("proxy-set-headers", "b", "is not the `namespace/name` of a ConfigMap; the default is used"),
        ("add-headers", "a/b/c", "is not the `namespace/name` of a ConfigMap; the default is used"),
        ("ssl-protocols", "SSLv3", "offers neither `TLSv1.2` nor `TLSv1.3`; the default is used"),
        ("ssl-ciphers", "a;b", "is not a list of cipher suites; the default is used"),
        ("global-auth-method", "FETCH", "is not an HTTP method; the default is used"),
        ("global-auth-signin", "auth.example", "is not a URL with a host; the default is used"),
        ("global-auth-signin-redirect-param", "a&b", "is not the name of a query parameter; the default is used"),
        ("large-client-header-buffers", "8k", "is not a number and a size such as `4 8k`; the default is used"),
        ("worker-processes", "0", "is not `auto` or a number above zero; the default is used"),
        ("otel-sampler-ratio", "2", "is more than one; the default is used"),
        ("gzip-level", "10", "is not within 1 and 9; the default is used"),
        ("worker-shutdown-timeout", "1.5h", "is not a time such as `60s` or `1h 30m`; the default is used"),
    ] {
        let (settings, problem) = read(key, value);
        assert_eq!(problem, Some(ProblemKind::Invalid { why: why.into() }), "{key}: {value}");
        assert_eq!(settings, Settings::default(), "{key}: {value}");
    }
    let (settings, problem) = read("proxy-next-upstream", "error http_418");
    assert!(matches!(problem, Some(ProblemKind::Invalid { .. })));
    assert_eq!(settings, Settings::default());
    assert!(read("global-auth-cache-duration", "200 5").1.is_some());
}

#[test]
fn bad_values_do_not_open_what_was_to_be_closed() {
    let (settings, problem) = read("whitelist-source-range", "10.0.0.0/8,office");
    let why = "has the entry `office`, which is not an address or a network and is left out";
    assert_eq!(problem, Some(ProblemKind::Invalid { why: why.into() }));
    assert_eq!(settings.access.allowed.networks.len(), 1);
    assert!(!settings.access.allowed.is_complete);
    assert!(!read("block-cidrs", "office").0.access.blocked.is_complete);

    // Trusting nobody, not everybody.
    assert_eq!(read("proxy-real-ip-cidr", "10.0.0.0/40").0.client.trusted, Some(Box::default()));

    for url in ["auth.example", "https://", "https:///check", "ftp://auth.example", "https://a b", "https://a..b/"] {
        let (settings, problem) = read("global-auth-url", url);
        assert_eq!(settings.auth.url, AuthUrl::Unreadable, "{url}");
        assert!(matches!(problem, Some(ProblemKind::Invalid { .. })), "{url}");
    }
    let (settings, problem) = read("annotations-risk-level", "Mediun");
    assert_eq!(settings.access.annotations_risk_level, Risk::Low);
    assert!(matches!(problem, Some(ProblemKind::Invalid { .. })));

    let (settings, problem) = read("ssl-protocols", "TLSv1 TLSv1.2");
    assert_eq!(settings.tls.versions, Versions::Only12);
    assert_eq!(problem, Some(ProblemKind::Invalid { why: "has the entry `TLSv1`, which is not offered".into() }));
}

#[test]
fn keys_that_nothing_reads_are_reported() {
    let not_done = |key| match read(key, "x").1 {
        Some(ProblemKind::NotDone { what }) => what,
        other => panic!("{key}: {other:?}"),
    };
    assert_eq!(not_done("proxy-max-temp-file-size"), "responses are never written to disk");
    assert!(not_done("jaeger-collector-host").contains("enable-opentelemetry"));
    assert!(not_done("global-rate-limit-memcached-host").contains("limit-rps"));
    for key in ["http-snippet", "global-auth-snippet", "lua-shared-dicts", "enable-modsecurity"] {
        assert!(matches!(read(key, "true").1, Some(ProblemKind::Refused { .. })), "{key}");
    }
    // What is off or empty asks for nothing.
    for (key, value) in [("enable-modsecurity", "false"), ("http-snippet", " \n"), ("use-geoip2", "0")] {
        assert_eq!(read(key, value).1, None, "{key}");
    }
    for (key, nearest) in [
        ("ssl-redirects", Some("ssl-redirect")),
        ("proxy_body_size", Some("proxy-body-size")),
        ("use-gzipp", Some("use-gzip")),
        ("rewrite-target", None),
    ] {
        assert_eq!(read(key, "true").1, Some(ProblemKind::Unknown { nearest }), "{key}");
    }
}

#[test]
fn problems_are_in_order_of_the_keys() {
    let data = [("use-gzip", "no"), ("a", ""), ("ssl-redirect", "no"), ("hsts", "false")];
    let (settings, problems) = Settings::read(&data.map(|(key, value)| (key.into(), value.into())).into());
    assert_eq!(problems.iter().map(|problem| &*problem.key).collect::<Vec<_>>(), ["a", "ssl-redirect", "use-gzip"]);
    assert!(!settings.redirects.hsts.is_on);
}

#[test]
fn every_key_bears_any_text() {
    let long = "9".repeat(1 << 12);
    for key in Settings::names() {
        for value in ["", " ", ",", "/", "-", "é", "\0", "\r\n", ":", "~", "\"", "a/", "/a", "1 2 3", &long] {
            read(key, value);
        }
    }
}

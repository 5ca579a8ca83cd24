//! Annotations that ingress-nginx once had, or that are often taken for its own, and what to write today.

/// What to do instead of writing this annotation; none when it is not one of those that are known to be gone.
pub(crate) fn removed(key: &str) -> Option<&'static str> {
    let exact = KEYS.iter().find(|(name, _)| *name == key);
    let family = || FAMILIES.iter().find(|(prefix, _)| key.starts_with(prefix));
    exact.or_else(family).map(|(_, instead)| *instead)
}

// What is to be done about several keys.
const TRACING: &str = "use `enable-opentelemetry`; collector and sampling are set in the ConfigMap";
const IN_CONFIGMAP: &str = "set the ConfigMap key of the same name; it has no annotation";
const RATE: &str = "use `limit-rps` or `limit-rpm`, which count in each replica for itself";
const METRICS: &str = "remove it; metrics are collected by scraping";
const FIREWALL: &str = "remove it; put a web application firewall in front";
const LINKS: &str = "remove it; the application has to write its links as clients see them, see `x-forwarded-prefix`";
const FAILURES: &str = "use `proxy-next-upstream` and `proxy-next-upstream-tries`; failed endpoints are not counted";

/// Whole names.
const KEYS: [(&str, &str); 20] = [
    ("secure-backends", "use `backend-protocol: HTTPS`"),
    ("grpc-backend", "use `backend-protocol: GRPC`"),
    ("client-max-body-size", "use `proxy-body-size`"),
    ("client-header-buffer-size", IN_CONFIGMAP),
    ("large-client-header-buffers", IN_CONFIGMAP),
    ("add-base-url", LINKS),
    ("base-url-scheme", LINKS),
    ("session-cookie-hash", "remove it; the cookie is always opaque"),
    ("secure-verify-ca-secret", "use `proxy-ssl-secret` and `proxy-ssl-verify`"),
    ("mirror-uri", "use `mirror-target`"),
    ("upstream-max-fails", FAILURES),
    ("upstream-fail-timeout", FAILURES),
    ("enable-opentracing", TRACING),
    ("enable-influxdb", METRICS),
    ("vts-filter-key", METRICS),
    ("rewrite-log", "use `enable-rewrite-log`"),
    ("use-proxy-protocol", IN_CONFIGMAP),
    ("use-forwarded-headers", IN_CONFIGMAP),
    ("server-tokens", IN_CONFIGMAP),
    ("hsts", IN_CONFIGMAP),
];

/// Beginnings of names.
const FAMILIES: [(&str, &str); 8] = [
    ("jaeger-", TRACING),
    ("zipkin-", TRACING),
    ("datadog-", TRACING),
    ("opentracing-", TRACING),
    ("influxdb-", METRICS),
    ("global-rate-limit", RATE),
    ("lua-resty-waf", FIREWALL),
    ("hsts-", IN_CONFIGMAP),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_has_a_successor() {
        for (key, instead) in [
            ("secure-backends", Some("use `backend-protocol: HTTPS`")),
            ("client-max-body-size", Some("use `proxy-body-size`")),
            ("jaeger-sampler-type", Some(TRACING)),
            ("influxdb-host", Some(METRICS)),
            ("enable-influxdb", Some(METRICS)),
            ("global-rate-limit", Some(RATE)),
            ("global-rate-limit-window", Some(RATE)),
            ("hsts-max-age", Some(IN_CONFIGMAP)),
            ("jaeger", None),
            ("rewrite-target", None),
            ("", None),
        ] {
            assert_eq!(removed(key), instead, "{key}");
        }
    }
}

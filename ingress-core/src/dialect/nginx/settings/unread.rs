//! Keys that ingress-nginx has, or had, and that nothing here reads.

use super::ProblemKind::{self, NotDone, Refused};

/// What is to be said about a key that nothing reads: none if it is not one of them, no problem if its value asks for
/// nothing, as an empty text or a switch that is off.
pub(super) fn verdict(key: &str, value: &str) -> Option<Result<(), ProblemKind>> {
    let refused = REFUSED.iter().find(|(name, _)| *name == key).map(|(_, instead)| Refused { instead });
    let not_done = || NOT_DONE.iter().find(|(name, _)| *name == key).map(|(_, what)| NotDone { what });
    let gone = || FAMILIES.iter().find(|(prefix, _)| key.starts_with(prefix)).map(|(_, what)| NotDone { what });
    let problem = refused.or_else(not_done).or_else(gone)?;
    let asks_for_nothing = matches!(value.trim(), "" | "0" | "f" | "F" | "FALSE" | "false" | "False");
    Some(if asks_for_nothing { Ok(()) } else { Err(problem) })
}

/// The names, without the families that ingress-nginx has given up.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    REFUSED.iter().chain(&NOT_DONE).map(|(name, _)| *name)
}

// What is to be done about several keys.
const SNIPPET: &str = "nginx directives are not carried out; use typed keys and annotations";
const NO_FIREWALL: &str = "there is no ModSecurity here; put a web application firewall in front";

/// Keys that must not be passed over, as their value may be what keeps somebody out.
const REFUSED: [(&str, &str); 10] = [
    ("main-snippet", SNIPPET),
    ("http-snippet", SNIPPET),
    ("server-snippet", SNIPPET),
    ("location-snippet", SNIPPET),
    ("stream-snippet", SNIPPET),
    ("modsecurity-snippet", NO_FIREWALL),
    ("global-auth-snippet", "nginx directives are not carried out; use `auth-proxy-set-headers`"),
    ("lua-shared-dicts", "there is no Lua here; remove the key"),
    ("enable-modsecurity", NO_FIREWALL),
    ("enable-owasp-modsecurity-crs", NO_FIREWALL),
];

// What is said of several keys.
const TRACING: &str = "ingress-nginx has given it up; use `enable-opentelemetry`";
const RATE: &str = "ingress-nginx has given it up; use the annotations `limit-rps` and `limit-rpm`";
const HASHES: &str = "tables grow as needed";
const LOG: &str = "there is one access log, at `access-log-path`";
const ERROR_LOG: &str = "the error log is set up by flags";
const SYSLOG: &str = "nothing is sent to syslog; collect the log from standard output";
const GEOIP: &str = "addresses are not looked up in GeoIP databases";
const OTEL: &str = "the exporter of traces has limits of its own";
const EVENTS: &str = "connections are accepted by the runtime";
const HEADER_BUFFERS: &str = "ingress-nginx has given it up; use `large-client-header-buffers`";
const HASH_BY: &str = "only the annotation of this name has an effect";
const STATUS_PAGE: &str = "there is no status page of nginx";

/// Keys that are recognised and without effect.
const NOT_DONE: [(&str, &str); 54] = [
    ("access-log-params", LOG),
    ("http-access-log-path", LOG),
    ("stream-access-log-path", LOG),
    ("disable-http-access-log", LOG),
    ("disable-stream-access-log", LOG),
    ("enable-access-log-for-default-backend", LOG),
    ("enable-auth-access-log", LOG),
    ("error-log-path", ERROR_LOG),
    ("error-log-level", ERROR_LOG),
    ("debug-connections", ERROR_LOG),
    ("enable-syslog", SYSLOG),
    ("syslog-host", SYSLOG),
    ("syslog-port", SYSLOG),
    ("map-hash-bucket-size", HASHES),
    ("server-name-hash-max-size", HASHES),
    ("server-name-hash-bucket-size", HASHES),
    ("proxy-headers-hash-max-size", HASHES),
    ("proxy-headers-hash-bucket-size", HASHES),
    ("variables-hash-max-size", HASHES),
    ("variables-hash-bucket-size", HASHES),
    ("use-geoip", GEOIP),
    ("use-geoip2", GEOIP),
    ("geoip2-autoreload-in-minutes", GEOIP),
    ("opentelemetry-config", OTEL),
    ("otel-max-queuesize", OTEL),
    ("otel-schedule-delay-millis", OTEL),
    ("otel-max-export-batch-size", OTEL),
    ("enable-multi-accept", EVENTS),
    ("enable-aio-write", EVENTS),
    ("enable-serial-reloads", "nothing is reloaded"),
    ("worker-cpu-affinity", EVENTS),
    ("disable-ipv6-dns", "names are resolved as the system does it"),
    ("enable-ocsp", "certificates are not stapled"),
    ("ssl-dh-param", "finite-field Diffie-Hellman is not offered"),
    ("ssl-session-ticket-key", "the key is drawn anew by each process"),
    ("ssl-early-data", "early data is not accepted, because it can be replayed"),
    ("ssl-buffer-size", "records of TLS have the size that fits"),
    ("http2-max-field-size", HEADER_BUFFERS),
    ("http2-max-header-size", HEADER_BUFFERS),
    ("gzip-disable", "compression does not depend on the browser"),
    ("proxy-protocol-header-timeout", "the time limit of `client-header-timeout` holds"),
    ("forwarded-for-proxy-protocol-header", "there is no header between two stages of the proxy"),
    ("upstream-hash-by", HASH_BY),
    ("upstream-hash-by-subset", HASH_BY),
    ("upstream-hash-by-subset-size", HASH_BY),
    ("plugins", "there is no Lua here"),
    ("enable-opentracing", TRACING),
    ("enable-vts-status", STATUS_PAGE),
    ("proxy-busy-buffers-size", "buffers are not divided into busy and free ones"),
    ("proxy-max-temp-file-size", "responses are never written to disk"),
    ("grpc-buffer-size-kb", "gRPC messages are passed on as they come"),
    ("enable-dynamic-tls-records", "records of TLS have the size that fits"),
    ("nginx-status-ipv4-whitelist", STATUS_PAGE),
    ("nginx-status-ipv6-whitelist", STATUS_PAGE),
];

/// Beginnings of names that ingress-nginx has given up.
const FAMILIES: [(&str, &str); 5] = [
    ("jaeger-", TRACING),
    ("zipkin-", TRACING),
    ("datadog-", TRACING),
    ("opentracing-", TRACING),
    ("global-rate-limit-", RATE),
];

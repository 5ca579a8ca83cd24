//! Keys of the ConfigMap that are about the process, or about all that it sends, and not about routes: they are checked, and do nothing or
//! not all.
//!
//! What is said names the flag of `ingress-proxy` that does the same.

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// A flag does it, which has this name.
    Flag(&'static str),
    /// The same, for a switch that is on.
    FlagIfOn(&'static str),
    /// The same, and without it clients can do what the key was to keep them from. Not for a switch that is off.
    Guard(&'static str),
    /// What there is to know of a switch that is on, lest somebody relies on it.
    Mind(&'static str),
    /// This is so instead.
    So(&'static str),
    /// The same, unless the value is that of a switch that is off.
    SoIfOn(&'static str),
    /// The same, if it is.
    SoIfOff(&'static str),
}

/// What is to be said of a key, and whether it is a warning; none if it is not one of these or asks for nothing.
pub(super) fn verdict(key: &str, is_off: bool) -> Option<(String, bool)> {
    let (_, unread) = KEYS.iter().find(|(name, _)| *name == key)?;
    Some(match *unread {
        Unread::FlagIfOn(_) | Unread::Guard(_) | Unread::Mind(_) | Unread::SoIfOn(_) if is_off => return None,
        Unread::Flag(flag) | Unread::FlagIfOn(flag) => {
            (format!("the proxy does not read `{key}`; its flag `{flag}` does the same"), false)
        }
        Unread::SoIfOff(_) if !is_off => return None,
        Unread::Mind(what) => (what.to_owned(), true),
        Unread::Guard(flag) => (format!("the proxy does not read `{key}`; its flag `{flag}` does the same"), true),
        Unread::So(what) | Unread::SoIfOn(what) | Unread::SoIfOff(what) => (what.to_owned(), false),
    })
}

/// The names.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(name, _)| *name)
}

const HEAD_SIZE: &str = "--max-header-size";
const NO_COMPRESSION: &str = "responses are not compressed; let the backend do it";
const NO_SPANS: &str = "no spans are sent; trace headers of requests are passed on as they are";
const NO_STREAMS: &str = "TCP and UDP services are not proxied";
const SESSIONS: &str = "sessions are resumed by tickets, whose key the process draws anew from time to time";
const PROXY_PROTOCOL: &str = "no header says who the client is; the flag `--use-proxy-protocol` is what lets listeners expect the PROXY protocol";
const ESCAPES: &str = "values are escaped as `\\xXX`; lines of JSON are written with the flag `--log-format json`";
const MALFORMED: &str = "a request with a malformed header is refused, and none is passed on without it";

const KEYS: &[(&str, Unread)] = &[
    ("enable-underscores-in-headers", Unread::FlagIfOn("--enable-underscores-in-headers")),
    ("keep-alive", Unread::Flag("--keep-alive")),
    ("keep-alive-requests", Unread::Flag("--keep-alive-requests")),
    ("upstream-keepalive-connections", Unread::Flag("--upstream-keepalive-connections")),
    ("upstream-keepalive-timeout", Unread::Flag("--upstream-keepalive-timeout")),
    ("upstream-keepalive-requests", Unread::Flag("--upstream-keepalive-requests")),
    ("upstream-keepalive-time", Unread::Flag("--upstream-keepalive-time")),
    ("worker-shutdown-timeout", Unread::Flag("--worker-shutdown-timeout")),
    ("use-http2", Unread::Flag("--use-http2")),
    ("http2-max-concurrent-streams", Unread::Flag("--http2-max-concurrent-streams")),
    ("http2-max-requests", Unread::Flag("--keep-alive-requests")),
    ("client-header-buffer-size", Unread::Flag(HEAD_SIZE)),
    ("large-client-header-buffers", Unread::Flag(HEAD_SIZE)),
    ("client-header-timeout", Unread::Guard("--client-header-timeout")),
    ("client-body-timeout", Unread::Guard("--client-body-timeout")),
    ("bind-address", Unread::Guard("--bind-address")),
    ("disable-ipv6", Unread::Flag("--bind-address")),
    ("worker-processes", Unread::Flag("--workers")),
    ("max-worker-connections", Unread::Guard("--max-worker-connections")),
    ("max-worker-open-files", Unread::So("the process takes as many descriptors as the system lets it have")),
    ("reuse-port", Unread::So("listeners share their ports in any case")),
    ("use-proxy-protocol", Unread::Mind(PROXY_PROTOCOL)),
    ("log-format-upstream", Unread::Flag("--log-format")),
    ("log-format-stream", Unread::So(NO_STREAMS)),
    ("log-format-escape-json", Unread::FlagIfOn("--log-format-escape-json")),
    ("log-format-escape-none", Unread::SoIfOn(ESCAPES)),
    ("access-log-path", Unread::Flag("--access-log")),
    ("skip-access-log-urls", Unread::So("only the annotation `enable-access-log` keeps requests out of the log")),
    ("use-gzip", Unread::SoIfOn(NO_COMPRESSION)),
    ("enable-brotli", Unread::SoIfOn(NO_COMPRESSION)),
    ("otlp-collector-host", Unread::So(NO_SPANS)),
    ("proxy-stream-timeout", Unread::So(NO_STREAMS)),
    ("proxy-stream-next-upstream", Unread::So(NO_STREAMS)),
    ("proxy-stream-responses", Unread::So(NO_STREAMS)),
    ("ssl-protocols", Unread::Guard("--ssl-protocols")),
    ("ssl-ciphers", Unread::Guard("--ssl-ciphers")),
    ("ssl-ecdh-curve", Unread::So("the groups of the key exchange are those of the TLS library, best first")),
    ("ssl-session-cache", Unread::So(SESSIONS)),
    ("ssl-session-tickets", Unread::So(SESSIONS)),
    ("ssl-reject-handshake", Unread::Guard("--ssl-reject-handshake")),
    ("default-type", Unread::So("a response whose endpoint names no type is passed on without one")),
    ("generate-request-id", Unread::SoIfOff("a request without an identifier gets one")),
    ("ignore-invalid-headers", Unread::So(MALFORMED)),
    ("proxy-add-original-uri-header", Unread::SoIfOn("backends do not get `X-Original-Uri`")),
    ("server-tokens", Unread::SoIfOn("responses do not say which proxy they come from")),
];

//! What is done towards the backend where no annotation says so.

use super::value::{Key, Outcome, boolean, number, on_off, one_of, set, set_each, size, status, text};

/// Keys about requests to backends and their responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    /// The largest body of a request in bytes; 0 is unlimited (`proxy-body-size`).
    pub(crate) body_size: u64,
    /// Seconds for a connection (`proxy-connect-timeout`).
    pub(crate) connect_timeout: u32,
    /// Seconds between two reads (`proxy-read-timeout`).
    pub(crate) read_timeout: u32,
    /// Seconds between two writes (`proxy-send-timeout`).
    pub(crate) send_timeout: u32,
    /// Bytes of the buffer for the head of a response (`proxy-buffer-size`).
    pub(crate) buffer_size: u64,
    /// How many buffers a response has (`proxy-buffers-number`).
    pub(crate) buffers_number: u32,
    /// Whether responses are collected before they are sent on (`proxy-buffering`).
    pub(crate) buffering: bool,
    /// Whether requests are (`proxy-request-buffering`).
    pub(crate) request_buffering: bool,
    /// Whether backends are spoken to in HTTP/1.0 rather than 1.1 (`proxy-http-version`).
    pub(crate) is_http_1_0: bool,
    /// `off`, or what to change in the path of cookies (`proxy-cookie-path`).
    pub(crate) cookie_path: Box<str>,
    /// `off`, or what to change in their domain (`proxy-cookie-domain`).
    pub(crate) cookie_domain: Box<str>,
    /// `off`, `default`, or what to change in `Location` (`proxy-redirect-from`).
    pub(crate) redirect_from: Box<str>,
    /// What to change it into (`proxy-redirect-to`).
    pub(crate) redirect_to: Box<str>,
    /// When the next endpoint is tried (`proxy-next-upstream`), in nginx's words.
    pub(crate) next_upstream: Box<[&'static str]>,
    /// For how many seconds; 0 is unlimited (`proxy-next-upstream-timeout`).
    pub(crate) next_upstream_timeout: u32,
    /// How often; 0 is unlimited (`proxy-next-upstream-tries`).
    pub(crate) next_upstream_tries: u32,
    /// Whether requests are repeated that may not be harmless (`retry-non-idempotent`).
    pub(crate) retry_non_idempotent: bool,
    /// How an endpoint is chosen (`load-balance`).
    pub(crate) load_balance: LoadBalance,
    /// Whether the address of the Service is the only endpoint (`service-upstream`).
    pub(crate) service_upstream: bool,
    /// Whether `proxy-ssl-*` hold for single locations instead of the whole host (`proxy-ssl-location-only`).
    pub(crate) ssl_location_only: bool,
    /// Statuses that are replaced by an answer of the default backend (`custom-http-errors`).
    pub(crate) custom_http_errors: Box<[u16]>,
    /// Whether they are left alone when the backend itself sends them (`disable-proxy-intercept-errors`).
    pub(crate) disable_proxy_intercept_errors: bool,
}

/// How an endpoint is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadBalance {
    /// `round_robin`.
    RoundRobin,
    /// `ewma`: the one that answers fastest.
    Ewma,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            body_size: 1 << 20,
            connect_timeout: 5,
            read_timeout: 60,
            send_timeout: 60,
            buffer_size: 4 << 10,
            buffers_number: 4,
            buffering: false,
            request_buffering: true,
            is_http_1_0: false,
            cookie_path: "off".into(),
            cookie_domain: "off".into(),
            redirect_from: "off".into(),
            redirect_to: "off".into(),
            next_upstream: Box::new(["error", "timeout"]),
            next_upstream_timeout: 0,
            next_upstream_tries: 3,
            retry_non_idempotent: false,
            load_balance: LoadBalance::RoundRobin,
            service_upstream: false,
            ssl_location_only: false,
            custom_http_errors: Box::default(),
            disable_proxy_intercept_errors: false,
        }
    }
}

/// What each key does.
pub(super) const KEYS: &[Key<Upstream>] = &[
    ("proxy-body-size", |to, value| set(&mut to.body_size, size(value))),
    ("proxy-connect-timeout", |to, value| set(&mut to.connect_timeout, number(value))),
    ("proxy-read-timeout", |to, value| set(&mut to.read_timeout, number(value))),
    ("proxy-send-timeout", |to, value| set(&mut to.send_timeout, number(value))),
    ("proxy-buffer-size", |to, value| set(&mut to.buffer_size, size(value))),
    ("proxy-buffers-number", |to, value| set(&mut to.buffers_number, number(value))),
    ("proxy-buffering", |to, value| set(&mut to.buffering, on_off(value))),
    ("proxy-request-buffering", |to, value| set(&mut to.request_buffering, on_off(value))),
    ("proxy-http-version", |to, value| set(&mut to.is_http_1_0, one_of(value, &[("1.0", true), ("1.1", false)]))),
    ("proxy-cookie-path", |to, value| set(&mut to.cookie_path, text(value))),
    ("proxy-cookie-domain", |to, value| set(&mut to.cookie_domain, text(value))),
    ("proxy-redirect-from", |to, value| set(&mut to.redirect_from, text(value))),
    ("proxy-redirect-to", |to, value| set(&mut to.redirect_to, text(value))),
    ("proxy-next-upstream", |to, value| set(&mut to.next_upstream, next_upstream(value))),
    ("proxy-next-upstream-timeout", |to, value| set(&mut to.next_upstream_timeout, number(value))),
    ("proxy-next-upstream-tries", |to, value| set(&mut to.next_upstream_tries, number(value))),
    ("retry-non-idempotent", |to, value| set(&mut to.retry_non_idempotent, boolean(value))),
    ("load-balance", |to, value| set(&mut to.load_balance, load_balance(value))),
    ("service-upstream", |to, value| set(&mut to.service_upstream, boolean(value))),
    ("proxy-ssl-location-only", |to, value| set(&mut to.ssl_location_only, boolean(value))),
    ("custom-http-errors", |to, value| custom_http_errors(&mut to.custom_http_errors, value)),
    ("disable-proxy-intercept-errors", |to, value| set(&mut to.disable_proxy_intercept_errors, boolean(value))),
];

/// The words that nginx has for `proxy_next_upstream`.
const CONDITIONS: [&str; 12] = [
    "error",
    "timeout",
    "invalid_header",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "http_403",
    "http_404",
    "http_429",
    "non_idempotent",
    "off",
];

fn next_upstream(value: &str) -> Result<Box<[&'static str]>, Box<str>> {
    let known = |word: &str| CONDITIONS.iter().find(|known| **known == word).copied();
    let conditions: Option<Box<[_]>> = value.split_ascii_whitespace().map(known).collect();
    conditions
        .filter(|conditions| !conditions.is_empty())
        .ok_or_else(|| format!("is not a list of the words {}", CONDITIONS.join(" ")).into())
}

fn load_balance(value: &str) -> Result<LoadBalance, Box<str>> {
    one_of(value, &[("round_robin", LoadBalance::RoundRobin), ("ewma", LoadBalance::Ewma)])
}

fn custom_http_errors(place: &mut Box<[u16]>, value: &str) -> Outcome {
    set_each(place, value, "a status within 300 and 599", |entry| status(entry, 300..=599).ok())
}

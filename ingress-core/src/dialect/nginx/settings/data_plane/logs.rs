//! The access log.

use super::super::value::{Key, boolean, set, text, texts};

/// Keys about the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logs {
    /// A line of HTTP, with nginx's variables (`log-format-upstream`).
    pub(crate) format_upstream: Box<str>,
    /// A line of TCP or UDP (`log-format-stream`).
    pub(crate) format_stream: Box<str>,
    /// Whether values are escaped for JSON (`log-format-escape-json`).
    pub(crate) escape_json: bool,
    /// Whether they are not escaped at all, which goes before (`log-format-escape-none`).
    pub(crate) escape_none: bool,
    /// Where it is written (`access-log-path`).
    pub(crate) path: Box<str>,
    /// Whether it is not (`disable-access-log`).
    pub(crate) is_disabled: bool,
    /// The paths that are left out (`skip-access-log-urls`).
    pub(crate) skipped_urls: Box<[Box<str>]>,
}

/// What dashboards and alerts of ingress-nginx's users are written for.
const UPSTREAM: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "#,
    r#""$http_user_agent" "#,
    "$request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr ",
    "$upstream_response_length $upstream_response_time $upstream_status $req_id",
);

/// The same for TCP and UDP.
const STREAM: &str = "[$remote_addr] [$time_local] $protocol $status $bytes_sent $bytes_received $session_time";

impl Default for Logs {
    fn default() -> Self {
        Self {
            format_upstream: UPSTREAM.into(),
            format_stream: STREAM.into(),
            escape_json: false,
            escape_none: false,
            path: "/var/log/nginx/access.log".into(),
            is_disabled: false,
            skipped_urls: Box::default(),
        }
    }
}

/// What each key does.
pub(super) const KEYS: &[Key<Logs>] = &[
    ("log-format-upstream", |to, value| set(&mut to.format_upstream, text(value))),
    ("log-format-stream", |to, value| set(&mut to.format_stream, text(value))),
    ("log-format-escape-json", |to, value| set(&mut to.escape_json, boolean(value))),
    ("log-format-escape-none", |to, value| set(&mut to.escape_none, boolean(value))),
    ("access-log-path", |to, value| set(&mut to.path, text(value))),
    ("disable-access-log", |to, value| set(&mut to.is_disabled, boolean(value))),
    ("skip-access-log-urls", |to, value| set(&mut to.skipped_urls, texts(value))),
];

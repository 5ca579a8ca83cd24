//! Authentication by an external service for every location.

use super::value::{Key, Outcome, boolean, entries, header_name, optional, set, set_each, text, texts, time};

/// Keys about global authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GlobalAuth {
    /// The service that is asked (`global-auth-url`).
    pub(crate) url: AuthUrl,
    /// The method that it is asked with; none is the default of nginx (`global-auth-method`).
    pub(crate) method: Option<Box<str>>,
    /// Where somebody who is not signed in is sent (`global-auth-signin`).
    pub(crate) signin: Option<Box<str>>,
    /// The parameter in which the way back is told (`global-auth-signin-redirect-param`).
    pub(crate) signin_redirect_param: Box<str>,
    /// Headers of its answer that go to the backend (`global-auth-response-headers`).
    pub(crate) response_headers: Box<[Box<str>]>,
    /// What `X-Auth-Request-Redirect` is set to (`global-auth-request-redirect`).
    pub(crate) request_redirect: Option<Box<str>>,
    /// What answers are remembered by (`global-auth-cache-key`).
    pub(crate) cache_key: Option<Box<str>>,
    /// How long, by status: `200 202 401 5m` (`global-auth-cache-duration`).
    pub(crate) cache_duration: Box<[Box<str>]>,
    /// Whether its cookies go to the client on any status (`global-auth-always-set-cookie`).
    pub(crate) always_set_cookie: bool,
    /// The beginnings of rule paths that are exempt from all external authentication (`no-auth-locations`).
    pub(crate) no_auth_locations: Box<[Box<str>]>,
}

/// Whom to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuthUrl {
    /// Nobody.
    None,
    /// The service with this URL. It may contain nginx variables.
    At(Box<str>),
    /// A service whose URL cannot be read. ingress-nginx lets everybody in; closed is what was meant.
    Unreadable,
}

impl Default for GlobalAuth {
    fn default() -> Self {
        Self {
            url: AuthUrl::None,
            method: None,
            signin: None,
            signin_redirect_param: "rd".into(),
            response_headers: Box::default(),
            request_redirect: None,
            cache_key: None,
            cache_duration: Box::new(["200 202 401 5m".into()]),
            always_set_cookie: false,
            no_auth_locations: Box::new(["/.well-known/acme-challenge".into()]),
        }
    }
}

/// What each key does.
pub(super) const KEYS: &[Key<GlobalAuth>] = &[
    ("global-auth-url", |to, value| auth_url(&mut to.url, value)),
    ("global-auth-method", |to, value| set(&mut to.method, method(value))),
    ("global-auth-signin", |to, value| set(&mut to.signin, signin(value))),
    ("global-auth-signin-redirect-param", |to, value| set(&mut to.signin_redirect_param, parameter(value))),
    ("global-auth-response-headers", |to, value| {
        set_each(&mut to.response_headers, value, "the name of a header", header_name)
    }),
    ("global-auth-request-redirect", |to, value| set(&mut to.request_redirect, optional(value))),
    ("global-auth-cache-key", |to, value| set(&mut to.cache_key, optional(value))),
    ("global-auth-cache-duration", |to, value| set(&mut to.cache_duration, durations(value))),
    ("global-auth-always-set-cookie", |to, value| set(&mut to.always_set_cookie, boolean(value))),
    ("no-auth-locations", |to, value| set(&mut to.no_auth_locations, texts(value))),
];

fn auth_url(place: &mut AuthUrl, value: &str) -> Outcome {
    let url = value.trim();
    *place = match url {
        "" => AuthUrl::None,
        _ if is_url(url) => AuthUrl::At(url.into()),
        _ => AuthUrl::Unreadable,
    };
    if *place == AuthUrl::Unreadable {
        return Err("is not a URL with a host; nobody can be authenticated".into());
    }
    Ok(())
}

fn method(value: &str) -> Result<Option<Box<str>>, Box<str>> {
    const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];
    let method = optional(value)?;
    match &method {
        Some(name) if !METHODS.contains(&&**name) => Err("is not an HTTP method".into()),
        _ => Ok(method),
    }
}

fn signin(value: &str) -> Result<Option<Box<str>>, Box<str>> {
    let url = optional(value)?;
    match &url {
        Some(url) if !is_url(url) => Err("is not a URL with a host".into()),
        _ => Ok(url),
    }
}

fn parameter(value: &str) -> Result<Box<str>, Box<str>> {
    let name = text(value)?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~'));
    if name.is_empty() || !is_name { Err("is not the name of a query parameter".into()) } else { Ok(name) }
}

/// Each entry: statuses or none, then a time.
fn durations(value: &str) -> Result<Box<[Box<str>]>, Box<str>> {
    let is_duration = |entry: &str| {
        let mut words = entry.split_ascii_whitespace();
        let is_timed = words.next_back().is_some_and(|last| last.parse::<u32>().is_err() && time(last).is_ok());
        is_timed && words.all(|word| word == "any" || word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let durations: Box<[Box<str>]> = entries(value).map(Box::from).collect();
    if durations.is_empty() || !durations.iter().all(|entry| is_duration(entry)) {
        return Err("is not a list of statuses and times such as `200 202 5m`".into());
    }
    Ok(durations)
}

/// Whether this is `http` or `https`, a host that is not empty, and nothing that ends a line or a header.
fn is_url(text: &str) -> bool {
    let behind = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    behind.is_some_and(|behind| {
        let host = behind.split(['/', '?', '#']).next().unwrap_or_default();
        let is_clean = behind.bytes().all(|byte| byte.is_ascii_graphic());
        !host.is_empty() && !host.starts_with(':') && !host.contains("..") && is_clean
    })
}

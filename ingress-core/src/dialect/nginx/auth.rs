//! Authentication, by user name and password or by another service.
//!
//! A setting that cannot be read never lets everybody in: it closes the routes or gives the Ingress up.

use std::sync::Arc;

use super::super::annotations::{Annotations, Bad, shown};
use super::super::cluster::{Cluster, Lookup};
use super::grammar;
use super::settings::auth::{AuthUrl, GlobalAuth};
use super::settings::{Problem, ProblemKind, Settings};
use crate::diagnostic::Code;
use crate::policy::{BasicAuth, ExternalAuth, PasswordFile, Template};

const URL: &str = "auth-url";
const SECRET: &str = "auth-secret";
const REQUEST_HEADERS: &str = "auth-proxy-set-headers";
const CACHE: &str = "auth-cache-duration";

/// Whether the controller exempts a rule path from authentication.
pub(super) fn is_exempt(settings: &Settings, path: &str) -> bool {
    settings.auth.no_auth_locations.iter().any(|beginning| path.starts_with(&**beginning))
}

/// `auth-type`, which turns it on, and what belongs to it.
pub(super) fn basic(a: &mut Annotations<'_>, settings: &Settings, cluster: &Cluster<'_>) -> Option<BasicAuth> {
    if a.text("auth-type").is_none() {
        if a.text(SECRET).is_some() {
            let message = "without `auth-type` no password is asked for, and everybody passes";
            a.report(Code::AnnotationInvalid, SECRET, message.to_owned());
        }
        return None;
    }
    let scheme = a.word("auth-type", &["basic", "digest"], Bad::Drop)?;
    let file = match a.word("auth-secret-type", &["auth-file", "auth-map"], Bad::Drop) {
        Some("auth-map") => PasswordFile::AuthMap,
        _ => PasswordFile::AuthFile,
    };
    let realm = a.checked("auth-realm", is_realm, "made of letters, digits, blanks and `/-._~:`", Bad::Drop);
    let Some(text) = a.text(SECRET) else {
        a.bad(SECRET, Bad::Refuse, "`auth-type` asks for a password, but no Secret is named");
        return None;
    };
    let (namespace, secret) = named(a, settings, SECRET, text)?;
    let fault = match cluster.secret(&namespace, secret) {
        Lookup::Missing => Some("is not there"),
        Lookup::Found(found) if file == PasswordFile::AuthFile && !found.keys.contains("auth") => {
            Some("has no key `auth`")
        }
        Lookup::Found(_) | Lookup::NotGiven => None,
    };
    if let Some(fault) = fault {
        let why = format_args!("Secret `{}/{}` {fault}", shown(&namespace), shown(secret));
        a.refuse(Code::ReferenceMissing, "reference-missing", SECRET, why);
    }
    let realm = realm.unwrap_or_default().into();
    Some(BasicAuth { realm, namespace, secret: secret.into(), file, digest: scheme == "digest" })
}

/// The service of the annotations, else that of the controller.
pub(super) fn external(a: &mut Annotations<'_>, settings: &Settings, cluster: &Cluster<'_>) -> Option<ExternalAuth> {
    let takes_global = a.flag("enable-global-auth", Bad::Default).unwrap_or(true);
    if let Some(url) = a.checked(URL, grammar::url_with_variables, "made of what a URL may have", Bad::Drop) {
        return own(a, settings, cluster, url);
    }
    let global = if takes_global { global(a, &settings.auth) } else { None };
    if a.raw(URL).is_some_and(|url| url.trim().is_empty()) {
        let follows = if global.is_some() { "the service of the controller is asked" } else { "everybody passes" };
        a.report_with_help(
            Code::AnnotationInvalid,
            URL,
            format!("the value is empty, so {follows}"),
            "write the URL of the service, or remove the annotation if nobody is to be asked",
        );
    }
    global
}

fn own(a: &mut Annotations<'_>, settings: &Settings, cluster: &Cluster<'_>, url: &str) -> Option<ExternalAuth> {
    let Some(host) = host(url) else {
        a.bad(URL, Bad::Refuse, format_args!("`{}` is not an `http` or `https` URL with a host", shown(url)));
        return None;
    };
    const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];
    let (keepalive, keepalive_requests, keepalive_timeout) = keepalive(a, host);
    let headers = a.checked("auth-response-headers", is_header_list, "a list of header names", Bad::Refuse);
    let redirect = a.checked("auth-request-redirect", grammar::url, "made of what a URL may have", Bad::Refuse);
    no_open_door(a, "auth-request-redirect", redirect.is_some());
    let cookies = a.flag("auth-always-set-cookie", Bad::Refuse);
    no_open_door(a, "auth-always-set-cookie", cookies.is_some());
    let cache_durations = cache_durations(a);
    let request_headers = request_headers(a, settings, cluster);
    let parameter = a.checked("auth-signin-redirect-param", grammar::url, "the name of a parameter", Bad::Default);
    let signin = a.checked("auth-signin", is_signin, "made of what a URL may have", Bad::Default);
    let cache_key = a.checked("auth-cache-key", grammar::variables, "made of variables", Bad::Default);
    Some(ExternalAuth {
        method: a.word("auth-method", &METHODS, Bad::Refuse).map(Box::from),
        signin: signin.and_then(|text| template(a, "auth-signin", text, Bad::Default)),
        signin_redirect_param: parameter.unwrap_or("rd").into(),
        response_headers: headers.into_iter().flat_map(grammar::list).map(Box::from).collect(),
        request_headers,
        request_redirect: redirect.map(Box::from),
        cache_key: cache_key.and_then(|text| template(a, "auth-cache-key", text, Bad::Default)),
        cache_durations,
        always_set_cookie: cookies.unwrap_or(false),
        keepalive,
        keepalive_requests,
        keepalive_timeout,
        keepalive_share_vars: a.flag("auth-keepalive-share-vars", Bad::Default).unwrap_or(false),
        url: template(a, URL, url, Bad::Refuse)?,
    })
}

fn global(a: &mut Annotations<'_>, auth: &GlobalAuth) -> Option<ExternalAuth> {
    let url = match &auth.url {
        AuthUrl::None => return None,
        AuthUrl::At(url) => Template::new(url).ok(),
        AuthUrl::Unreadable => None,
    };
    let Some(url) = url else {
        a.bad(URL, Bad::Refuse, "`global-auth-url` of the controller cannot be read");
        return None;
    };
    // What these two cannot have is reported with the ConfigMap.
    let template = |text: &Option<Box<str>>| text.as_deref().and_then(|text| Template::new(text).ok());
    Some(ExternalAuth {
        url,
        method: auth.method.clone(),
        signin: template(&auth.signin),
        signin_redirect_param: auth.signin_redirect_param.clone(),
        response_headers: auth.response_headers.clone(),
        request_headers: Box::default(),
        request_redirect: auth.request_redirect.clone(),
        cache_key: template(&auth.cache_key),
        cache_durations: auth.cache_duration.clone(),
        always_set_cookie: auth.always_set_cookie,
        keepalive: 0,
        keepalive_requests: KEEPALIVE_REQUESTS,
        keepalive_timeout: KEEPALIVE_TIMEOUT,
        keepalive_share_vars: false,
    })
}

/// What is to be said about variables in the texts of the controller.
pub(super) fn problems(auth: &GlobalAuth) -> impl Iterator<Item = Problem> {
    let url = match &auth.url {
        AuthUrl::At(url) => Some(url),
        AuthUrl::None | AuthUrl::Unreadable => None,
    };
    let texts = [
        ("global-auth-url", url, "nobody can be authenticated"),
        ("global-auth-signin", auth.signin.as_ref(), "nobody is sent to sign in"),
        ("global-auth-cache-key", auth.cache_key.as_ref(), "no answer is remembered"),
    ];
    texts.into_iter().filter_map(|(key, text, follows)| {
        let error = Template::new(text?).err()?;
        Some(Problem { key: key.into(), what: ProblemKind::Invalid { why: format!("{error}; {follows}").into() } })
    })
}

const KEEPALIVE_REQUESTS: u32 = 1000;
const KEEPALIVE_TIMEOUT: u32 = 60;

/// Idle connections, requests and seconds. Without a fixed host, or with a limit of nothing, no connection is kept.
fn keepalive(a: &mut Annotations<'_>, host: &str) -> (u32, u32, u32) {
    const KEY: &str = "auth-keepalive";
    let wanted = a.count(KEY, Bad::Default).unwrap_or(0);
    let requests = positive(a, "auth-keepalive-requests", KEEPALIVE_REQUESTS);
    let timeout = positive(a, "auth-keepalive-timeout", KEEPALIVE_TIMEOUT);
    if wanted > 0 && host.contains('$') {
        let message = "the host of `auth-url` has a variable; connections are not kept";
        a.report(Code::AnnotationInvalid, KEY, message.to_owned());
    }
    let is_kept = requests.is_some() && timeout.is_some() && !host.contains('$');
    let kept = if is_kept { wanted } else { 0 };
    (kept, requests.unwrap_or(KEEPALIVE_REQUESTS), timeout.unwrap_or(KEEPALIVE_TIMEOUT))
}

fn positive(a: &mut Annotations<'_>, key: &str, default: u32) -> Option<u32> {
    let Some(number) = a.number(key, Bad::Default) else { return Some(default) };
    let count = u32::try_from(number).ok().filter(|count| *count > 0);
    if count.is_none() {
        a.report(Code::AnnotationInvalid, key, format!("{number} is out of range; connections are not kept"));
    }
    count
}

fn cache_durations(a: &mut Annotations<'_>) -> Box<[Box<str>]> {
    let text = a.checked(CACHE, grammar::extended, "made of letters, digits and `/-._~:, `", Bad::Refuse);
    no_open_door(a, CACHE, text.is_some());
    let durations: Box<[Box<str>]> = text.into_iter().flat_map(grammar::list).map(Box::from).collect();
    if let Some(bad) = durations.iter().find(|entry| !is_duration(entry)) {
        a.bad(CACHE, Bad::Refuse, format_args!("`{}` is not statuses and a time such as `200 202 5m`", shown(bad)));
    }
    if durations.is_empty() { [Box::from("200 202 401 5m")].into() } else { durations }
}

/// Statuses, if any, then a time such as `1h 30m`.
fn is_duration(entry: &str) -> bool {
    let is_status = |word: &&str| *word == "any" || word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = |word: &str| {
        let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
        unit.len() < word.len() && ["ms", "s", "m", "h", "d", "w", "M", "y"].contains(&unit)
    };
    let mut times = entry.split_ascii_whitespace().skip_while(is_status).peekable();
    times.peek().is_some() && times.all(is_time)
}

/// The headers of the ConfigMap that `auth-proxy-set-headers` names.
fn request_headers(a: &mut Annotations<'_>, settings: &Settings, cluster: &Cluster<'_>) -> Box<[(Box<str>, Box<str>)]> {
    let text = a.checked(REQUEST_HEADERS, grammar::basic, "the name of a ConfigMap", Bad::Default);
    let Some((namespace, name)) = text.and_then(|text| named(a, settings, REQUEST_HEADERS, text)) else {
        return Box::default();
    };
    let is_bad = |name: &str, value: &str| {
        let is_name = !name.is_empty() && !name.contains([',', ' ']) && grammar::headers(name);
        // There is no nginx to fill in variables, and their names would tell the service nothing.
        !is_name || value.contains('$') || value.contains(char::is_control)
    };
    let fault = match cluster.config_map(&namespace, name) {
        Lookup::Missing => "is not there".to_owned(),
        Lookup::NotGiven => return Box::default(),
        Lookup::Found(map) => match map.data.iter().find(|(name, value)| is_bad(name, value)) {
            None => return map.data.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            Some((name, _)) => format!("has `{}`, which is no header with a constant value", shown(name)),
        },
    };
    let why = format_args!("ConfigMap `{}/{}` {fault}", shown(&namespace), shown(name));
    a.refuse(Code::ReferenceMissing, "reference-missing", REQUEST_HEADERS, why);
    Box::default()
}

/// The namespace and name of an object, `name` or `namespace/name`. Other namespaces are for the controller to allow.
fn named<'t>(a: &mut Annotations<'_>, settings: &Settings, key: &str, text: &'t str) -> Option<(Arc<str>, &'t str)> {
    let (namespace, name) = match text.split_once('/') {
        Some((namespace, name)) => (Some(namespace).filter(|namespace| !namespace.is_empty()), name),
        None => (None, text),
    };
    if name.is_empty() || name.contains('/') || !grammar::basic(text) {
        a.bad(key, Bad::Refuse, format_args!("`{}` is neither `name` nor `namespace/name`", shown(text)));
        return None;
    }
    let own = &a.object.namespace;
    match namespace.filter(|namespace| *namespace != &**own) {
        None => Some((Arc::clone(own), name)),
        Some(other) if settings.access.allow_cross_namespace_resources => Some((other.into(), name)),
        Some(_) => {
            a.bad(key, Bad::Refuse, format_args!("`{}` is in another namespace", shown(text)));
            None
        }
    }
}

/// Notes that ingress-nginx forgets the whole authentication when it cannot read this value.
fn no_open_door(a: &mut Annotations<'_>, key: &str, is_read: bool) {
    if !is_read && a.text(key).is_some() {
        let message = "ingress-nginx serves the routes without authentication for this; here they are closed";
        a.report(Code::DiffersFromIngressNginx, key, message.to_owned());
    }
}

fn template(a: &mut Annotations<'_>, key: &str, text: &str, bad: Bad) -> Option<Template> {
    let template = Template::new(text);
    template.map_err(|error| a.bad(key, bad, format_args!("`{}` {error}", shown(text)))).ok()
}

/// The host of a URL, without its port. Variables may be part of it.
fn host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let authority = rest.split(['/', '?']).next()?;
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let is_host = !host.is_empty() && !host.contains("..") && !host.contains([',', '&', '=', '~']);
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    (is_http && is_host && is_port && !url.contains(' ')).then_some(host)
}

fn is_signin(text: &str) -> bool {
    grammar::url_with_variables(text) && !text.contains(' ')
}

fn is_realm(text: &str) -> bool {
    text.split(' ').all(grammar::basic)
}

fn is_header_list(text: &str) -> bool {
    grammar::headers(text) && grammar::list(text).all(|name| !name.contains(' '))
}

#[cfg(test)]
mod tests;

//! What is done with responses, and what is made of requests beside them: headers, error pages, copies, records.

use std::sync::Arc;

use super::global_headers::{OF_THE_MESSAGE, is_of_the_message};
use super::grammar;
use super::settings::Settings;
use crate::diagnostic::Code;
use crate::dialect::annotations::{Annotations, Bad, shown};
use crate::dialect::cluster::{Cluster, Lookup};
use crate::policy::{
    BackendRef, CustomErrors, Mirror, Observe, Piece, PortRef, ProxyRedirect, Reach, ResponseHeaders, Template,
    Variable,
};

/// A header and its value.
pub(super) type Field = (Box<str>, Box<str>);

/// Headers of responses.
pub(super) fn response(a: &mut Annotations<'_>, s: &Settings, cluster: &Cluster<'_>) -> ResponseHeaders {
    ResponseHeaders {
        affinity_cookie: a.text("affinity") == Some("cookie"),
        hsts: hsts(s),
        set: set(a, s, cluster),
        hide: hide(s),
        cookie_domain: replaced(a, "proxy-cookie-domain", &s.upstream.cookie_domain, grammar::basic),
        cookie_path: replaced(a, "proxy-cookie-path", &s.upstream.cookie_path, grammar::url),
        location: location(a, s),
    }
}

/// Where a copy of each request goes.
pub(super) fn mirror(a: &mut Annotations<'_>) -> Option<Mirror> {
    const KEY: &str = "mirror-target";
    let target = a.checked(KEY, grammar::regex, "a URL", Bad::Default)?;
    let host = a.checked("mirror-host", is_host, "the name of a host", Bad::Default);
    let body = a.switch("mirror-request-body", Bad::Default).unwrap_or(true);
    let template = match Template::new(target) {
        Ok(template) => template,
        Err(fault) => {
            a.bad(KEY, Bad::Default, format_args!("`{}` {fault}", shown(target)));
            return None;
        }
    };
    let Some(own) = host_of(&template) else {
        a.bad(KEY, Bad::Default, format_args!("`{}` is not a URL with a host of its own", shown(target)));
        return None;
    };
    let host = host.unwrap_or(own).into();
    Some(Mirror { target: template, host, body })
}

/// Responses that are replaced.
pub(super) fn errors(a: &mut Annotations<'_>, s: &Settings, cluster: &Cluster<'_>) -> Option<CustomErrors> {
    let keep_bodies = a.flag("disable-proxy-intercept-errors", Bad::Default);
    let mut codes = codes(a).unwrap_or_else(|| s.upstream.custom_http_errors.to_vec());
    codes.sort_unstable();
    codes.dedup();
    let name = a.text("default-backend").filter(|name| is_service(name));
    (!codes.is_empty()).then(|| CustomErrors {
        codes: codes.into(),
        backend: name.and_then(|name| backend(a, cluster, name)),
        keep_bodies: keep_bodies.unwrap_or(s.upstream.disable_proxy_intercept_errors),
    })
}

/// What answers when the backend has no endpoints.
pub(super) fn fallback(a: &mut Annotations<'_>, cluster: &Cluster<'_>) -> Option<Arc<BackendRef>> {
    const KEY: &str = "default-backend";
    let name = a.checked(KEY, is_service, "the name of a Service", Bad::Drop)?;
    let found = backend(a, cluster, name);
    if found.is_none() {
        let message = format!("there is no Service `{}/{name}`; the annotation has no effect", a.object.namespace);
        a.report(Code::AnnotationInvalid, KEY, message);
    }
    found
}

/// What is recorded of requests.
pub(super) fn observe(a: &mut Annotations<'_>, s: &Settings) -> Observe {
    let telemetry = &s.data_plane.telemetry;
    let trust = a.flag("opentelemetry-trust-incoming-span", Bad::Default);
    let name = a.checked("opentelemetry-operation-name", is_operation, "the name of an operation", Bad::Drop);
    Observe {
        // A log that the controller does not write has no lines of single Ingresses.
        access_log: a.flag("enable-access-log", Bad::Default).unwrap_or(true) && !s.data_plane.logs.is_disabled,
        opentelemetry: a.flag("enable-opentelemetry", Bad::Default).unwrap_or(telemetry.is_on),
        trust_incoming_span: trust.unwrap_or(telemetry.trust_incoming_span),
        operation_name: name.map(Box::from).or_else(|| telemetry.operation_name.clone()),
    }
}

/// Whether a header can be sent.
pub(super) fn is_field(name: &str, value: &str) -> bool {
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    is_name && value.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}

fn hsts(s: &Settings) -> Option<Box<str>> {
    let hsts = &s.redirects.hsts;
    let subdomains = if hsts.include_subdomains { "; includeSubDomains" } else { "" };
    let preload = if hsts.preload { "; preload" } else { "" };
    hsts.is_on.then(|| format!("max-age={}{subdomains}{preload}", hsts.max_age).into())
}

/// The controller's headers for all responses and, in their place where the names are the same, those of the Ingress.
fn set(a: &mut Annotations<'_>, s: &Settings, cluster: &Cluster<'_>) -> Box<[Field]> {
    let custom = custom_headers(a, s, cluster).unwrap_or_default();
    let is_replaced = |name: &str| custom.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let mut set: Vec<Field> = s.headers.for_clients.iter().filter(|(name, _)| !is_replaced(name)).cloned().collect();
    set.extend(custom);
    set.into()
}

/// The headers that the Ingress sets, all of them or none.
fn custom_headers(a: &mut Annotations<'_>, s: &Settings, cluster: &Cluster<'_>) -> Option<Vec<Field>> {
    const KEY: &str = "custom-headers";
    let value = a.checked(KEY, grammar::basic, "the `namespace/name` of a ConfigMap", Bad::Default)?;
    let object = a.object;
    let (namespace, name) = value.split_once('/').unwrap_or((&object.namespace, value));
    if namespace != &*object.namespace && !s.access.allow_cross_namespace_resources {
        a.bad(KEY, Bad::Refuse, format_args!("`{}` is in another namespace", shown(value)));
        return None;
    }
    let map = match cluster.config_map(namespace, name) {
        Lookup::Found(map) => map,
        Lookup::NotGiven => return None,
        Lookup::Missing => {
            let why = format!("the ConfigMap `{}` is not there", shown(value));
            a.refuse(Code::ReferenceMissing, "reference-missing", KEY, why);
            return None;
        }
    };
    let is_allowed = |name: &str| s.headers.allowed_response_headers.iter().any(|it| it.eq_ignore_ascii_case(name));
    let bad = map.data.iter().find_map(|(name, value)| match is_allowed(name) {
        false => Some((name, "is not among the `global-allowed-response-headers`")),
        true => (!is_field(name, value.trim())).then_some((name, "has a value that cannot be sent")),
    });
    if let Some((name, fault)) = bad {
        a.bad(KEY, Bad::Refuse, format_args!("the header `{}` in `{}` {fault}", shown(name), shown(value)));
        return None;
    }
    let (ours, theirs): (Vec<_>, Vec<_>) = map.data.iter().partition(|(name, _)| is_of_the_message(name));
    for (name, _) in ours {
        let what = format!("the header `{name}` is not set: it {OF_THE_MESSAGE}");
        a.report(Code::AnnotationNotImplemented, KEY, what);
    }
    // Line breaks at the end of a value come from how YAML writes it.
    Some(theirs.into_iter().map(|(name, value)| field((name, value.trim()))).collect())
}

fn field((name, value): (&str, &str)) -> Field {
    (name.into(), value.into())
}

/// Headers that only the backend's own clients are to see.
fn hide(s: &Settings) -> Box<[Box<str>]> {
    let server = (!s.headers.allow_backend_server_header).then_some("Server");
    s.headers.hide_headers.iter().map(|name| &**name).chain(server).map(Box::from).collect()
}

/// What is replaced in an attribute of cookies, and by what: two words, or `off`.
fn replaced(a: &mut Annotations<'_>, key: &str, default: &str, is_good: fn(&str) -> bool) -> Option<Field> {
    let value = a.text(key);
    let text = value.unwrap_or(default);
    if text == "off" {
        return None;
    }
    let words = text.split_once(' ').map(|(from, to)| (from, to.trim_start_matches(' ')));
    // `~` would make an expression of the first.
    let words = words.filter(|(from, to)| !from.starts_with('~') && is_good(from) && is_good(to));
    if words.is_none() && value.is_some() {
        a.bad(key, Bad::Default, format_args!("`{}` is neither `off` nor two words", shown(text)));
    }
    words.map(field)
}

fn location(a: &mut Annotations<'_>, s: &Settings) -> ProxyRedirect {
    let is_good = |text: &str| grammar::url(text) && !text.starts_with('~');
    let from = a.checked("proxy-redirect-from", is_good, "a URL without an expression", Bad::Default);
    let to = a.checked("proxy-redirect-to", is_good, "a URL", Bad::Default);
    match (from.unwrap_or(&s.upstream.redirect_from), to.unwrap_or(&s.upstream.redirect_to)) {
        // `default` is about the name that nginx has for its upstream, which no backend speaks of.
        ("off" | "default", _) => ProxyRedirect::Off,
        (_, "off") => ProxyRedirect::Off,
        (from, to) if is_good(from) && is_good(to) => ProxyRedirect::Replace(from.into(), to.into()),
        _ => ProxyRedirect::Off,
    }
}

/// The host of a URL whose host has no variables in it.
fn host_of(url: &Template) -> Option<&str> {
    let mut pieces = url.pieces().iter();
    let Some(Piece::Text(start)) = pieces.next() else { return None };
    let rest = start.strip_prefix("http://").or_else(|| start.strip_prefix("https://"))?;
    let host = match rest.split_once(['/', '?']) {
        Some((host, _)) => host,
        // These two begin with the slash that ends the host.
        None => match pieces.next() {
            None | Some(Piece::Variable(Variable::RequestUri | Variable::Uri)) => rest,
            Some(_) => return None,
        },
    };
    is_host(host).then_some(host)
}

/// A host, perhaps with a port.
fn is_host(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'[' | b']'))
}

/// Statuses between 400 and 599.
fn codes(a: &mut Annotations<'_>) -> Option<Vec<u16>> {
    const KEY: &str = "custom-http-errors";
    let value = a.text(KEY)?;
    let code = |entry: &str| entry.parse().ok().filter(|code: &u16| (400..=599).contains(code) && entry.len() == 3);
    let codes: Option<_> = grammar::list(value).map(code).collect();
    if codes.is_none() {
        a.bad(KEY, Bad::Drop, format_args!("`{}` is not a list of statuses between 400 and 599", shown(value)));
    }
    codes
}

/// A Service of the same namespace by its first port; none where it is known not to be there.
fn backend(a: &Annotations<'_>, cluster: &Cluster<'_>, name: &str) -> Option<Arc<BackendRef>> {
    let namespace = &a.object.namespace;
    match cluster.service(namespace, name) {
        Lookup::Missing => None,
        Lookup::Found(_) | Lookup::NotGiven => Some(Arc::new(BackendRef {
            namespace: Arc::clone(namespace),
            service: name.into(),
            port: PortRef::First,
            reach: Reach::EndpointsByTargetPort,
        })),
    }
}

/// A DNS-1035 label.
fn is_service(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_operation(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::super::limits::probe::{Pairs, Reading, config_map, read, read_in, service};
    use super::*;

    fn set_of(reading: &Reading) -> Vec<(&str, &str)> {
        reading.filters().response.set.iter().map(|(name, value)| (&**name, &**value)).collect()
    }

    #[test]
    fn strict_transport_security() {
        let table: &[(Pairs<'_>, Option<&str>)] = &[
            (&[], Some("max-age=31536000; includeSubDomains")),
            (&[("hsts-preload", "true")], Some("max-age=31536000; includeSubDomains; preload")),
            (&[("hsts-max-age", "60"), ("hsts-include-subdomains", "false")], Some("max-age=60")),
            (&[("hsts", "false")], None),
        ];
        for (settings, expected) in table {
            let reading = read_in(settings, Vec::new(), &[]);
            assert_eq!(reading.filters().response.hsts.as_deref(), *expected);
        }
    }

    #[test]
    fn headers_of_config_maps() {
        let settings = [
            ("global-allowed-response-headers", "X-Team,X-Stage,Content-Length"),
            ("add-headers", "system/all"),
            ("hide-headers", "X-A"),
        ];
        let objects = |data| vec![config_map("shop", "extra", data), config_map("system", "all", ALL)];
        const ALL: Pairs<'_> = &[("X-All", "1\n"), ("x-team", "all"), ("Bad Name", "2"), ("X-Bad", "a\r\nb")];
        const REFUSED: (&str, Option<&str>) = ("annotation-refuses-route", Some("annotation-invalid"));
        const PART: (&str, Option<&str>) = ("annotation-not-implemented", None);
        const MISSING: (&str, Option<&str>) = ("reference-missing", Some("reference-missing"));
        const BASE: Pairs<'_> = &[("X-All", "1"), ("x-team", "all")];
        let table: &[(&str, Pairs<'_>, Pairs<'_>, _)] = &[
            ("extra", &[("X-Team", "a")], &[("X-All", "1"), ("X-Team", "a")], ("", None)),
            ("shop/extra", &[("X-Stage", "$b\n")], &[("X-All", "1"), ("x-team", "all"), ("X-Stage", "$b")], ("", None)),
            ("", &[], BASE, ("", None)),
            ("<extra>", &[], BASE, ("annotation-invalid", None)),
            ("gone", &[], BASE, MISSING),
            ("system/all", &[], BASE, REFUSED),
            ("extra", &[("content-length", "0"), ("X-Team", "a")], &[("X-All", "1"), ("X-Team", "a")], PART),
            ("extra", &[("X-Secret", "a")], BASE, REFUSED),
            ("extra", &[("X-Team", "a\r\nSet-Cookie: b")], BASE, REFUSED),
        ];
        for (value, data, expected, (finding, reason)) in table {
            let reading = read_in(&settings, objects(data), &[("custom-headers", value)]);
            assert_eq!((set_of(&reading), reading.finding()), (expected.to_vec(), *finding), "{value}");
            assert_eq!(reading.intent.refused.as_ref().map(|answer| answer.reason), *reason, "{value}");
            assert_eq!(reading.filters().response.hide, ["X-A".into(), "Server".into()].into(), "{value}");
        }
        assert_eq!(read(&[("custom-headers", "extra")]).finding(), "");
    }

    #[test]
    fn cookies_and_locations() {
        let words = |from: &str, to: &str| Some((from.into(), to.into()));
        for (value, expected, finding) in [
            ("a.example b.example", words("a.example", "b.example"), ""),
            ("off", None, ""),
            ("one", None, "annotation-invalid"),
            ("a b c", None, "annotation-invalid"),
            ("~a b", None, "annotation-invalid"),
            ("<a> b", None, "annotation-invalid"),
        ] {
            let reading = read(&[("proxy-cookie-domain", value)]);
            assert_eq!(
                (reading.filters().response.cookie_domain.clone(), reading.finding()),
                (expected, finding),
                "{value}"
            );
        }
        let reading = read_in(&[("proxy-cookie-path", "/a /b")], Vec::new(), &[("proxy-cookie-path", "<>")]);
        assert_eq!((reading.filters().response.cookie_path.clone(), reading.finding()), (None, "annotation-invalid"));
        let table: &[(Pairs<'_>, ProxyRedirect)] = &[
            (&[], ProxyRedirect::Off),
            (&[("proxy-redirect-from", "default")], ProxyRedirect::Off),
            (&[("proxy-redirect-from", "http://a/")], ProxyRedirect::Off),
            (&[("proxy-redirect-to", "http://b/")], ProxyRedirect::Off),
            (
                &[("proxy-redirect-from", "http://a/"), ("proxy-redirect-to", "/")],
                ProxyRedirect::Replace("http://a/".into(), "/".into()),
            ),
        ];
        for (annotations, expected) in table {
            assert_eq!(read(annotations).filters().response.location, *expected);
        }
        assert_eq!(read(&[("proxy-redirect-from", "~a")]).finding(), "annotation-invalid");
    }

    #[test]
    fn copies() {
        let table: &[(Pairs<'_>, Option<(&str, bool)>)] = &[
            (&[("mirror-target", "https://a.example/$request_uri")], Some(("a.example", true))),
            (&[("mirror-target", "http://a.example:8080$request_uri")], Some(("a.example:8080", true))),
            (
                &[("mirror-target", "http://a.example"), ("mirror-host", "b"), ("mirror-request-body", "off")],
                Some(("b", false)),
            ),
            (&[("mirror-target", "http://a.example"), ("mirror-host", "<b>")], Some(("a.example", true))),
            (&[("mirror-host", "$b"), ("mirror-request-body", "no")], None),
            (&[("mirror-target", "http://a.example/$request_body")], None),
            (&[("mirror-target", "http://$host/")], None),
            (&[("mirror-target", "http://a.$host/")], None),
            (&[("mirror-target", "/mirror")], None),
            (&[("mirror-target", "http://a.example/\"; x")], None),
        ];
        for (annotations, expected) in table {
            let reading = read(annotations);
            let mirror = reading.filters().mirror.as_ref().map(|mirror| (&*mirror.host, mirror.body));
            assert_eq!(mirror, *expected, "{annotations:?}");
            assert!(mirror.is_some() || annotations.len() > 1 || reading.finding() == "annotation-invalid");
        }
    }

    #[test]
    fn error_pages_and_fallback() {
        let names = |reading: &Reading| {
            let name = |backend: &Arc<BackendRef>| (backend.to_string(), backend.reach);
            let errors = reading.filters().errors.as_ref();
            let codes = errors.map_or(Vec::new(), |errors| errors.codes.to_vec());
            let backend = errors.and_then(|errors| errors.backend.as_ref()).map(name);
            (codes, backend, reading.filters().fallback.as_ref().map(name))
        };
        let there = Some(("shop/errors:first".to_owned(), Reach::EndpointsByTargetPort));
        let both = [("custom-http-errors", "503, 404,503"), ("default-backend", "errors")];
        for (objects, expected, finding) in [
            (vec![], &there, ""),
            (vec![service("errors")], &there, ""),
            (vec![service("other")], &None, "annotation-invalid"),
        ] {
            let reading = read_in(&[], objects, &both);
            let expected = (vec![404, 503], expected.clone(), expected.clone());
            assert_eq!((names(&reading), reading.finding(), reading.intent.is_dropped), (expected, finding, false));
        }
        for (key, value) in [
            ("custom-http-errors", "200"),
            ("custom-http-errors", "+404"),
            ("custom-http-errors", "404;503"),
            ("default-backend", "Errors"),
            ("default-backend", "other/errors"),
            ("default-backend", "9lives"),
        ] {
            let reading = read(&[(key, value)]);
            assert_eq!((reading.finding(), reading.intent.is_dropped), ("annotation-drops-ingress", true), "{value}");
        }
        let settings = [("custom-http-errors", "502"), ("disable-proxy-intercept-errors", "true")];
        let errors = read_in(&settings, Vec::new(), &[]).filters().errors.clone();
        assert_eq!(errors, Some(CustomErrors { codes: [502].into(), backend: None, keep_bodies: true }));
        let own = read_in(
            &settings,
            Vec::new(),
            &[("disable-proxy-intercept-errors", "false"), ("custom-http-errors", "404")],
        );
        let expected = CustomErrors { codes: [404].into(), backend: None, keep_bodies: false };
        assert_eq!(own.filters().errors, Some(expected));
    }

    #[test]
    fn records() {
        assert_eq!(read(&[]).filters().observe, Observe::default());
        let own = [
            ("enable-access-log", "false"),
            ("enable-opentelemetry", "true"),
            ("opentelemetry-trust-incoming-span", "false"),
            ("opentelemetry-operation-name", "shop"),
        ];
        let expected = Observe {
            access_log: false,
            opentelemetry: true,
            trust_incoming_span: false,
            operation_name: Some("shop".into()),
        };
        assert_eq!(read(&own).filters().observe, expected);
        let off = read_in(&[("disable-access-log", "true")], Vec::new(), &[("enable-access-log", "true")]);
        assert!(!off.filters().observe.access_log);
        assert!(read(&[("opentelemetry-operation-name", "a b")]).intent.is_dropped);
    }
}

//! Cross-origin resource sharing.

use super::grammar;
use crate::diagnostic::Code;
use crate::dialect::annotations::{Annotations, Bad, shown};
use crate::policy::{Cors, OriginPattern};

const METHODS: &str = "GET, PUT, POST, DELETE, PATCH, OPTIONS";
const HEADERS: &str =
    "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization";
const MAX_AGE: i64 = 1_728_000;

/// What scripts of other origins may do, if it is switched on.
pub(super) fn read(a: &mut Annotations<'_>) -> Option<Cors> {
    let is_on = a.flag("enable-cors", Bad::Default).unwrap_or(false);
    is_on.then(|| Cors {
        origins: origins(a),
        credentials: a.flag("cors-allow-credentials", Bad::Default).unwrap_or(true),
        methods: list(a, "cors-allow-methods", is_methods, "a list of methods", METHODS),
        headers: list(a, "cors-allow-headers", is_headers, "a list of headers", HEADERS),
        expose_headers: list(a, "cors-expose-headers", is_exposed, "a list of headers or `*`", ""),
        max_age: a.number("cors-max-age", Bad::Default).unwrap_or(MAX_AGE),
    })
}

fn list(a: &mut Annotations<'_>, key: &str, is_good: fn(&str) -> bool, form: &str, default: &str) -> Box<str> {
    a.checked(key, is_good, form, Bad::Default).unwrap_or(default).into()
}

fn origins(a: &mut Annotations<'_>) -> Box<[OriginPattern]> {
    const KEY: &str = "cors-allow-origin";
    let Some(value) = a.text(KEY) else { return [OriginPattern::Any].into() };
    if grammar::list(value).any(|entry| entry == "*") {
        return [OriginPattern::Any].into();
    }
    let origins: Box<_> = grammar::list(value).filter_map(origin).collect();
    let bad = grammar::list(value).find(|entry| origin(entry).is_none());
    let bad = bad.or_else(|| origins.is_empty().then_some(value));
    if let Some(bad) = bad {
        let message = format!("`{}` is not an origin such as `https://a.example`; it is left out", shown(bad));
        a.report(Code::AnnotationInvalid, KEY, message);
        let message =
            "ingress-nginx allows every origin where it cannot read the list; here only those that can be read are";
        a.report(Code::DiffersFromIngressNginx, KEY, message.to_owned());
    }
    origins
}

/// One entry of the list, which is not `*`.
fn origin(text: &str) -> Option<OriginPattern> {
    if text == "null" {
        return Some(OriginPattern::Exact(text.into()));
    }
    let (scheme, authority) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let host = match authority.rsplit_once(':') {
        Some((host, port)) => {
            port.parse::<u16>().ok().filter(|_| port.bytes().all(|b| b.is_ascii_digit())).map(|_| host)
        }
        None => Some(authority),
    };
    let host = host.filter(|_| is_scheme)?;
    let is_host = |host: &str| {
        host.contains(|c: char| c.is_ascii_alphanumeric())
            && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
    };
    match host.strip_prefix("*.") {
        Some(parent) if is_host(parent) => {
            let after = authority.strip_prefix('*')?;
            Some(OriginPattern::Subdomain(format!("{scheme}://").into(), after.into()))
        }
        None if is_host(host) => Some(OriginPattern::Exact(text.into())),
        _ => None,
    }
}

fn is_methods(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphabetic() || ", ".contains(c)) && names_something(text)
}

fn is_headers(text: &str) -> bool {
    grammar::headers(text) && names_something(text)
}

fn is_exposed(text: &str) -> bool {
    // The text is sent as a whole, so that what stands between the entries counts too.
    let is_clean = text.chars().all(|c| c == '*' || grammar::headers(c.encode_utf8(&mut [0; 4])));
    is_clean
        && grammar::list(text).all(|entry| entry == "*" || !entry.contains('*'))
        && text.contains(|c| !", ".contains(c))
}

fn names_something(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::super::limits::probe::read;
    use super::*;

    fn cors(key: &str, value: &str) -> (Option<Cors>, Vec<&'static str>) {
        let reading = read(&[("enable-cors", "true"), (key, value)]);
        assert!(!reading.intent.is_dropped && reading.intent.refused.is_none());
        (reading.filters().cors.clone(), reading.findings.iter().map(|(slug, _)| *slug).collect())
    }

    fn defaults() -> Cors {
        Cors {
            origins: [OriginPattern::Any].into(),
            credentials: true,
            methods: METHODS.into(),
            headers: HEADERS.into(),
            expose_headers: "".into(),
            max_age: 1_728_000,
        }
    }

    #[test]
    fn off_unless_enabled() {
        for value in ["false", "yes", ""] {
            assert_eq!(read(&[("enable-cors", value), ("cors-max-age", "x")]).filters().cors, None, "{value}");
        }
        assert_eq!(cors("cors-max-age", "").0, Some(defaults()));
    }

    #[test]
    fn origins_that_can_be_read_are_kept_and_no_others() {
        const BAD: [&str; 2] = ["annotation-invalid", "differs-from-ingress-nginx"];
        let table: &[(&str, &[&str], &[&str])] = &[
            ("*", &["*"], &[]),
            ("https://a.example, *", &["*"], &[]),
            ("null", &["null"], &[]),
            ("https://A.example,http://*.b.example:8443", &["https://A.example", "http://*.b.example:8443"], &[]),
            ("capacitor://localhost", &["capacitor://localhost"], &[]),
            ("https://a.example, <shop>", &["https://a.example"], &BAD),
            ("<shop>", &[], &BAD),
            (",", &[], &BAD),
            ("a.example", &[], &BAD),
            ("https://", &[], &BAD),
            ("https://*", &[], &BAD),
            ("https://*.", &[], &BAD),
            ("https://a.*.example", &[], &BAD),
            ("https://a.example/", &[], &BAD),
            ("https://a.example:", &[], &BAD),
            ("https://a.example:99999", &[], &BAD),
            ("https://user@a.example", &[], &BAD),
            ("://a.example", &[], &BAD),
            (".*", &[], &BAD),
        ];
        for (value, origins, findings) in table {
            let (cors, found) = cors("cors-allow-origin", value);
            let read: Vec<_> = cors.expect("enabled").origins.iter().map(ToString::to_string).collect();
            assert_eq!(
                (&*read, &*found),
                (&*origins.iter().map(ToString::to_string).collect::<Vec<_>>(), *findings),
                "{value}"
            );
        }
    }

    #[test]
    fn other_settings() {
        let set = |change: fn(&mut Cors)| {
            let mut cors = defaults();
            change(&mut cors);
            Some(cors)
        };
        for (key, value, expected) in [
            ("cors-allow-methods", "GET, post", set(|cors| cors.methods = "GET, post".into())),
            ("cors-allow-headers", "X-A,X_B", set(|cors| cors.headers = "X-A,X_B".into())),
            ("cors-expose-headers", "*, X-C", set(|cors| cors.expose_headers = "*, X-C".into())),
            ("cors-max-age", "-1", set(|cors| cors.max_age = -1)),
            ("cors-allow-credentials", "false", set(|cors| cors.credentials = false)),
        ] {
            assert_eq!(cors(key, value), (expected, Vec::new()), "{key}");
        }
        for (key, value) in [
            ("cors-allow-methods", "GET; POST"),
            ("cors-allow-methods", ","),
            ("cors-allow-headers", "X-A: b"),
            ("cors-allow-headers", "X-A,\r\nX-B"),
            ("cors-expose-headers", "X-A,\r\nX-B"),
            ("cors-expose-headers", "X-*"),
            ("cors-expose-headers", ", ,"),
            ("cors-max-age", "1d"),
            ("cors-allow-credentials", "maybe"),
        ] {
            assert_eq!(cors(key, value), (Some(defaults()), vec!["annotation-invalid"]), "{key}");
        }
    }
}

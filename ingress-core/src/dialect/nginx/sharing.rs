//! How the endpoints of a backend share the requests.

use std::sync::Arc;

use super::settings::Settings;
use super::{grammar, settings};
use crate::dialect::annotations::{Annotations, Bad, shown};
use crate::policy::{Affinity, HashBy, LoadBalance, Template, UpstreamSettings};

/// The name of the cookie where nothing is said.
const COOKIE: &str = "INGRESSCOOKIE";
/// The size of a subset where nothing is said.
const SUBSET: u32 = 3;

/// What an Ingress says for its backends.
pub(super) fn read(a: &mut Annotations<'_>, s: &Settings) -> UpstreamSettings {
    UpstreamSettings { load_balance: load_balance(a, s), hash: hash(a), affinity: affinity(a).map(Arc::new) }
}

fn load_balance(a: &mut Annotations<'_>, s: &Settings) -> LoadBalance {
    // The first four are ingress-nginx's names for hashing and affinity, which have annotations of their own.
    const WORDS: [&str; 6] = ["chash", "chashsubset", "sticky_balanced", "sticky_persistent", "round_robin", "ewma"];
    match (a.word("load-balance", &WORDS, Bad::Drop), s.upstream.load_balance) {
        (Some("ewma"), _) | (None, settings::upstream::LoadBalance::Ewma) => LoadBalance::Ewma,
        (Some(_), _) | (None, settings::upstream::LoadBalance::RoundRobin) => LoadBalance::RoundRobin,
    }
}

fn hash(a: &mut Annotations<'_>) -> Option<HashBy> {
    const KEY: &str = "upstream-hash-by";
    let has_subset = a.flag("upstream-hash-by-subset", Bad::Drop).unwrap_or(false);
    let size = a.count("upstream-hash-by-subset-size", Bad::Drop).filter(|size| *size > 0).unwrap_or(SUBSET);
    let value = a.checked(KEY, is_hash_key, "text with variables", Bad::Drop)?;
    match Template::new(value) {
        Ok(key) => Some(HashBy { key, subset: has_subset.then_some(size) }),
        Err(fault) => {
            a.bad(KEY, Bad::Drop, format_args!("`{}` {fault}", shown(value)));
            None
        }
    }
}

fn is_hash_key(text: &str) -> bool {
    text.split(' ').all(grammar::variables)
}

fn affinity(a: &mut Annotations<'_>) -> Option<Affinity> {
    a.word("affinity", &["cookie"], Bad::Default)?;
    let mode = a.word("affinity-mode", &["balanced", "persistent"], Bad::Default);
    let name = a.checked("session-cookie-name", grammar::basic, "the name of a cookie", Bad::Default);
    let same_site = a.checked("session-cookie-samesite", is_same_site, "`none`, `lax` or `strict`", Bad::Default);
    Some(Affinity {
        cookie: name.unwrap_or(COOKIE).into(),
        persistent: mode == Some("persistent"),
        path: a.checked("session-cookie-path", grammar::url, "a path", Bad::Default).map(Box::from),
        domain: a.checked("session-cookie-domain", grammar::basic, "a domain", Bad::Default).map(Box::from),
        expires: a.number("session-cookie-expires", Bad::Default),
        max_age: a.number("session-cookie-max-age", Bad::Default),
        same_site: same_site.map(Box::from),
        conditional_same_site_none: flag(a, "session-cookie-conditional-samesite-none").unwrap_or(false),
        secure: flag(a, "session-cookie-secure"),
        change_on_failure: flag(a, "session-cookie-change-on-failure").unwrap_or(false),
    })
}

fn is_same_site(text: &str) -> bool {
    ["none", "lax", "strict"].iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn flag(a: &mut Annotations<'_>, key: &str) -> Option<bool> {
    a.flag(key, Bad::Default)
}

#[cfg(test)]
mod tests {
    use super::super::limits::probe::{Pairs, read, read_in};
    use super::*;

    #[test]
    fn algorithms() {
        for (value, expected, finding) in [
            ("ewma", LoadBalance::Ewma, ""),
            ("round_robin", LoadBalance::RoundRobin, ""),
            ("chash", LoadBalance::RoundRobin, ""),
            ("sticky_balanced", LoadBalance::RoundRobin, ""),
            ("", LoadBalance::RoundRobin, ""),
            ("EWMA", LoadBalance::RoundRobin, "annotation-drops-ingress"),
        ] {
            let reading = read(&[("load-balance", value)]);
            let found = (reading.sharing().load_balance, reading.finding(), reading.intent.is_dropped);
            assert_eq!(found, (expected, finding, !finding.is_empty()), "{value}");
        }
        let settings = [("load-balance", "ewma")];
        for (annotations, expected) in
            [(&[][..], LoadBalance::Ewma), (&[("load-balance", "round_robin")], LoadBalance::RoundRobin)]
        {
            assert_eq!(read_in(&settings, Vec::new(), annotations).sharing().load_balance, expected);
        }
    }

    #[test]
    fn hashing() {
        const BY: &str = "upstream-hash-by";
        let table: &[(Pairs<'_>, &str, Option<u32>)] = &[
            (&[(BY, "$request_uri")], "$request_uri", None),
            (&[(BY, "${http_x_user}-$host")], "${http_x_user}-$host", None),
            (&[(BY, "$host $uri"), ("upstream-hash-by-subset", "true")], "$host $uri", Some(3)),
            (&[(BY, "text"), ("upstream-hash-by-subset", "1"), ("upstream-hash-by-subset-size", "2")], "text", Some(2)),
            (&[(BY, "a"), ("upstream-hash-by-subset", "t"), ("upstream-hash-by-subset-size", "0")], "a", Some(3)),
            (&[(BY, "a"), ("upstream-hash-by-subset", "false"), ("upstream-hash-by-subset-size", "2")], "a", None),
        ];
        for (annotations, key, subset) in table {
            let reading = read(annotations);
            let hash = reading.sharing().hash.as_ref().expect("a key");
            assert_eq!((hash.key.as_str(), hash.subset, reading.finding()), (*key, *subset, ""));
        }
        for (key, value) in [
            (BY, "$request_body"),
            (BY, "$"),
            (BY, "${host"),
            (BY, "$host;"),
            (BY, "a\nb"),
            ("upstream-hash-by-subset", "yes"),
            ("upstream-hash-by-subset-size", "-1"),
        ] {
            let reading = read(&[(key, value)]);
            assert_eq!((reading.sharing().hash.clone(), reading.intent.is_dropped), (None, true), "{value}");
            assert_eq!(reading.finding(), "annotation-drops-ingress", "{value}");
        }
    }

    fn plain() -> Affinity {
        Affinity {
            cookie: "INGRESSCOOKIE".into(),
            persistent: false,
            path: None,
            domain: None,
            expires: None,
            max_age: None,
            same_site: None,
            conditional_same_site_none: false,
            secure: None,
            change_on_failure: false,
        }
    }

    #[test]
    fn sticky_sessions() {
        assert_eq!(read(&[("session-cookie-name", "a b")]).sharing().affinity, None);
        let reading = read(&[("affinity", "address"), ("session-cookie-name", "a b")]);
        assert_eq!((reading.sharing().affinity.clone(), reading.finding()), (None, "annotation-invalid"));
        let all = [
            ("affinity", "cookie"),
            ("affinity-mode", "persistent"),
            ("session-cookie-name", "route"),
            ("session-cookie-path", "/shop"),
            ("session-cookie-domain", "example.com"),
            ("session-cookie-expires", "-3600"),
            ("session-cookie-max-age", "7200"),
            ("session-cookie-samesite", "Lax"),
            ("session-cookie-conditional-samesite-none", "true"),
            ("session-cookie-secure", "false"),
            ("session-cookie-change-on-failure", "true"),
        ];
        let expected = Affinity {
            cookie: "route".into(),
            persistent: true,
            path: Some("/shop".into()),
            domain: Some("example.com".into()),
            expires: Some(-3600),
            max_age: Some(7200),
            same_site: Some("Lax".into()),
            conditional_same_site_none: true,
            secure: Some(false),
            change_on_failure: true,
        };
        assert_eq!(read(&all).sharing().affinity.as_deref(), Some(&expected));
    }

    #[test]
    fn a_setting_of_the_cookie_that_cannot_be_read_is_as_absent() {
        for (key, value) in [
            ("affinity-mode", "forever"),
            ("session-cookie-name", "a b;c"),
            ("session-cookie-path", "/<x>"),
            ("session-cookie-domain", "a;b"),
            ("session-cookie-expires", "1h"),
            ("session-cookie-max-age", "long"),
            ("session-cookie-samesite", "maybe"),
            ("session-cookie-conditional-samesite-none", "on"),
            ("session-cookie-secure", "yes"),
            ("session-cookie-change-on-failure", "2"),
        ] {
            let reading = read(&[("affinity", "cookie"), (key, value)]);
            assert_eq!(
                (reading.sharing().affinity.as_deref(), reading.finding()),
                (Some(&plain()), "annotation-invalid"),
                "{key}"
            );
            assert!(!reading.intent.is_dropped, "{key}");
        }
    }
}

//! No bytes can make a decision fail, and a canonical path is canonical.

use http::Version;
use ingress_core::path::PathPolicy;
use ingress_core::request::{ConnInfo, Headers, RawRequest, RequestView};
use ingress_core::snapshot::Snapshot;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use super::cases;
use super::table::route_table;
use super::text::request_host;

/// Pieces that parsers trip over.
const PIECES: [&[u8]; 34] = [
    b"/",
    b"//",
    b".",
    b"..",
    b"%2e",
    b"%2E%2e",
    b"%2f",
    b"%5c",
    b"\\",
    b";",
    b"..;",
    b"%3b",
    b"%",
    b"%2",
    b"%zz",
    b"%00",
    b"%25",
    b"%252e",
    b"#",
    b"?",
    b" ",
    b"\r\n",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xc3\xa9",
    b"a",
    b"b",
    b"A",
    b"%41",
    b"%c3",
    b"http://",
    b"HTTPS://a.example",
    b"*",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(select(&PIECES[..]), 0..10).prop_map(|pieces| pieces.concat()),
        1 => vec(any::<u8>(), 0..40),
    ]
}

fn target() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => bytes().prop_map(|rest| [b"/", &*rest].concat()), 1 => bytes()]
}

fn host() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => request_host().prop_map(String::into_bytes), 1 => bytes(), 1 => Just(vec![b'a'; 254])]
}

#[derive(Clone, Debug)]
struct Wire {
    method: String,
    target: Vec<u8>,
    version: Version,
    authority: Option<Vec<u8>>,
    headers: Vec<(&'static str, Vec<u8>)>,
}

fn wire() -> impl Strategy<Value = Wire> {
    let method = prop_oneof![
        8 => select(&["GET", "OPTIONS", "CONNECT", "TRACE", "", "get", "\r\n"][..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let version = select(vec![
        Version::HTTP_09,
        Version::HTTP_10,
        Version::HTTP_11,
        Version::HTTP_11,
        Version::HTTP_2,
        Version::HTTP_3,
    ]);
    let name = select(&["host", "Host", "HOST", "content-length", "Transfer-Encoding", "x", ""][..]);
    let headers = prop_oneof![
        2 => host().prop_map(|host| vec![("Host", host)]),
        1 => vec((name, host()), 0..4),
    ];
    (method, target(), version, of(host()), headers).prop_map(|(method, target, version, authority, headers)| Wire {
        method,
        target,
        version,
        authority,
        headers,
    })
}

/// What every canonical path is.
fn canonical(path: &[u8]) -> Result<(), TestCaseError> {
    prop_assert_eq!(path.first(), Some(&b'/'));
    prop_assert!(!path.windows(2).any(|pair| pair == b"//"), "empty segment in {}", path.escape_ascii());
    let has_dots = path.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b".."));
    prop_assert!(!has_dots, "dot segment in {}", path.escape_ascii());
    prop_assert!(path.iter().all(|byte| *byte != 0));
    Ok(())
}

/// Every escape decoded once, as a careless backend would.
fn decode(path: &[u8]) -> Vec<u8> {
    let hex = |bytes: &[u8]| u8::from_str_radix(std::str::from_utf8(bytes).ok()?, 16).ok();
    let mut out = Vec::new();
    let mut at = 0;
    while at < path.len() {
        let escaped = path.get(at + 1..at + 3).and_then(hex).filter(|_| path[at] == b'%');
        out.push(escaped.unwrap_or(path[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

/// What is more under RFC 3986: doing it again changes nothing, and nobody who decodes once more can climb.
fn rfc3986(path: &[u8]) -> Result<(), TestCaseError> {
    let again = PathPolicy::Rfc3986.canonical(path);
    prop_assert_eq!(again.as_deref(), Ok(path), "{}", path.escape_ascii());
    let decoded = decode(path);
    let mut pieces = decoded.split(|byte| matches!(byte, b'/' | b'\\'));
    prop_assert!(!pieces.any(|piece| piece == b".." || piece.starts_with(b"..;")), "{}", path.escape_ascii());
    Ok(())
}

fn check(view: &RequestView<'_>) -> Result<(), TestCaseError> {
    prop_assert!(!view.host().bytes().any(|byte| byte.is_ascii_uppercase() || byte <= b' '));
    if view.is_asterisk() {
        return Ok(());
    }
    for policy in [PathPolicy::Rfc3986, PathPolicy::Nginx] {
        let direct = policy.canonical(view.raw_path());
        prop_assert_eq!(view.path(policy), direct.as_deref().map_err(|error| *error));
        if let Ok(path) = view.path(policy) {
            canonical(path)?;
        }
    }
    view.path(PathPolicy::Rfc3986).map_or(Ok(()), rfc3986)
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn no_bytes_make_a_decision_fail(table in route_table(), wires in vec(wire(), 30)) {
        let snapshot = Snapshot::new(table);
        let conn = ConnInfo::default();
        for wire in &wires {
            let headers: Vec<(&str, &[u8])> = wire.headers.iter().map(|(name, value)| (*name, &**value)).collect();
            let raw = RawRequest {
                method: &wire.method,
                target: &wire.target,
                version: wire.version,
                authority: wire.authority.as_deref(),
                headers: Headers::List(&headers),
            };
            if let Ok(view) = RequestView::from_raw(&raw, &conn, 0) {
                check(&view)?;
                prop_assert_eq!(&snapshot.decide(&view), &snapshot.explain(&view).decision);
                let _ = snapshot.explain(&view).to_string();
            }
        }
    }

    #[test]
    fn nothing_that_http_parses_makes_a_decision_fail(table in route_table(), wires in vec(wire(), 30)) {
        let snapshot = Snapshot::new(table);
        let conn = ConnInfo::default();
        for wire in &wires {
            let mut request =
                http::Request::builder().method(&*wire.method).uri(&*wire.target).version(wire.version);
            for (name, value) in &wire.headers {
                request = request.header(*name, &**value);
            }
            let Ok(request) = request.body(()) else { continue };
            let (parts, ()) = request.into_parts();
            if let Ok(view) = RequestView::new(&parts, &conn, 0) {
                check(&view)?;
                prop_assert_eq!(&snapshot.decide(&view), &snapshot.explain(&view).decision);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn a_canonical_path_is_canonical(target in bytes()) {
        let path = [b"/", &*target].concat();
        for policy in [PathPolicy::Rfc3986, PathPolicy::Nginx] {
            if let Ok(path) = policy.canonical(&path) {
                canonical(&path)?;
            }
        }
        PathPolicy::Rfc3986.canonical(&path).map_or(Ok(()), |path| rfc3986(&path))?;
    }

    #[test]
    fn the_escapes_of_a_rule_get_the_form_of_requests(pieces in vec(select(&["a", "/", "%61", "%2f", "%c3%a9", "%", "%7E", "."][..]), 0..6)) {
        let text = format!("/{}", pieces.concat());
        let once = PathPolicy::Rfc3986.canonical_escapes(&text);
        prop_assert_eq!(&PathPolicy::Rfc3986.canonical_escapes(&once), &once);
        // Whatever request the rule's own text makes, the rule's canonical text is what it is compared with.
        if let Ok(path) = PathPolicy::Rfc3986.canonical(text.as_bytes()) {
            prop_assert_eq!(PathPolicy::Rfc3986.canonical(once.as_bytes()), Ok(path));
        }
    }
}

use http::Version;

use super::*;

#[derive(Debug)]
struct Pairs<'a>(&'a [(&'a str, &'a [u8])]);

impl HeaderFields for Pairs<'_> {
    fn field(&self, number: usize) -> Option<(&[u8], &[u8])> {
        self.0.get(number).map(|(name, value)| (name.as_bytes(), *value))
    }
}

fn host_of(target: &str, version: Version, authority: Option<&str>, fields: &[&str]) -> Result<String, BadRequest> {
    let fields: Vec<(&str, &[u8])> = fields.iter().map(|value| ("Host", value.as_bytes())).collect();
    let raw = RawRequest {
        method: "GET",
        target: target.as_bytes(),
        version,
        authority: authority.map(str::as_bytes),
        headers: Headers::List(&fields),
    };
    let of = |raw| RequestView::from_raw(&raw, &ConnInfo::default(), 0).map(|view| view.host().to_owned());
    let pairs = Pairs(&fields);
    assert_eq!(of(raw), of(RawRequest { headers: Headers::Fields(&pairs), ..raw }));
    of(raw)
}

#[test]
fn authorities_without_their_port() {
    for (authority, host) in [
        ("", ""),
        ("80", "80"),
        (":80", ""),
        ("cafe.example", "cafe.example"),
        ("cafe.example:8080", "cafe.example"),
        ("cafe.example:", "cafe.example"),
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
    ] {
        assert_eq!(before_port(authority.as_bytes()), host.as_bytes(), "{authority}");
    }
}

#[test]
fn hosts_of_fields() {
    let accepted = [
        ("a.example", "a.example"),
        ("A.Example", "a.example"),
        ("a.example:80", "a.example"),
        ("a.example:", "a.example"),
        ("a.example.", "a.example"),
        ("a.example.:443", "a.example"),
        ("a_b.example", "a_b.example"),
        ("10.0.0.1:8080", "10.0.0.1"),
        ("[::1]", "[::1]"),
        ("[0:0::1]:8080", "[::1]"),
        ("localhost", "localhost"),
    ];
    for (field, host) in accepted {
        assert_eq!(host_of("/", Version::HTTP_11, None, &[field]).as_deref(), Ok(host), "{field}");
    }
    let refused = [
        "a/b",
        "a b",
        "a\tb",
        "a..b",
        "a..",
        ".a",
        ".",
        "a@b",
        "a,b",
        "a%41",
        "a:b",
        "a:80:80",
        "a:99999",
        "a:0",
        "[::1",
        "[::1]x",
        "[fe80::1%25eth0]",
        "[v1.x]",
        "::1",
        "é.example",
        "a\u{0}",
        "*.a",
    ];
    for field in refused {
        assert_eq!(host_of("/", Version::HTTP_11, None, &[field]), Err(BadRequest::HostInvalid), "{field}");
    }
    assert_eq!(host_of("/", Version::HTTP_11, None, &[""]), Err(BadRequest::HostEmpty));
    assert_eq!(host_of("/", Version::HTTP_11, None, &[]), Err(BadRequest::HostMissing));
    assert_eq!(host_of("/", Version::HTTP_10, None, &[]).as_deref(), Ok(""));
    assert_eq!(host_of("/", Version::HTTP_11, None, &["a", "a"]), Err(BadRequest::HostDuplicate));
    let long = "a".repeat(255);
    assert_eq!(host_of("/", Version::HTTP_11, None, &[&long]), Err(BadRequest::HostInvalid));
}

#[test]
fn authorities_come_first() {
    assert_eq!(host_of("http://a.example/x", Version::HTTP_11, None, &["b.example"]).as_deref(), Ok("a.example"));
    assert_eq!(host_of("/", Version::HTTP_2, Some("a.example"), &[]).as_deref(), Ok("a.example"));
    assert_eq!(host_of("/", Version::HTTP_2, Some("a.example"), &["A.example"]).as_deref(), Ok("a.example"));
    assert_eq!(host_of("http://a.example?x", Version::HTTP_11, None, &["a"]).as_deref(), Ok("a.example"));
    assert_eq!(host_of("http://a.example/", Version::HTTP_11, None, &[]), Err(BadRequest::HostMissing));
    assert_eq!(host_of("http://a.example/", Version::HTTP_11, None, &["b x"]), Err(BadRequest::HostInvalid));
    assert_eq!(host_of("http://b.example/", Version::HTTP_2, Some("a.example"), &[]), Err(BadRequest::TargetForm));
    let mismatch = host_of("/", Version::HTTP_2, Some("a.example"), &["b.example"]);
    assert_eq!(mismatch, Err(BadRequest::AuthorityMismatch));
}

#[test]
fn targets_that_are_none() {
    for target in ["", "a", "a.example:80", "ftp://a/x", "?x", "*x"] {
        assert_eq!(host_of(target, Version::HTTP_11, None, &["a"]), Err(BadRequest::TargetForm), "{target}");
    }
}

#[test]
fn parts_of_the_http_crate_give_the_same() -> Result<(), Box<dyn std::error::Error>> {
    let conn = ConnInfo::default();
    let (parts, ()) = http::Request::get("/a/./b?q=/../").header("host", "A.example:1").body(())?.into_parts();
    let view = RequestView::new(&parts, &conn, 3)?;
    assert_eq!(view.host(), "a.example");
    assert_eq!(view.authority(), b"A.example:1");
    assert_eq!(view.path(PathPolicy::Rfc3986), Ok(b"/a/b".as_slice()));
    assert_eq!(view.raw_path(), b"/a/./b");
    assert_eq!(view.canonical_target(PathPolicy::Rfc3986)?, b"/a/b?q=/../".as_slice());
    assert_eq!(view.draw(), 3);
    let (parts, ()) = http::Request::builder().method("CONNECT").uri("a.example:443").body(())?.into_parts();
    assert_eq!(RequestView::new(&parts, &conn, 0).map(|_| ()), Err(BadRequest::MethodNotProxied));
    Ok(())
}

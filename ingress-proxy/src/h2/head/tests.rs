use http::{HeaderValue, Method, Request, Response};

use super::*;

const LIMITS: Limits = Limits { max_fields: 8, max_target: 32, underscores: false };

fn read_request(parts: &request::Parts, is_complete: bool, limits: Limits) -> Result<RequestHead, Refusal> {
    let mut head = RequestHead::default();
    super::read_request(parts, is_complete, limits, &mut head).map(|()| head)
}

fn parts(fields: &[(&str, &[u8])]) -> request::Parts {
    let mut request = Request::get("https://a.example/x?y").body(()).unwrap();
    for (name, value) in fields {
        request
            .headers_mut()
            .append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value).unwrap());
    }
    request.into_parts().0
}

fn read(fields: &[(&str, &[u8])]) -> Result<RequestHead, Refusal> {
    read_request(&parts(fields), false, LIMITS)
}

fn text(head: &RequestHead) -> Vec<(String, String)> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    head.fields.iter().map(|(_, name, value)| (text(name), text(value))).collect()
}

#[test]
fn a_request() {
    let head = read(&[("host", b"A.example"), ("content-length", b"12"), ("expect", b"100-Continue")]).unwrap();
    assert_eq!((&head.method[..], &head.target[..]), (&b"GET"[..], &b"/x?y"[..]));
    assert_eq!(head.authority.as_deref(), Some(&b"a.example"[..]));
    assert_eq!((head.version, head.framing), (Version::Http2, Framing::Stream(Some(12))));
    assert!(head.expects_continue && !head.websocket);
    let head = read_request(&parts(&[("expect", b"100-continue")]), true, LIMITS).unwrap();
    assert!(head.framing == Framing::Empty && !head.expects_continue);
}

#[test]
fn crumbs_are_one_cookie_and_count_one_by_one() {
    let head = read(&[("cookie", b"a=1"), ("accept", b"*/*"), ("cookie", b"b=2"), ("cookie", b"c=3; d=4")]).unwrap();
    let expected = [("accept", "*/*"), ("cookie", "a=1; b=2; c=3; d=4")];
    assert_eq!(text(&head), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(read(&[("cookie", &b"a"[..]); 8]).unwrap().fields.len(), 1);
    assert_eq!(read(&[("cookie", &b"a"[..]); 9]).unwrap_err(), Refusal::Answer(Rejection::TooLarge));
    assert_eq!(
        read(&[("x_y", &b"a"[..]); 9]).unwrap_err(),
        Refusal::Answer(Rejection::TooLarge),
        "dropped, but counted"
    );
}

#[test]
fn names_with_an_underscore() {
    assert!(read(&[("x_real_ip", b"::1")]).unwrap().fields.is_empty());
    let limits = Limits { underscores: true, ..LIMITS };
    let head = read_request(&parts(&[("x_real_ip", b"::1"), ("x_y", b"1")]), true, limits).unwrap();
    assert_eq!(text(&head), [("x_y".to_owned(), "1".to_owned())], "the other is as good as `x-real-ip` to some");
}

#[test]
fn malformed_fields() {
    use Rejection::{FieldName, FieldValue, Host, Length};

    for (fields, rejection) in [
        (&[("connection", &b"close"[..])][..], FieldName),
        (&[("keep-alive", b"1")], FieldName),
        (&[("proxy-connection", b"close")], FieldName),
        (&[("transfer-encoding", b"chunked")], FieldName),
        (&[("upgrade", b"h2c")], FieldName),
        (&[("te", b"gzip")], FieldValue),
        (&[("te", b"trailers, gzip")], FieldValue),
        (&[("x", b" a")], FieldValue),
        (&[("x", b"a\t")], FieldValue),
        (&[("cookie", b"a=1 ")], FieldValue),
        (&[("host", b"b.example")], Host),
        (&[("host", b"a.example:443")], Host),
        (&[("host", b"a.example"), ("host", b"a.example")], Host),
        (&[("content-length", b"1"), ("content-length", b"1")], Length),
        (&[("content-length", b"+1")], Length),
        (&[("content-length", b"1, 1")], Length),
        (&[("content-length", b"")], Length),
        (&[("content-length", b"18446744073709551616")], Length),
    ] {
        assert_eq!(read(fields).unwrap_err(), Refusal::Reset(rejection), "{fields:?}");
    }
    assert_eq!(read(&[("expect", b"a cake")]).unwrap_err(), Refusal::Answer(Rejection::Expect));
    let one = parts(&[("content-length", b"1")]);
    assert_eq!(read_request(&one, true, LIMITS).unwrap_err(), Refusal::Reset(Length), "it has ended");
    assert!(read(&[("te", b"trailers")]).is_ok());
}

#[test]
fn targets() {
    let target = |method: Method, uri: &str| {
        let (parts, ()) = Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
        read_request(&parts, true, LIMITS).map(|head| String::from_utf8(head.target).unwrap())
    };
    let long = format!("https://a/{}", "x".repeat(31));
    assert_eq!(target(Method::GET, &long).unwrap().len(), 32);
    assert_eq!(target(Method::GET, &format!("{long}x")).unwrap_err(), Refusal::Answer(Rejection::TargetTooLong));
    assert_eq!(target(Method::OPTIONS, "*").unwrap(), "*");
    assert_eq!(target(Method::GET, "*").unwrap_err(), Refusal::Reset(Rejection::Target));
    assert_eq!(target(Method::GET, "ftp://a/x").unwrap_err(), Refusal::Reset(Rejection::Target));
    assert_eq!(target(Method::CONNECT, "a:443").unwrap_err(), Refusal::Answer(Rejection::Connect));
    // As `h2` builds it if there was neither `:authority` nor `:path`.
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = http::Uri::from_parts(http::uri::Parts::default()).unwrap();
    assert_eq!(read_request(&parts, true, LIMITS).unwrap_err(), Refusal::Reset(Rejection::Target));
}

fn websocket(protocol: &'static str, version: &[u8]) -> Result<RequestHead, Refusal> {
    let mut parts = parts(&[("sec-websocket-version", version), ("sec-websocket-key", b"AAAA")]);
    parts.method = Method::CONNECT;
    parts.extensions.insert(h2::ext::Protocol::from_static(protocol));
    read_request(&parts, false, LIMITS)
}

#[test]
fn a_websocket_is_a_get_without_a_key() {
    let head = websocket("websocket", b"13").unwrap();
    assert!(head.websocket && head.method == b"GET" && head.framing == Framing::Empty);
    assert_eq!(text(&head), [("sec-websocket-version".to_owned(), "13".to_owned())]);
    assert_eq!(websocket("websocket", b"8").unwrap_err(), Refusal::Answer(Rejection::FieldValue));
    assert_eq!(websocket("connect-udp", b"13").unwrap_err(), Refusal::Answer(Rejection::Connect));
}

#[test]
fn responses() {
    let read = |status: u16, fields: &[(&'static str, &'static str)]| {
        let mut response = Response::builder().status(status);
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        let mut head = ResponseHead::default();
        read_response(&response.body(()).unwrap().into_parts().0, false, &mut head).map(|()| head)
    };
    let head = read(200, &[("content-length", "7"), ("x", " y\t")]).unwrap();
    assert_eq!((head.status, head.framing), (200, Framing::Stream(Some(7))));
    assert_eq!(head.fields.named("x").next(), Some(&b"y"[..]), "white space is removed");
    assert_eq!(read(101, &[]).unwrap_err(), Rejection::StartLine);
    assert_eq!(read(600, &[]).unwrap_err(), Rejection::StartLine);
    assert_eq!(read(200, &[("connection", "close")]).unwrap_err(), Rejection::FieldName);
    assert_eq!(read(200, &[("content-length", "7"), ("content-length", "7")]).unwrap_err(), Rejection::Length);
    assert_eq!(read(200, &[("content-length", "x")]).unwrap_err(), Rejection::Length);
}

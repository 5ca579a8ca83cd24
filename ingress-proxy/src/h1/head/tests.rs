use super::*;

const LIMITS: Limits = Limits { head: 4096, fields: 10, target: 64, underscores: false };

fn request(input: &[u8]) -> Result<RequestHead, Rejection> {
    request_within(input, &LIMITS)
}

fn request_within(input: &[u8], limits: &Limits) -> Result<RequestHead, Rejection> {
    let mut head = RequestHead::default();
    let length = HeadParser::default().request(input, limits, &mut head)?;
    assert_eq!(length, Some(input.len()), "{}", input.escape_ascii());
    Ok(head)
}

fn response(input: &[u8]) -> Result<ResponseHead, Rejection> {
    response_to(input, false)
}

fn response_to(input: &[u8], to_head: bool) -> Result<ResponseHead, Rejection> {
    let mut head = ResponseHead::default();
    let length = HeadParser::default().response(input, &LIMITS, to_head, &mut head)?;
    assert_eq!(length, Some(input.len()), "{}", input.escape_ascii());
    Ok(head)
}

/// A GET with these field lines.
fn with(lines: &str) -> Result<RequestHead, Rejection> {
    request(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes())
}

/// A response of status 200 with these field lines.
fn answered(lines: &str) -> Result<ResponseHead, Rejection> {
    response(format!("HTTP/1.1 200 OK\r\n{lines}\r\n").as_bytes())
}

fn names(fields: &Fields) -> Vec<&str> {
    fields.iter().map(|(_, name, _)| std::str::from_utf8(name).unwrap()).collect()
}

#[test]
fn a_request_with_everything() {
    let head = request(
        b"\r\nPOST /tea?x=1 HTTP/1.1\r\nhost: cafe.example\r\nX-Empty:\r\nX-Blank: \t \r\nX-Text: \t a\tb \xe9 \t\r\n\
          content-LENGTH: 12\r\nExpect: 100-Continue\r\n\r\n",
    )
    .unwrap();
    assert_eq!((head.method(), &*head.target), ("POST", &b"/tea?x=1"[..]));
    assert_eq!((head.version, head.framing), (Version::Http11, Framing::Length(12)));
    assert!(head.keep_alive && head.expects_continue && !head.websocket && head.authority.is_none());
    let fields: Vec<_> = head.fields.iter().collect();
    let expected: [(Known, &[u8], &[u8]); 6] = [
        (Known::Host, b"host", b"cafe.example"),
        (Known::Other, b"X-Empty", b""),
        (Known::Other, b"X-Blank", b""),
        (Known::Other, b"X-Text", b"a\tb \xe9"),
        (Known::ContentLength, b"content-LENGTH", b"12"),
        (Known::Expect, b"Expect", b"100-Continue"),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn request_lines() {
    let line = |line: &[u8]| request(&[line, b"\r\nHost: a\r\n\r\n"].concat()).map(|head| head.target);
    for target in [&b"/"[..], b"*", b"http://a/x", b"/\x80\xff", b"/a#b", b"a:1", b"/~{}|\\\"<>^`"] {
        assert_eq!(line(&[b"M-1", target, b"HTTP/1.1"].join(&b' ')).as_deref(), Ok(target));
    }
    let refused: [(Rejection, &[&[u8]]); 5] = [
        (
            Rejection::StartLine,
            &[
                b"GET",
                b"GET /",
                b"GET / ",
                b"GET  HTTP/1.1",
                b"GET  / HTTP/1.1",
                b"GET /  HTTP/1.1",
                b"GET / HTTP/1.1 ",
                b"GET / x HTTP/1.1",
                b" GET / HTTP/1.1",
                b"\tGET / HTTP/1.1",
                b"GET\t/ HTTP/1.1",
                b"G(T / HTTP/1.1",
                b"G\x80T / HTTP/1.1",
                b"G\0T / HTTP/1.1",
                b"G\rT / HTTP/1.1",
                b"\0GET / HTTP/1.1",
                b"GET / http/1.1",
                b"GET / HTTP/1",
                b"GET / HTTP/1.",
                b"GET / HTTP/1.11",
                b"GET / HTTP/01.1",
                b"GET / HTTP/1,1",
                b"GET / HTTP/x.1",
                b"GET / HTTPS/1.1",
                b"GET / HTTP/1.1\r",
                b"HTTP/1.1 200 OK",
                b"\x16\x03\x01",
                b":",
            ],
        ),
        (Rejection::Version, &[b"PRI * HTTP/2.0", b"GET / HTTP/1.2", b"GET / HTTP/0.9", b"GET / HTTP/9.9"]),
        (Rejection::Target, &[b"GET /\t HTTP/1.1", b"GET /\0 HTTP/1.1", b"GET /\x7f HTTP/1.1", b"GET \x1b HTTP/1.1"]),
        (Rejection::Connect, &[b"CONNECT a:443 HTTP/1.1", b"CONNECT /x HTTP/1.1"]),
        (
            Rejection::LineEnd,
            &[b"GET / HTTP/1.1\n", b"\nGET / HTTP/1.1", b"\rGET / HTTP/1.1", b"\r\n\r\nGET / HTTP/1.1"],
        ),
    ];
    for (rejection, lines) in refused {
        for text in lines {
            assert_eq!(line(text), Err(rejection), "{}", text.escape_ascii());
        }
    }
}

#[test]
fn field_lines() {
    let refused = [
        (Rejection::FieldName, "X : a\r\n"),
        (Rejection::FieldName, "X\t: a\r\n"),
        (Rejection::FieldName, ": a\r\n"),
        (Rejection::FieldName, "X\r\n"),
        (Rejection::FieldName, "X(: a\r\n"),
        (Rejection::FieldName, "é: a\r\n"),
        (Rejection::FieldName, "X\x01: a\r\n"),
        (Rejection::LineEnd, "X\0: a\r\n"),
        (Rejection::LineEnd, "X\r: a\r\n"),
        (Rejection::Fold, " X: a\r\n"),
        (Rejection::Fold, "X: a\r\n b\r\n"),
        (Rejection::Fold, "X: a\r\n\tb\r\n"),
        (Rejection::Fold, "X: a\r\n \r\n"),
        (Rejection::LineEnd, "X: a\n"),
        (Rejection::LineEnd, "X: a\nY: b\r\n"),
        (Rejection::LineEnd, "X: a\rb\r\n"),
        (Rejection::LineEnd, "X: a\r\r\n"),
        (Rejection::LineEnd, "X: \r\r\n"),
        (Rejection::LineEnd, "\r\r\n"),
        (Rejection::LineEnd, "X: a\0b\r\n"),
        (Rejection::FieldValue, "X: a\x0bb\r\n"),
        (Rejection::FieldValue, "X: \x7f\r\n"),
        (Rejection::FieldValue, "X: a\x1b\r\n"),
    ];
    for (rejection, lines) in refused {
        assert_eq!(with(lines).map(|_| ()), Err(rejection), "{lines:?}");
        assert_eq!(answered(lines).map(|_| ()), Err(rejection), "{lines:?}");
    }
    assert_eq!(request(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n").map(|_| ()), Err(Rejection::Fold));
}

#[test]
fn lengths_and_encodings() {
    let framing = |lines: &str| with(lines).map(|head| head.framing);
    assert_eq!(framing(""), Ok(Framing::Empty));
    assert_eq!(framing("Content-Length: 0\r\n"), Ok(Framing::Length(0)));
    assert_eq!(framing("Content-Length: 007\r\n"), Ok(Framing::Length(7)));
    assert_eq!(framing("Content-Length: 9999999999999999999\r\n"), Ok(Framing::Length(9_999_999_999_999_999_999)));
    assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
    for value in ["", "+1", "-1", "0x1", "1 1", "1,1", "1, 1", "1;", "a", "1.0", "12345678901234567890", "١"] {
        assert_eq!(framing(&format!("Content-Length: {value}\r\n")), Err(Rejection::Length), "{value}");
    }
    for lines in [
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nX: y\r\ncontent-length: 2\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: identity\r\n",
    ] {
        assert_eq!(framing(lines), Err(Rejection::Length), "{lines:?}");
    }
    for value in [
        "",
        "identity",
        "gzip",
        "gzip, chunked",
        "chunked, chunked",
        ",chunked",
        "chunked,",
        "chunked;",
        "chunked;q=1",
        "\"chunked\"",
        "xchunked",
        "chunked x",
        "chunke",
        "\u{b}chunked",
    ] {
        let refused = framing(&format!("Transfer-Encoding: {value}\r\n"));
        let expected = if value.contains('\u{b}') { Rejection::FieldValue } else { Rejection::TransferEncoding };
        assert_eq!(refused, Err(expected), "{value}");
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(framing(twice), Err(Rejection::TransferEncoding));
    let old = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(request(old).map(|_| ()), Err(Rejection::TransferEncoding));
}

#[test]
fn hosts() {
    let of = |text: &str| request(text.as_bytes()).map(|_| ());
    assert_eq!(of("GET / HTTP/1.1\r\n\r\n"), Err(Rejection::Host));
    assert_eq!(of("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"), Err(Rejection::Host));
    assert_eq!(of("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), Err(Rejection::Host));
    assert_eq!(of("GET / HTTP/1.0\r\n\r\n"), Ok(()));
    // Which hosts are hosts is for the engine to say.
    assert_eq!(of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), Ok(()));
}

#[test]
fn expectations() {
    assert_eq!(with("Expect: 100-continue, x\r\n").map(|_| ()), Err(Rejection::Expect));
    assert_eq!(with("Expect: 100-continue\r\nExpect: y\r\n").map(|_| ()), Err(Rejection::Expect));
    assert_eq!(with("Expect: y\r\nExpect: 100-continue\r\n").map(|_| ()), Err(Rejection::Expect));
    assert_eq!(with("Expect:\r\n").map(|_| ()), Err(Rejection::Expect));
    assert!(with("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n").unwrap().expects_continue);
    assert!(!with("Expect: 100-continue\r\nContent-Length: 0\r\n").unwrap().expects_continue);
    assert!(!with("Expect: 100-continue\r\n").unwrap().expects_continue);
    for value in ["100-continue", "else"] {
        let head =
            request(format!("PUT / HTTP/1.0\r\nContent-Length: 1\r\nExpect: {value}\r\n\r\n").as_bytes()).unwrap();
        assert!(!head.expects_continue);
    }
}

#[test]
fn underscores() {
    let lines = "X_Y: 1\r\nContent_Length: 5\r\nHOST_: b\r\nTransfer_Encoding: chunked\r\nX_Forwarded-For: 1.2.3.4\r\n";
    let head = with(lines).unwrap();
    assert_eq!((names(&head.fields), head.framing), (vec!["Host"], Framing::Empty));
    let keeping = Limits { underscores: true, ..LIMITS };
    let head = request_within(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes(), &keeping).unwrap();
    assert_eq!((names(&head.fields), head.framing), (vec!["Host", "X_Y", "HOST_"], Framing::Empty));
    assert_eq!(names(&answered(lines).unwrap().fields).len(), 5);
    // They are looked at and counted all the same.
    assert_eq!(with("X_Y: \0\r\n").map(|_| ()), Err(Rejection::LineEnd));
    assert_eq!(with(&"X_Y: 1\r\n".repeat(10)).map(|_| ()), Err(Rejection::TooLarge));
}

#[test]
fn connection() {
    let kept = |version: &str, line: &str| {
        let head = request(format!("GET / HTTP/{version}\r\nHost: a\r\n{line}\r\n").as_bytes()).unwrap();
        let answer = response(format!("HTTP/{version} 200 OK\r\nContent-Length: 0\r\n{line}\r\n").as_bytes()).unwrap();
        assert_eq!(head.keep_alive, answer.keep_alive, "{version} {line}");
        head.keep_alive
    };
    assert!(
        kept("1.1", "") && kept("1.1", "Connection: Keep-Alive\r\n") && kept("1.0", "Connection: x, keep-alive\r\n")
    );
    assert!(kept("1.1", "Connection: close;\r\n") && kept("1.1", "Connection: ,, \r\n"));
    assert!(
        !kept("1.0", "") && !kept("1.1", "Connection: Close\r\n") && !kept("1.1", "Connection: x\t,\tclose ,y\r\n")
    );
    assert!(!kept("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    assert!(!kept("1.0", "Connection: keep-alive, close\r\n"));
}

#[test]
fn fields_that_connection_names() {
    let lines = "X-A: 1\r\nConnection: x-b, X-FORWARDED-FOR, host, content-length, authorization, x c, te\r\nX-B: 2\r\n\
                 X-Forwarded-For: 1.2.3.4\r\nContent-Length: 1\r\nAuthorization: x\r\nx-b: 3\r\n";
    let expected = ["Host", "X-A", "Connection", "X-Forwarded-For", "Content-Length", "Authorization"];
    let head = with(lines).unwrap();
    assert_eq!((names(&head.fields), head.framing), (expected.to_vec(), Framing::Length(1)));
    assert_eq!(names(&answered(lines).unwrap().fields), expected[1..]);
    let eleven = ["a"; 11].join(",");
    assert_eq!(with(&format!("Connection: {eleven}\r\n")).map(|_| ()), Err(Rejection::TooLarge));
}

#[test]
fn websockets() {
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let good = format!(
        "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    );
    assert!(with(&good).unwrap().websocket);
    assert!(with(&format!("{good}Content-Length: 0\r\n")).unwrap().websocket);
    let mut bad = vec![
        format!("{good}Content-Length: 1\r\n"),
        format!("{good}Transfer-Encoding: chunked\r\n"),
        format!("{good}Upgrade: websocket\r\n"),
        format!("{good}Sec-WebSocket-Key: {key}\r\n"),
        format!("{good}Sec-WebSocket-Version: 13\r\n"),
    ];
    for (from, to) in [
        ("Connection: keep-alive, Upgrade", "Connection: keep-alive"),
        ("Upgrade: WebSocket", "Upgrade: h2c"),
        ("Upgrade: WebSocket", "Upgrade: websocket, h2c"),
        ("Version: 13", "Version: 8"),
        (key, "dGhlIHNhbXBsZSBub25jZQ"),
        (key, "dGhlIHNhbXBsZSBub25jZR=="),
        (key, "dGhlIHNhbXBsZSBub25jZQA="),
        (key, "dGhlIHNhbXBsZSBub25j!Q=="),
        (key, ""),
    ] {
        bad.push(good.replace(from, to));
    }
    for lines in bad {
        assert!(!with(&lines).unwrap().websocket, "{lines}");
    }
    for start in ["POST / HTTP/1.1", "GET / HTTP/1.0", "get / HTTP/1.1"] {
        assert!(!request(format!("{start}\r\nHost: a\r\n{good}\r\n").as_bytes()).unwrap().websocket, "{start}");
    }
}

#[test]
fn limits() {
    let of = |head, fields, target, text: &str| {
        let limits = Limits { head, fields, target, underscores: false };
        let mut found = RequestHead::default();
        HeadParser::default().request(text.as_bytes(), &limits, &mut found)
    };
    let text = "\r\nGET /abc HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    let length = text.len();
    assert_eq!(of(length, 2, 4, text), Ok(Some(length)));
    assert_eq!(of(length, 2, 4, &format!("{text}more")), Ok(Some(length)));
    assert_eq!(of(length - 1, 2, 4, text), Err(Rejection::TooLarge));
    assert_eq!(of(length, 1, 4, text), Err(Rejection::TooLarge));
    assert_eq!(of(length, 2, 3, text), Err(Rejection::TargetTooLong));
    assert_eq!(of(10, 2, 4, "GET /aaaaaaaaaa"), Err(Rejection::TargetTooLong));
    assert_eq!(of(10, 2, 4, "GET /aaaa"), Ok(None));
    assert_eq!(of(10, 2, 4, "GET /aaaaa"), Err(Rejection::TargetTooLong));
    assert_eq!(of(0, 0, 0, "G"), Err(Rejection::TargetTooLong));
}

#[test]
fn a_head_that_comes_byte_by_byte() {
    let text = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: b\r\n\r\n";
    let mut parser = HeadParser::default();
    let mut head = RequestHead::default();
    let mut begin = 0;
    let mut found = Vec::new();
    for end in 0..=text.len() {
        if let Some(length) = parser.request(&text[begin..end], &LIMITS, &mut head).unwrap() {
            found.push((begin + length, String::from_utf8(head.target.clone()).unwrap()));
            begin += length;
        }
    }
    assert_eq!(found, [(29, "/".to_owned()), (text.len(), "/next".to_owned())]);
    // After a refusal it begins anew.
    assert_eq!(parser.request(b"GET / HTTP/1.1\n", &LIMITS, &mut head), Err(Rejection::LineEnd));
    assert_eq!(parser.request(b"GET / HTTP/1.0\r\n\r\n", &LIMITS, &mut head), Ok(Some(18)));
}

#[test]
fn status_lines() {
    let line = |line: &str| response(format!("{line}\r\n\r\n").as_bytes()).map(|head| (head.status, head.version));
    assert_eq!(line("HTTP/1.1 200 OK"), Ok((200, Version::Http11)));
    assert_eq!(line("HTTP/1.0 404"), Ok((404, Version::Http10)));
    assert_eq!(line("HTTP/1.1 599 "), Ok((599, Version::Http11)));
    assert_eq!(line("HTTP/1.1 100 Gr\u{fc}n\tund  so "), Ok((100, Version::Http11)));
    for text in [
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1 20",
        "HTTP/1.1 2000",
        "HTTP/1.1 99",
        "HTTP/1.1 099 x",
        "HTTP/1.1 600 x",
        "HTTP/1.1 +20 x",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
        "HTTP/1.x 200 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200 O\x01K",
        "HTTP/1.1 200 O\rK",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 OK\r",
        "HTTP/11 200 OK",
        "HTTP/1.1 2\u{b2}",
        "\r\nHTTP/1.1 200 OK",
        " HTTP/1.1 200 OK",
    ] {
        assert_eq!(line(text), Err(Rejection::StartLine), "{text:?}");
    }
    assert_eq!(line("HTTP/2.0 200 OK"), Err(Rejection::Version));
    assert_eq!(line("HTTP/1.1 200 OK\n"), Err(Rejection::LineEnd));
    // It is refused before a line end comes.
    let mut head = ResponseHead::default();
    assert_eq!(HeadParser::default().response(b"\x15\x03", &LIMITS, false, &mut head), Err(Rejection::StartLine));
    assert_eq!(HeadParser::default().response(b"HTT", &LIMITS, false, &mut head), Ok(None));
}

#[test]
fn bodies_of_responses() {
    let framing = |lines: &str| answered(lines).map(|head| (head.framing, head.keep_alive));
    assert_eq!(framing(""), Ok((Framing::UntilClose, false)));
    assert_eq!(framing("Connection: keep-alive\r\n"), Ok((Framing::UntilClose, false)));
    assert_eq!(framing("Content-Length: 3\r\n"), Ok((Framing::Length(3), true)));
    assert_eq!(framing("Transfer-Encoding: chunked\r\n"), Ok((Framing::Chunked, true)));
    assert_eq!(framing("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), Err(Rejection::Length));
    assert_eq!(framing("Content-Length: 3\r\nContent-Length: 3\r\n"), Err(Rejection::Length));
    assert_eq!(framing("Content-Length: 3, 3\r\n"), Err(Rejection::Length));
    assert_eq!(framing("Transfer-Encoding: gzip, chunked\r\n"), Err(Rejection::TransferEncoding));
    let old = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(response(old).map(|_| ()), Err(Rejection::TransferEncoding));
    // Neither Host nor Expect means anything here.
    assert!(framing("Host: a\r\nHost: b\r\nExpect: c\r\n").is_ok());
    for (status, to_head, keep_alive) in
        [(200, true, true), (304, false, true), (204, false, true), (103, false, true), (101, false, false)]
    {
        let text = format!("HTTP/1.1 {status} x\r\nContent-Length: 3\r\n\r\n");
        let head = response_to(text.as_bytes(), to_head).unwrap();
        assert_eq!((head.framing, head.keep_alive), (Framing::Empty, keep_alive), "{status}");
        assert_eq!(head.fields.first(Known::ContentLength), Some(&b"3"[..]));
    }
}

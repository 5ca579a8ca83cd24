//! Every byte at every place.

use crate::support::gate::{self, Outcome};

const REQUEST: &[u8] = b"POST /tea?x=1 HTTP/1.1\r\nHost: cafe.example:80\r\nAccept: text/html, */*;q=0.1\r\n\
                         Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED_HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const CHUNKED_BODY: &[u8] = b"5;n=\"v\"\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n";

/// How many of the texts with one byte more were understood completely.
fn insert(before: &[u8], text: &[u8], behind: &[u8]) -> usize {
    let mut understood = 0;
    for at in 0..=text.len() {
        for byte in 0..=255_u8 {
            let bytes = [before, &text[..at], &[byte], &text[at..], behind].concat();
            let outcomes = gate::run(&bytes);
            assert!(!outcomes.is_empty());
            gate::check(&bytes, &outcomes, &format!("{byte:#04x} at {at} of `{}`", text.escape_ascii()));
            let is_line_end = matches!(byte, b'\r' | b'\n');
            let is_whole = outcomes.iter().all(|outcome| matches!(outcome, Outcome::Forward(_)));
            assert!(!(is_line_end && is_whole), "{byte:#04x} at {at} was overlooked");
            understood += usize::from(is_whole);
        }
    }
    understood
}

#[test]
fn into_a_request() {
    let understood = insert(b"", REQUEST, b"");
    // Most values may have most bytes in most places.
    assert!(understood > 5_000, "{understood}");
}

#[test]
fn into_a_chunked_body() {
    let understood = insert(CHUNKED_HEAD, CHUNKED_BODY, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(understood > 500, "{understood}");
}

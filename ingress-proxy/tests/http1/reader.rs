//! The judge itself: it must refuse what it is there to refuse.

use crate::support::strict::{Fault, requests};

#[test]
fn it_reads_what_is_in_order() {
    let text = b"POST /x?y HTTP/1.1\r\nHost: [::1]:80\r\nX:\t a b \r\nTransfer-Encoding: chunked\r\n\r\n\
                 3;a;b=\"c\\\"\"\r\nabc\r\n0\r\nY: z\r\n\r\nOPTIONS * HTTP/1.0\r\nContent-Length: 1\r\n\r\nx";
    let (found, fault) = requests(text);
    assert_eq!((found.len(), fault), (2, None));
    assert_eq!((&*found[0].method, &*found[0].target, &*found[0].body), ("POST", &b"/x?y"[..], &b"abc"[..]));
    assert_eq!((found[0].extensions, &*found[0].trailers), (2, &[("y".to_owned(), b"z".to_vec())][..]));
    assert_eq!(found[0].values("x").collect::<Vec<_>>(), [b"a b"]);
    assert_eq!((found[1].minor, &*found[1].body), (0, &b"x"[..]));
    for end in 1..text.len() - 1 {
        let (found, fault) = requests(&text[..end]);
        assert!(found.len() == 1 && fault.is_none() || fault == Some(Fault::Incomplete), "{end}");
    }
}

#[test]
fn it_refuses_what_is_not() {
    let host = "Host: a\r\n";
    for text in [
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\nHost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n".to_owned(),
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\n{host}{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}X : y\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}X: y\r\n z\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}X: \0\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}X: y\rz\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}X: y\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}: y\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}Content-Length: +1\r\n\r\nx"),
        format!("GET / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
        format!("GET / HTTP/1.1\r\n{host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ] {
        assert!(matches!(requests(text.as_bytes()).1, Some(Fault::Malformed(_))), "{text:?}");
    }
    for body in [
        "\r\n",
        "1\nx\r\n0\r\n\r\n",
        "0x1\r\nx\r\n0\r\n\r\n",
        "1 \r\nx\r\n0\r\n\r\n",
        "1;\r\nx\r\n0\r\n\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "0\r\nContent-Length: 1\r\n\r\n",
        "1;a=\"\n\"\r\nx\r\n0\r\n\r\n",
        "10000000000000000\r\n",
    ] {
        let text = format!("GET / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n{body}");
        assert!(matches!(requests(text.as_bytes()).1, Some(Fault::Malformed(_))), "{body:?}");
    }
}

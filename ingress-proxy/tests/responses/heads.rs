//! Heads that can be read in more than one way, or in none.

use super::support::client::Client;
use super::support::scripted::Scripted;
use super::support::site::{Site, config, manifest};
use super::{Case, run};

/// With a body of two bytes.
fn fields(fields: &str) -> Case {
    Case::bad(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nok"))
}

#[test]
fn ambiguous_framing() {
    run(&[
        "Content-Length: 2\r\nContent-Length: 2",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2, 2",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 2",
        "Content-Length: +2",
        "Content-Length: -2",
        "Content-Length: 0x2",
        "Content-Length: 2 2",
        "Content-Length:",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding:",
    ]
    .map(fields));
}

#[test]
fn malformed_fields() {
    let named = [
        "X: a\rb\r\nContent-Length: 2",
        "X: a\nContent-Length: 2",
        "X: a\0b\r\nContent-Length: 2",
        "X: a\x7fb\r\nContent-Length: 2",
        "X: a\r\n b\r\nContent-Length: 2",
        " X: a\r\nContent-Length: 2",
        "X : a\r\nContent-Length: 2",
        ": a\r\nContent-Length: 2",
        "X\r\nContent-Length: 2",
        "X\0: a\r\nContent-Length: 2",
        "X(y): a\r\nContent-Length: 2",
        "Content-Length : 2",
        "Content-Length: 2\r",
        "Content-Length: 2\r\n\r",
    ];
    let mut cases: Vec<Case> = named.map(fields).into();
    // A line that is ended by its feed alone, up to the last.
    cases.push(Case::bad("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"));
    cases.push(Case::bad("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok"));
    run(&cases);
}

#[test]
fn malformed_status_lines() {
    let lines = [
        "HTTP/1.1 099 Low",
        "HTTP/1.1 600 High",
        "HTTP/1.1 1000 Long",
        "HTTP/1.1 20 Short",
        "HTTP/1.1 2OO OK",
        "HTTP/1.1 -20 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 O\rK",
        "HTTP/2.0 200 OK",
        "HTTP/0.9 200 OK",
        "HTTP/1.12 200 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
        "SSH-2.0-OpenSSH_9.2",
        "\r\nHTTP/1.1 200 OK",
        "<html>ok</html>",
    ];
    run(&lines.map(|line| Case::bad(&format!("{line}\r\nContent-Length: 2\r\n\r\nok"))));
}

#[test]
fn heads_that_do_not_end() {
    let closed = |says| Case { closes: true, ..Case::bad(says) };
    run(&[
        closed(""),
        closed("HTTP/1.1 200"),
        closed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"),
        closed("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        // More than anybody keeps.
        Case::bad(&format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(70 << 10))),
        Case::bad(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(1_001))),
    ]);
}

#[test]
fn interim_responses() {
    let interim = |status: &str, count: usize| format!("HTTP/1.1 {status}\r\n\r\n").repeat(count);
    let end = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    run(&[
        Case::bad(&format!("{}{end}", interim("100 Continue", 9))),
        Case::bad(&format!("{}{end}", interim("103 Early Hints", 1_000))),
        Case::bad(&format!("{}{end}", interim("102 Processing", 20))),
        // Nobody has asked for it.
        Case::bad(&interim("101 Switching Protocols", 1)),
        Case::bad("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        // A length is none of theirs, and what follows is the next head.
        Case::bad(&format!("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello{end}")),
    ]);
    // A few of them do no harm, and the connection neither.
    let origin = Scripted::start(move |peer| {
        while let Some(request) = peer.request() {
            let answer = [interim("100 Continue", 4).into_bytes(), peer.tagged(&request)].concat();
            peer.send(answer);
        }
    });
    let site = Site::start(&manifest("a.example", origin.address), config());
    for tag in ["/1", "/2"] {
        let answer = Client::new(site.http).get(tag);
        assert_eq!((answer.text().as_str(), answer.value("x-connection")), (tag, Some("0")));
        assert!(answer.interim.is_empty(), "{:?}", answer.interim);
    }
}

#[test]
fn a_response_without_a_date_gets_one() {
    let own = "Sun, 06 Nov 1994 08:49:37 GMT";
    let origin = Scripted::start(move |peer| {
        while let Some(request) = peer.request() {
            let date = if request.target == b"/dated" { format!("Date: {own}\r\n") } else { String::new() };
            peer.send(format!("HTTP/1.1 200 OK\r\n{date}Content-Length: 2\r\n\r\nok"));
        }
    });
    let site = Site::start(&manifest("a.example", origin.address), config());
    let mut client = Client::new(site.http);
    let added = client.get("/").value("date").map(str::to_owned);
    assert!(added.as_ref().is_some_and(|date| date.len() == own.len() && date.ends_with(" GMT")), "{added:?}");
    assert_eq!(client.get("/dated").value("date"), Some(own));
}

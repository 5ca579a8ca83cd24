//! Bodies that are longer or shorter than they are said to be, or where there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::support::client::Client;
use super::support::scripted::{Scripted, eventually};
use super::support::site::{Site, config, manifest};
use super::{Case, run};

const SECOND: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond";

#[test]
fn more_than_there_should_be() {
    let behind = |first: &str, status, body| {
        let extra = "x".repeat(100);
        [SECOND, &extra, "\r\n", "0\r\n\r\n"].map(|more| Case::good(&format!("{first}{more}"), status, body))
    };
    let mut cases: Vec<Case> = [
        behind("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
        behind("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""),
        behind("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok"),
        behind("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        behind("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", 204, ""),
        behind("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 204, ""),
        behind("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", 304, ""),
        behind("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno", 502, "no"),
    ]
    .into_iter()
    .flatten()
    .collect();
    for (code, status) in [(200, "200 OK"), (404, "404 Not Found")] {
        for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
            let says = format!("HTTP/1.1 {status}\r\n{framing}\r\n\r\n5\r\nhello\r\n0\r\n\r\n{SECOND}");
            cases.push(Case { method: "HEAD", ..Case::good(&says, code, "") });
        }
    }
    run(&cases);
}

#[test]
fn less_than_there_should_be() {
    let closed = |says: &str| Case { closes: true, ..Case::broken(says) };
    run(&[
        closed("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"),
        closed("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        closed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        closed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
        closed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        closed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"),
        closed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n"),
    ]);
}

#[test]
fn malformed_chunks() {
    let chunks = [
        "xyz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloxx\r\n0\r\n\r\n",
        "4\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "00000000000000005\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5;\r\nhello\r\n0\r\n\r\n",
        "5;a=\"b\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: a\0b\r\n\r\n",
        "5\r\nhello\r\n0\r\n y\r\n\r\n",
    ];
    let mut cases: Vec<Case> = chunks
        .map(|chunks| Case::broken(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{SECOND}")))
        .into();
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(300));
    cases.push(Case::broken(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{long}")));
    run(&cases);
}

/// What comes on an idle connection is no answer to whoever asks next.
#[test]
fn responses_that_nobody_asked_for() {
    const ROUNDS: usize = 50;
    let has_sent: Arc<AtomicBool> = Arc::default();
    let sent = Arc::clone(&has_sent);
    let origin = Scripted::start(move |peer| {
        while peer.echo().is_some() {
            // Once the answer was read and the connection is idle.
            eventually("the answer was read", || peer_is_idle(peer.number));
            peer.send(SECOND);
            sent.store(true, Ordering::SeqCst);
        }
    });
    let site = Site::start(&manifest("a.example", origin.address), config());
    for round in 0..ROUNDS {
        IDLE.store(0, Ordering::SeqCst);
        has_sent.store(false, Ordering::SeqCst);
        let tag = format!("/{round}");
        let answer = Client::new(site.http).get(&tag);
        assert_eq!(answer.text(), tag, "{answer:?}");
        assert_eq!(answer.value("x-connection"), Some(&*round.to_string()));
        IDLE.store(round + 1, Ordering::SeqCst);
        eventually("the second response", || has_sent.load(Ordering::SeqCst));
    }
}

/// One more than the number of the connection whose answer has come.
static IDLE: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

fn peer_is_idle(number: usize) -> bool {
    IDLE.load(Ordering::SeqCst) == number + 1
}

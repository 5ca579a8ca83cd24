//! Endpoints that answer what they must not: the client gets 502 or a connection that ends, never a second response, and
//! nobody gets anything on that connection afterwards.
//!
//! `SIZE=full cargo test -p ingress-proxy --test responses` is the full size of the rounds with mixed early responses.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "the modules of one test")]

mod bodies;
mod heads;
mod mixups;
#[path = "../support/mod.rs"]
mod support;
mod upgrades;

use support::client::{Answer, Client};
use support::scripted::{Peer, Scripted};
use support::site::{Site, config, manifest};

/// What an endpoint says instead of a proper response.
struct Case {
    name: String,
    method: &'static str,
    says: Vec<u8>,
    /// Whether it closes the connection then.
    closes: bool,
    expect: Expect,
}

/// What the client sees of it.
#[derive(Debug, PartialEq)]
enum Expect {
    /// 502.
    Bad,
    /// Exactly this.
    Good(u16, &'static str),
    /// The head of a response, and an end that cannot be taken for that of its body.
    Broken,
}

impl Case {
    fn bad(says: &str) -> Self {
        Self { expect: Expect::Bad, ..Self::good(says, 0, "") }
    }

    fn good(says: &str, status: u16, body: &'static str) -> Self {
        let name = says.escape_debug().take(300).collect();
        Self { name, method: "GET", says: says.into(), closes: false, expect: Expect::Good(status, body) }
    }

    fn broken(says: &str) -> Self {
        Self { expect: Expect::Broken, ..Self::good(says, 0, "") }
    }
}

/// Asks for each case, then for something in order on the same connection and on another one.
fn run(cases: &[Case]) {
    assert!(!cases.is_empty());
    let says: Vec<_> = cases.iter().map(|case| (case.says.clone(), case.closes)).collect();
    let origin = Scripted::start(move |peer| serve(peer, &says));
    let mut config = config();
    config.upstream.max_fails = 0;
    let site = Site::start(&manifest("a.example", origin.address), config);
    let mut other = Client::new(site.http);
    let mut failures = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let path = format!("/case/{number}");
        let mut client = Client::new(site.http);
        client.send(format!("{} {path} HTTP/1.1\r\nHost: a.example\r\n\r\n", case.method));
        let mut complain = |what: String| failures.push(format!("{}: {what}", case.name));
        let answer = client.answer_to(case.method);
        if !is_expected(case, answer.as_ref()) {
            complain(format!("{answer:?} instead of {:?}", case.expect));
        }
        if answer.is_some_and(|answer| answer.is_complete) {
            // The connection has ended, or the next answer is to the next request.
            client.send(format!("GET /a/{number} HTTP/1.1\r\nHost: a.example\r\n\r\n"));
            match client.answer() {
                Some(answer) if answer.text() != format!("/a/{number}") => complain(format!("a second {answer:?}")),
                None if !client.pending.is_empty() => complain(format!("more: {:?}", client.pending)),
                _ => {}
            }
        } else if !client.rest().is_empty() {
            complain("something follows a broken response".into());
        }
        let next = other.get(&format!("/b/{number}"));
        if next.text() != format!("/b/{number}") {
            complain(format!("the next client got {next:?}"));
        }
        let connection = origin.find(&path).map(|(connection, _)| connection.to_string());
        if next.value("x-connection") == connection.as_deref() {
            complain("the connection was used again".into());
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
    assert!(origin.faults().is_empty(), "{:?}", origin.faults());
}

fn serve(peer: &mut Peer, says: &[(Vec<u8>, bool)]) {
    while let Some(request) = peer.request() {
        let target = String::from_utf8_lossy(&request.target);
        let case: Option<usize> = target.strip_prefix("/case/").and_then(|number| number.parse().ok());
        let (bytes, closes) = match case {
            Some(number) => says[number].clone(),
            None => (peer.tagged(&request), false),
        };
        if !peer.send(bytes) || closes {
            return;
        }
    }
}

fn is_expected(case: &Case, answer: Option<&Answer>) -> bool {
    match (&case.expect, answer) {
        (Expect::Bad, Some(answer)) => answer.status == 502 && answer.is_complete,
        (Expect::Good(status, body), Some(answer)) => {
            answer.status == *status && answer.is_complete && answer.body == body.as_bytes()
        }
        (Expect::Broken, Some(answer)) => answer.status == 200 && !answer.is_complete,
        (_, None) => false,
    }
}

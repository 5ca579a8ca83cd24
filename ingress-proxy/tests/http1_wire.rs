//! The inputs of `testdata/http1` through the real proxy, with real sockets on both sides.
//!
//! The origin is the independent reader of `support/strict.rs`: it answers only what can be read in one way, and remembers
//! every byte. After each hostile input another client asks over the same pool, and must get its own answer.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(test)]
#[path = "support"]
mod support {
    #![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

    pub(crate) mod corpus;
    pub(crate) mod origin;
    pub(crate) mod site;
    pub(crate) mod strict;
}

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use support::corpus::{self, Expect, Input};
use support::origin::Origin;
use support::site::{Site, config};
use support::strict::{self, Fault};

/// Every host of the corpus leads to the origin.
fn site(origin: &Origin) -> Site {
    let manifest =
        support::site::manifest("a.example", origin.address).replace("  - host: a.example\n    http:", "  - http:");
    let mut config = config();
    config.upstream.max_fails = 0;
    Site::start(&manifest, config)
}

/// Answers each complete request with what it asked for, so that answers cannot be mixed up unseen.
fn echo() -> Origin {
    Origin::start(|seen| match strict::request(seen) {
        Ok((request, length)) if length == seen.len() => {
            let body = if request.method == "HEAD" { Vec::new() } else { request.target.clone() };
            let mut answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.target.len()).into_bytes();
            answer.extend(body);
            Some(answer)
        }
        // More than one request, or what nobody can read: whoever sent that gets nothing more.
        Ok(_) | Err(Fault::Malformed(_)) => Some(Vec::new()),
        Err(Fault::Incomplete) => None,
    })
}

/// Sends bytes, half-closes nothing, and reads until the proxy closes or has been silent for a while.
fn send(proxy: SocketAddr, bytes: &[u8], silence: Duration) -> String {
    let mut stream = TcpStream::connect(proxy).expect("a connection");
    stream.set_read_timeout(Some(silence)).expect("a timeout");
    // It may be refused before everything is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 16 << 10];
    while let Ok(amount @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..amount]);
    }
    let _ = stream.shutdown(Shutdown::Both);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of the answers, interim ones left out.
fn statuses(answer: &str) -> Vec<u16> {
    let lines = answer.split("HTTP/1.1 ").skip(1);
    lines.filter_map(|line| line.get(..3)?.parse().ok()).filter(|status| *status >= 200).collect()
}

/// What became of an input at the origin: requests that can be read in one way only, and no others.
fn judge(input: &Input, origin: &Origin) -> Option<String> {
    // Connections go on, so their places stay.
    let seen: Vec<Vec<u8>> = origin.seen.lock().unwrap().iter_mut().map(std::mem::take).collect();
    let wanted = input.expect.iter().filter(|expect| **expect == Expect::Forward).count();
    let mut complete = 0;
    for bytes in seen {
        let (requests, fault) = strict::requests(&bytes);
        let own = requests.iter().filter(|request| request.target != b"/control").count();
        complete += own;
        if let Some(Fault::Malformed(why)) = fault {
            return Some(format!("unsafe at the origin: {why}: {:?}", String::from_utf8_lossy(&bytes)));
        }
    }
    (complete != wanted).then(|| format!("{complete} complete requests at the origin, not {wanted}"))
}

fn run(folder: &str) {
    let origin = echo();
    let site = site(&origin);
    let mut failures = Vec::new();
    for input in corpus::read(folder) {
        let waits = input.expect.last() == Some(&Expect::Waits);
        let silence = Duration::from_millis(if waits { 30 } else { 150 });
        let answer = send(site.http, &input.bytes, silence);
        let control = send(
            site.http,
            b"GET /control HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n",
            Duration::from_secs(5),
        );
        let mut complain = |what: String| failures.push(format!("{}: {what}\n    {answer:?}", input.name));
        if !control.starts_with("HTTP/1.1 200 OK\r\n") || !control.ends_with("\r\n\r\n/control") {
            complain(format!("the next client got {control:?}"));
        }
        if let Some(what) = judge(&input, &origin) {
            complain(what);
        }
        let refused: Vec<u16> = input
            .expect
            .iter()
            .filter_map(|expect| if let Expect::Refused(status) = expect { Some(*status) } else { None })
            .collect();
        let found = statuses(&answer);
        if let Some(status) = refused.first()
            && found.last() != Some(status)
        {
            complain(format!("statuses {found:?}, not {status} in the end"));
        }
        let answered = input.expect.iter().filter(|it| matches!(it, Expect::Forward | Expect::Local)).count();
        let good = found.iter().filter(|status| **status < 400).count();
        if good != answered {
            complain(format!("{good} good answers, not {answered}"));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn hostile_inputs_reach_nobody_who_could_misread_them() {
    run("hostile");
}

#[test]
fn controls_are_served() {
    run("controls");
}

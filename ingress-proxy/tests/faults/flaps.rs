//! Endpoints that fail in every way, ten times a second, while one of them is well.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::support::backend::{Backend, State};
use super::support::ingress::Ingress;
use super::support::load::{HOST, ask};
use super::support::program::{Folder, PATIENCE, Ports, Program};
use super::support::size::sized;

/// Draws that are the same in every run.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// What clients have found.
#[derive(Debug, Default)]
struct Tally {
    stop: AtomicBool,
    gets: AtomicUsize,
    posts: AtomicUsize,
    /// POST that were answered with something else than 200, or not at all.
    refused: Mutex<Vec<String>>,
}

/// Asks for pages and gives orders in turn; what came of a page that did not come.
fn client(address: SocketAddr, number: usize, tally: &Tally) -> Vec<String> {
    let mut failures = Vec::new();
    let mut connection = None;
    for round in 0.. {
        if tally.stop.load(Ordering::Relaxed) {
            break;
        }
        let is_get = round % 2 == 0;
        let request = if is_get {
            format!("GET /slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        } else {
            format!("POST /slow HTTP/1.1\r\nHost: {HOST}\r\nX-Id: {number}-{round}\r\nContent-Length: 5\r\n\r\nhello")
        };
        let mut stream: TcpStream = connection.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(address).expect("a connection");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            stream
        });
        let answer = ask(&mut stream, &request);
        let is_good = answer.as_ref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "));
        match (is_get, is_good) {
            (true, true) => _ = tally.gets.fetch_add(1, Ordering::Relaxed),
            (true, false) => failures.push(format!("{answer:?}")),
            (false, true) => _ = tally.posts.fetch_add(1, Ordering::Relaxed),
            (false, false) => tally.refused.lock().expect("the list").push(format!("{number}-{round}")),
        }
        if answer.is_ok_and(|answer| !answer.contains("Connection: close")) {
            connection = Some(stream);
        }
    }
    failures
}

#[test]
fn pages_are_served_while_one_endpoint_is_well_and_no_order_is_given_twice() {
    let backends = Backend::start(10);
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let ingress = Ingress {
        host: HOST,
        endpoints: &addresses,
        annotations: &[
            ("proxy-connect-timeout", "1"),
            ("proxy-read-timeout", "1"),
            ("proxy-next-upstream", "error timeout http_502 http_503"),
            ("proxy-next-upstream-tries", "0"),
        ],
        ..Ingress::default()
    };
    let files = Folder::with("flaps", &ingress.to_string());
    let ports = Ports::new();
    // Who has failed is asked again soon.
    let program = Program::start(&files, &ports, &["--fail-timeout", "300ms"]);
    let tally = Tally::default();
    let (lasting, every) = (Duration::from_secs(sized(4, 60)), Duration::from_millis(100));
    let address = ports.http.address;
    let (failures, flaps) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|number| {
                scope.spawn({
                    let tally = &tally;
                    move || client(address, number, tally)
                })
            })
            .collect();
        let (mut draws, mut flaps, began) = (Draws(1), 0_u32, Instant::now());
        while began.elapsed() < lasting {
            // The first stays up. Of the others now more are well, now fewer.
            let states = match flaps / 20 % 2 {
                0 => [State::Silent, State::Up, State::Resetting, State::Up, State::Down],
                _ => [State::Down, State::Failing, State::Up, State::Resetting, State::Down],
            };
            backends[1 + draws.below(9)].become_(states[flaps as usize % 5]);
            flaps += 1;
            std::thread::sleep((every * flaps).saturating_sub(began.elapsed()));
        }
        // Who is asked by a request under way may be silent for a while.
        backends.iter().for_each(|backend| backend.become_(State::Up));
        tally.stop.store(true, Ordering::Relaxed);
        let failures: Vec<String> = clients.into_iter().flat_map(|client| client.join().expect("a client")).collect();
        (failures, flaps)
    });
    let Tally { gets, posts, refused, .. } = &tally;
    let (gets, posts) = (gets.load(Ordering::Relaxed), posts.load(Ordering::Relaxed));
    let refused = refused.lock().expect("the list");
    let mut ids = BTreeMap::new();
    for backend in &backends {
        for (id, count) in backend.ids() {
            *ids.entry(id).or_insert(0) += count;
        }
    }
    let twice: Vec<_> = ids.iter().filter(|(_, count)| **count > 1).collect();
    let lost = refused.iter().filter(|id| !ids.contains_key(*id)).count();
    println!(
        "{flaps} flaps: {gets} GET, {} failed; {posts} POST, {} refused, {lost} of them sent to nobody, {} delivered, {} twice",
        failures.len(),
        refused.len(),
        ids.len(),
        twice.len()
    );
    let metrics = program.page("/metrics");
    metrics.lines().filter(|line| line.contains("upstream_failures_total{")).for_each(|line| println!("{line}"));
    assert!(failures.is_empty(), "{} of {gets} failed, such as {:?}", failures.len(), failures.first());
    assert!(twice.is_empty(), "delivered more than once: {twice:?}");
    // What nobody was sent can be sent to somebody else; only an endpoint that goes in the middle has not seen it either.
    assert!(lost <= flaps as usize / 10, "{lost} POST of {} could have been tried elsewhere", refused.len());
    assert!(gets > 100 && posts > 100 && ids.len() >= posts, "{gets}, {posts}, {}", ids.len());
    // All of this was tried.
    for reason in ["upstream-connect-error", "upstream-closed", "upstream-timeout", "upstream-status"] {
        assert!(metrics.contains(&format!("reason=\"{reason}\"")), "{reason}: {metrics}");
    }
}

//! What a group of clients asks, and what came of it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use benches::random::Random;
use rustls::ClientConfig;

use super::origin::{LARGE, SMALL};
use super::reply::Answer;

/// What is asked of whom, and how.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The proxy.
    pub(crate) target: SocketAddr,
    pub(crate) connections: usize,
    /// The settings of TLS, if it is spoken.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Whether each request is the only one of its connection.
    pub(crate) one_request_each: bool,
    /// The numbers of the hosts and paths that are asked for, all equally often.
    pub(crate) hosts: Range<usize>,
    pub(crate) paths: Range<usize>,
    /// Whether they are asked for one after the other, in place of at random.
    pub(crate) in_order: bool,
    /// Whether the large response is asked for.
    pub(crate) large: bool,
    /// The most requests.
    pub(crate) limit: Option<u64>,
}

impl Plan {
    /// Keep-alive connections that ask for the small response at one route.
    pub(crate) fn new(target: SocketAddr, connections: usize) -> Self {
        let one_request_each = false;
        let (hosts, paths) = (0..1, 0..1);
        let (in_order, large) = (false, false);
        Self { target, connections, tls: None, one_request_each, hosts, paths, in_order, large, limit: None }
    }

    /// One request for one route, on a connection of its own.
    pub(crate) fn probe(target: SocketAddr, host: usize, path: usize) -> Self {
        Self { hosts: host..host + 1, paths: path..path + 1, one_request_each: true, ..Self::new(target, 1) }
    }
}

/// What came of requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) first_failure: Option<String>,
    /// Which of the origins gave the last answer.
    pub(crate) origin: u8,
}

/// A plan that is being carried out.
pub(super) struct Job {
    pub(super) plan: Plan,
    pub(super) counts: Counts,
    random: Random,
    started: u64,
    request: Vec<u8>,
}

impl Job {
    pub(super) fn new(plan: Plan) -> Self {
        Self { plan, counts: Counts::default(), random: Random::new(7), started: 0, request: Vec::with_capacity(512) }
    }

    /// The next request, unless there have been enough.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        if self.plan.limit.is_some_and(|limit| self.started >= limit) {
            return None;
        }
        self.started += 1;
        let (host, path) = self.pick();
        let kind = if self.plan.large { "large" } else { "item" };
        self.request.clear();
        // Writing to memory does not fail.
        let _ = write!(
            self.request,
            "GET /p{path}/{kind}/{}?q=1 HTTP/1.1\r\nHost: h{host}.example.com\r\nUser-Agent: bench/1.0 (closed loop)\r\n\
             Accept: text/html,application/json;q=0.9,*/*;q=0.8\r\nAccept-Encoding: gzip, br\r\n\
             Accept-Language: en-GB,en;q=0.9\r\n\r\n",
            self.started % 1_000
        );
        Some(&self.request)
    }

    /// A host and a path of it.
    fn pick(&mut self) -> (usize, usize) {
        let Plan { hosts, paths, .. } = &self.plan;
        if self.plan.in_order {
            let number = usize::try_from(self.started - 1).unwrap_or_default();
            return (hosts.start + number / paths.len() % hosts.len(), paths.start + number % paths.len());
        }
        (pick(&mut self.random, hosts), pick(&mut self.random, paths))
    }

    pub(super) fn failed(&mut self, failure: String) {
        self.counts.failed += 1;
        self.counts.first_failure.get_or_insert(failure);
    }

    pub(super) fn answered(&mut self, answer: &Answer) {
        let length = if self.plan.large { LARGE } else { SMALL };
        if answer.status == 200 && answer.length == length && answer.origin != 0 {
            self.counts.completed += 1;
            self.counts.origin = answer.origin;
        } else {
            self.failed(format!(
                "status {} with {} bytes where 200 with {length} was due",
                answer.status, answer.length
            ));
        }
    }
}

fn pick(random: &mut Random, range: &Range<usize>) -> usize {
    match range.len() {
        0 | 1 => range.start,
        length => range.start + random.below(length),
    }
}

//! TLS connections that the backend ends: bytes are bytes.

use std::rc::Rc;
use std::time::Duration;

use ingress_core::policy::Timeouts;
use tokio::net::TcpStream;

use super::passthrough::Passthrough;
use crate::config::Balance;
use crate::exchange::{Failure, splice};
use crate::io::{Io, Tcp, Wire};
use crate::upstream::{Choice, Group, InFlight, Outcome, connect};
use crate::worker::{Trouble, Worker};

/// For how long nothing may be said on such a connection (`proxy_stream_timeout`).
const SILENCE: Duration = Duration::from_secs(600);
/// How many endpoints are tried at the most, as with requests.
const MOST_TRIES: usize = 3;

/// Hands a connection to its backend, and copies until one side ends.
pub(crate) async fn run(worker: &Rc<Worker>, passthrough: Passthrough) {
    let _open = worker.metrics.hold(|it| &it.open_tunnels);
    let group = {
        let current = worker.current();
        let Some(forward) = passthrough.forward(&current.snapshot) else { return };
        current.group(worker, forward.backend)
    };
    let Some((server, in_flight)) = dial(worker, &group).await else { return };
    let _upstream = worker.metrics.hold(|it| &it.upstream_open);
    let wire = |tcp| {
        let mut wire = Wire::new(Io::Plain(Tcp::from(tcp)), &worker.buffers, &worker.clock, SILENCE, SILENCE);
        wire.tunnel();
        wire
    };
    let (mut client, mut server) = (wire(passthrough.tcp), wire(server));
    server.out().extend_from_slice(&passthrough.read);
    let (answered, _) = splice(&mut client, &mut server).await;
    // That it could be connected to is no service yet: requests may be waiting for it that never get an answer.
    if answered > 0 {
        in_flight.served();
        worker.up_again(in_flight.endpoint());
    }
}

/// A connection to one of the endpoints.
async fn dial(worker: &Worker, group: &Group) -> Option<(TcpStream, InFlight)> {
    let choice = Choice::Balance(Balance::RoundRobin);
    let mut tried = Vec::new();
    while tried.len() < MOST_TRIES {
        let now = worker.clock.now();
        let endpoint = group.pick(&choice, &tried, now, worker.random.next())?;
        let in_flight = Rc::clone(&endpoint).begin(now);
        let error = match connect::plain(worker, &endpoint, Timeouts::default().connect).await {
            Ok(server) => return Some((server, in_flight)),
            Err(error) => error,
        };
        let failure = Failure::connect(&error);
        worker.metrics.upstream_failures.count(failure.reason);
        if failure.blames_endpoint {
            worker.report(&in_flight, Outcome::Failure, None);
            worker.trouble(Trouble::Down, &endpoint, &failure.reason);
        }
        tried.push(endpoint);
    }
    None
}

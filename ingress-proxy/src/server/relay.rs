//! TLS connections that the backend ends: bytes are bytes.

use std::rc::Rc;
use std::time::Duration;

use ingress_core::policy::Timeouts;

use super::passthrough::Passthrough;
use crate::config::Balance;
use crate::exchange::{Failure, splice};
use crate::io::{Io, Wire};
use crate::upstream::{Choice, Outcome, connect};
use crate::worker::Worker;

/// For how long nothing may be said on such a connection (`proxy_stream_timeout`).
const SILENCE: Duration = Duration::from_secs(600);

/// Hands a connection to its backend, and copies until one side ends.
pub(crate) async fn run(worker: &Rc<Worker>, passthrough: Passthrough) {
    let now = worker.clock.now();
    let picked = {
        let current = worker.current();
        let Some(forward) = passthrough.forward(&current.snapshot) else { return };
        let group = current.group(worker, forward.backend);
        group.pick(&Choice::Balance(Balance::RoundRobin), &[], now, worker.random.next())
    };
    let Some(endpoint) = picked else { return };
    let in_flight = Rc::clone(&endpoint).begin(now);
    let dialled = connect::plain(worker, &endpoint, Timeouts::default().connect).await;
    let server = match dialled.map_err(|error| Failure::connect(&error)) {
        Ok(server) => server,
        Err(failure) if failure.blames_endpoint => {
            worker.metrics.upstream_failures.count(failure.reason);
            return in_flight.report(Outcome::Failure, None, worker.clock.now());
        }
        Err(_) => return,
    };
    in_flight.report(Outcome::Success, None, worker.clock.now());
    let wire = |tcp| {
        let mut wire = Wire::new(Io::Plain(tcp), &worker.buffers, &worker.clock, SILENCE, SILENCE);
        wire.tunnel();
        wire
    };
    let (mut client, mut server) = (wire(passthrough.tcp), wire(server));
    server.out().extend_from_slice(&passthrough.read);
    worker.metrics.open_tunnels.increment();
    splice(&mut client, &mut server).await;
    worker.metrics.open_tunnels.decrement();
}

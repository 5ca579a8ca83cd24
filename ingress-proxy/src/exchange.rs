//! One request: decide, enforce, forward or answer, account.

mod answer;
mod attempt;
mod flow;
mod forward;
mod plan;
mod record;
mod request;
mod respond;
mod response;
mod sides;
mod tunnel;
mod view;

use std::time::Instant;

use self::plan::Plan;
use self::record::Record;
pub use self::sides::{Downstream, HeadError, Upstream};
use crate::message::{Fields, RequestHead, ResponseHead};
use crate::server::Client;
use crate::shadow::{Ours, Shadow};
use crate::worker::Worker;

pub(crate) use self::answer::refuse;
pub(crate) use self::attempt::Failure;
pub(crate) use self::forward::without_port;
pub(crate) use self::record::Refused;
pub(crate) use self::tunnel::splice;

/// How an exchange ended, for the connection that it took place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a response is complete or it is not")]
pub enum Outcome {
    /// The response was sent to its end.
    Complete,
    /// It was not, and nothing else may be sent in its place.
    Broken,
}

/// Memory that is used from exchange to exchange.
#[derive(Debug, Default)]
pub struct Scratch {
    /// What is sent upstream.
    target: Vec<u8>,
    authority: Vec<u8>,
    /// The authority that the client asked for, whatever is sent upstream; empty if none.
    asked: Vec<u8>,
    request_id: Vec<u8>,
    /// Request headers that a policy sets, and response headers.
    request_headers: Fields,
    response_headers: Fields,
    hash_key: Vec<u8>,
    /// `Sec-WebSocket-Key` of a request for a WebSocket.
    websocket_key: Vec<u8>,
    /// What comes back.
    response: ResponseHead,
}

impl Scratch {
    /// How many bytes of memory it holds, used or not.
    pub(crate) fn memory(&self) -> usize {
        let Self { target, authority, asked, request_id, request_headers, response_headers, .. } = self;
        let texts = [target, authority, asked, request_id, &self.hash_key, &self.websocket_key];
        let fields = [request_headers, response_headers, &self.response.fields];
        texts.map(Vec::capacity).into_iter().chain(fields.map(Fields::memory)).sum()
    }
}

/// Does what a request asks for.
pub async fn run<D: Downstream>(
    worker: &Worker,
    client: &Client,
    down: &mut D,
    head: &RequestHead,
    scratch: &mut Scratch,
    number: u64,
) -> Outcome {
    let current = worker.current();
    // As early as the host is known: until it decides there is the clock to be looked at, and an identifier to be drawn.
    current.snapshot.prefetch(|| head.host());
    let mut record = Record::new(Instant::now());
    let shadow = worker.config.shadow.as_deref();
    let refusal = shadow.and_then(|_| Shadow::refusal(head));
    let plan = match refusal {
        None => plan::make(worker, &current, client, head, scratch, &mut record),
        Some(reason) => plan::refuse(worker, &current, scratch, reason, &mut record),
    };
    // Nothing of a snapshot is kept for as long as a request may take.
    drop(current);
    let outcome = match &plan {
        Plan::Answer(answer) => answer::send(worker, down, head, answer, &scratch.response_headers, &mut record).await,
        Plan::Forward(plan) => forward::run(worker, client, down, head, scratch, plan, &mut record).await,
    };
    if let Some(shadow) = shadow
        && outcome == Outcome::Complete
        && refusal.is_none()
    {
        let location = if let Plan::Answer(answer) = &plan { answer.location.as_deref() } else { None };
        shadow.compare(client, head, Ours { status: record.status, location });
    }
    record.traffic = down.traffic();
    record.finish(worker, client, head, scratch, number);
    outcome
}

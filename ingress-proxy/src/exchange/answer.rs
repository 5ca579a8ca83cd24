//! Answers that the proxy gives itself.

use std::future::poll_fn;
use std::io;

use super::record::{Record, Refused, Sent};
use super::{Downstream, Outcome};
use crate::h1::encode::reason as phrase;
use crate::h2::grpc::{self, Status, TrailersOnly};
use crate::message::{BodyLength, EachField, Fields, Known, OutgoingResponse, RequestHead};
use crate::server::Client;
use crate::worker::Worker;

/// An answer without an endpoint.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Why, in kebab case; for counters and the log.
    pub(super) reason: &'static str,
    pub(super) location: Option<Vec<u8>>,
    /// Whether the connection ends with it.
    pub(super) closes: bool,
}

impl Answer {
    pub(super) fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason, location: None, closes: false }
    }

    fn has_body(&self) -> bool {
        !matches!(self.status, 204 | 304)
    }

    /// A line for people, where there may be any.
    pub(super) fn body(&self) -> Option<String> {
        self.has_body().then(|| format!("{} {}\n", self.status, phrase(self.status)))
    }
}

/// Sends an answer to a request that was read.
pub(super) async fn send<D: Downstream>(
    worker: &Worker,
    down: &mut D,
    head: &RequestHead,
    answer: &Answer,
    set: &Fields,
    record: &mut Record,
) -> Outcome {
    // A body that nobody reads stands in the way of the next request, and so do the bytes of a WebSocket that there is not.
    if answer.closes || !down.is_done() || head.websocket {
        down.close_after();
    }
    if answer.closes && answer.status == 421 {
        // It is the handshake that is wrong by now, for all that may come (RFC 9110 15.5.20).
        down.leave();
    }
    record.status = answer.status;
    record.reason = Some(answer.reason);
    let is_grpc = grpc::is_grpc(&head.fields);
    match write(worker, down, answer, set, (head.method == b"HEAD", is_grpc)).await {
        Ok(sent) => {
            record.body_bytes = sent;
            if worker.log.is_some() && !is_grpc {
                record.sent = Sent::Own(answer.location.clone());
            }
            Outcome::Complete
        }
        Err(_) => {
            worker.metrics.refused.count("client-gone");
            Outcome::Broken
        }
    }
}

/// Answers what is no request.
pub(crate) async fn refuse<D: Downstream>(worker: &Worker, client: &Client, down: &mut D, refused: &Refused<'_>) {
    down.close_after();
    let answer = Answer::new(refused.status, refused.reason);
    // The client may well be gone; the connection ends either way.
    let sent = write(worker, down, &answer, &Fields::default(), (false, false)).await;
    refused.finish(worker, client, down.traffic(), sent.unwrap_or_default());
}

/// Writes the answer; says how many bytes of a body.
async fn write<D: Downstream>(
    worker: &Worker,
    down: &mut D,
    answer: &Answer,
    set: &Fields,
    (is_head, is_grpc): (bool, bool),
) -> io::Result<u64> {
    let date = worker.today.text();
    if is_grpc {
        let fields = Dated { fields: &TrailersOnly::new(Status::of(answer.status), answer.reason), date: &date };
        let response = OutgoingResponse { status: 200, fields: &fields, body: BodyLength::Exact(0) };
        down.start(&response)?;
        poll_fn(|cx| down.poll_finish(cx, None)).await?;
        return Ok(0);
    }
    let has_body = answer.has_body();
    let body = answer.body().unwrap_or_default();
    let length = body.len() as u64;
    let fields = Dated { fields: &AnswerFields { answer, set }, date: &date };
    let framing = match (has_body, is_head) {
        (false, _) => BodyLength::None,
        (true, true) => BodyLength::Declared(length),
        (true, false) => BodyLength::Exact(length),
    };
    down.start(&OutgoingResponse { status: answer.status, fields: &fields, body: framing })?;
    let mut rest = if is_head { &[][..] } else { body.as_bytes() };
    while !rest.is_empty() {
        let amount = poll_fn(|cx| down.poll_write(cx, rest)).await?;
        rest = rest.get(amount..).unwrap_or_default();
    }
    poll_fn(|cx| down.poll_finish(cx, None)).await?;
    Ok(if is_head { 0 } else { length })
}

/// The fields of an answer, but for those of its moment.
pub(super) struct AnswerFields<'a> {
    pub(super) answer: &'a Answer,
    /// What the decision sets.
    pub(super) set: &'a Fields,
}

/// Fields behind a `Date` (RFC 9110 6.6.1).
struct Dated<'a> {
    fields: &'a dyn EachField,
    date: &'a str,
}

impl EachField for Dated<'_> {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        let mut is_dated = false;
        self.fields.each(&mut |name, _| is_dated |= name.eq_ignore_ascii_case(b"Date"));
        if !is_dated {
            call(b"Date", self.date.as_bytes());
        }
        self.fields.each(call);
    }
}

impl EachField for AnswerFields<'_> {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        if self.answer.has_body() && self.set.first(Known::ContentType).is_none() {
            call(b"Content-Type", b"text/plain; charset=utf-8");
        }
        if let Some(location) = &self.answer.location {
            call(b"Location", location);
        }
        if self.answer.status == 405 {
            call(b"Allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        }
        // What is said already is of this answer, and the rest of any.
        let is_said = |name: &[u8]| {
            self.answer.location.is_some() && name.eq_ignore_ascii_case(b"Location")
                || self.answer.status == 405 && name.eq_ignore_ascii_case(b"Allow")
        };
        self.set.each(&mut |name, value| {
            if !is_said(name) {
                call(name, value);
            }
        });
    }
}

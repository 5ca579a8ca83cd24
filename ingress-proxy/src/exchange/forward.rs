//! A request to an endpoint, and what comes back.

use std::future::{Future, poll_fn};
use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use ingress_core::policy;

use super::answer::{self, Answer};
use super::attempt::{Attempts, Failure};
use super::flow::{Flow, FlowError, Terms};
use super::plan::{Forwarding, Share, Speak};
use super::record::Record;
use super::request::RequestFields;
use super::{Downstream, HeadError, Outcome, Scratch, Upstream};
use crate::message::{BodyError, BodyLength, Framing, Known, OutgoingRequest, RequestHead, Source, Version};
use crate::server::Client;
use crate::server::tls::Alpn;
use crate::upstream::tls::Unusable;
use crate::upstream::{Choice, Connection, Endpoint, Key, Outcome as Health, Session, affinity, connect};
use crate::worker::{Trouble, Worker};

/// Interim responses that an endpoint may send before the final one.
const MOST_INTERIM: u32 = 8;

/// For how long a client has to say nothing, in milliseconds, until an endpoint that closes its connection may be tired of it.
const PAUSE: u64 = 900;

/// Everything that an exchange with endpoints is about.
pub(super) struct Exchange<'a, D> {
    pub(super) worker: &'a Worker,
    pub(super) client: &'a Client,
    pub(super) down: &'a mut D,
    pub(super) head: &'a RequestHead,
    pub(super) plan: &'a Forwarding,
    pub(super) upload: Flow,
    /// How much of the body had come when the client was heard last, and when that was, by the worker's clock.
    heard: (u64, u64),
    turn: Turn,
}

/// Whose time it is that passes before the head of a response.
#[derive(Clone, Copy, Debug, Default)]
enum Turn {
    /// The endpoint's, as it was from the beginning.
    #[default]
    Endpoint,
    /// The client's, whose body is on its way.
    Client,
    /// The endpoint's since it has the whole body.
    Since(Instant),
}

/// Forwards a request, to another endpoint if one fails and that is safe.
pub(super) async fn run<D: Downstream>(
    worker: &Worker,
    client: &Client,
    down: &mut D,
    head: &RequestHead,
    scratch: &mut Scratch,
    plan: &Forwarding,
    record: &mut Record,
) -> Outcome {
    let (upload, heard, turn) = (Flow::default(), (0, worker.clock.now()), Turn::default());
    let mut exchange = Exchange { worker, client, down, head, plan, upload, heard, turn };
    if exchange.is_call() {
        // Only where gRPC is spoken, whatever a client says that its body is.
        exchange.down.may_be_silent();
    }
    let mut attempts = Attempts::new(plan.retries(), head.method(), worker.clock.now());
    loop {
        let Some(Session { endpoint, key }) = exchange.pick(scratch, &attempts) else {
            let failure = attempts.last().unwrap_or(Failure::NO_ENDPOINT);
            return exchange.give_up(failure, scratch, record).await;
        };
        if attempts.last().is_some() {
            worker.metrics.upstream_retries.increment();
        }
        record.upstream(&endpoint);
        let in_flight = Rc::clone(&endpoint).begin(worker.clock.now());
        let failure = match exchange.attempt(&endpoint, scratch, record, &attempts).await {
            Ok(connection) => {
                record.answered(scratch.response.status);
                let failure = attempts.retry_status(scratch.response.status, &exchange.upload, worker.clock.now());
                // Where nobody is left to ask, this is the response.
                match failure.filter(|_| plan.group.has_another(&endpoint, attempts.tried())) {
                    None => return exchange.respond(connection, in_flight, key, scratch, record).await,
                    Some(failure) => failure,
                }
            }
            Err(Stop::Failed(failure)) => failure,
            Err(Stop::ClientGone) => {
                worker.report(&in_flight, Health::Abandoned, exchange.latency(record.upstream_time()));
                record.client_gone(worker);
                return Outcome::Broken;
            }
            Err(Stop::Refused(status, reason)) => {
                worker.metrics.refused.count(reason);
                let answer = Answer { closes: true, ..Answer::new(status, reason) };
                return answer::send(worker, exchange.down, head, &answer, &scratch.response_headers, record).await;
            }
        };
        record.failed(failure.status());
        if failure.blames_endpoint {
            worker.report(&in_flight, Health::Failure, exchange.latency(record.upstream_time()));
            worker.metrics.upstream_failures.count(failure.reason);
            worker.trouble(Trouble::Down, &endpoint, &failure.reason);
        }
        if !attempts.go_on(failure, &endpoint, &plan.group, &exchange.upload, worker.clock.now()) {
            return exchange.give_up(failure, scratch, record).await;
        }
        (exchange.upload, exchange.turn) = (exchange.upload.anew(), Turn::default());
        exchange.heard = (0, worker.clock.now());
    }
}

/// Why there is no response from an endpoint.
enum Stop {
    Failed(Failure),
    ClientGone,
    /// The request is at fault, and is answered with this.
    Refused(u16, &'static str),
}

impl Stop {
    /// The request's body cannot be read to its end.
    fn body(error: &BodyError) -> Self {
        match error {
            BodyError::Malformed(_) => Self::Refused(400, "malformed-body"),
            BodyError::TimedOut => Self::Refused(408, "body-timeout"),
            _ => Self::ClientGone,
        }
    }
}

impl<'a, D: Downstream> Exchange<'a, D> {
    pub(super) async fn give_up(&mut self, failure: Failure, scratch: &Scratch, record: &mut Record) -> Outcome {
        let answer = Answer::new(failure.status, failure.reason);
        answer::send(self.worker, self.down, self.head, &answer, &scratch.response_headers, record).await
    }

    /// How much of a time since the endpoint was asked was its own, if it had all that it needed.
    pub(super) fn latency(&self, since_asked: Duration) -> Option<Duration> {
        match self.turn {
            Turn::Endpoint => Some(since_asked),
            Turn::Client => None,
            Turn::Since(instant) => Some(instant.elapsed()),
        }
    }

    /// What of the request's body does not get through.
    pub(super) fn terms<'s>(&self, scratch: &'s Scratch) -> Terms<'s>
    where
        'a: 's,
    {
        Terms {
            limit: self.plan.body_limit,
            set: Some(&scratch.request_headers),
            empties: self.plan.route.filters.as_deref(),
            hides: None,
            drops_underscores: !self.worker.config.downstream.underscores_in_headers,
        }
    }

    /// With or without TLS, and on which terms.
    fn key(&self, endpoint: &Endpoint, scratch: &Scratch) -> Result<Key, Unusable> {
        if !self.plan.speak.tls {
            return Ok(Key::default());
        }
        let settings = self.plan.route.filters.as_deref().and_then(|filters| filters.upstream.tls.as_deref());
        let host = std::str::from_utf8(without_port(&scratch.authority)).unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let address = match &endpoint.target {
            policy::Endpoint::Address(address) => address.ip(),
            // By which sessions are remembered; those of one name are good at each of its addresses or at none.
            policy::Endpoint::Name(..) => Ipv4Addr::UNSPECIFIED.into(),
        };
        let alpn = if self.plan.speak.http2 { Alpn::Http2 } else { Alpn::Http1 };
        self.worker.upstream_tls.terms(settings, host, address, alpn).map(|terms| Key(Some(terms)))
    }

    fn pick(&self, scratch: &Scratch, attempts: &Attempts<'_>) -> Option<Session> {
        let (group, tried) = (&self.plan.group, attempts.tried());
        let (now, draw) = (self.worker.clock.now(), self.worker.random.next());
        let choice = match self.plan.share {
            Share::Balance(balance) => Choice::Balance(balance),
            Share::Hash(None) => Choice::Hash(&scratch.hash_key),
            Share::Hash(Some(size)) => Choice::HashSubset { key: &scratch.hash_key, size },
            Share::Cookie => {
                let (affinity, _) = self.plan.cookie.as_ref()?;
                let cookies = self.head.fields.all(Known::Cookie);
                let cookie = affinity::cookie(cookies, affinity.cookie.as_bytes());
                return group.pick_sticky(affinity, cookie, tried, now, draw);
            }
        };
        Some(Session { endpoint: group.pick(&choice, tried, now, draw)?, key: None })
    }

    /// Sends the request to an endpoint and waits for the head of the response.
    async fn attempt(
        &mut self,
        endpoint: &Rc<Endpoint>,
        scratch: &mut Scratch,
        record: &mut Record,
        attempts: &Attempts<'_>,
    ) -> Result<Connection, Stop> {
        let key = match self.key(endpoint, scratch) {
            Ok(key) => key,
            Err(error) => {
                self.worker.metrics.not_enforced.count(Failure::REFUSED.reason);
                // A name may be the client's own doing.
                if !matches!(error, Unusable::Name(_)) {
                    self.worker.trouble(Trouble::Tls, endpoint, &error);
                }
                return Err(Stop::Failed(Failure::REFUSED));
            }
        };
        let request = connect::Request {
            endpoint,
            key,
            http2: self.plan.speak.http2,
            timeouts: self.plan.timeouts,
            fresh: attempts.wants_fresh(),
            is_last: self.plan.speak.http2 && !self.plan.group.has_another(endpoint, attempts.tried()),
        };
        let mut connecting = pin!(connect::get(self.worker, request));
        let connected = poll_fn(|cx| match connecting.as_mut().poll(cx) {
            Poll::Ready(connected) => Poll::Ready(connected.map_err(|error| Stop::Failed(Failure::connect(&error)))),
            Poll::Pending => {
                // Nobody wants the body yet, and others shall be able to send theirs.
                self.down.hoard(cx);
                self.down.poll_gone(cx).map(|()| Err(Stop::ClientGone))
            }
        });
        let mut connection = connected.await?;
        record.connected(connection.is_reused());
        // Until now nobody waited for the client.
        self.heard.1 = self.worker.clock.now();
        connection.keep_small(self.head.version == Version::Http2);
        if self.worker.log.is_some() {
            record.dialled(endpoint, &connection);
        }
        self.start(&mut connection, scratch).map_err(|error| match error {
            HeadError::Unsayable => Stop::Refused(400, "request-not-for-http2"),
            error => Stop::Failed(Failure::head(&error, &connection)),
        })?;
        self.head(&mut connection, scratch).await?;
        Ok(connection)
    }

    fn start(&self, connection: &mut Connection, scratch: &Scratch) -> Result<(), HeadError> {
        let fields =
            RequestFields { worker: self.worker, client: self.client, head: self.head, scratch, plan: self.plan };
        connection.start(&OutgoingRequest {
            // Only HTTP/1.0 has requests for no host.
            version: if self.plan.speak.http10 || scratch.authority.is_empty() {
                Version::Http10
            } else {
                Version::Http11
            },
            method: if self.head.websocket { b"GET" } else { &self.head.method },
            target: &scratch.target,
            authority: &scratch.authority,
            fields: &fields,
            body: match self.head.framing {
                _ if self.head.websocket => BodyLength::None,
                Framing::Empty => {
                    // Methods that mean to have a body say that it is empty (RFC 9110 8.6).
                    let has_meaning = matches!(self.head.method(), "POST" | "PUT" | "PATCH");
                    if has_meaning { BodyLength::Exact(0) } else { BodyLength::None }
                }
                Framing::Stream(Some(_)) if self.has_trailers() => BodyLength::Unknown,
                // What has no body may have trailers, and the head would be its end.
                Framing::Stream(Some(0)) if self.is_call() => BodyLength::Unknown,
                Framing::Length(length) | Framing::Stream(Some(length)) => BodyLength::Exact(length),
                Framing::Chunked | Framing::UntilClose | Framing::Stream(None) => BodyLength::Unknown,
            },
            websocket: self.head.websocket,
            connection: scratch.request_headers.first(Known::Connection),
        })
    }

    /// Whether the client announces trailers that need chunks: HTTP/1.1 has none where it has a length.
    fn has_trailers(&self) -> bool {
        let Speak { http2, http10, .. } = self.plan.speak;
        !http2 && !http10 && self.head.fields.first(Known::Trailer).is_some()
    }

    /// Sends the body and reads heads until the final one has come.
    async fn head(&mut self, connection: &mut Connection, scratch: &mut Scratch) -> Result<(), Stop> {
        let (mut interim, mut is_late) = (0, false);
        // A tunnel's bytes wait until the endpoint has agreed to it.
        let mut is_uploading = !self.head.websocket;
        poll_fn(|cx| {
            if is_uploading && !self.upload.is_done() {
                let terms = self.terms(scratch);
                match self.upload.poll(cx, self.down, connection, &terms) {
                    Poll::Ready(Ok(())) => {
                        if let Turn::Client = self.turn {
                            self.turn = Turn::Since(Instant::now());
                            // That the body has ended is the last that the client says.
                            connection.wait_anew();
                        }
                    }
                    Poll::Pending => {
                        self.turn = Turn::Client;
                        self.wait_for_body(connection);
                    }
                    Poll::Ready(Err(FlowError::Source(error))) => return Poll::Ready(Err(Stop::body(&error))),
                    Poll::Ready(Err(FlowError::TooLong)) => {
                        return Poll::Ready(Err(Stop::Refused(413, "body-too-large")));
                    }
                    // The endpoint may have answered before it stopped reading.
                    Poll::Ready(Err(FlowError::Sink(error))) => {
                        is_uploading = false;
                        is_late = error.kind() == io::ErrorKind::TimedOut;
                    }
                }
            } else if !is_uploading {
                self.down.hoard(cx);
            }
            while let Poll::Ready(read) = connection.poll_head(cx, &mut scratch.response) {
                if let Err(error) = read {
                    let error = if is_late { HeadError::TimedOut } else { error };
                    let mut failure = Failure::head(&error, connection);
                    failure.blames_endpoint &= is_late || !self.is_clients_doing(&error);
                    return Poll::Ready(Err(Stop::Failed(failure)));
                }
                match scratch.response.status {
                    101 if self.head.websocket => return Poll::Ready(Ok(())),
                    status @ 100..=199 => {
                        interim += 1;
                        if interim > MOST_INTERIM || status == 101 {
                            let error = HeadError::Malformed(crate::message::Rejection::StartLine);
                            return Poll::Ready(Err(Stop::Failed(Failure::head(&error, connection))));
                        }
                        if status == 103 && self.pass_interim(cx, scratch).is_err() {
                            return Poll::Ready(Err(Stop::ClientGone));
                        }
                    }
                    _ => return Poll::Ready(Ok(())),
                }
            }
            if is_late {
                return Poll::Ready(Err(Stop::Failed(Failure::head(&HeadError::TimedOut, connection))));
            }
            self.down.poll_gone(cx).map(|()| Err(Stop::ClientGone))
        })
        .await
    }

    /// An endpoint need not say anything before it has the whole body, however long the client takes. A call of gRPC may go on
    /// for days, and its client is held to no pace; there, only what it says counts.
    pub(super) fn wait_for_body(&mut self, connection: &mut Connection) {
        let (bytes, is_news) = (self.upload.bytes, self.upload.bytes > self.heard.0);
        if is_news || !self.upload.is_starved {
            self.heard = (bytes, self.worker.clock.now());
        }
        if is_news || !self.is_call() {
            connection.wait_anew();
        }
    }

    /// Whether an endpoint has given up because its client did not go on: its own patience may be shorter than ours.
    fn is_clients_doing(&self, error: &HeadError) -> bool {
        let waited = self.worker.clock.now().saturating_sub(self.heard.1);
        let is_clients_turn = matches!(self.turn, Turn::Client) && self.upload.is_starved;
        is_clients_turn
            && match error {
                HeadError::TimedOut => true,
                HeadError::Closed | HeadError::Io(_) => waited >= PAUSE,
                _ => false,
            }
    }

    /// Whether the endpoint speaks gRPC.
    fn is_call(&self) -> bool {
        self.plan.speak.http2
    }

    fn pass_interim(&mut self, cx: &mut std::task::Context<'_>, scratch: &Scratch) -> std::io::Result<()> {
        let fields = self.response_fields(scratch, None);
        self.down.interim(103, &fields)?;
        match self.down.poll_flush(cx) {
            Poll::Ready(done) => done,
            Poll::Pending => Ok(()),
        }
    }
}

/// The name or address in an authority, in its brackets if it has some.
pub(crate) fn without_port(authority: &[u8]) -> &[u8] {
    let end = match authority {
        [b'[', ..] => memchr::memchr(b']', authority).map(|at| at + 1),
        _ => memchr::memchr(b':', authority),
    };
    end.and_then(|end| authority.get(..end)).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_without_their_port() {
        for (authority, host) in [
            ("a.example", "a.example"),
            ("a.example:443", "a.example"),
            ("[::1]", "[::1]"),
            ("[2001:db8::1]:443", "[2001:db8::1]"),
            ("[::1", "[::1"),
            ("", ""),
        ] {
            assert_eq!(without_port(authority.as_bytes()), host.as_bytes());
        }
    }
}

//! What is known of an exchange when it is over: for counters and the log.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ingress_core::decision::client_behind;
use ingress_core::policy::{self, ClientAddress, Filters};

use super::Scratch;
use super::answer::{Answer, AnswerFields};
use super::flow::FlowError;
use super::forward::without_port;
use super::response::{ResponseFields, body_length};
use crate::message::{BodyLength, EachField, Known, RequestHead};
use crate::observe::access_log::{Attempt, Entry, Logger, Tls};
use crate::observe::metrics::{Method, Sample};
use crate::server::Client;
use crate::upstream::{Connection, Endpoint};
use crate::worker::{RouteState, Worker};

/// An exchange as it is recorded.
#[derive(Debug)]
pub(super) struct Record {
    started: Instant,
    pub(super) route: Option<Rc<RouteState>>,
    pub(super) status: u16,
    /// Why the proxy answered itself.
    pub(super) reason: Option<&'static str>,
    /// Bytes of the response's body.
    pub(super) body_bytes: u64,
    /// Whose fields the client has got.
    pub(super) sent: Sent,
    /// Bytes received and sent, heads included.
    pub(super) traffic: (u64, u64),
    endpoint: Option<Rc<Endpoint>>,
    /// What was dialled for it, where that has to be asked for.
    dialled: Option<SocketAddr>,
    /// The attempts that came before this one, or to nothing.
    failed: Vec<Attempt>,
    upstream_started: Option<Instant>,
    connect: Option<Duration>,
    header: Option<Duration>,
    upstream_status: Option<u16>,
    upstream_end: Option<Duration>,
    /// When the response had come to its end.
    ended: Option<Instant>,
}

/// Whose fields the client has got.
#[derive(Debug, Default)]
pub(super) enum Sent {
    #[default]
    Nobodys,
    /// Those of the endpoint's response.
    Response,
    /// The proxy's own, with this `Location`.
    Own(Option<Vec<u8>>),
}

/// The fields of a response as the client got them, for the log.
struct PassedOn<'a> {
    fields: &'a dyn EachField,
    length: BodyLength,
}

impl EachField for PassedOn<'_> {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        self.fields.each(call);
        if let BodyLength::Exact(length) | BodyLength::Declared(length) = self.length {
            call(b"Content-Length", length.to_string().as_bytes());
        }
    }
}

impl Record {
    pub(super) fn new(started: Instant) -> Self {
        Self {
            started,
            route: None,
            status: 0,
            reason: None,
            body_bytes: 0,
            sent: Sent::default(),
            traffic: (0, 0),
            endpoint: None,
            dialled: None,
            failed: Vec::new(),
            upstream_started: None,
            connect: None,
            header: None,
            upstream_status: None,
            upstream_end: None,
            ended: None,
        }
    }

    /// The request goes to this endpoint now.
    pub(super) fn upstream(&mut self, endpoint: &Rc<Endpoint>) {
        self.endpoint = Some(Rc::clone(endpoint));
        self.dialled = None;
        let is_first = self.upstream_started.is_none();
        self.upstream_started = Some(if is_first { self.started } else { Instant::now() });
        self.connect = None;
    }

    /// Nothing has come of the attempt but this status, or what stands for one.
    pub(super) fn failed(&mut self, status: u16) {
        let time = micros(self.upstream_time());
        self.upstream_status = Some(status);
        let attempt = self.attempt().map(|attempt| Attempt { response_us: Some(time), ..attempt });
        self.failed.extend(attempt);
        (self.endpoint, self.upstream_status, self.header) = (None, None, None);
    }

    /// The endpoint that is being asked, as the log has it.
    fn attempt(&self) -> Option<Attempt> {
        let endpoint = self.endpoint.as_ref()?;
        let is_its = matches!(self.sent, Sent::Response);
        Some(Attempt {
            addr: match &endpoint.target {
                policy::Endpoint::Address(address) => Some(*address),
                policy::Endpoint::Name(..) => self.dialled,
            },
            status: self.upstream_status,
            connect_us: self.connect.map(micros),
            header_us: self.header.map(micros),
            response_us: self.upstream_end.map(micros),
            // What the proxy has said in its place is not the endpoint's.
            response_bytes: if is_its { self.body_bytes } else { 0 },
        })
    }

    /// There is a connection now.
    pub(super) fn connected(&mut self, is_reused: bool) {
        self.connect = Some(if is_reused { Duration::ZERO } else { self.upstream_time() });
    }

    /// Where the connection leads, for the log.
    #[cold]
    pub(super) fn dialled(&mut self, endpoint: &Endpoint, connection: &Connection) {
        if let policy::Endpoint::Name(..) = endpoint.target {
            self.dialled = connection.peer_addr();
        }
    }

    /// The head of the response has come.
    pub(super) fn answered(&mut self, status: u16) {
        self.upstream_status = Some(status);
        self.header = Some(self.upstream_time());
    }

    /// The response has come to its end.
    pub(super) fn responded(&mut self, body_bytes: u64) {
        let now = Instant::now();
        self.body_bytes = body_bytes;
        self.upstream_end = Some(self.upstream_started.map(|started| now.duration_since(started)).unwrap_or_default());
        self.ended = Some(now);
    }

    /// How long ago the endpoint was asked.
    pub(super) fn upstream_time(&self) -> Duration {
        self.upstream_started.map(|started| started.elapsed()).unwrap_or_default()
    }

    /// How long the head of the response took.
    pub(super) fn header_time(&self) -> Duration {
        self.header.unwrap_or_default()
    }

    /// The client left before it had anything of a response.
    pub(super) fn client_gone(&mut self, worker: &Worker) {
        worker.metrics.refused.count("client-gone");
        self.status = 499;
        self.reason = Some("client-gone");
    }

    /// The response did not get through.
    pub(super) fn broken(&mut self, worker: &Worker, error: &FlowError) {
        match error {
            FlowError::Sink(_) => {
                worker.metrics.refused.count("client-gone");
                self.reason = Some("client-gone");
            }
            FlowError::Source(_) => {
                worker.metrics.upstream_failures.count("response-incomplete");
                self.reason = Some("response-incomplete");
            }
            FlowError::TooLong => self.reason = Some("body-too-large"),
        }
    }

    /// Counts the exchange and writes its line.
    pub(super) fn finish(&self, worker: &Worker, client: &Client, head: &RequestHead, scratch: &Scratch, number: u64) {
        let Some(route) = &self.route else { return };
        let ended = self.ended.unwrap_or_else(Instant::now);
        let duration = micros(ended.duration_since(self.started));
        if route.metrics.is_gone() {
            worker.metrics.late.increment();
        } else {
            route.metrics.record(&Sample {
                method: Method::of(&head.method),
                status: self.status,
                duration_us: duration,
                connect_us: self.connect.map(micros),
                header_us: self.header.map(micros),
                upstream_us: self.upstream_end.map(micros),
                request_bytes: self.traffic.0,
                response_bytes: self.traffic.1,
            });
        }
        let is_logged = route.filters.as_deref().is_none_or(|filters| filters.observe.access_log);
        if let Some(log) = worker.log.as_ref().filter(|_| is_logged) {
            self.log(&mut log.borrow_mut(), worker, route, client, head, scratch, (number, ended, duration));
        }
    }

    #[inline(never)]
    #[expect(clippy::too_many_arguments, reason = "it is `finish` with what that has found")]
    fn log(
        &self,
        log: &mut Logger,
        worker: &Worker,
        route: &RouteState,
        client: &Client,
        head: &RequestHead,
        scratch: &Scratch,
        (number, ended, duration_us): (u64, Instant, u64),
    ) {
        // Whoever is not waited for any longer has taken all the time until then.
        let until = || self.upstream_started.map(|started| micros(ended.saturating_duration_since(started)));
        let last = self.attempt().map(|it| Attempt { response_us: it.response_us.or_else(until), ..it });
        let several: Vec<Attempt>;
        let attempts = if self.failed.is_empty() {
            last.as_slice()
        } else {
            several = self.failed.iter().copied().chain(last).collect();
            &several
        };
        let remote = remote(worker, client, head, route.filters.as_deref());
        let user = user(head);
        let names = route.names.as_deref();
        let fields = ResponseFields::new(head, scratch, route.filters.as_deref());
        let passed_on = PassedOn { fields: &fields, length: body_length(&scratch.response, head) };
        let mut answer = Answer::new(self.status, self.reason.unwrap_or_default());
        if let Sent::Own(location) = &self.sent {
            answer.location.clone_from(location);
        }
        let fields = AnswerFields { answer: &answer, set: &scratch.response_headers };
        let length = match &self.sent {
            Sent::Own(_) => answer.body().map_or(BodyLength::None, |body| BodyLength::Declared(body.len() as u64)),
            Sent::Nobodys | Sent::Response => BodyLength::None,
        };
        let own = PassedOn { fields: &fields, length };
        let ingress = names.and_then(|names| names.ingress.as_deref());
        log.log(&Entry {
            unix_millis: log.unix_millis(ended),
            response_fields: match self.sent {
                Sent::Nobodys => None,
                Sent::Response => Some(&passed_on),
                Sent::Own(_) => Some(&own),
            },
            status: self.status,
            reason: self.reason,
            request_length: self.traffic.0,
            bytes_sent: self.traffic.1,
            body_bytes_sent: self.body_bytes,
            duration_us,
            request_id: &scratch.request_id,
            namespace: ingress.map(|ingress| &*ingress.namespace).unwrap_or_default(),
            ingress: ingress.map(|ingress| &*ingress.name).unwrap_or_default(),
            rule_path: names.map(|names| &*names.rule_path).unwrap_or_default(),
            backend: names.and_then(|names| names.backend.as_deref()),
            canary: names.and_then(|names| names.canary.as_deref()),
            attempts,
            remote_user: user.as_deref(),
            connection_requests: number,
            remote_addr: remote,
            remote_port: (remote == client.conn.remote_addr).then(|| client.peer.port()),
            ..entry(client, head)
        });
    }
}

/// The client as the address lists of a route know it, which may be somebody whom the peer speaks for.
fn remote(worker: &Worker, client: &Client, head: &RequestHead, filters: Option<&Filters>) -> Option<IpAddr> {
    let (peer, forwarding) = (client.conn.remote_addr?, &worker.config.forwarding);
    Some(match filters.map(|filters| &*filters.access.client) {
        Some(ClientAddress::Header(header)) => client_behind(&header.trusted, peer, head.fields.named(&header.name)),
        None if client.is_believed(forwarding) => {
            client_behind(&forwarding.trusted, peer, head.fields.all(Known::XForwardedFor))
        }
        _ => peer,
    })
}

/// What came in place of a request.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    /// What the client is told.
    pub(crate) status: u16,
    /// Why, for counters and the log.
    pub(crate) reason: &'static str,
    /// What is known of the head: the target is all of the first line where that cannot be read.
    pub(crate) head: &'a RequestHead,
    /// When it began.
    pub(crate) started: Instant,
    /// Which of the connection's requests it would have been.
    pub(crate) number: u64,
}

impl Refused<'_> {
    /// Counts it, and writes its line; `traffic` are bytes received and sent, and the last of these those of a body.
    pub(crate) fn finish(&self, worker: &Worker, client: &Client, traffic: (u64, u64), body_bytes: u64) {
        worker.metrics.refused.count(self.reason);
        worker.metrics.unread.increment();
        let Some(log) = &worker.log else { return };
        let mut log = log.borrow_mut();
        let now = Instant::now();
        let unix_millis = log.unix_millis(now);
        log.log(&Entry {
            unix_millis,
            status: self.status,
            reason: Some(self.reason),
            request_length: traffic.0,
            bytes_sent: traffic.1,
            body_bytes_sent: body_bytes,
            duration_us: micros(now.duration_since(self.started)),
            connection_requests: self.number,
            ..entry(client, self.head)
        });
    }
}

/// What the head of a request and its connection say.
fn entry<'a>(client: &'a Client, head: &'a RequestHead) -> Entry<'a> {
    // A target in absolute form says more than the Host field (RFC 9112 3.2.2), and it is what routes are found by.
    let authority = head.asked_absolutely().unwrap_or_else(|| head.host());
    Entry {
        remote_addr: client.conn.remote_addr,
        remote_port: Some(client.peer.port()),
        peer: Some(client.tcp_peer),
        proxy_protocol_addr: client.proxied,
        is_https: client.is_https(),
        method: &head.method,
        target: &head.target,
        version: head.version,
        host: without_port(authority),
        fields: Some(&head.fields),
        tls: client.tls.map(|(protocol, cipher)| Tls {
            protocol,
            cipher,
            server_name: client.conn.tls.as_ref().and_then(|tls| tls.sni.as_deref()),
        }),
        server_addr: Some(client.local),
        connection: client.number,
        ..Entry::default()
    }
}

/// Who the client says it is (RFC 7617), whether that is true or not.
fn user(head: &RequestHead) -> Option<Vec<u8>> {
    let value = head.fields.first(Known::Authorization)?;
    let (scheme, encoded) = value.split_at_checked(b"Basic ".len())?;
    let encoded = scheme.eq_ignore_ascii_case(b"Basic ").then(|| encoded.trim_ascii())?;
    let mut user = STANDARD.decode(encoded).ok()?;
    user.truncate(user.iter().position(|byte| *byte == b':')?);
    (!user.is_empty()).then_some(user)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Seconds since 1970.
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

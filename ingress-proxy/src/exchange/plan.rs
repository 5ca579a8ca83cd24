//! From a request to what is done with it. Nothing here waits.

use std::rc::Rc;
use std::sync::Arc;

use ingress_core::decision::{Decision, Forward, Matched, Redirected, Via};
use ingress_core::policy::{Access, Affinity, HttpVersion, Limits, LoadBalance, Protocol, Retries, Timeouts};
use ingress_core::request::{BadRequest, RequestView};

use super::answer::Answer;
use super::attempt::Failure;
use super::record::Record;
use super::{Scratch, tunnel, view};
use crate::config::Balance;
use crate::message::{Fields, Known, RequestHead};
use crate::server::Client;
use crate::upstream::Group;
use crate::worker::{Current, RouteState, Worker};

/// What is done with a request.
#[derive(Debug)]
pub(super) enum Plan {
    /// It is answered here.
    Answer(Answer),
    /// It goes to an endpoint.
    Forward(Forwarding),
}

/// How a request is forwarded. Texts are in the scratch memory.
#[derive(Debug)]
pub(super) struct Forwarding {
    pub(super) group: Rc<Group>,
    pub(super) route: Rc<RouteState>,
    /// Whether the engine has said which headers are sent; if not, the proxy's own are.
    pub(super) has_policy: bool,
    pub(super) speak: Speak,
    pub(super) timeouts: Timeouts,
    pub(super) share: Share,
    /// The cookie that clients come back by, and the path for which they are given one; none if they are not.
    pub(super) cookie: Option<(Arc<Affinity>, Option<Box<str>>)>,
    /// The greatest body whose length is not declared.
    pub(super) body_limit: Option<u64>,
}

/// What is spoken with the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Speak {
    pub(super) tls: bool,
    pub(super) http2: bool,
    pub(super) http10: bool,
}

/// How the endpoint is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    Balance(Balance),
    /// By the hash key in the scratch memory, with the size of the subset.
    Hash(Option<u32>),
    /// By the cookie that the backend's policy names.
    Cookie,
}

/// Finds out what is done with a request.
pub(super) fn make(
    worker: &Worker,
    current: &Current,
    client: &Client,
    head: &RequestHead,
    scratch: &mut Scratch,
    record: &mut Record,
) -> Plan {
    scratch.response_headers.clear();
    let is_claimed = request_id(worker, head, scratch) && !client.is_believed(&worker.config.forwarding);
    if client.is_outdated(&current.snapshot) {
        // What the handshake has shown counts for nothing any more; a new one will show something else.
        record.route = Some(current.route(worker, &Decision::bad_request(BadRequest::HostInvalid)));
        return Plan::Answer(Answer { closes: true, ..Answer::new(421, "misdirected") });
    }
    if head.websocket {
        let own = head.fields.first(Known::SecWebSocketKey);
        scratch.websocket_key = own.map_or_else(|| tunnel::new_key(&worker.random), <[u8]>::to_vec);
    }
    view::with(head, &client.conn, worker.random.next(), |request| match request {
        Ok(request) => {
            let plan = decided(worker, current, client, request, head.websocket, scratch, record);
            if is_claimed && record.route.as_ref().is_some_and(|route| route.filters.is_none()) {
                // Only ingress-nginx believes anybody about that.
                new_request_id(worker, scratch);
            }
            plan
        }
        Err(bad) => bad_request(worker, current, bad, record),
    })
}

/// What a shadow does with what it must not serve.
pub(super) fn refuse(
    worker: &Worker,
    current: &Current,
    scratch: &mut Scratch,
    reason: &'static str,
    record: &mut Record,
) -> Plan {
    scratch.response_headers.clear();
    record.route = Some(current.route(worker, &Decision::bad_request(BadRequest::HostInvalid)));
    worker.metrics.refused.count(reason);
    Plan::Answer(Answer::new(503, reason))
}

fn bad_request(worker: &Worker, current: &Current, bad: BadRequest, record: &mut Record) -> Plan {
    record.route = Some(current.route(worker, &Decision::bad_request(bad)));
    worker.metrics.refused.count(bad.as_str());
    Plan::Answer(Answer { closes: true, ..Answer::new(bad.status(), bad.as_str()) })
}

fn decided(
    worker: &Worker,
    current: &Current,
    client: &Client,
    request: &RequestView<'_>,
    is_websocket: bool,
    scratch: &mut Scratch,
    record: &mut Record,
) -> Plan {
    let decision = current.snapshot.decide(request);
    let route = current.route(worker, &decision);
    record.route = Some(Rc::clone(&route));
    if route.filters.is_some() {
        decision
            .each_response_header(request, &mut add_to(&mut scratch.response_headers, |known| !known.is_hop_by_hop()));
    }
    if is_asked_too_late(&decision, client) {
        worker.metrics.refused.count("misdirected");
        return Plan::Answer(Answer { closes: true, ..Answer::new(421, "misdirected") });
    }
    match &decision {
        // Such a connection is handed on before its requests can be seen; this one was made before the host asked for that.
        Decision::Forward(Forward { via: Via::Passthrough, .. }) => {
            worker.metrics.refused.count("misdirected");
            Plan::Answer(Answer { closes: true, ..Answer::new(421, "misdirected") })
        }
        Decision::Forward(forward) => match unenforced(forward, request) {
            None => {
                let plan = forwarding(worker, current, forward, request, route, scratch);
                if is_websocket && plan.speak.http2 {
                    // WebSockets go over HTTP/1 alone, and that is not what the endpoint speaks.
                    return Plan::Answer(Answer::new(Failure::NO_WEBSOCKET.status, Failure::NO_WEBSOCKET.reason));
                }
                Plan::Forward(plan)
            }
            Some(reason) => {
                worker.metrics.not_enforced.count(reason);
                Plan::Answer(Answer::new(503, reason))
            }
        },
        Decision::Redirect(redirected) => {
            let answer = redirect(redirected, request);
            if answer.reason == "auth-tls-error-page" {
                worker.metrics.refused.count(answer.reason);
            }
            Plan::Answer(answer)
        }
        Decision::Respond(response) | Decision::Refuse(response) => {
            if response.status >= 400 {
                worker.metrics.refused.count(response.reason);
            }
            Plan::Answer(Answer::new(response.status, response.reason))
        }
    }
}

/// Whether the host asks for certificates and the handshake did not, because its host did not at that time. Another will.
fn is_asked_too_late(decision: &Decision<'_>, client: &Client) -> bool {
    if !client.was_asked_for_nothing() {
        return false;
    }
    let settings = match decision.matched() {
        Some(Matched::Route { host, .. } | Matched::Host { host, .. }) => host.settings(),
        _ => None,
    };
    // What was asked of another host is no matter of time, and the engine has said so.
    let is_misdirected = matches!(decision, Decision::Respond(it) | Decision::Refuse(it) if it.status == 421);
    let asked = settings.and_then(|settings| settings.asked_certificate());
    asked.is_some_and(|asked| !asked.unusable) && !is_misdirected
}

/// A restriction that the proxy cannot enforce yet: its route stays closed.
fn unenforced(forward: &Forward<'_>, request: &RequestView<'_>) -> Option<&'static str> {
    forward.policy?;
    // Addresses have been looked at; what is left is for somebody else to say.
    if let Some(Access { client: _, blocked: _, deny: _, allow: _, basic, external: _, satisfy: _ }) =
        forward.access(request)
    {
        return Some(match basic {
            Some(_) => "basic-authentication-not-enforced",
            None => "external-authentication-not-enforced",
        });
    }
    if let Some(Limits { connections, rps, rpm, .. }) = forward.limits(request)
        && (*connections, *rps, *rpm) != (0, 0, 0)
    {
        return Some("limits-not-enforced");
    }
    (forward.protocol() == Protocol::Fcgi).then_some("fastcgi-not-spoken")
}

fn redirect(redirected: &Redirected<'_>, request: &RequestView<'_>) -> Answer {
    let mut answer = Answer::new(redirected.redirect.status, redirected.redirect.reason);
    answer.location = Some(redirected.location(request));
    answer
}

/// Adds fields. What can be no field is left out: it would be read as something else. So is what frames the message or concerns
/// its connection, whatever a policy says: that is the writer's business, and twice would be ambiguous.
fn add_to(fields: &mut Fields, is_settable: impl Fn(Known) -> bool) -> impl FnMut(&str, &[u8]) {
    move |name, value| {
        if is_settable(Known::of(name.as_bytes())) {
            _ = fields.push(name.as_bytes(), value);
        }
    }
}

/// The request's identifier: the client's own, if it has one that can be logged, or a new one. Returned is whether it is the client's.
fn request_id(worker: &Worker, head: &RequestHead, scratch: &mut Scratch) -> bool {
    let own = head.fields.first(Known::XRequestId);
    let is_good = |id: &&[u8]| (1..=128).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
    let Some(id) = own.filter(is_good) else {
        new_request_id(worker, scratch);
        return false;
    };
    scratch.request_id.clear();
    scratch.request_id.extend_from_slice(id);
    true
}

fn new_request_id(worker: &Worker, scratch: &mut Scratch) {
    scratch.request_id.clear();
    worker.random.append_id(&mut scratch.request_id);
}

fn forwarding(
    worker: &Worker,
    current: &Current,
    forward: &Forward<'_>,
    request: &RequestView<'_>,
    route: Rc<RouteState>,
    scratch: &mut Scratch,
) -> Forwarding {
    let group = current.group(worker, forward.backend);
    scratch.target.clear();
    forward.append_upstream_target(request, &mut scratch.target);
    scratch.authority.clear();
    scratch.authority.extend_from_slice(&forward.upstream_host(request));
    scratch.asked.clear();
    scratch.asked.extend_from_slice(request.authority());
    let filters = forward.filters();
    scratch.request_headers.clear();
    if filters.is_some() {
        // `Connection` is the one field of a hop that a setting may write.
        let is_settable = |known: Known| !known.is_hop_by_hop() || known == Known::Connection;
        forward.each_upstream_header(request, &mut add_to(&mut scratch.request_headers, is_settable));
    }
    let sharing = forward.sharing();
    let affinity = forward.affinity();
    scratch.hash_key.clear();
    let share = match forward.hash_key(request) {
        _ if affinity.is_some() => Share::Cookie,
        Some(key) => {
            scratch.hash_key = key;
            Share::Hash(sharing.and_then(|sharing| sharing.hash.as_ref()).and_then(|hash| hash.subset))
        }
        None => Share::Balance(match forward.load_balance() {
            LoadBalance::Ewma => Balance::Ewma,
            LoadBalance::RoundRobin => worker.config.upstream.balance,
        }),
    };
    let is_client_tls = request.is_tls();
    let protocol = forward.protocol();
    let upstream = filters.map(|filters| &filters.upstream);
    let speak = Speak {
        tls: match protocol {
            Protocol::Https | Protocol::Grpcs => true,
            Protocol::AutoHttp => is_client_tls,
            _ => false,
        },
        http2: matches!(protocol, Protocol::Grpc | Protocol::Grpcs),
        http10: upstream.is_some_and(|upstream| upstream.http_version == HttpVersion::Http10),
    };
    Forwarding {
        group,
        has_policy: filters.is_some(),
        speak,
        timeouts: upstream.map_or_else(Timeouts::default, |upstream| upstream.timeouts),
        share,
        cookie: affinity.map(|affinity| {
            let path = forward.sets_affinity_cookie().then(|| forward.cookie_path(affinity).into());
            (Arc::clone(affinity), path)
        }),
        body_limit: filters.and_then(|filters| filters.body_limit),
        route,
    }
}

impl Forwarding {
    /// When the request is sent to another endpoint.
    pub(super) fn retries(&self) -> Option<&Retries> {
        self.route.filters.as_deref().map(|filters| &filters.upstream.retries)
    }
}

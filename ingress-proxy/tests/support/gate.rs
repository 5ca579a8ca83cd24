//! What a proxy does with the bytes of one connection, without sockets: the codec, the checks of the engine, and the request
//! that is written to an endpoint.

use ingress_core::request::{BadRequest, ConnInfo, Headers, RawRequest, RequestView};
use ingress_proxy::h1::{Decoder, HeadParser, Limits, Step, encode};
use ingress_proxy::message::{
    BodyLength, EachField, Fields, Framing, Known, OutgoingRequest, RequestHead, Trailers, Version,
};

use super::strict;

pub(crate) const LIMITS: Limits = Limits { head: 32 << 10, fields: 100, target: 8 << 10, underscores: false };

/// A connection that is read from.
#[derive(Default)]
pub(crate) struct Gate {
    input: Vec<u8>,
    heads: HeadParser,
    head: RequestHead,
    body: Option<(Decoder, Forwarded)>,
    is_closed: bool,
    outcomes: Vec<Outcome>,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Forward(Forwarded),
    Local,
    Refused(u16),
    Broken,
    Waits,
}

/// A request as the proxy understood it, and as it wrote it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Forwarded {
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) wire: Vec<u8>,
    is_websocket: bool,
    framing: Framing,
}

/// What became of the requests in these bytes.
pub(crate) fn run(bytes: &[u8]) -> Vec<Outcome> {
    let mut gate = Gate::default();
    gate.push(bytes);
    gate.end()
}

impl Gate {
    /// More bytes have come.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while !self.is_closed && self.advance() {}
    }

    /// No more bytes will come.
    pub(crate) fn end(mut self) -> Vec<Outcome> {
        if !self.is_closed && (self.body.is_some() || !self.input.is_empty()) {
            self.outcomes.push(Outcome::Waits);
        }
        self.outcomes
    }

    fn close(&mut self, outcome: Outcome) -> bool {
        self.outcomes.push(outcome);
        self.is_closed = true;
        false
    }

    /// Whether there is more to do with the bytes that are there.
    fn advance(&mut self) -> bool {
        let Some((decoder, forwarded)) = &mut self.body else { return self.head() };
        match decoder.step(&self.input) {
            Err(_) => self.close(Outcome::Broken),
            Ok(Step::More) => false,
            Ok(Step::Skip(length)) => {
                self.input.drain(..length);
                true
            }
            Ok(Step::Data(length)) => {
                let data: Vec<u8> = self.input.drain(..length).collect();
                decoder.take(length);
                forwarded.body.extend(&data);
                true
            }
            Ok(Step::End) => {
                let trailers = decoder.trailers();
                let (_, mut forwarded) = self.body.take().expect("there is a body");
                forwarded.write_body(trailers.as_ref());
                let is_last = forwarded.is_websocket || !self.head.keep_alive;
                self.outcomes.push(Outcome::Forward(forwarded));
                self.is_closed = is_last;
                true
            }
        }
    }

    fn head(&mut self) -> bool {
        match self.heads.request(&self.input, &LIMITS, &mut self.head) {
            Err(rejection) => return self.close(Outcome::Refused(rejection.status())),
            Ok(None) => return false,
            Ok(Some(length)) => self.input.drain(..length),
        };
        match judged(&self.head) {
            // What frames a message is the codec's business; the engine only looks once more.
            Err(bad @ (BadRequest::FramingAmbiguous | BadRequest::HostDuplicate | BadRequest::HostMissing)) => {
                panic!("the codec has overlooked: {bad}")
            }
            Err(bad) => return self.close(Outcome::Refused(bad.status())),
            Ok(None) => self.outcomes.push(Outcome::Local),
            Ok(Some(forwarded)) => self.body = Some((Decoder::new(self.head.framing), forwarded)),
        }
        true
    }
}

/// What the engine says to a head: none if it is answered here. The body is still to be written.
pub(crate) fn judged(head: &RequestHead) -> Result<Option<Forwarded>, BadRequest> {
    let text = |name| std::str::from_utf8(name).expect("names are tokens");
    let headers: Vec<(&str, &[u8])> = head.fields.iter().map(|(_, name, value)| (text(name), value)).collect();
    let raw = RawRequest {
        // An extended CONNECT stands for a GET.
        method: if head.websocket { "GET" } else { head.method() },
        target: &head.target,
        version: match head.version {
            Version::Http10 => http::Version::HTTP_10,
            Version::Http2 => http::Version::HTTP_2,
            _ => http::Version::HTTP_11,
        },
        authority: head.authority.as_deref(),
        headers: Headers::List(&headers),
    };
    let conn = ConnInfo::default();
    let view = RequestView::from_raw(&raw, &conn, 0)?;
    let is_local = view.is_asterisk() && head.framing == Framing::Empty;
    Ok((!is_local).then(|| Forwarded::new(head, &view)))
}

/// Fields that are passed on.
struct EndToEnd<'a>(&'a Fields);

impl EachField for EndToEnd<'_> {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        let is_ours = |known: Known| known.is_hop_by_hop() || matches!(known, Known::Host | Known::Expect);
        self.0.iter().filter(|(known, ..)| !is_ours(*known)).for_each(|(_, name, value)| call(name, value));
    }
}

impl Forwarded {
    fn new(head: &RequestHead, view: &RequestView<'_>) -> Self {
        let mut wire = Vec::new();
        let body = match head.framing {
            Framing::Length(length) | Framing::Stream(Some(length)) => BodyLength::Exact(length),
            Framing::Chunked | Framing::Stream(None) => BodyLength::Unknown,
            _ => BodyLength::None,
        };
        encode::request(
            &mut wire,
            &OutgoingRequest {
                version: Version::Http11,
                method: view.method().as_bytes(),
                target: view.raw_target(),
                authority: if view.authority().is_empty() { b"default" } else { view.authority() },
                fields: &EndToEnd(&head.fields),
                body,
                websocket: head.websocket,
                connection: None,
            },
        );
        Self {
            method: view.method().to_owned(),
            // The path of an absolute form may be empty.
            target: if view.raw_target().starts_with(b"?") {
                [b"/", view.raw_target()].concat()
            } else {
                view.raw_target().to_vec()
            },
            body: Vec::new(),
            wire,
            is_websocket: head.websocket,
            framing: head.framing,
        }
    }

    /// Writes the body behind the head.
    pub(crate) fn write_body(&mut self, trailers: Option<&Trailers>) {
        if matches!(self.framing, Framing::Chunked | Framing::Stream(None)) {
            // Two chunks, so that there is something between them.
            let (first, second) = self.body.split_at(self.body.len() / 2);
            encode::chunk(&mut self.wire, first);
            encode::chunk(&mut self.wire, second);
            encode::last_chunk(&mut self.wire, trailers);
        } else {
            self.wire.extend_from_slice(&self.body);
        }
    }

    /// What was written is exactly one request, and the one that was understood.
    pub(crate) fn check(&self, context: &str) {
        let wire = self.wire.escape_ascii();
        let (requests, fault) = strict::requests(&self.wire);
        assert!(fault.is_none(), "{context}: {}: {wire}", fault.unwrap());
        let [request] = &*requests else { panic!("{context}: {} requests: {wire}", requests.len()) };
        assert_eq!(
            (&request.method, &request.target, &request.body),
            (&self.method, &self.target, &self.body),
            "{context}"
        );
        assert_eq!(request.extensions, 0, "{context}: {wire}");
        let of_hop = ["keep-alive", "proxy-connection", "te", "trailer", "http2-settings", "expect"];
        for (name, _) in request.fields.iter().chain(&request.trailers) {
            assert!(!of_hop.contains(&&**name), "{context}: {wire}");
            let hidden = name.replace('_', "-");
            let is_hidden = hidden != *name && ["host", "content-length", "transfer-encoding"].contains(&&*hidden);
            assert!(!is_hidden, "{context}: {wire}");
        }
        let connection: Vec<_> = request.values("connection").chain(request.values("upgrade")).collect();
        let expected: &[&[u8]] = if self.is_websocket { &[b"Upgrade", b"websocket"] } else { &[] };
        assert_eq!(connection, expected, "{context}: {wire}");
    }
}

/// Everything that was forwarded is one request for the strictest origin, and that origin would have read the client's bytes
/// in the same way.
pub(crate) fn check(bytes: &[u8], outcomes: &[Outcome], context: &str) {
    let mut rest = bytes;
    for outcome in outcomes {
        if let Outcome::Forward(forwarded) = outcome {
            forwarded.check(context);
        }
        if matches!(outcome, Outcome::Forward(_) | Outcome::Local) {
            // An empty line before a request is the one liberty that is taken.
            rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
            let (request, length) = match strict::request(rest) {
                Ok(read) => read,
                Err(fault) => panic!("{context}: accepted, but {fault}: {}", rest.escape_ascii()),
            };
            if let Outcome::Forward(forwarded) = outcome {
                assert_eq!((&request.method, &request.body), (&forwarded.method, &forwarded.body), "{context}");
            }
            rest = &rest[length..];
        }
    }
}

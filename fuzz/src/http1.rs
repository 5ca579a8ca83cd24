//! What must hold of every byte of HTTP/1.
//!
//! The proxy's own tests have the judge: a strict reader that shares nothing with the codec, and a connection that is driven
//! without sockets.

#[path = "../../ingress-proxy/tests/support"]
pub(crate) mod support {
    pub(crate) mod gate;
    pub(crate) mod strict;
}

use ingress_proxy::h1::{HeadParser, encode};
use ingress_proxy::message::{
    BodyLength, EachField, Fields, Framing, OutgoingResponse, Rejection, ResponseHead, Version,
};

use self::support::gate::{self, Gate};

const LONGEST_PIECE: usize = 16;

/// What a client sends: refused, or forwarded as requests that cannot be misread; the same whatever the pieces are.
pub(crate) fn connection(bytes: &[u8]) {
    let whole = gate::run(bytes);
    gate::check(bytes, &whole, "fuzz");
    // The bytes themselves say how they are cut.
    let mut gate = Gate::default();
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let (piece, behind) = rest.split_at((usize::from(*first) % LONGEST_PIECE + 1).min(rest.len()));
        gate.push(piece);
        rest = behind;
    }
    assert_eq!(gate.end(), whole, "it matters how they are cut");
}

/// What an endpoint sends: refused, or a head that means the same when it is written anew.
pub(crate) fn response(bytes: &[u8]) {
    for to_head in [false, true] {
        let Ok(Some((head, length))) = read(bytes, to_head) else { continue };
        assert!(length <= bytes.len() && (100..600).contains(&head.status));
        let body = match head.framing {
            Framing::Length(length) => BodyLength::Exact(length),
            Framing::Empty => BodyLength::None,
            _ => BodyLength::Unknown,
        };
        let mut wire = Vec::new();
        let response = OutgoingResponse { status: head.status, fields: &EndToEnd(&head.fields), body };
        let writing = encode::response(&mut wire, &response, Version::Http11, head.keep_alive);
        let (again, length) = read(&wire, to_head).expect("it was written").expect("it is complete");
        assert_eq!((again.status, length), (head.status, wire.len()));
        let is_chunked = writing == encode::Writing::Chunked && !to_head;
        assert_eq!(again.framing == Framing::Chunked, is_chunked);
        assert!(!matches!(head.framing, Framing::Length(_)) || again.framing == head.framing);
        assert!(EndToEnd(&head.fields).list().eq(EndToEnd(&again.fields).list()));
    }
}

/// The head at the beginning, the same byte by byte.
fn read(bytes: &[u8], to_head: bool) -> Result<Option<(ResponseHead, usize)>, Rejection> {
    let mut head = ResponseHead::default();
    let whole = HeadParser::default().response(bytes, &gate::LIMITS, to_head, &mut head);
    let mut parser = HeadParser::default();
    let mut other = ResponseHead::default();
    let pieces = (0..=bytes.len()).map(|end| parser.response(&bytes[..end], &gate::LIMITS, to_head, &mut other));
    assert_eq!(pieces.into_iter().find(|outcome| *outcome != Ok(None)).unwrap_or(Ok(None)), whole);
    whole.map(|length| length.map(|length| (head, length)))
}

struct EndToEnd<'a>(&'a Fields);

impl EndToEnd<'_> {
    fn list(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let fields = self.0.iter().filter(|(known, ..)| !known.is_hop_by_hop());
        fields.map(|(_, name, value)| (name, value))
    }
}

impl EachField for EndToEnd<'_> {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        self.list().for_each(|(name, value)| call(name, value));
    }
}

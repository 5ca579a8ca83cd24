//! What must hold of every head of a request that comes over HTTP/2.
//!
//! A whole connection is served, so that a head has gone through frames and HPACK like any other.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::request::Parts;
use ingress_proxy::config::Downstream;
use ingress_proxy::h2::server::{ServerSettings, ServerStream, Service, serve};
use ingress_proxy::message::{Framing, Rejection, RequestHead};
use ingress_proxy::worker::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http1::support::gate::{Forwarded, judged};
use crate::http1::support::strict;

/// A frame takes no more.
const LONGEST_FRAME: usize = 16 << 10;
const LONGEST_PIECE: usize = 16;
/// The longest body that is made up for a head that announces one.
const LONGEST_BODY: u64 = 1_000;
/// How often a connection has to be asked at most until it has done what there is to do.
const POLLS: usize = 20;

type Field<'a> = (&'a [u8], &'a [u8]);

/// The first byte says what follows: a block of HPACK (0), or one with a body (1); else lines of a name, a space and a value, whose
/// first is empty if there is a body.
pub(crate) fn head(bytes: &[u8]) {
    match bytes.split_first() {
        Some((kind @ (0 | 1), block)) => drop(connection(block, *kind == 0)),
        _ => {
            let (is_complete, text) = bytes.strip_prefix(b"\n").map_or((true, bytes), |text| (false, text));
            let fields: Vec<Field<'_>> = text
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len())))
                .map(|(name, value)| (name, value.strip_prefix(b" ").unwrap_or_default()))
                .collect();
            let outcome = connection(&literal(&fields), is_complete);
            let Outcome::Taken(written) = outcome else { return };
            assert_eq!(fault(&fields, is_complete), None, "taken: {}", text.escape_ascii());
            is_of(&written, &fields);
        }
    }
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// What an endpoint is sent; nothing if the proxy answers.
    Taken(Vec<u8>),
    Refused(u16),
    /// Its stream or its connection was ended.
    Ended,
}

/// A connection with one request, which is the same whatever the frames are.
fn connection(block: &[u8], is_complete: bool) -> Outcome {
    let whole = serve_one(&frames(block.chunks(LONGEST_FRAME), is_complete), is_complete);
    // The bytes themselves say how they are cut.
    let mut pieces = Vec::new();
    let mut rest = block;
    while let Some(first) = rest.first() {
        let (piece, behind) = rest.split_at((usize::from(*first) % LONGEST_PIECE + 1).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    // A connection may be ended for how a block is cut (many frames that say little, a change of the table's size that `h2` wants
    // where it stands), but it says the same if it goes on.
    let cut = serve_one(&frames(pieces.into_iter(), is_complete), is_complete);
    assert!(
        cut == whole || cut == Outcome::Ended || whole == Outcome::Ended,
        "it matters how they are cut: {cut:?} and {whole:?}"
    );
    whole
}

fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>, is_complete: bool) -> Vec<u8> {
    const SETTINGS: u8 = 4;
    const HEADERS: u8 = 1;
    const CONTINUATION: u8 = 9;
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let mut frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        bytes.extend(&u32::try_from(payload.len()).expect("frames are short").to_be_bytes()[1..]);
        bytes.extend([kind, flags, 0, 0, 0, stream]);
        bytes.extend(payload);
    };
    frame(SETTINGS, 0, 0, b"");
    let mut pieces = pieces.peekable();
    let mut kind = HEADERS;
    loop {
        let piece = pieces.next().unwrap_or_default();
        let last = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        let end = if kind == HEADERS && is_complete { END_STREAM } else { 0 };
        frame(kind, last | end, 1, piece);
        if last != 0 {
            return bytes;
        }
        kind = CONTINUATION;
    }
}

/// Fields as they stand: no table, no code of Huffman.
fn literal(fields: &[Field<'_>]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            let mut length = text.len();
            if length < 0x7f {
                block.push(length as u8);
            } else {
                block.push(0x7f);
                length -= 0x7f;
                while length >= 0x80 {
                    block.push(length as u8 | 0x80);
                    length >>= 7;
                }
                block.push(length as u8);
            }
            block.extend(*text);
        }
    }
    block
}

/// A client that sends this and then nothing until it goes, and takes whatever comes.
struct Client<'a> {
    unsent: &'a [u8],
    is_gone: &'a Cell<bool>,
}

impl AsyncRead for Client<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() && !self.is_gone.get() {
            return Poll::Pending;
        }
        let (now, later) = self.unsent.split_at(self.unsent.len().min(buf.remaining()));
        buf.put_slice(now);
        self.unsent = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Default)]
struct Taken {
    heads: RefCell<Vec<RequestHead>>,
    refused: RefCell<Vec<Rejection>>,
}

impl Service for Taken {
    fn request(&self, head: RequestHead, _: ServerStream) {
        self.heads.borrow_mut().push(head);
    }

    fn refused(&self, rejection: Rejection, _: &Parts) {
        self.refused.borrow_mut().push(rejection);
    }
}

fn serve_one(bytes: &[u8], is_complete: bool) -> Outcome {
    let (taken, clock, is_gone) = (Taken::default(), Clock::new(), Cell::default());
    let settings = ServerSettings::from(&Downstream::default());
    let client = Client { unsent: bytes, is_gone: &is_gone };
    let mut served = pin!(serve(client, &settings, &clock, &taken, pending()));
    let mut cx = Context::from_waker(Waker::noop());
    let mut ends_within = |polls| (0..polls).any(|_| served.as_mut().poll(&mut cx).is_ready());
    if !ends_within(POLLS) {
        is_gone.set(true);
        assert!(ends_within(POLLS), "the client has gone, and its connection is still served");
    }
    match (&**taken.heads.borrow(), &**taken.refused.borrow()) {
        ([], []) => Outcome::Ended,
        ([], [rejection]) => Outcome::Refused(rejection.status()),
        ([head], []) => written(head, is_complete),
        (heads, refused) => panic!("{} requests of one, {} refused", heads.len(), refused.len()),
    }
}

/// What an endpoint that speaks HTTP/1 is sent is one request, and the one that was understood.
fn written(head: &RequestHead, is_complete: bool) -> Outcome {
    let mut forwarded: Forwarded = match judged(head) {
        Err(bad) => return Outcome::Refused(bad.status()),
        Ok(None) => return Outcome::Taken(Vec::new()),
        Ok(Some(forwarded)) => forwarded,
    };
    assert_eq!(matches!(head.framing, Framing::Stream(_)), !is_complete && !head.websocket);
    if let Framing::Stream(Some(length)) = head.framing {
        if length > LONGEST_BODY {
            return Outcome::Taken(Vec::new());
        }
        forwarded.body = vec![b'x'; usize::try_from(length).expect("it is short")];
    }
    forwarded.write_body(None);
    forwarded.check("fuzz");
    Outcome::Taken(forwarded.wire)
}

/// What is malformed about a request (RFC 9113 8.2 and 8.3), said without looking at how the proxy finds it.
fn fault(fields: &[Field<'_>], is_complete: bool) -> Option<&'static str> {
    let is_pseudo = |(name, _): &&Field<'_>| name.starts_with(b":");
    let pseudo = |name: &'static [u8]| fields.iter().filter(move |(other, _)| *other == name).map(|(_, value)| *value);
    let first = |name| pseudo(name).next();
    let known: [&[u8]; 5] = [b":method", b":scheme", b":authority", b":path", b":protocol"];
    if fields.iter().skip_while(is_pseudo).any(|field| is_pseudo(&field)) {
        return Some("a pseudo-field behind a field");
    }
    if fields.iter().filter(is_pseudo).any(|(name, _)| !known.contains(name)) {
        return Some("an unknown pseudo-field");
    }
    if known.iter().any(|name| pseudo(name).count() > 1) {
        return Some("a pseudo-field twice");
    }
    let is_extended = first(b":protocol").is_some();
    let (Some(method), Some(path), Some(_)) = (first(b":method"), first(b":path"), first(b":scheme")) else {
        return Some("no method, path or scheme");
    };
    if (method == b"CONNECT") != is_extended {
        return Some("a CONNECT that asks for no protocol, or a protocol without CONNECT");
    }
    let path = before_fragment(path);
    if !(path.starts_with(b"/") || path == b"*" && method == b"OPTIONS") || path.iter().any(|byte| *byte <= b' ') {
        return Some("a path that is none");
    }
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    for (name, value) in fields.iter().filter(|field| !is_pseudo(field)) {
        if name.contains(&b'_') {
            // Nobody is told of it.
            continue;
        }
        if name.is_empty() || !name.iter().all(token) || name.iter().any(u8::is_ascii_uppercase) {
            return Some("a name that is none");
        }
        let of_connection: [&[u8]; 5] =
            [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];
        if of_connection.contains(name) || *name == b"te" && *value != b"trailers" {
            return Some("a field of the connection");
        }
        let edges = [value.first(), value.last()];
        if edges.contains(&Some(&b' '))
            || edges.contains(&Some(&b'\t'))
            || value.iter().any(|byte| b"\0\r\n".contains(byte))
        {
            return Some("a value that is none");
        }
    }
    let lengths: Vec<_> = pseudo(b"content-length").collect();
    if lengths.len() > 1 || !lengths.iter().all(|it| !it.is_empty() && it.iter().all(u8::is_ascii_digit)) {
        return Some("no one length");
    }
    if is_complete && !is_extended && lengths.iter().any(|length| length.iter().any(|digit| *digit != b'0')) {
        return Some("a length without a body");
    }
    let mut names = pseudo(b"host").chain(first(b":authority"));
    match (names.next(), pseudo(b"host").count()) {
        (None, _) => Some("no host"),
        (_, 2..) => Some("two hosts"),
        (Some(one), _) if names.any(|other| !other.eq_ignore_ascii_case(one)) => Some("two hosts that differ"),
        _ => None,
    }
}

/// What was written says nothing that was not in the fields.
fn is_of(written: &[u8], fields: &[Field<'_>]) {
    let Ok((request, _)) = strict::request(written) else {
        assert!(written.is_empty(), "it had been checked");
        return;
    };
    let has = |name: &[u8], value: &[u8]| fields.contains(&(name, value));
    assert!(has(b":method", request.method.as_bytes()) || has(b":method", b"CONNECT") && request.method == "GET");
    let is_path = |(name, value): &Field<'_>| *name == b":path" && before_fragment(value) == request.target;
    assert!(fields.iter().any(is_path), "another path: {}", written.escape_ascii());
    for (name, value) in &request.fields {
        let of_ours = ["host", "transfer-encoding", "connection", "upgrade", "sec-websocket-key"];
        let is_there = match &**name {
            // Its pieces are put together.
            "cookie" => {
                fields.iter().filter(|(name, _)| name == b"cookie").all(|(_, it)| it.is_empty() || memmem(value, it))
            }
            // Told as a number: `00` goes on as `0`.
            "content-length" => {
                let mut of_client = fields.iter().filter(|(name, _)| *name == b"content-length");
                of_client.all(|(_, it)| number(it).is_some() && number(it) == number(value))
            }
            name => of_ours.contains(&name) || has(name.as_bytes(), value),
        };
        assert!(is_there, "`{name}` came from nowhere: {}", written.escape_ascii());
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A path as it is seen: the `http` crate takes a fragment away.
fn before_fragment(path: &[u8]) -> &[u8] {
    path.split(|byte| *byte == b'#').next().unwrap_or_default()
}

fn memmem(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_and_others_are_not() {
        let get = [
            (&b":method"[..], &b"GET"[..]),
            (b":scheme", b"https"),
            (b":authority", b"cafe.example"),
            (b":path", b"/tea"),
        ];
        let taken = connection(&literal(&get), true);
        assert_eq!(taken, Outcome::Taken(b"GET /tea HTTP/1.1\r\nHost: cafe.example\r\n\r\n".to_vec()));
        let with = |field| connection(&literal(&[&get[..], &[field]].concat()), true);
        assert!(matches!(with((b"x-long", &[b'x'; 5_000])), Outcome::Taken(_)));
        let many = [&get[..], &[(&b"x-a"[..], &b"1"[..]); 200]].concat();
        assert_eq!(connection(&literal(&many), true), Outcome::Refused(431));
        assert_eq!(with((b"connection", b"close")), Outcome::Ended);
        assert_eq!(with((b"expect", b"miracles")), Outcome::Refused(417));
        assert_eq!(connection(b"\xff\x7f", true), Outcome::Ended);
        let post = connection(&literal(&[&[(&b":method"[..], &b"POST"[..])], &get[1..]].concat()), false);
        let Outcome::Taken(written) = post else { panic!("{post:?}") };
        assert!(written.ends_with(b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "{}", written.escape_ascii());
    }
}

//! Bytes that must not get through a head: every place in it, everything that could be read as something else further on.
//!
//! A request that is refused is reset, answered with 400 or ends the connection; in none of these cases may the service see
//! it, and what the service sees must be what was sent.

use ingress_proxy::message::{RequestHead, Trailers};

use super::site::{Peer, default_settings, opening, patiently, run};
use super::wire::*;

/// Where the bytes are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Method,
    Scheme,
    Authority,
    Path,
    Name,
    Value,
    Host,
    Cookie,
    TrailerName,
    TrailerValue,
}

const PLACES: [Place; 10] = [
    Place::Method,
    Place::Scheme,
    Place::Authority,
    Place::Path,
    Place::Name,
    Place::Value,
    Place::Host,
    Place::Cookie,
    Place::TrailerName,
    Place::TrailerValue,
];

/// Where in the text.
#[derive(Clone, Copy, Debug)]
enum At {
    Start,
    Middle,
    End,
    Alone,
}

impl Place {
    fn innocent(self) -> &'static str {
        match self {
            Self::Method => "GET",
            Self::Scheme => "https",
            Self::Authority | Self::Host => "a.example",
            Self::Path => "/ab",
            Self::Name | Self::TrailerName => "x-ab",
            Self::Value | Self::TrailerValue => "ab",
            Self::Cookie => "a=b",
        }
    }

    /// Whether the text may be in a message that is passed on. It is written down here on its own, not taken from the code.
    fn allows(self, text: &[u8]) -> bool {
        let is_token = |text: &[u8]| {
            !text.is_empty()
                && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
        };
        match self {
            // CONNECT is none of these.
            Self::Method => is_token(text),
            Self::Scheme => text == b"http" || text == b"https",
            // Which names are hosts is for the engine to say; no separator and no control may reach it.
            Self::Authority => {
                !text.is_empty()
                    && text.iter().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{}|/?#%".contains(byte))
            }
            Self::Path => text.starts_with(b"/") && text.iter().all(|byte| *byte > b' ' && *byte != 0x7f),
            Self::Name | Self::TrailerName => is_token(text) && !text.iter().any(u8::is_ascii_uppercase),
            Self::Host => text.eq_ignore_ascii_case(b"a.example"),
            Self::Value | Self::Cookie | Self::TrailerValue => {
                let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
                text.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f))
                    && !is_blank(text.first())
                    && !is_blank(text.last())
            }
        }
    }

    fn frames(self, text: &[u8]) -> Vec<u8> {
        let pick = |place, innocent: &'static str| if self == place { text } else { innocent.as_bytes() };
        let mut fields = vec![
            (&b":method"[..], pick(Self::Method, "GET")),
            (b":scheme", pick(Self::Scheme, "https")),
            (b":authority", pick(Self::Authority, "a.example")),
            (b":path", pick(Self::Path, "/ab")),
        ];
        match self {
            Self::Name => fields.push((text, b"ab")),
            Self::Value => fields.push((b"x-ab", text)),
            Self::Host => fields.push((b"host", text)),
            Self::Cookie => fields.extend([(&b"cookie"[..], &b"c=d"[..]), (b"cookie", text)]),
            _ => {}
        }
        match self {
            Self::TrailerName | Self::TrailerValue => {
                let trailer = [(pick(Self::TrailerName, "x-ab"), pick(Self::TrailerValue, "ab"))];
                let mut frames = headers(1, END_HEADERS, &block(&fields));
                frames.extend(headers(1, END_HEADERS | END_STREAM, &block(&trailer)));
                frames
            }
            _ => headers(1, END_HEADERS | END_STREAM, &block(&fields)),
        }
    }

    /// The text as the service saw it.
    fn seen(self, head: &RequestHead, trailers: Option<&Trailers>) -> Option<Vec<u8>> {
        let name = |fields: &ingress_proxy::message::Fields| fields.iter().next().map(|(_, name, _)| name.to_vec());
        match self {
            Self::Method => Some(head.method.clone()),
            Self::Scheme => Some(Vec::new()),
            Self::Authority => head.authority.clone(),
            Self::Path => Some(head.target.clone()),
            Self::Name => name(&head.fields),
            Self::Value => head.fields.named("x-ab").next().map(<[u8]>::to_vec),
            Self::Host => head.fields.named("host").next().map(<[u8]>::to_vec),
            Self::Cookie => head.fields.named("cookie").next().map(|value| {
                // A crumb of nothing adds nothing.
                value.strip_prefix(b"c=d").map_or(value, |rest| rest.strip_prefix(b"; ").unwrap_or(rest)).to_vec()
            }),
            Self::TrailerName => name(&trailers?.fields),
            Self::TrailerValue => trailers?.fields.named("x-ab").next().map(<[u8]>::to_vec),
        }
    }
}

fn put(innocent: &str, at: At, bytes: &[u8]) -> Vec<u8> {
    let text = innocent.as_bytes();
    match at {
        At::Start => [bytes, text].concat(),
        At::Middle => [&text[..2], bytes, &text[2..]].concat(),
        At::End => [text, bytes].concat(),
        At::Alone => bytes.to_vec(),
    }
}

async fn check(clock: &ingress_proxy::worker::Clock, place: Place, text: &[u8]) -> Result<(), String> {
    let mut peer = Peer::silent(clock, &default_settings());
    peer.send(&opening(&[])).await;
    peer.send(&place.frames(text)).await;
    let frames = peer.until(|frame| frame.kind == HEADERS || frame.error().is_some()).await;
    let status = frames.last().and_then(Frame::status);
    let heads = peer.site.heads.borrow();
    let trailers = peer.site.trailers.borrow();
    let is_trailer = matches!(place, Place::TrailerName | Place::TrailerValue);
    if status == Some(200) {
        // What `http` takes off a path before anybody can look at it.
        let sent = if place == Place::Path { text.split(|byte| *byte == b'#').next().unwrap() } else { text };
        let seen = place.seen(&heads[0], trailers.first());
        let is_dropped = seen.is_none() && place == Place::Name && text.contains(&b'_');
        if place.allows(text) && (place == Place::Scheme || is_dropped || seen.as_deref() == Some(sent)) {
            return Ok(());
        }
        return Err(format!("passed as {seen:?}"));
    }
    // The head of a request with trailers is fine; its end must not be.
    if (!heads.is_empty() && !is_trailer) || !trailers.is_empty() {
        return Err(format!("the service saw it: {frames:?}"));
    }
    // There are more rules than this test knows: that is fine for what must be refused, but the rest has to get through.
    if place.allows(text) && is_sure(place, text) {
        return Err(format!("refused: {frames:?}"));
    }
    Ok(())
}

/// Whether an allowed text also has to be accepted: `http` refuses some more in authorities and paths.
fn is_sure(place: Place, text: &[u8]) -> bool {
    match place {
        Place::Authority | Place::Path => {
            text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/.-?=&".contains(byte))
        }
        Place::Method => text != b"CONNECT",
        // Those of one byte could be anything.
        _ => true,
    }
}

fn check_all(cases: impl Iterator<Item = (Place, Vec<u8>)>, at_least: usize) {
    let mut failures = Vec::new();
    let mut count = 0;
    for (place, text) in cases {
        count += 1;
        // A runtime for each: what a case leaves behind must not hide what the next one does.
        let result = run(async |clock| patiently(check(&clock, place, &text)).await);
        if let Err(failure) = result {
            failures.push(format!("{place:?} `{}`: {failure}", text.escape_ascii()));
        }
    }
    assert!(count >= at_least, "{count} cases");
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_byte_in_every_place() {
    check_all(
        PLACES
            .into_iter()
            .flat_map(|place| (0..=255_u8).map(move |byte| (place, put(place.innocent(), At::Middle, &[byte])))),
        2_560,
    );
}

#[test]
fn what_splits_messages_at_every_end() {
    let texts: [&[u8]; 22] = [
        b"",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\nx: y",
        b"\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
        b"\0",
        b" ",
        b"\t",
        b"  ",
        b":",
        b": ",
        b"\x7f",
        b"\x80",
        b"\xff",
        b"\xc3\xa9",
        b"X",
        b"#",
        b"@",
        b",",
        b" HTTP/1.1",
        b"%0d%0a",
    ];
    let ends = [At::Start, At::End, At::Alone];
    check_all(
        PLACES.into_iter().flat_map(|place| {
            texts.into_iter().flat_map(move |text| ends.map(|at| (place, put(place.innocent(), at, text))))
        }),
        660,
    );
}

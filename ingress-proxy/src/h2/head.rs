//! Heads as `h2` gives them become heads as everybody else knows them.
//!
//! `h2` has taken the frames apart and refused what breaks HPACK; here a message is refused that could be read in two ways
//! further on. Source: RFC 9113 8.2 and 8.3, RFC 8441.

use http::header::HeaderMap;
use http::uri::PathAndQuery;
use http::{request, response};

use super::fields::{WhiteSpace, is_connection_specific, push};
use crate::message::{
    Framing, InvalidField, Known, Rejection, RequestHead, ResponseHead, Version, is_token, target_length,
};

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_fields: usize,
    pub(super) max_target: usize,
    /// Whether names with an underscore are kept.
    pub(super) underscores: bool,
}

/// How a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The message is malformed: its stream is reset with PROTOCOL_ERROR (RFC 9113 8.1.1).
    Reset(Rejection),
    /// The message is well-formed and not wanted: it is answered.
    Answer(Rejection),
}

impl From<InvalidField> for Refusal {
    fn from(field: InvalidField) -> Self {
        Self::Reset(rejection(field))
    }
}

/// Reads the head of a request into an empty one. `is_complete` says that no body follows.
pub(super) fn read_request(
    parts: &request::Parts,
    is_complete: bool,
    limits: Limits,
    head: &mut RequestHead,
) -> Result<(), Refusal> {
    head.version = Version::Http2;
    // Cookie crumbs and what is dropped below count too, or they would be the way around the limit.
    if parts.headers.len() > limits.max_fields {
        return Err(Refusal::Answer(Rejection::TooLarge));
    }
    head.websocket = is_websocket(parts)?;
    head.method.extend_from_slice(if head.websocket { b"GET" } else { parts.method.as_str().as_bytes() });
    if !is_token(&head.method) {
        return Err(Refusal::Reset(Rejection::StartLine));
    }
    head.target.extend_from_slice(target(parts, limits)?);
    head.authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes().to_vec());
    let length = read_fields(head, &parts.headers, limits)?;
    if head.websocket {
        finish_websocket(head)?;
    } else if !is_complete {
        head.framing = Framing::Stream(length);
    } else if length.is_some_and(|length| length > 0) {
        return Err(Refusal::Reset(Rejection::Length));
    }
    // Whoever has sent all does not wait.
    head.expects_continue &= !is_complete;
    Ok(())
}

/// Whether it is an extended CONNECT for a WebSocket (RFC 8441 4). Any other CONNECT is refused.
fn is_websocket(parts: &request::Parts) -> Result<bool, Refusal> {
    if parts.method != http::Method::CONNECT {
        return Ok(false);
    }
    match parts.extensions.get::<h2::ext::Protocol>() {
        Some(protocol) if protocol.as_str().eq_ignore_ascii_case("websocket") => Ok(true),
        _ => Err(Refusal::Answer(Rejection::Connect)),
    }
}

fn target(parts: &request::Parts, limits: Limits) -> Result<&[u8], Refusal> {
    let refused = Err(Refusal::Reset(Rejection::Target));
    if parts.uri.scheme_str().is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
        return refused;
    }
    let Some(path) = parts.uri.path_and_query() else { return refused };
    let target = path.as_str().as_bytes();
    // `http` takes a fragment away, and then says of an empty path that it is `/`, as of one that never was. Neither is equal
    // to a real one.
    if target == b"/" && *path != PathAndQuery::from_static("/") {
        return refused;
    }
    if target.len() > limits.max_target {
        return Err(Refusal::Answer(Rejection::TargetTooLong));
    }
    let is_asterisk = target == b"*" && parts.method == http::Method::OPTIONS;
    if target_length(target) == target.len() && (target.starts_with(b"/") || is_asterisk) {
        Ok(target)
    } else {
        refused
    }
}

/// Reads the fields; gives the declared length.
fn read_fields(head: &mut RequestHead, map: &HeaderMap, limits: Limits) -> Result<Option<u64>, Refusal> {
    let mut length = None;
    let mut cookie = Vec::new();
    for (name, value) in map {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        let known = Known::of(name);
        match known {
            known if is_connection_specific(known) => return Err(Refusal::Reset(Rejection::FieldName)),
            Known::Te if value != b"trailers" => return Err(Refusal::Reset(Rejection::FieldValue)),
            Known::Host => {
                let is_second = head.fields.first(Known::Host).is_some();
                let differs = head.authority.as_ref().is_some_and(|authority| !authority.eq_ignore_ascii_case(value));
                if is_second || differs {
                    return Err(Refusal::Reset(Rejection::Host));
                }
            }
            Known::ContentLength => {
                let is_second = length.is_some();
                length = number(value);
                if is_second || length.is_none() {
                    return Err(Refusal::Reset(Rejection::Length));
                }
            }
            Known::Expect if value.eq_ignore_ascii_case(b"100-continue") => head.expects_continue = true,
            Known::Expect => return Err(Refusal::Answer(Rejection::Expect)),
            Known::Cookie => {
                if value.trim_ascii().len() != value.len() {
                    return Err(Refusal::Reset(Rejection::FieldValue));
                }
                if !cookie.is_empty() && !value.is_empty() {
                    cookie.extend_from_slice(b"; ");
                }
                cookie.extend_from_slice(value);
                continue;
            }
            _ if name.contains(&b'_') && !is_kept(name, limits) => continue,
            _ => {}
        }
        push(&mut head.fields, name, value, WhiteSpace::Refuse)?;
    }
    if !cookie.is_empty() {
        // A cookie in pieces is one for everybody who does not speak HTTP/2 (RFC 9113 8.2.3).
        push(&mut head.fields, b"cookie", &cookie, WhiteSpace::Refuse)?;
    }
    Ok(length)
}

/// Whether a name with an underscore is kept: never if whoever reads underscores as hyphens would take it for one that counts.
fn is_kept(name: &[u8], limits: Limits) -> bool {
    limits.underscores && Known::of_any_spelling(name) == Known::Other
}

fn finish_websocket(head: &mut RequestHead) -> Result<(), Refusal> {
    if head.fields.first(Known::SecWebSocketVersion) != Some(b"13") {
        return Err(Refusal::Answer(Rejection::FieldValue));
    }
    // There is none in HTTP/2 (RFC 8441 5), and that of the next hop is not the client's to choose.
    head.fields.remove_if(|known, _, _| matches!(known, Known::SecWebSocketKey | Known::ContentLength));
    head.expects_continue = false;
    Ok(())
}

/// Reads the head of a response. `is_complete` says that no body follows.
pub(super) fn read_response(
    parts: &response::Parts,
    is_complete: bool,
    head: &mut ResponseHead,
) -> Result<(), Rejection> {
    head.clear();
    head.version = Version::Http2;
    head.status = parts.status.as_u16();
    // 101 does not exist in HTTP/2 (RFC 9113 8.6).
    if head.status > 599 || head.status == 101 {
        return Err(Rejection::StartLine);
    }
    let mut length = None;
    for (name, value) in &parts.headers {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        let known = Known::of(name);
        if is_connection_specific(known) {
            return Err(Rejection::FieldName);
        }
        if known == Known::ContentLength {
            let is_second = length.is_some();
            length = number(value);
            if is_second || length.is_none() {
                return Err(Rejection::Length);
            }
        }
        push(&mut head.fields, name, value, WhiteSpace::Trim).map_err(rejection)?;
    }
    head.framing = if is_complete { Framing::Empty } else { Framing::Stream(length) };
    Ok(())
}

fn rejection(field: InvalidField) -> Rejection {
    match field {
        InvalidField::Name => Rejection::FieldName,
        InvalidField::Value => Rejection::FieldValue,
    }
}

/// Digits and nothing else.
fn number(value: &[u8]) -> Option<u64> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(value).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;

//! The fields of a response as the client sees them.

use std::borrow::Cow;

use ingress_core::policy::{Filters, ProxyRedirect};

use super::Scratch;
use crate::h1::encode;
use crate::message::{BodyLength, EachField, Fields, Framing, Known, RequestHead, ResponseHead, Version};

/// The fields that are sent with an endpoint's response.
pub(super) struct ResponseFields<'a> {
    pub(super) head: &'a ResponseHead,
    /// What the decision sets.
    pub(super) set: &'a Fields,
    pub(super) filters: Option<&'a Filters>,
    /// The cookie that the client shall come back with.
    pub(super) cookie: Option<&'a [u8]>,
    /// For a response without one: whoever passes it on and has a clock adds it (RFC 9110 6.6.1).
    pub(super) date: Option<&'a str>,
    /// Whether the client speaks HTTP/2, which has no key for WebSockets and no answer to one (RFC 8441 5).
    pub(super) is_http2: bool,
}

impl EachField for ResponseFields<'_> {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        for (known, name, value) in self.head.fields.iter() {
            if self.is_left_out(known, name) {
                continue;
            }
            match (known, self.filters) {
                (Known::Location, Some(filters)) => call(name, &location(&filters.response.location, value)),
                (Known::SetCookie, Some(filters)) => call(name, &set_cookie(filters, value)),
                (Known::Other, Some(filters)) if is_refresh(name) => {
                    call(name, &refresh(&filters.response.location, value));
                }
                _ => call(name, value),
            }
        }
        if let Some(date) = self.date() {
            call(b"Date", date.as_bytes());
        }
        self.set.each(call);
        if let Some(cookie) = self.cookie {
            call(b"Set-Cookie", cookie);
        }
    }

    fn append_lines(&self, out: &mut Vec<u8>) {
        let has = |known| self.head.fields.first(known).is_some();
        let refreshes = |filters: &Filters| {
            filters.response.location != ProxyRedirect::Off
                && self.head.fields.iter().any(|(_, name, _)| is_refresh(name))
        };
        if self.filters.is_some_and(|filters| has(Known::Location) || has(Known::SetCookie) || refreshes(filters)) {
            // Some values are written anew.
            return self.each(&mut |name, value| encode::field(out, name, value));
        }
        self.head.fields.append_lines(out, |known, name| self.is_left_out(known, name));
        if let Some(date) = self.date() {
            encode::field(out, b"Date", date.as_bytes());
        }
        self.set.append_lines(out, |_, _| false);
        if let Some(cookie) = self.cookie {
            encode::field(out, b"Set-Cookie", cookie);
        }
    }
}

impl<'a> ResponseFields<'a> {
    /// The fields of a response that came for a request.
    pub(super) fn new(head: &RequestHead, scratch: &'a Scratch, filters: Option<&'a Filters>) -> Self {
        Self {
            head: &scratch.response,
            set: &scratch.response_headers,
            filters,
            cookie: None,
            date: None,
            is_http2: head.version == Version::Http2,
        }
    }

    fn date(&self) -> Option<&str> {
        self.date.filter(|_| self.set.first(Known::Date).is_none())
    }

    fn is_left_out(&self, known: Known, name: &[u8]) -> bool {
        let is = |other: &str| other.as_bytes().eq_ignore_ascii_case(name);
        known.is_hop_by_hop()
            || known == Known::SecWebSocketAccept && self.is_http2
            || self.set.iter().any(|(its, other, _)| its == known && other.eq_ignore_ascii_case(name))
            || self.filters.is_some_and(|filters| filters.response.hidden().any(is))
    }
}

/// A `Location` with another beginning, where the policy says so.
fn location<'v>(rule: &ProxyRedirect, value: &'v [u8]) -> Cow<'v, [u8]> {
    match rule {
        ProxyRedirect::Off => Cow::Borrowed(value),
        ProxyRedirect::Replace(from, to) => match value.strip_prefix(from.as_bytes()) {
            Some(rest) => Cow::Owned([to.as_bytes(), rest].concat()),
            None => Cow::Borrowed(value),
        },
    }
}

fn is_refresh(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"refresh")
}

/// A `Refresh` whose address has another beginning, where the policy says so (nginx `proxy_redirect`).
fn refresh<'v>(rule: &ProxyRedirect, value: &'v [u8]) -> Cow<'v, [u8]> {
    const URL: &[u8] = b"url=";
    let at = value.windows(URL.len()).position(|text| text.eq_ignore_ascii_case(URL)).map(|at| at + URL.len());
    match at.and_then(|at| value.split_at_checked(at)) {
        Some((before, address)) => Cow::Owned([before, &location(rule, address)].concat()),
        None => Cow::Borrowed(value),
    }
}

/// A cookie with another domain or path, where the policy says so.
fn set_cookie<'v>(filters: &Filters, value: &'v [u8]) -> Cow<'v, [u8]> {
    let (domain, path) = (&filters.response.cookie_domain, &filters.response.cookie_path);
    if domain.is_none() && path.is_none() {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    for (number, attribute) in value.split(|byte| *byte == b';').enumerate() {
        if number > 0 {
            out.push(b';');
        }
        let trimmed = attribute.trim_ascii_start();
        let spaces = attribute.len() - trimmed.len();
        let name_end = trimmed.iter().position(|byte| *byte == b'=').unwrap_or(trimmed.len());
        let (name, rest) = trimmed.split_at_checked(name_end).unwrap_or((trimmed, b""));
        // Around both there may be white space (RFC 6265 5.2).
        let name = name.trim_ascii_end();
        let is_domain = name.eq_ignore_ascii_case(b"domain");
        let rule = match name {
            _ if number == 0 => None,
            _ if is_domain => domain.as_ref(),
            name if name.eq_ignore_ascii_case(b"path") => path.as_ref(),
            _ => None,
        };
        let value = rest.strip_prefix(b"=").unwrap_or_default().trim_ascii();
        match rule.and_then(|(from, to)| replaced(value, from.as_bytes(), to.as_bytes(), is_domain)) {
            Some(value) => {
                out.extend_from_slice(attribute.get(..spaces).unwrap_or_default());
                out.extend_from_slice(name);
                out.push(b'=');
                out.extend_from_slice(&value);
            }
            None => out.extend_from_slice(attribute),
        }
    }
    Cow::Owned(out)
}

/// Domains are compared whole and without regard to case, paths by their beginning.
fn replaced(value: &[u8], from: &[u8], to: &[u8], is_domain: bool) -> Option<Vec<u8>> {
    if is_domain {
        let bare = |domain: &'_ [u8]| domain.strip_prefix(b".").unwrap_or(domain).to_ascii_lowercase();
        return (bare(value) == bare(from)).then(|| to.to_vec());
    }
    value.strip_prefix(from).map(|rest| [to, rest].concat())
}

/// How the body of an endpoint's response is sent on.
pub(super) fn body_length(head: &ResponseHead, request: &RequestHead) -> BodyLength {
    let declared = || {
        let text = head.fields.first(Known::ContentLength)?;
        std::str::from_utf8(text).ok()?.parse().ok()
    };
    if request.method == b"HEAD" {
        return declared().map_or(BodyLength::None, BodyLength::Declared);
    }
    match head.framing {
        _ if head.status == 304 || head.status == 204 => BodyLength::None,
        Framing::Empty => BodyLength::Exact(0),
        // HTTP/1.1 has no trailers where it has a length.
        Framing::Stream(Some(_))
            if request.version == Version::Http11 && head.fields.first(Known::Trailer).is_some() =>
        {
            BodyLength::Unknown
        }
        // What has no body may have trailers, and the head would be its end.
        Framing::Stream(Some(0)) if request.version == Version::Http2 => BodyLength::Unknown,
        Framing::Length(length) | Framing::Stream(Some(length)) => BodyLength::Exact(length),
        _ => BodyLength::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_body_may_have_trailers() {
        let response = ResponseHead { status: 200, framing: Framing::Stream(Some(0)), ..ResponseHead::default() };
        for (version, expected) in [(Version::Http2, BodyLength::Unknown), (Version::Http11, BodyLength::Exact(0))] {
            let request = RequestHead { version, method: b"POST".to_vec(), ..RequestHead::default() };
            assert_eq!(body_length(&response, &request), expected, "{version:?}");
        }
    }

    #[test]
    fn the_address_of_a_refresh_moves_too() {
        let rule = ProxyRedirect::Replace("http://a.example/".into(), "/".into());
        for (given, expected) in [
            ("5; url=http://a.example/x", "5; url=/x"),
            ("5;URL=http://a.example/", "5;URL=/"),
            ("5; url=http://b.example/", "5; url=http://b.example/"),
            ("5", "5"),
        ] {
            assert_eq!(String::from_utf8_lossy(&refresh(&rule, given.as_bytes())), expected);
        }
    }

    #[test]
    fn cookies_move_to_another_domain_and_path() {
        let mut filters = Filters::default();
        filters.response.cookie_domain = Some(("a.example".into(), "b.example".into()));
        filters.response.cookie_path = Some(("/app".into(), "/".into()));
        let table = [
            ("id=1; Path=/app/x; Domain=.A.example; Secure", "id=1; Path=//x; Domain=b.example; Secure"),
            ("path=/app; path=/app", "path=/app; path=/"),
            ("id=1; Path = /app ;Domain =a.example", "id=1; Path=/;Domain=b.example"),
            ("id=1; Path=/other; Domain=c.example", "id=1; Path=/other; Domain=c.example"),
        ];
        for (given, expected) in table {
            assert_eq!(String::from_utf8_lossy(&set_cookie(&filters, given.as_bytes())), expected);
        }
    }
}

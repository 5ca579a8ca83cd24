//! Field names that the proxy itself acts upon.

use super::is_word;

/// A field name that the proxy acts upon, or any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Known {
    /// `Host`.
    Host,
    /// `Connection`.
    Connection,
    /// `Keep-Alive`.
    KeepAlive,
    /// `Proxy-Connection`.
    ProxyConnection,
    /// `Proxy-Authorization`.
    ProxyAuthorization,
    /// `Proxy-Authenticate`.
    ProxyAuthenticate,
    /// `Proxy`, which CGI programs mistake for a setting.
    Proxy,
    /// `TE`.
    Te,
    /// `Trailer`.
    Trailer,
    /// `Transfer-Encoding`.
    TransferEncoding,
    /// `Content-Length`.
    ContentLength,
    /// `Upgrade`.
    Upgrade,
    /// `HTTP2-Settings`.
    Http2Settings,
    /// `Expect`.
    Expect,
    /// `Forwarded`.
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `X-Forwarded-Host`.
    XForwardedHost,
    /// `X-Forwarded-Port`.
    XForwardedPort,
    /// `X-Forwarded-Proto`.
    XForwardedProto,
    /// `X-Forwarded-Scheme`.
    XForwardedScheme,
    /// Any other `X-Forwarded-*`.
    XForwarded,
    /// Any `X-Original-*`, and `X-Rewrite-URL`.
    XOriginal,
    /// `X-Real-IP`.
    XRealIp,
    /// `X-Request-ID`.
    XRequestId,
    /// `X-Scheme`.
    XScheme,
    /// `Authorization`.
    Authorization,
    /// `Cookie`.
    Cookie,
    /// `User-Agent`.
    UserAgent,
    /// `Referer`.
    Referer,
    /// `Sec-WebSocket-Key`.
    SecWebSocketKey,
    /// `Sec-WebSocket-Version`.
    SecWebSocketVersion,
    /// `Sec-WebSocket-Accept`.
    SecWebSocketAccept,
    /// `Date`.
    Date,
    /// `Location`.
    Location,
    /// `Set-Cookie`.
    SetCookie,
    /// `WWW-Authenticate`.
    WwwAuthenticate,
    /// `Content-Type`.
    ContentType,
    /// Any other.
    Other,
}

impl Known {
    /// Which of them a token is, without regard to case.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        // This is asked of every field: the length and one letter leave one candidate, or a few with a long beginning in common.
        let letter = |at: usize| name.get(at).map_or(0, |byte| byte | 0x20);
        match (name.len(), letter(0)) {
            (_, b'x') => Self::of_x(name, letter(2)),
            (2, b't') => is(name, b"te", Self::Te),
            (4, b'h') => is(name, b"host", Self::Host),
            (4, b'd') => is(name, b"date", Self::Date),
            (5, b'p') => is(name, b"proxy", Self::Proxy),
            (6, b'c') => is(name, b"cookie", Self::Cookie),
            (6, b'e') => is(name, b"expect", Self::Expect),
            (7, b'u') => is(name, b"upgrade", Self::Upgrade),
            (7, b't') => is(name, b"trailer", Self::Trailer),
            (7, b'r') => is(name, b"referer", Self::Referer),
            (8, b'l') => is(name, b"location", Self::Location),
            (9, b'f') => is(name, b"forwarded", Self::Forwarded),
            (10, b'c') => is(name, b"connection", Self::Connection),
            (10, b'u') => is(name, b"user-agent", Self::UserAgent),
            (10, b'k') => is(name, b"keep-alive", Self::KeepAlive),
            (10, b's') => is(name, b"set-cookie", Self::SetCookie),
            (12, b'c') => is(name, b"content-type", Self::ContentType),
            (13, b'a') => is(name, b"authorization", Self::Authorization),
            (14, b'c') => is(name, b"content-length", Self::ContentLength),
            (14, b'h') => is(name, b"http2-settings", Self::Http2Settings),
            (16, b'p') => is(name, b"proxy-connection", Self::ProxyConnection),
            (16, b'w') => is(name, b"www-authenticate", Self::WwwAuthenticate),
            (17, b't') => is(name, b"transfer-encoding", Self::TransferEncoding),
            (17, b's') => is(name, b"sec-websocket-key", Self::SecWebSocketKey),
            (18, b'p') => is(name, b"proxy-authenticate", Self::ProxyAuthenticate),
            (19, b'p') => is(name, b"proxy-authorization", Self::ProxyAuthorization),
            (20, b's') => is(name, b"sec-websocket-accept", Self::SecWebSocketAccept),
            (21, b's') => is(name, b"sec-websocket-version", Self::SecWebSocketVersion),
            _ => Self::Other,
        }
    }

    /// The same for names that begin with `x`, by their third letter. Two of them are families: whatever a proxy in front, or the
    /// endpoint, understands by a name of these, a client must not say it.
    fn of_x(name: &[u8], third: u8) -> Self {
        const FORWARDED: &[u8; 12] = b"x-forwarded-";
        const ORIGINAL: &[u8; 11] = b"x-original-";
        match third {
            b'f' => match name.split_at_checked(FORWARDED.len()) {
                Some((start, rest)) if is_word(start, FORWARDED) => Self::of_forwarded(rest),
                _ => Self::Other,
            },
            b'o' => match name.get(..ORIGINAL.len()) {
                Some(start) => is(start, ORIGINAL, Self::XOriginal),
                None => Self::Other,
            },
            b'r' => match name.len() {
                9 => is(name, b"x-real-ip", Self::XRealIp),
                12 => is(name, b"x-request-id", Self::XRequestId),
                _ => is(name, b"x-rewrite-url", Self::XOriginal),
            },
            b's' => is(name, b"x-scheme", Self::XScheme),
            _ => Self::Other,
        }
    }

    /// Which `X-Forwarded-*` it is, by what follows.
    fn of_forwarded(rest: &[u8]) -> Self {
        match rest.len() {
            3 if is_word(rest, b"for") => Self::XForwardedFor,
            4 if is_word(rest, b"host") => Self::XForwardedHost,
            4 if is_word(rest, b"port") => Self::XForwardedPort,
            5 if is_word(rest, b"proto") => Self::XForwardedProto,
            6 if is_word(rest, b"scheme") => Self::XForwardedScheme,
            _ => Self::XForwarded,
        }
    }

    /// Which of them a token is if its underscores are read as hyphens, as CGI and its heirs do.
    #[must_use]
    pub fn of_any_spelling(name: &[u8]) -> Self {
        // Of longer names, which can only be of a family, the beginning is enough.
        let mut copy = [0_u8; 32];
        let length = name.len().min(copy.len());
        let copy = copy.get_mut(..length).unwrap_or_default();
        for (to, from) in copy.iter_mut().zip(name) {
            *to = if *from == b'_' { b'-' } else { *from };
        }
        Self::of(copy)
    }

    /// Whether the field speaks of one connection only and is never passed on (RFC 9110 7.6.1).
    #[must_use]
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::ProxyAuthorization
                | Self::ProxyAuthenticate
                | Self::Te
                | Self::Trailer
                | Self::TransferEncoding
                | Self::ContentLength
                | Self::Upgrade
                | Self::Http2Settings
        )
    }

    /// Whether the field says who the client is and how it came, which only a trusted peer may say.
    #[must_use]
    pub fn is_identity(self) -> bool {
        matches!(
            self,
            Self::Forwarded
                | Self::XForwardedFor
                | Self::XForwardedHost
                | Self::XForwardedPort
                | Self::XForwardedProto
                | Self::XForwardedScheme
                | Self::XForwarded
                | Self::XOriginal
                | Self::XRealIp
                | Self::XScheme
        )
    }
}

/// Whether a name, in any spelling, is one under which the proxy says what a TLS handshake has shown.
pub(crate) fn is_about_handshake(name: &[u8]) -> bool {
    const START: &[u8] = b"ssl-client-";
    let same = |(byte, own): (&u8, &u8)| byte.eq_ignore_ascii_case(own) || (*byte, *own) == (b'_', b'-');
    name.len() > START.len() && name.iter().zip(START).all(same)
}

/// Whether a field would change what has been decided before the body came: framing, routing, who the client is (RFC 9110
/// 6.5.1). Recipients that merge trailers into the head would believe it.
pub(crate) fn must_not_trail(name: &[u8]) -> bool {
    let known = Known::of_any_spelling(name);
    known.is_hop_by_hop()
        || known.is_identity()
        || matches!(known, Known::Host | Known::Expect | Known::Authorization | Known::Cookie | Known::Proxy)
        || is_about_handshake(name)
}

/// `known` if a token is this name.
fn is<const N: usize>(name: &[u8], text: &[u8; N], known: Known) -> Known {
    if is_word(name, text) { known } else { Known::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [(&str, Known); 40] = [
        ("Host", Known::Host),
        ("Connection", Known::Connection),
        ("Keep-Alive", Known::KeepAlive),
        ("Proxy-Connection", Known::ProxyConnection),
        ("Proxy-Authorization", Known::ProxyAuthorization),
        ("Proxy-Authenticate", Known::ProxyAuthenticate),
        ("Proxy", Known::Proxy),
        ("TE", Known::Te),
        ("Trailer", Known::Trailer),
        ("Transfer-Encoding", Known::TransferEncoding),
        ("Content-Length", Known::ContentLength),
        ("Upgrade", Known::Upgrade),
        ("HTTP2-Settings", Known::Http2Settings),
        ("Expect", Known::Expect),
        ("Forwarded", Known::Forwarded),
        ("X-Forwarded-For", Known::XForwardedFor),
        ("X-Forwarded-Host", Known::XForwardedHost),
        ("X-Forwarded-Port", Known::XForwardedPort),
        ("X-Forwarded-Proto", Known::XForwardedProto),
        ("X-Forwarded-Scheme", Known::XForwardedScheme),
        ("X-Forwarded-Prefix", Known::XForwarded),
        ("X-Original-Forwarded-For", Known::XOriginal),
        ("X-Original-Forwarded-Host", Known::XOriginal),
        ("X-Original-URL", Known::XOriginal),
        ("X-Original-URI", Known::XOriginal),
        ("X-Rewrite-URL", Known::XOriginal),
        ("X-Real-IP", Known::XRealIp),
        ("X-Request-ID", Known::XRequestId),
        ("X-Scheme", Known::XScheme),
        ("Authorization", Known::Authorization),
        ("Cookie", Known::Cookie),
        ("User-Agent", Known::UserAgent),
        ("Referer", Known::Referer),
        ("Sec-WebSocket-Key", Known::SecWebSocketKey),
        ("Sec-WebSocket-Version", Known::SecWebSocketVersion),
        ("Sec-WebSocket-Accept", Known::SecWebSocketAccept),
        ("Location", Known::Location),
        ("Set-Cookie", Known::SetCookie),
        ("WWW-Authenticate", Known::WwwAuthenticate),
        ("Content-Type", Known::ContentType),
    ];

    /// What a name is that differs in some way from one of the above.
    fn family(name: &[u8]) -> Known {
        let name = name.to_ascii_lowercase();
        match &*name {
            [b'x', b'-', b'f', b'o', b'r', b'w', b'a', b'r', b'd', b'e', b'd', b'-', ..] => Known::XForwarded,
            [b'x', b'-', b'o', b'r', b'i', b'g', b'i', b'n', b'a', b'l', b'-', ..] => Known::XOriginal,
            _ => Known::Other,
        }
    }

    #[test]
    fn what_connection_cannot_name_is_what_simulate_keeps_too() {
        for name in NAMES.iter().map(|(name, _)| *name).chain(["Date", "X-Canary", "Accept", "X-Original"]) {
            let headers = serde_json::json!({"Connection": format!("close, {name}"), name: "a"});
            let given = serde_json::json!({"url": "http://a.example/", "headers": headers});
            let question = ingress_cli::question::Question::from_json(given).expect(name);
            let is_kept = question.with_raw(|_, headers| headers.iter().any(|(it, _)| *it == name));
            assert_eq!(is_kept, Known::of(name.as_bytes()) != Known::Other, "{name}");
        }
    }

    #[test]
    fn every_name_in_every_case_and_nothing_near_it() {
        for (name, known) in NAMES {
            assert_eq!(Known::of(name.as_bytes()), known, "{name}");
            assert_eq!(Known::of(name.to_lowercase().as_bytes()), known, "{name}");
            assert_eq!(Known::of(name.to_uppercase().as_bytes()), known, "{name}");
            assert_eq!(Known::of_any_spelling(name.replace('-', "_").as_bytes()), known, "{name}");
            for at in 0..name.len() {
                for byte in 0..=255_u8 {
                    let mut other = name.as_bytes().to_vec();
                    other[at] = byte;
                    let is_same = other.eq_ignore_ascii_case(name.as_bytes());
                    let is_one = NAMES.iter().any(|(name, _)| other.eq_ignore_ascii_case(name.as_bytes()));
                    if crate::message::is_token(&other) && (is_same || !is_one) {
                        let expected = if is_same { known } else { family(&other) };
                        assert_eq!(Known::of(&other), expected, "{}", other.escape_ascii());
                    }
                }
            }
            assert_eq!(Known::of(&name.as_bytes()[1..]), Known::Other, "{name}");
            let longer = format!("{name}s");
            assert_eq!(Known::of(longer.as_bytes()), family(longer.as_bytes()), "{name}");
        }
        assert_eq!(Known::of(b""), Known::Other);
        assert_eq!(Known::of_any_spelling(&[b'x'; 33]), Known::Other);
    }

    #[test]
    fn families_have_no_end() {
        for (start, known) in [("X-Forwarded-", Known::XForwarded), ("X-Original-", Known::XOriginal)] {
            for rest in ["", "Ssl", "User", "Client-Cert", "Host-And-Whatever-Else-Somebody-Thinks-Of"] {
                let name = format!("{start}{rest}");
                for spelling in [name.clone(), name.to_lowercase(), name.replace('-', "_")] {
                    assert_eq!(Known::of_any_spelling(spelling.as_bytes()), known, "{spelling}");
                }
                assert!(known.is_identity() && must_not_trail(name.as_bytes()));
            }
        }
        for other in ["X-Forwarded", "X-Original", "X-Forwardedfor", "Y-Forwarded-For"] {
            assert_eq!(Known::of_any_spelling(other.as_bytes()), Known::Other, "{other}");
        }
    }
}

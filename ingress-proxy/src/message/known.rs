//! Field names that the proxy itself acts upon.

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
    /// `X-Forwarded-Prefix`.
    XForwardedPrefix,
    /// `X-Original-Forwarded-For`, `X-Original-Forwarded-Host`, `X-Original-URL`, `X-Original-URI`, `X-Rewrite-URL`.
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
    /// `Server`.
    Server,
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
    /// Which of them a name is, without regard to case.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        let among = |table: &[(&str, Self)]| table.iter().find(|(text, _)| is(text)).map_or(Self::Other, |(_, it)| *it);
        // Names of one length are few, so that most names are compared with one other or none.
        match name.len() {
            2 => among(&[("te", Self::Te)]),
            4 => among(&[("host", Self::Host), ("date", Self::Date)]),
            5 => among(&[("proxy", Self::Proxy)]),
            6 => among(&[("cookie", Self::Cookie), ("expect", Self::Expect), ("server", Self::Server)]),
            7 => among(&[("upgrade", Self::Upgrade), ("trailer", Self::Trailer), ("referer", Self::Referer)]),
            8 => among(&[("x-scheme", Self::XScheme), ("location", Self::Location)]),
            9 => among(&[("x-real-ip", Self::XRealIp), ("forwarded", Self::Forwarded)]),
            10 => among(&[
                ("connection", Self::Connection),
                ("user-agent", Self::UserAgent),
                ("keep-alive", Self::KeepAlive),
                ("set-cookie", Self::SetCookie),
            ]),
            12 => among(&[("x-request-id", Self::XRequestId), ("content-type", Self::ContentType)]),
            13 => among(&[("authorization", Self::Authorization), ("x-rewrite-url", Self::XOriginal)]),
            14 => among(&[
                ("content-length", Self::ContentLength),
                ("http2-settings", Self::Http2Settings),
                ("x-original-url", Self::XOriginal),
                ("x-original-uri", Self::XOriginal),
            ]),
            15 => among(&[("x-forwarded-for", Self::XForwardedFor)]),
            16 => among(&[
                ("x-forwarded-host", Self::XForwardedHost),
                ("x-forwarded-port", Self::XForwardedPort),
                ("proxy-connection", Self::ProxyConnection),
                ("www-authenticate", Self::WwwAuthenticate),
            ]),
            17 => among(&[
                ("transfer-encoding", Self::TransferEncoding),
                ("x-forwarded-proto", Self::XForwardedProto),
                ("sec-websocket-key", Self::SecWebSocketKey),
            ]),
            18 => among(&[
                ("x-forwarded-scheme", Self::XForwardedScheme),
                ("x-forwarded-prefix", Self::XForwardedPrefix),
                ("proxy-authenticate", Self::ProxyAuthenticate),
            ]),
            19 => among(&[("proxy-authorization", Self::ProxyAuthorization)]),
            20 => among(&[("sec-websocket-accept", Self::SecWebSocketAccept)]),
            21 => among(&[("sec-websocket-version", Self::SecWebSocketVersion)]),
            24 => among(&[("x-original-forwarded-for", Self::XOriginal)]),
            25 => among(&[("x-original-forwarded-host", Self::XOriginal)]),
            _ => Self::Other,
        }
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
                | Self::XForwardedPrefix
                | Self::XOriginal
                | Self::XRealIp
                | Self::XScheme
        )
    }
}

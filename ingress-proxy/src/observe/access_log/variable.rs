//! nginx's variables, as far as a log line may have them.

use std::borrow::Cow;

use ingress_core::path::PathPolicy;
use ingress_core::policy::BackendRef;

use super::MAX_VALUE;
use super::entry::{Attempt, Entry};
use super::number::Dates;
use super::room::Room;
use crate::message::Known;
use crate::observe::escape::Escape;

/// One variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    RemoteAddr,
    RemotePort,
    PeerAddr,
    PeerPort,
    RemoteUser,
    ProxyProtocolAddr,
    TimeLocal,
    TimeIso8601,
    Msec,
    Request,
    RequestUri,
    Uri,
    Args,
    IsArgs,
    RequestMethod,
    ServerProtocol,
    Status,
    BodyBytesSent,
    BytesSent,
    RequestLength,
    RequestTime,
    UpstreamName,
    AlternativeUpstreamName,
    UpstreamAddr,
    UpstreamStatus,
    UpstreamResponseLength,
    UpstreamResponseTime,
    UpstreamHeaderTime,
    UpstreamConnectTime,
    RequestId,
    Host,
    Scheme,
    PassAccessScheme,
    Https,
    ServerAddr,
    ServerPort,
    Connection,
    ConnectionRequests,
    SslProtocol,
    SslCipher,
    SslServerName,
    Namespace,
    IngressName,
    ServiceName,
    ServicePort,
    LocationPath,
    /// `$http_name`, in lower case with hyphens.
    Field(Known, Box<str>),
    /// `$sent_http_name`, likewise.
    SentField(Box<str>),
}

/// Fields that hold what nobody but the two ends may know.
const SECRET: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "cookie2", "set-cookie"];

/// Why a name is no variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoVariable {
    Unknown,
    Secret,
}

impl Variable {
    /// The variable of a name, which comes without the `$`.
    pub(super) fn named(name: &str) -> Result<Self, NoVariable> {
        let field = |name: &str| {
            let name = name.to_ascii_lowercase().replace('_', "-");
            if SECRET.contains(&name.as_str()) { Err(NoVariable::Secret) } else { Ok(name) }
        };
        Ok(match name {
            "remote_addr" | "the_real_ip" => Self::RemoteAddr,
            "remote_port" => Self::RemotePort,
            "realip_remote_addr" => Self::PeerAddr,
            "realip_remote_port" => Self::PeerPort,
            "remote_user" => Self::RemoteUser,
            "proxy_protocol_addr" => Self::ProxyProtocolAddr,
            "time_local" => Self::TimeLocal,
            "time_iso8601" => Self::TimeIso8601,
            "msec" => Self::Msec,
            "request" => Self::Request,
            "request_uri" => Self::RequestUri,
            "uri" | "document_uri" => Self::Uri,
            "args" | "query_string" => Self::Args,
            "is_args" => Self::IsArgs,
            "request_method" => Self::RequestMethod,
            "server_protocol" => Self::ServerProtocol,
            "status" => Self::Status,
            "body_bytes_sent" => Self::BodyBytesSent,
            "bytes_sent" => Self::BytesSent,
            "request_length" => Self::RequestLength,
            "request_time" => Self::RequestTime,
            "proxy_upstream_name" => Self::UpstreamName,
            "proxy_alternative_upstream_name" => Self::AlternativeUpstreamName,
            "upstream_addr" => Self::UpstreamAddr,
            "upstream_status" => Self::UpstreamStatus,
            "upstream_response_length" | "upstream_bytes_received" => Self::UpstreamResponseLength,
            "upstream_response_time" => Self::UpstreamResponseTime,
            "upstream_header_time" => Self::UpstreamHeaderTime,
            "upstream_connect_time" => Self::UpstreamConnectTime,
            "req_id" | "request_id" => Self::RequestId,
            "host" | "best_http_host" | "server_name" => Self::Host,
            "scheme" => Self::Scheme,
            "pass_access_scheme" => Self::PassAccessScheme,
            "https" => Self::Https,
            "server_addr" => Self::ServerAddr,
            "server_port" => Self::ServerPort,
            "connection" => Self::Connection,
            "connection_requests" => Self::ConnectionRequests,
            "ssl_protocol" => Self::SslProtocol,
            "ssl_cipher" => Self::SslCipher,
            "ssl_server_name" => Self::SslServerName,
            "namespace" => Self::Namespace,
            "ingress_name" => Self::IngressName,
            "service_name" => Self::ServiceName,
            "service_port" => Self::ServicePort,
            "location_path" => Self::LocationPath,
            _ => match (name.strip_prefix("http_"), name.strip_prefix("sent_http_")) {
                (Some(name), _) if !name.is_empty() => {
                    let name = field(name)?;
                    Self::Field(Known::of(name.as_bytes()), name.into())
                }
                (_, Some(name)) if !name.is_empty() => Self::SentField(field(name)?.into()),
                _ => return Err(NoVariable::Unknown),
            },
        })
    }

    /// Writes the value. Returned is whether there is one.
    pub(super) fn write(&self, line: &mut Line<'_>, entry: &Entry<'_>, dates: &Dates) -> bool {
        match self {
            Self::RemoteAddr => line.any(entry.remote_addr, Room::ip),
            Self::RemotePort => entry.remote_port.is_some_and(|port| line.number(port.into())),
            Self::PeerAddr => line.any(entry.peer.map(|peer| peer.ip()), Room::ip),
            Self::PeerPort => entry.peer.is_some_and(|peer| line.number(peer.port().into())),
            Self::RemoteUser => line.text(entry.remote_user.unwrap_or_default()),
            Self::ProxyProtocolAddr => line.any(entry.proxy_protocol_addr, Room::ip),
            Self::TimeLocal => line.raw(dates.local()),
            Self::TimeIso8601 => line.raw(dates.iso()) && line.raw(b"+00:00"),
            Self::Msec => line.any(Some(entry.unix_millis), Room::millis),
            Self::Request => {
                if entry.method.is_empty() {
                    return line.text(entry.target);
                }
                for part in [entry.method, b" ", entry.target, b" ", entry.version.as_str().as_bytes()] {
                    line.text(part);
                }
                true
            }
            Self::RequestUri => line.text(in_origin_form(entry.target)),
            // What cannot be routed is shown as it came.
            Self::Uri => {
                let path = Some(split(in_origin_form(entry.target)).0).filter(|path| !path.is_empty()).unwrap_or(b"/");
                line.text(&PathPolicy::Nginx.canonical(path).unwrap_or(Cow::Borrowed(path)))
            }
            Self::Args => line.text(split(entry.target).1.unwrap_or_default()),
            Self::IsArgs => {
                if split(entry.target).1.is_some_and(|query| !query.is_empty()) {
                    line.raw(b"?");
                }
                true
            }
            Self::RequestMethod => line.text(entry.method),
            Self::ServerProtocol => line.raw(entry.version.as_str().as_bytes()),
            Self::Status => line.number(entry.status.into()),
            Self::BodyBytesSent => line.number(entry.body_bytes_sent),
            Self::BytesSent => line.number(entry.bytes_sent),
            Self::RequestLength => line.number(entry.request_length),
            Self::RequestTime => line.any(Some(entry.duration_us), Room::seconds),
            Self::UpstreamName => entry.backend.is_some_and(|it| line.upstream(it)),
            Self::AlternativeUpstreamName => entry.canary.is_some_and(|it| line.upstream(it)),
            Self::UpstreamAddr => line.attempts(entry, |line, it| line.any(it.addr, Room::socket)),
            Self::UpstreamStatus => {
                line.attempts(entry, |line, it| line.any(it.status, |room, it| room.decimal(it.into())))
            }
            Self::UpstreamResponseLength => line.attempts(entry, |line, it| line.number(it.response_bytes)),
            Self::UpstreamResponseTime => line.attempts(entry, |line, it| line.any(it.response_us, Room::seconds)),
            Self::UpstreamHeaderTime => line.attempts(entry, |line, it| line.any(it.header_us, Room::seconds)),
            Self::UpstreamConnectTime => line.attempts(entry, |line, it| line.any(it.connect_us, Room::seconds)),
            Self::RequestId => line.text(entry.request_id),
            Self::Host => {
                let host = entry.host.strip_suffix(b".").unwrap_or(entry.host);
                match host.iter().any(u8::is_ascii_uppercase) {
                    true => line.text(&host.to_ascii_lowercase()),
                    false => line.text(host),
                }
            }
            Self::Scheme => line.raw(if entry.tls.is_some() { b"https" } else { b"http" }),
            Self::PassAccessScheme => line.raw(if entry.is_https { b"https" } else { b"http" }),
            Self::Https => {
                line.raw(if entry.tls.is_some() { b"on" } else { b"" });
                true
            }
            Self::ServerAddr => line.any(entry.server_addr.map(|address| address.ip()), Room::ip),
            Self::ServerPort => entry.server_addr.is_some_and(|address| line.number(address.port().into())),
            Self::Connection => line.number(entry.connection),
            Self::ConnectionRequests => line.number(entry.connection_requests),
            Self::SslProtocol => entry.tls.is_some_and(|tls| line.text(tls.protocol.as_bytes())),
            Self::SslCipher => entry.tls.is_some_and(|tls| line.text(tls.cipher.as_bytes())),
            Self::SslServerName => {
                let name = entry.tls.and_then(|tls| tls.server_name);
                name.is_some_and(|name| line.text(name.as_bytes()))
            }
            Self::Namespace => line.text(entry.namespace.as_bytes()),
            Self::IngressName => line.text(entry.ingress.as_bytes()),
            Self::ServiceName => entry.backend.is_some_and(|backend| line.text(backend.service.as_bytes())),
            Self::ServicePort => line.any(entry.backend, |room, backend| room.port(&backend.port)),
            Self::LocationPath => line.text(entry.rule_path.as_bytes()),
            Self::Field(known, name) => {
                let mut is_there = false;
                for (other, spelled, value) in entry.fields.iter().flat_map(|fields| fields.iter()) {
                    if other == *known && is_field(name, spelled) {
                        is_there = line.next_value(value, is_there);
                    }
                }
                is_there
            }
            Self::SentField(name) => {
                let mut is_there = false;
                if let Some(fields) = entry.response_fields {
                    fields.each(&mut |spelled, value| {
                        if is_field(name, spelled) {
                            is_there = line.next_value(value, is_there);
                        }
                    });
                }
                is_there
            }
        }
    }
}

/// Whether a field has the name that a variable gives it, where a hyphen stands for an underscore too.
fn is_field(name: &str, spelled: &[u8]) -> bool {
    let same = |(a, b): (u8, &u8)| a == b.to_ascii_lowercase() || (a == b'-' && *b == b'_');
    name.len() == spelled.len() && name.bytes().zip(spelled).all(same)
}

/// A target without the scheme and the authority that it may begin with (RFC 9112 3.2.2).
fn in_origin_form(target: &[u8]) -> &[u8] {
    if target.starts_with(b"/") {
        return target;
    }
    let Some(rest) = memchr::memmem::find(target, b"://").and_then(|at| target.get(at + 3..)) else { return target };
    let path = rest.iter().position(|byte| b"/?".contains(byte)).and_then(|at| rest.get(at..));
    path.unwrap_or(b"/")
}

/// The path and the query of a target.
fn split(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'?', target).and_then(|mark| target.split_at_checked(mark)) {
        Some((path, query)) => (path, query.get(1..)),
        None => (target, None),
    }
}

/// The line that is being written, and how values that somebody else chose are escaped in it.
pub(super) struct Line<'a> {
    pub(super) room: Room<'a>,
    pub(super) escape: Escape,
}

impl<'a> Line<'a> {
    /// What needs no escaping.
    pub(super) fn raw(&mut self, value: &[u8]) -> bool {
        self.any(Some(value), Room::bytes)
    }

    /// What a stranger may have chosen; nothing counts as not there.
    fn text(&mut self, value: &[u8]) -> bool {
        let escape = self.escape;
        self.any((!value.is_empty()).then_some(value), |room, value| room.escaped(value, MAX_VALUE, escape))
    }

    fn number(&mut self, value: u64) -> bool {
        self.any(Some(value), Room::decimal)
    }

    /// Writes a value if there is one. Returned is whether there is.
    fn any<T>(&mut self, value: Option<T>, write: impl FnOnce(Room<'a>, T) -> Room<'a>) -> bool {
        let Some(value) = value else { return false };
        self.room = write(std::mem::take(&mut self.room), value);
        true
    }

    /// A backend as ingress-nginx names its upstreams. Names of objects have been checked and need no escaping.
    fn upstream(&mut self, backend: &BackendRef) -> bool {
        self.raw(backend.namespace.as_bytes());
        self.raw(b"-");
        self.raw(backend.service.as_bytes());
        self.raw(b"-");
        self.any(Some(&backend.port), Room::port)
    }

    fn next_value(&mut self, value: &[u8], is_later: bool) -> bool {
        if is_later {
            self.raw(b", ");
        }
        self.text(value);
        true
    }

    /// One value per endpoint that was asked.
    fn attempts(&mut self, entry: &Entry<'_>, mut write: impl FnMut(&mut Self, &Attempt) -> bool) -> bool {
        for (index, attempt) in entry.attempts.iter().enumerate() {
            if index > 0 {
                self.raw(b", ");
            }
            if !write(self, attempt) {
                self.raw(b"-");
            }
        }
        !entry.attempts.is_empty()
    }
}

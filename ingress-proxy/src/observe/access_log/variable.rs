//! nginx's variables, as far as a log line may have them.

use ingress_core::policy::BackendRef;

use super::entry::{Attempt, Entry};
use super::number::{Dates, decimal, ip, millis, port, seconds, socket};
use super::{MAX_VALUE, capped};
use crate::message::Known;
use crate::observe::escape::Escape;

/// One variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    RemoteAddr,
    RemotePort,
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
            "remote_addr" | "the_real_ip" | "realip_remote_addr" => Self::RemoteAddr,
            "remote_port" | "realip_remote_port" => Self::RemotePort,
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
            "scheme" | "pass_access_scheme" => Self::Scheme,
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
    pub(super) fn write(&self, out: &mut Vec<u8>, entry: &Entry<'_>, dates: &Dates, escape: Escape) -> bool {
        let mut line = Line { out, escape };
        match self {
            Self::RemoteAddr => entry.remote_addr.map(|address| ip(line.out, address)).is_some(),
            Self::RemotePort => line.number(entry.remote_port.into()),
            Self::RemoteUser => line.text(entry.remote_user.unwrap_or_default()),
            Self::ProxyProtocolAddr => entry.proxy_protocol_addr.map(|address| ip(line.out, address)).is_some(),
            Self::TimeLocal => line.raw(dates.local()),
            Self::TimeIso8601 => line.raw(dates.iso()) && line.raw(b"+00:00"),
            Self::Msec => line.written(|out| millis(out, entry.unix_millis)),
            Self::Request => {
                if entry.method.is_empty() {
                    return line.text(entry.target);
                }
                for part in [entry.method, b" ", entry.target, b" ", entry.version.as_str().as_bytes()] {
                    line.text(part);
                }
                true
            }
            Self::RequestUri => line.text(entry.target),
            Self::Uri => line.text(entry.path),
            Self::Args => line.text(query(entry.target).unwrap_or_default()),
            Self::IsArgs => {
                if query(entry.target).is_some_and(|query| !query.is_empty()) {
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
            Self::RequestTime => line.written(|out| seconds(out, entry.duration_us)),
            Self::UpstreamName => entry.backend.is_some_and(|it| line.upstream(it)),
            Self::AlternativeUpstreamName => entry.canary.is_some_and(|it| line.upstream(it)),
            Self::UpstreamAddr => line.attempts(entry, |out, it| it.addr.map(|addr| socket(out, addr)).is_some()),
            Self::UpstreamStatus => line.attempts(entry, |out, it| {
                decimal(out, it.status.into());
                true
            }),
            Self::UpstreamResponseLength => line.attempts(entry, |out, it| {
                decimal(out, it.response_bytes);
                true
            }),
            Self::UpstreamResponseTime => line.attempts(entry, |out, it| duration(out, it.response_us)),
            Self::UpstreamHeaderTime => line.attempts(entry, |out, it| duration(out, it.header_us)),
            Self::UpstreamConnectTime => line.attempts(entry, |out, it| duration(out, it.connect_us)),
            Self::RequestId => line.text(entry.request_id),
            Self::Host => line.text(entry.host),
            Self::Scheme => line.raw(if entry.tls.is_some() { b"https" } else { b"http" }),
            Self::Https => {
                line.raw(if entry.tls.is_some() { b"on" } else { b"" });
                true
            }
            Self::ServerAddr => entry.server_addr.map(|address| ip(line.out, address.ip())).is_some(),
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
            Self::ServicePort => entry.backend.map(|backend| port(line.out, &backend.port)).is_some(),
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

fn query(target: &[u8]) -> Option<&[u8]> {
    let mark = memchr::memchr(b'?', target)?;
    target.get(mark + 1..)
}

fn duration(out: &mut Vec<u8>, microseconds: Option<u64>) -> bool {
    microseconds.map(|it| seconds(out, it)).is_some()
}

/// The line that is being written, with what each kind of value needs.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    escape: Escape,
}

impl Line<'_> {
    /// What a stranger may have chosen; nothing counts as not there.
    fn text(&mut self, value: &[u8]) -> bool {
        capped(self.out, value, MAX_VALUE, self.escape);
        !value.is_empty()
    }

    /// What needs no escaping.
    fn raw(&mut self, value: &[u8]) -> bool {
        self.out.extend_from_slice(value);
        true
    }

    fn number(&mut self, value: u64) -> bool {
        decimal(self.out, value);
        true
    }

    fn written(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        write(self.out);
        true
    }

    /// A backend as ingress-nginx names its upstreams. Names of objects have been checked and need no escaping.
    fn upstream(&mut self, backend: &BackendRef) -> bool {
        self.raw(backend.namespace.as_bytes());
        self.raw(b"-");
        self.raw(backend.service.as_bytes());
        self.raw(b"-");
        port(self.out, &backend.port);
        true
    }

    fn next_value(&mut self, value: &[u8], is_later: bool) -> bool {
        if is_later {
            self.raw(b", ");
        }
        self.text(value);
        true
    }

    /// One value per endpoint that was asked.
    fn attempts(&mut self, entry: &Entry<'_>, mut write: impl FnMut(&mut Vec<u8>, &Attempt) -> bool) -> bool {
        for (index, attempt) in entry.attempts.iter().enumerate() {
            if index > 0 {
                self.raw(b", ");
            }
            if !write(self.out, attempt) {
                self.raw(b"-");
            }
        }
        !entry.attempts.is_empty()
    }
}

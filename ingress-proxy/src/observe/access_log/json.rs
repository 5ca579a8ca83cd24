//! A line as a JSON object whose keys stand in the same order every time; what is not known is left out.

use super::entry::Entry;
use super::number::Dates;
use super::room::Room;
use super::{MAX_SHORT_VALUE, MAX_VALUE};
use crate::message::Known;
use crate::observe::escape::Escape;

/// Writes the object.
pub(super) fn write<'a>(room: Room<'a>, entry: &Entry<'_>, dates: &Dates) -> Room<'a> {
    let room = room.text(r#"{"time":""#).bytes(dates.iso()).fraction(entry.unix_millis).text("Z\"");
    let room = upstream(rule(client(room, entry), entry), entry);
    let room = match entry.tls {
        None => room,
        Some(tls) => room
            .word(r#","tls_protocol":""#, Some(tls.protocol))
            .value(r#","tls_cipher":""#, tls.cipher.as_bytes())
            .value(r#","sni":""#, tls.server_name.unwrap_or_default().as_bytes()),
    };
    room.number(r#","connection":"#, entry.connection)
        .number(r#","connection_requests":"#, entry.connection_requests)
        .text("}")
}

/// What the client sent and got.
fn client<'a>(room: Room<'a>, entry: &Entry<'_>) -> Room<'a> {
    let (mut referer, mut user_agent, mut forwarded_for): (&[u8], &[u8], &[u8]) = (b"", b"", b"");
    for (known, _, value) in entry.fields.iter().flat_map(|fields| fields.iter()) {
        match known {
            Known::Referer => referer = value,
            Known::UserAgent => user_agent = value,
            Known::XForwardedFor => forwarded_for = value,
            _ => {}
        }
    }
    let room = room.quoted(r#","remote_addr":""#, entry.remote_addr, Room::ip);
    let room = match entry.remote_port {
        Some(port) => room.number(r#","remote_port":"#, port.into()),
        None => room,
    };
    room.value(r#","remote_user":""#, entry.remote_user.unwrap_or_default())
        .value(r#","method":""#, entry.method)
        .text(if entry.is_https { r#","scheme":"https""# } else { r#","scheme":"http""# })
        .value(r#","host":""#, entry.host)
        .long_value(r#","uri":""#, entry.target)
        .word(r#","protocol":""#, Some(entry.version.as_str()))
        .number(r#","status":"#, entry.status.into())
        .word(r#","reason":""#, entry.reason)
        .number(r#","request_length":"#, entry.request_length)
        .number(r#","bytes_sent":"#, entry.bytes_sent)
        .number(r#","body_bytes_sent":"#, entry.body_bytes_sent)
        .text(r#","request_time":"#)
        .seconds(entry.duration_us)
        .long_value(r#","referer":""#, referer)
        .value(r#","user_agent":""#, user_agent)
        .value(r#","forwarded_for":""#, forwarded_for)
        .value(r#","request_id":""#, entry.request_id)
}

/// Which rule decided, and where it leads.
fn rule<'a>(room: Room<'a>, entry: &Entry<'_>) -> Room<'a> {
    let service = entry.backend.map(|backend| backend.service.as_bytes());
    room.value(r#","namespace":""#, entry.namespace.as_bytes())
        .value(r#","ingress":""#, entry.ingress.as_bytes())
        .value(r#","path":""#, entry.rule_path.as_bytes())
        .value(r#","service":""#, service.unwrap_or_default())
        .quoted(r#","service_port":""#, entry.backend, |room, backend| room.port(&backend.port))
        .quoted(r#","canary":""#, entry.canary, |room, canary| {
            // Names of objects have been checked and need no escaping.
            room.bytes(canary.namespace.as_bytes())
                .put([b'/'])
                .bytes(canary.service.as_bytes())
                .put([b':'])
                .port(&canary.port)
        })
}

/// What the last endpoint that was asked made of it.
fn upstream<'a>(room: Room<'a>, entry: &Entry<'_>) -> Room<'a> {
    let Some(last) = entry.attempts.last() else { return room.text(r#","upstream_attempts":0"#) };
    let room = room.quoted(r#","upstream_addr":""#, last.addr, Room::socket);
    let room = match last.status {
        Some(status) => room.number(r#","upstream_status":"#, status.into()),
        None => room,
    };
    let room = match last.response_us {
        Some(microseconds) => room.text(r#","upstream_time":"#).seconds(microseconds),
        None => room,
    };
    room.number(r#","upstream_bytes":"#, last.response_bytes)
        .number(r#","upstream_attempts":"#, entry.attempts.len() as u64)
}

impl Room<'_> {
    #[inline(always)]
    fn number(self, key: &'static str, value: u64) -> Self {
        self.text(key).decimal(value)
    }

    /// What a stranger may have chosen, as a string. The key comes with the quotation mark that begins it.
    #[inline(always)]
    fn value(self, key: &'static str, value: &[u8]) -> Self {
        self.quoted(key, (!value.is_empty()).then_some(value), |room, value| {
            room.escaped(value, MAX_SHORT_VALUE, Escape::Json)
        })
    }

    /// The same for what may be long.
    #[inline(always)]
    fn long_value(self, key: &'static str, value: &[u8]) -> Self {
        self.quoted(key, (!value.is_empty()).then_some(value), |room, value| {
            room.escaped(value, MAX_VALUE, Escape::Json)
        })
    }

    /// A word of the program's own.
    #[inline(always)]
    fn word(self, key: &'static str, value: Option<&'static str>) -> Self {
        self.quoted(key, value, |room, value| room.bytes(value.as_bytes()))
    }

    #[inline(always)]
    fn quoted<T>(self, key: &'static str, value: Option<T>, write: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => write(self.text(key), value).put([b'"']),
            None => self,
        }
    }
}

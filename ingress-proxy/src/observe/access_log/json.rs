//! A line as a JSON object with the same keys every time; what is not known is null.

use super::entry::Entry;
use super::number::{Dates, decimal, fraction, ip, port, seconds, socket};
use super::{MAX_SHORT_VALUE, MAX_VALUE, capped};
use crate::message::Known;
use crate::observe::escape::Escape;

/// A member as it begins with a string, and as it is with null.
#[derive(Clone, Copy)]
struct Key {
    string: &'static str,
    null: &'static str,
}

macro_rules! key {
    ($name:literal) => {
        Key { string: concat!(",\"", $name, "\":\""), null: concat!(",\"", $name, "\":null") }
    };
}

/// Writes the object.
pub(super) fn write(out: &mut Vec<u8>, entry: &Entry<'_>, dates: &Dates) {
    let mut line = Line(out);
    line.raw("{\"time\":\"");
    line.0.extend_from_slice(dates.iso());
    fraction(line.0, entry.unix_millis);
    line.raw("Z\"");
    client(&mut line, entry);
    rule(&mut line, entry);
    upstream(&mut line, entry);
    match entry.tls {
        None => line.raw(",\"tls_protocol\":null,\"tls_cipher\":null,\"sni\":null"),
        Some(tls) => {
            line.word(key!("tls_protocol"), Some(tls.protocol));
            line.text(key!("tls_cipher"), tls.cipher.as_bytes());
            line.text(key!("sni"), tls.server_name.unwrap_or_default().as_bytes());
        }
    }
    line.number(",\"connection\":", entry.connection);
    line.number(",\"connection_requests\":", entry.connection_requests);
    line.raw("}");
}

/// What the client sent and got.
fn client(line: &mut Line<'_>, entry: &Entry<'_>) {
    let (mut referer, mut user_agent, mut forwarded_for): (&[u8], &[u8], &[u8]) = (b"", b"", b"");
    for (known, _, value) in entry.fields.iter().flat_map(|fields| fields.iter()) {
        match known {
            Known::Referer => referer = value,
            Known::UserAgent => user_agent = value,
            Known::XForwardedFor => forwarded_for = value,
            _ => {}
        }
    }
    line.quoted(key!("remote_addr"), entry.remote_addr, ip);
    line.number(",\"remote_port\":", entry.remote_port.into());
    line.text(key!("remote_user"), entry.remote_user.unwrap_or_default());
    line.text(key!("method"), entry.method);
    line.raw(if entry.tls.is_some() { ",\"scheme\":\"https\"" } else { ",\"scheme\":\"http\"" });
    line.text(key!("host"), entry.host);
    line.long(key!("uri"), entry.target);
    line.word(key!("protocol"), Some(entry.version.as_str()));
    line.number(",\"status\":", entry.status.into());
    line.word(key!("reason"), entry.reason);
    line.number(",\"request_length\":", entry.request_length);
    line.number(",\"bytes_sent\":", entry.bytes_sent);
    line.number(",\"body_bytes_sent\":", entry.body_bytes_sent);
    line.raw(",\"request_time\":");
    seconds(line.0, entry.duration_us);
    line.long(key!("referer"), referer);
    line.text(key!("user_agent"), user_agent);
    line.text(key!("forwarded_for"), forwarded_for);
    line.text(key!("request_id"), entry.request_id);
}

/// Which rule decided, and where it leads.
fn rule(line: &mut Line<'_>, entry: &Entry<'_>) {
    line.text(key!("namespace"), entry.namespace.as_bytes());
    line.text(key!("ingress"), entry.ingress.as_bytes());
    line.text(key!("path"), entry.rule_path.as_bytes());
    let service = entry.backend.map(|backend| backend.service.as_bytes());
    line.text(key!("service"), service.unwrap_or_default());
    line.quoted(key!("service_port"), entry.backend, |out, backend| port(out, &backend.port));
    line.quoted(key!("canary"), entry.canary, |out, canary| {
        // Names of objects have been checked and need no escaping.
        out.extend_from_slice(canary.namespace.as_bytes());
        out.push(b'/');
        out.extend_from_slice(canary.service.as_bytes());
        out.push(b':');
        port(out, &canary.port);
    });
}

/// What the last endpoint that was asked made of it.
fn upstream(line: &mut Line<'_>, entry: &Entry<'_>) {
    let Some(last) = entry.attempts.last() else {
        return line.raw(concat!(
            ",\"upstream_addr\":null,\"upstream_status\":null,\"upstream_time\":null,",
            "\"upstream_bytes\":null,\"upstream_attempts\":0",
        ));
    };
    line.quoted(key!("upstream_addr"), last.addr, socket);
    line.number(",\"upstream_status\":", last.status.into());
    line.raw(",\"upstream_time\":");
    match last.response_us {
        Some(microseconds) => seconds(line.0, microseconds),
        None => line.raw("null"),
    }
    line.number(",\"upstream_bytes\":", last.response_bytes);
    line.number(",\"upstream_attempts\":", entry.attempts.len() as u64);
}

struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
    #[inline]
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    #[inline]
    fn number(&mut self, key: &str, value: u64) {
        self.raw(key);
        decimal(self.0, value);
    }

    /// What a stranger may have chosen; nothing is null.
    fn text(&mut self, key: Key, value: &[u8]) {
        self.quoted(key, (!value.is_empty()).then_some(value), |out, value| {
            capped(out, value, MAX_SHORT_VALUE, Escape::Json);
        });
    }

    /// The same for what may be long.
    fn long(&mut self, key: Key, value: &[u8]) {
        self.quoted(key, (!value.is_empty()).then_some(value), |out, value| {
            capped(out, value, MAX_VALUE, Escape::Json)
        });
    }

    /// A word of the program's own.
    fn word(&mut self, key: Key, value: Option<&'static str>) {
        self.quoted(key, value, |out, value| out.extend_from_slice(value.as_bytes()));
    }

    #[inline]
    fn quoted<T>(&mut self, key: Key, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
        let Some(value) = value else { return self.raw(key.null) };
        self.raw(key.string);
        write(self.0, value);
        self.0.push(b'"');
    }
}

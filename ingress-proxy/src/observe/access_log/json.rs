//! A line as a JSON object with the same keys every time; what is not known is null.

use std::io::Write as _;

use super::entry::Entry;
use super::number::{Dates, decimal, ip, seconds, socket};
use super::{MAX_SHORT_VALUE, MAX_VALUE, capped};
use crate::message::{Fields, Known};
use crate::observe::escape::Escape;

/// Writes the object.
pub(super) fn write(out: &mut Vec<u8>, entry: &Entry<'_>, dates: &Dates) {
    let backend = entry.backend.map(|backend| &*backend.reference);
    let last = entry.attempts.last();
    let field = |known| entry.fields.and_then(|fields: &Fields| fields.first(known));
    let mut object = Object(out);

    object.begin(b"{\"time\":\"");
    object.0.extend_from_slice(dates.iso());
    let millis = entry.unix_millis % 1_000;
    object.0.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis)]);
    object.begin(b"Z\",\"remote_addr\":");
    object.quoted(entry.remote_addr, ip);
    object.begin(b",\"remote_port\":");
    decimal(object.0, entry.remote_port.into());
    object.begin(b",\"remote_user\":");
    object.text(entry.remote_user, MAX_SHORT_VALUE);
    object.begin(b",\"method\":");
    object.text(Some(entry.method), MAX_SHORT_VALUE);
    object.begin(if entry.tls.is_some() {
        b",\"scheme\":\"https\",\"host\":"
    } else {
        b",\"scheme\":\"http\",\"host\":"
    });
    object.text(Some(entry.host), MAX_SHORT_VALUE);
    object.begin(b",\"uri\":");
    object.text(Some(entry.target), MAX_VALUE);
    object.begin(b",\"protocol\":\"");
    object.0.extend_from_slice(entry.version.as_str().as_bytes());
    object.begin(b"\",\"status\":");
    decimal(object.0, entry.status.into());
    object.begin(b",\"reason\":");
    object.name(entry.reason);
    object.begin(b",\"request_length\":");
    decimal(object.0, entry.request_length);
    object.begin(b",\"bytes_sent\":");
    decimal(object.0, entry.bytes_sent);
    object.begin(b",\"body_bytes_sent\":");
    decimal(object.0, entry.body_bytes_sent);
    object.begin(b",\"request_time\":");
    seconds(object.0, entry.duration_us);
    object.begin(b",\"referer\":");
    object.text(field(Known::Referer), MAX_VALUE);
    object.begin(b",\"user_agent\":");
    object.text(field(Known::UserAgent), MAX_SHORT_VALUE);
    object.begin(b",\"forwarded_for\":");
    object.text(field(Known::XForwardedFor), MAX_SHORT_VALUE);
    object.begin(b",\"request_id\":");
    object.text(Some(entry.request_id), MAX_SHORT_VALUE);
    object.begin(b",\"namespace\":");
    object.text(Some(entry.namespace.as_bytes()), MAX_SHORT_VALUE);
    object.begin(b",\"ingress\":");
    object.text(Some(entry.ingress.as_bytes()), MAX_SHORT_VALUE);
    object.begin(b",\"path\":");
    object.text(Some(entry.rule_path.as_bytes()), MAX_SHORT_VALUE);
    object.begin(b",\"service\":");
    object.text(backend.map(|backend| backend.service.as_bytes()), MAX_SHORT_VALUE);
    object.begin(b",\"service_port\":");
    // Names of objects have been checked and need no escaping.
    object.quoted(entry.backend, |out, backend| drop(write!(out, "{}", backend.port)));
    object.begin(b",\"canary\":");
    object.quoted(entry.canary, |out, canary| drop(write!(out, "{canary}")));
    object.begin(b",\"upstream_addr\":");
    object.quoted(last.and_then(|last| last.addr), socket);
    object.begin(b",\"upstream_status\":");
    object.or_null(last.map(|last| last.status), |out, status| decimal(out, status.into()));
    object.begin(b",\"upstream_time\":");
    object.or_null(last.and_then(|last| last.response_us), seconds);
    object.begin(b",\"upstream_bytes\":");
    object.or_null(last.map(|last| last.response_bytes), decimal);
    object.begin(b",\"upstream_attempts\":");
    decimal(object.0, entry.attempts.len() as u64);
    object.begin(b",\"tls_protocol\":");
    object.name(entry.tls.map(|tls| tls.protocol));
    object.begin(b",\"tls_cipher\":");
    object.text(entry.tls.map(|tls| tls.cipher.as_bytes()), MAX_SHORT_VALUE);
    object.begin(b",\"sni\":");
    object.text(entry.tls.and_then(|tls| tls.server_name).map(str::as_bytes), MAX_SHORT_VALUE);
    object.begin(b",\"connection\":");
    decimal(object.0, entry.connection);
    object.begin(b",\"connection_requests\":");
    decimal(object.0, entry.connection_requests);
    object.begin(b"}");
}

fn digit(value: u64) -> u8 {
    b'0' + (value % 10) as u8
}

struct Object<'a>(&'a mut Vec<u8>);

impl Object<'_> {
    /// The end of one member and the key of the next.
    #[inline]
    fn begin(&mut self, text: &[u8]) {
        self.0.extend_from_slice(text);
    }

    fn or_null<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
        match value {
            Some(value) => write(self.0, value),
            None => self.begin(b"null"),
        }
    }

    fn quoted<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
        self.or_null(value, |out, value| {
            out.push(b'"');
            write(out, value);
            out.push(b'"');
        });
    }

    /// What a stranger may have chosen; nothing is null.
    fn text(&mut self, value: Option<&[u8]>, most: usize) {
        let value = value.filter(|value| !value.is_empty());
        self.quoted(value, |out, value| capped(out, value, most, Escape::Json));
    }

    /// A word of the program's own.
    fn name(&mut self, value: Option<&'static str>) {
        self.quoted(value, |out, value| out.extend_from_slice(value.as_bytes()));
    }
}

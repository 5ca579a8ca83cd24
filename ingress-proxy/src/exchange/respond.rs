//! An endpoint's response on its way to the client.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::attempt::Failure;
use super::flow::{Flow, FlowError, Terms};
use super::forward::Exchange;
use super::record::{Record, Sent};
use super::response::{ResponseFields, body_length};
use super::{Downstream, HeadError, Outcome, Scratch, tunnel};
use crate::message::{Known, OutgoingResponse, RequestHead, ResponseHead, Source, Version};
use crate::upstream::{Connection, InFlight, Outcome as Health, affinity};
use crate::worker::Trouble;

/// How long a client may take to get what came before its response broke off.
const FAREWELL: Duration = Duration::from_secs(30);

impl<'a, D: Downstream> Exchange<'a, D> {
    /// Passes the response on whose head has come.
    pub(super) async fn respond(
        &mut self,
        mut connection: Connection,
        in_flight: InFlight,
        key: Option<affinity::Key>,
        scratch: &mut Scratch,
        record: &mut Record,
    ) -> Outcome {
        let worker = self.worker;
        if scratch.response.status == 101 && !tunnel::is_agreed(&scratch.websocket_key, &scratch.response) {
            let error = HeadError::Malformed(crate::message::Rejection::StartLine);
            let failure = Failure::head(&error, &connection);
            worker.report(&in_flight, Health::Failure, self.latency(record.header_time()));
            worker.metrics.upstream_failures.count(failure.reason);
            worker.trouble(Trouble::Down, in_flight.endpoint(), &failure.reason);
            return self.give_up(failure, scratch, record).await;
        }
        worker.report(&in_flight, Health::Success, self.latency(record.header_time()));
        worker.up_again(in_flight.endpoint());
        if scratch.response.status == 101 {
            let cookie = key.and_then(|key| self.cookie(&key));
            let fields = self.response_fields(scratch, cookie.as_deref());
            if self.down.switch(&fields).is_err() {
                record.client_gone(worker);
                return Outcome::Broken;
            }
            record.status = 101;
            record.sent = Sent::Response;
            return tunnel::run(self.down, connection, record).await;
        }
        if self.head.websocket && self.head.version == Version::Http2 && scratch.response.status < 300 {
            // In HTTP/2 that would say that the tunnel is there (RFC 8441 5), and a page would be taken for its bytes.
            return self.give_up(Failure::NO_WEBSOCKET, scratch, record).await;
        }
        let cookie = key.and_then(|key| self.cookie(&key));
        let date = (!scratch.response.has_date).then(|| worker.today.text());
        let fields = ResponseFields { date: date.as_deref(), ..self.response_fields(scratch, cookie.as_deref()) };
        let body = body_length(&scratch.response, self.head);
        record.status = scratch.response.status;
        if self.head.websocket || worker.is_draining() || !self.down.is_done() {
            // What the client has sent behind its request are bytes of a tunnel that there is not, or those of a body that nobody
            // may read to its end; and on its way out the worker takes no other request.
            self.down.close_after();
        }
        if self.down.start(&OutgoingResponse { status: scratch.response.status, fields: &fields, body }).is_err() {
            record.client_gone(worker);
            return Outcome::Broken;
        }
        record.sent = Sent::Response;
        let hides = self.plan.route.filters.as_deref();
        let back = Terms { set: Some(&scratch.response_headers), hides, ..Terms::default() };
        let gone = || Poll::Ready(Err(FlowError::Sink(io::ErrorKind::ConnectionAborted.into())));
        let mut download = Flow::default();
        let mut is_uploading = !self.head.websocket;
        let end = poll_fn(|cx| {
            if is_uploading && !self.upload.is_done() {
                let terms = self.terms(scratch);
                match self.upload.poll(cx, self.down, &mut connection, &terms) {
                    // That it has ended is the last that the client says.
                    Poll::Ready(Ok(())) => connection.wait_anew(),
                    // An endpoint may begin to answer and still need the rest.
                    Poll::Pending => self.wait_for_body(&mut connection),
                    Poll::Ready(Err(FlowError::Sink(_))) => is_uploading = false,
                    // It is the client that has broken off.
                    Poll::Ready(Err(FlowError::Source(_))) => return gone(),
                    Poll::Ready(Err(FlowError::TooLong)) => return Poll::Ready(Err(FlowError::TooLong)),
                }
            } else if !is_uploading {
                self.down.hoard(cx);
            }
            let sent = download.poll(cx, &mut connection, self.down, &back);
            if sent.is_pending() && self.down.poll_gone(cx).is_ready() {
                // An endpoint that has nothing to say for now would never be told.
                return gone();
            }
            sent
        })
        .await;
        match end {
            Ok(()) => {
                record.responded(download.bytes);
                if !is_bound(self.head, &scratch.response) {
                    connection.give_back(worker, in_flight.endpoint());
                }
                Outcome::Complete
            }
            Err(error) => {
                record.broken(worker, &error);
                if matches!(error, FlowError::Source(_) | FlowError::TooLong) {
                    // What has come is passed on, so that the end is seen for what it is: on a connection that was used before,
                    // an end without a byte would look like one of an idle connection, and the request would be sent again.
                    let _ = timeout(FAREWELL, poll_fn(|cx| self.down.poll_hand_over(cx))).await;
                }
                record.responded(download.bytes);
                Outcome::Broken
            }
        }
    }

    /// The fields of the response as the client sees them.
    pub(super) fn response_fields<'f>(&self, scratch: &'f Scratch, cookie: Option<&'f [u8]>) -> ResponseFields<'f>
    where
        'a: 'f,
    {
        let filters = self.plan.route.filters.as_deref();
        ResponseFields { cookie, ..ResponseFields::new(self.head, scratch, filters) }
    }

    /// The cookie that brings the client back to its endpoint.
    fn cookie(&self, key: &affinity::Key) -> Option<Vec<u8>> {
        let (affinity, path) = self.plan.cookie.as_ref()?;
        let mut value = Vec::new();
        let cookie = affinity::SetCookie {
            affinity,
            key,
            backend: self.plan.group.backend_key(),
            path: path.as_deref()?,
            is_https: self.client.conn.tls.is_some(),
            user_agent: self.head.fields.first(Known::UserAgent),
            unix_now: super::record::unix_now(),
        };
        cookie.write(&mut value);
        (!value.is_empty()).then_some(value)
    }
}

/// Whether the connection may be somebody's: in these schemes it is authenticated and not the request, so that whoever came next
/// on it would be taken for the same client.
fn is_bound(request: &RequestHead, response: &ResponseHead) -> bool {
    let asked = response.status == 401 && response.fields.all(Known::WwwAuthenticate).any(names_connection_scheme);
    asked || request.fields.all(Known::Authorization).any(names_connection_scheme)
}

/// Whether an element of a list of challenges, or credentials, begins with a scheme that authenticates connections.
fn names_connection_scheme(value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|element| {
        let element = element.trim_ascii_start();
        let end = element.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(element.len());
        let scheme = element.get(..end).unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"ntlm") || scheme.eq_ignore_ascii_case(b"negotiate")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_that_authenticate_connections() {
        for (value, expected) in [
            ("NTLM", true),
            ("NTLM TlRMTVNTUAABAAAA", true),
            ("negotiate YII=", true),
            ("Basic realm=\"a\", Negotiate", true),
            ("Basic realm=\"NTLM\"", false),
            ("Bearer ntlm", false),
            ("NTLM2 x", false),
            ("", false),
        ] {
            assert_eq!(names_connection_scheme(value.as_bytes()), expected, "`{value}`");
        }
    }
}

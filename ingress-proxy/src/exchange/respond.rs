//! An endpoint's response on its way to the client.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use super::attempt::Failure;
use super::flow::{Flow, FlowError};
use super::forward::Exchange;
use super::record::Record;
use super::response::{ResponseFields, body_length};
use super::{Downstream, HeadError, Outcome, Scratch, tunnel};
use crate::message::{Known, OutgoingResponse};
use crate::upstream::{Connection, Endpoint, InFlight, Outcome as Health, affinity};

impl<D: Downstream> Exchange<'_, D> {
    /// Passes the response on whose head has come.
    pub(super) async fn respond(
        &mut self,
        mut connection: Connection,
        in_flight: InFlight,
        endpoint: &Rc<Endpoint>,
        scratch: &mut Scratch,
        record: &mut Record,
    ) -> Outcome {
        let worker = self.worker;
        record.answered(scratch.response.status);
        in_flight.end(Health::Success, record.upstream_time(), worker.clock.now());
        if scratch.response.status == 101 {
            if !tunnel::is_agreed(&scratch.websocket_key, &scratch.response) {
                let error = HeadError::Malformed(crate::message::Rejection::StartLine);
                return self.give_up(Failure::head(&error, &connection), scratch, record).await;
            }
            let fields = self.response_fields(scratch, None);
            if self.down.switch(&fields).is_err() {
                return Outcome::Broken;
            }
            record.status = 101;
            return tunnel::run(self.down, connection, record).await;
        }
        let cookie = self.cookie(endpoint);
        let fields = self.response_fields(scratch, cookie.as_deref());
        let body = body_length(&scratch.response, self.head.method == b"HEAD");
        record.status = scratch.response.status;
        if self.down.start(&OutgoingResponse { status: scratch.response.status, fields: &fields, body }).is_err() {
            return Outcome::Broken;
        }
        let mut download = Flow::default();
        let mut is_uploading = !self.head.websocket;
        let limit = self.plan.body_limit;
        let end = poll_fn(|cx| {
            if is_uploading && !self.upload.is_done() {
                match self.upload.poll(cx, self.down, &mut connection, limit) {
                    Poll::Ready(Ok(())) | Poll::Pending => {}
                    Poll::Ready(Err(FlowError::Sink(_))) => is_uploading = false,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                }
            }
            download.poll(cx, &mut connection, self.down, None)
        })
        .await;
        record.body_bytes = download.bytes;
        match end {
            Ok(()) => {
                connection.give_back(worker, endpoint);
                Outcome::Complete
            }
            Err(error) => {
                record.broken(worker, &error);
                Outcome::Broken
            }
        }
    }

    /// The fields of the response as the client sees them.
    pub(super) fn response_fields<'f>(&'f self, scratch: &'f Scratch, cookie: Option<&'f [u8]>) -> ResponseFields<'f> {
        let scheme = if self.client.conn.tls.is_some() { "https" } else { "http" };
        let authority = self.head.authority.as_deref().or_else(|| self.head.fields.first(Known::Host));
        ResponseFields {
            head: &scratch.response,
            set: &scratch.response_headers,
            filters: self.plan.route.filters.as_deref(),
            cookie,
            client_origin: (scheme, authority.unwrap_or_default()),
            upstream_authority: &scratch.authority,
        }
    }

    /// The cookie that brings the client back to its endpoint, unless it has that already.
    fn cookie(&self, endpoint: &Rc<Endpoint>) -> Option<Vec<u8>> {
        let (settings, path) = self.plan.cookie.as_ref()?;
        let affinity = settings.affinity.as_ref()?;
        let sent = affinity::cookie(self.head.fields.all(Known::Cookie), &affinity.cookie);
        if sent.is_some_and(|value| affinity::names(value, endpoint)) {
            return None;
        }
        let user_agent = self.head.fields.first(Known::UserAgent);
        let is_tls = self.client.conn.tls.is_some();
        Some(affinity::set_cookie(affinity, endpoint, path, is_tls, user_agent, super::record::unix_now()))
    }
}

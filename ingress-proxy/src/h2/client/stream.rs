//! One request to an endpoint and its response.

use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::client::ResponseFuture;
use http::header::{CONTENT_TYPE, HeaderValue, TE};
use http::uri::Scheme;
use http::{Method, Request, Uri, Version};

use super::connection::Slot;
use crate::exchange::{HeadError, Upstream};
use crate::h2::error::head_error;
use crate::h2::fields::{WhiteSpace, write};
use crate::h2::grpc::is_grpc_type;
use crate::h2::head::read_response;
use crate::h2::incoming::Incoming;
use crate::h2::outgoing::Outgoing;
use crate::message::{BodyError, BodyLength, Fill, OutgoingRequest, ResponseHead, Sink, Source, Trailers};
use crate::worker::Deadline;

/// An endpoint from which nothing at all was heard for so long while it owed an answer gets no more streams on that
/// connection: it may be a black hole.
const SUSPICIOUS: Duration = Duration::from_secs(5);

/// One stream to an endpoint. If it is dropped before its end it is reset.
#[derive(Debug)]
pub struct ClientStream {
    response: Option<ResponseFuture>,
    outgoing: Option<Outgoing>,
    incoming: Option<Incoming>,
    wait: Deadline,
    send_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
    /// Milliseconds of the clock.
    sent: u64,
    /// Whether the connection had served others, had no stream, and has said nothing from then until this one came.
    was_idle: bool,
    slot: Slot,
}

impl ClientStream {
    pub(super) fn new(slot: Slot, was_idle: bool) -> Self {
        let wait = Deadline::new(&slot.connection().shared().clock, None);
        Self {
            response: None,
            outgoing: None,
            incoming: None,
            wait,
            send_timeout: None,
            read_timeout: None,
            sent: 0,
            was_idle,
            slot,
        }
    }

    /// Whether the connection, which is gone, may have been so before this request.
    pub(crate) fn may_be_stale(&self) -> bool {
        self.was_idle && self.incoming.is_none() && !self.slot.connection().is_usable()
    }

    /// For how long the endpoint may take nothing, and for how long it may send nothing; none for as long as it likes.
    pub fn set_timeouts(&mut self, send: Option<Duration>, read: Option<Duration>) {
        self.send_timeout = send;
        self.read_timeout = read;
        self.wait.set_length(read);
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.set_stall(send);
        }
        if let Some(incoming) = &mut self.incoming {
            incoming.set_idle(read);
        }
    }

    fn outgoing(&mut self) -> io::Result<&mut Outgoing> {
        self.outgoing.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Waits for a head, but not for ever.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HeadError>> {
        if self.wait.is_over(cx) { Poll::Ready(Err(HeadError::TimedOut)) } else { Poll::Pending }
    }
}

/// The head as `h2` takes it, which is narrower than what HTTP/1 allows: in bytes of targets, and a request has an authority.
fn request(request: &OutgoingRequest<'_>, said: Option<u64>, is_tls: bool) -> Result<Request<()>, HeadError> {
    // What is left of an absolute form may be a query alone; the path is empty then and written as `/` (RFC 9113 8.3.1).
    let target = match request.target {
        target @ [b'?', ..] => Cow::Owned([b"/", target].concat()),
        target => Cow::Borrowed(target),
    };
    let mut head = Request::new(());
    *head.version_mut() = Version::HTTP_2;
    *head.method_mut() = Method::from_bytes(request.method).map_err(|_| HeadError::Unsayable)?;
    *head.uri_mut() = Uri::builder()
        .scheme(if is_tls { Scheme::HTTPS } else { Scheme::HTTP })
        .authority(request.authority)
        .path_and_query(&*target)
        .build()
        .map_err(|_| HeadError::Unsayable)?;
    *head.headers_mut() = write(request.fields, said).map_err(|_| HeadError::Unsayable)?;
    // Without it a gRPC server takes it that trailers do not get through.
    if head.headers().get(CONTENT_TYPE).is_some_and(|value| is_grpc_type(value.as_bytes())) {
        head.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    }
    Ok(head)
}

impl Upstream for ClientStream {
    fn start(&mut self, outgoing: &OutgoingRequest<'_>) -> Result<(), HeadError> {
        if outgoing.websocket {
            return Err(HeadError::Unsayable);
        }
        let (said, is_ended) = match outgoing.body {
            BodyLength::None => (None, true),
            BodyLength::Exact(length) | BodyLength::Declared(length) => (Some(length), length == 0),
            BodyLength::Unknown => (None, false),
        };
        let connection = self.slot.connection();
        let request = request(outgoing, said, connection.is_tls())?;
        // It went away between the choice and now, and nothing was sent.
        let mut requests = connection.requests().ok_or(HeadError::Refused)?;
        let sent = requests.send_request(request, is_ended);
        let (response, stream) = sent.map_err(|_| HeadError::Refused)?;
        let shared = connection.shared();
        self.outgoing = Some(Outgoing::new(stream, said, is_ended, shared, self.send_timeout));
        self.sent = shared.clock.now();
        self.response = Some(response);
        shared.guard.earn(1);
        Ok(())
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, head: &mut ResponseHead) -> Poll<Result<(), HeadError>> {
        if let Some(outgoing) = &mut self.outgoing {
            // That it fails is no news: an endpoint may answer without having read all.
            let _ = outgoing.poll_flush(cx);
        }
        let Some(response) = &mut self.response else {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::NotConnected).into()));
        };
        let result = match response.poll_informational(cx) {
            Poll::Ready(Some(interim)) => {
                interim.map_err(head_error).and_then(|interim| Ok(read_response(&interim.into_parts().0, true, head)?))
            }
            Poll::Ready(None) => match Pin::new(response).poll(cx) {
                Poll::Ready(Ok(response)) => {
                    self.response = None;
                    let (parts, body) = response.into_parts();
                    let result = read_response(&parts, body.is_end_stream(), head);
                    let shared = self.slot.connection().shared();
                    self.incoming = Some(Incoming::new(body, WhiteSpace::Trim, shared, self.read_timeout));
                    result.map_err(HeadError::from)
                }
                Poll::Ready(Err(error)) => Err(head_error(error)),
                Poll::Pending => return self.wait(cx),
            },
            Poll::Pending => return self.wait(cx),
        };
        self.wait.clear();
        Poll::Ready(result)
    }

    /// There is no tunnel to an endpoint over HTTP/2: [`start`](Self::start) refuses to ask for one.
    fn switch(&mut self) {}
}

impl Source for ClientStream {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill<'_>, BodyError>> {
        match &mut self.incoming {
            Some(incoming) => incoming.poll_fill(cx),
            None => Poll::Ready(Err(io::Error::from(io::ErrorKind::NotConnected).into())),
        }
    }

    fn consume(&mut self, amount: usize) {
        if let Some(incoming) = &mut self.incoming {
            incoming.consume(amount);
        }
    }

    fn hoard(&mut self, cx: &mut Context<'_>) {
        if let Some(incoming) = &mut self.incoming {
            incoming.hoard(cx);
        }
    }

    fn trailers(&mut self) -> Option<Trailers> {
        self.incoming.as_mut()?.trailers()
    }

    fn is_done(&self) -> bool {
        self.incoming.as_ref().is_some_and(Source::is_done)
    }

    fn wait_anew(&mut self) {
        self.wait.clear();
        if let Some(incoming) = &mut self.incoming {
            incoming.wait_anew();
        }
    }
}

impl Sink for ClientStream {
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.outgoing()?.poll_write(cx, data)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing()?.poll_flush(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Trailers>) -> Poll<io::Result<()>> {
        self.outgoing()?.poll_finish(cx, trailers)
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        let shared = self.slot.connection().shared();
        let waited = Duration::from_millis(shared.clock.now().saturating_sub(self.sent));
        if self.response.is_some() && waited >= SUSPICIOUS && shared.guard.silence() >= SUSPICIOUS {
            self.slot.connection().retire();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{NoFields, Version as Spoken};

    #[test]
    fn a_path_begins_with_a_slash() {
        for (target, path) in [(&b"?x=1"[..], "/?x=1"), (b"/a?x=1", "/a?x=1"), (b"*", "*")] {
            let outgoing = OutgoingRequest {
                version: Spoken::Http2,
                method: b"OPTIONS",
                target,
                authority: b"a.example",
                fields: &NoFields,
                body: BodyLength::None,
                websocket: false,
                connection: None,
            };
            let head = request(&outgoing, None, false).unwrap();
            assert_eq!(head.uri().path_and_query().unwrap().as_str(), path);
        }
    }
}

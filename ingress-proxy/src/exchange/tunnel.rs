//! WebSockets: once both sides have agreed, bytes are bytes.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::time::timeout;

use super::flow::{Flow, FlowError, Terms};
use super::record::Record;
use super::{Downstream, Outcome, Upstream};
use crate::message::{Known, ResponseHead, Sink, Source};
use crate::upstream::Connection;
use crate::worker::Random;

/// For how long an endpoint may go on when the client has ended.
const FAREWELL: Duration = Duration::from_secs(5);

/// Whether an endpoint has agreed to the WebSocket that was asked for with a key (RFC 6455 4.1): it says
/// `Upgrade: websocket` and has computed `Sec-WebSocket-Accept`.
pub(super) fn is_agreed(key: &[u8], head: &ResponseHead) -> bool {
    let mut upgrades = head.fields.all(Known::Upgrade);
    let is_websocket = upgrades.next().is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
    let mut accepts = head.fields.all(Known::SecWebSocketAccept);
    let is_accepted = accepts.next() == Some(accept(key).as_bytes());
    is_websocket && upgrades.next().is_none() && is_accepted && accepts.next().is_none()
}

fn accept(key: &[u8]) -> String {
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finish())
}

/// A key for a client that needs none itself (RFC 8441 5).
pub(super) fn new_key(random: &Random) -> Vec<u8> {
    let bytes = [random.next().to_be_bytes(), random.next().to_be_bytes()].concat();
    STANDARD.encode(bytes).into_bytes()
}

/// Copies both ways until one side ends.
pub(super) async fn run<D: Downstream>(down: &mut D, mut connection: Connection, record: &mut Record) -> Outcome {
    connection.switch();
    let (bytes, is_good) = splice(down, &mut connection).await;
    record.responded(bytes);
    if is_good { Outcome::Complete } else { Outcome::Broken }
}

/// Copies both ways until the endpoint ends, or a little longer than the client does; says how much came back, and whether the
/// end was an orderly one. As long as one side speaks, the other is not silent but listens.
pub(crate) async fn splice<A: Source + Sink, B: Source + Sink>(client: &mut A, server: &mut B) -> (u64, bool) {
    let (mut forth, mut back) = (Flow::default(), Flow::default());
    let terms = Terms::default();
    let mut is_deaf = false;
    let end = poll_fn(|cx| {
        loop {
            let before = (forth.bytes, back.bytes);
            let forward = forth.poll(cx, client, server, &terms);
            if forth.bytes != before.0 {
                server.wait_anew();
            }
            // What the endpoint has still to say is said before the tunnel ends.
            if let Poll::Ready(done) = back.poll(cx, server, client, &terms) {
                return Poll::Ready(done);
            }
            if let Poll::Ready(done) = forward {
                is_deaf = matches!(done, Err(FlowError::Sink(_)));
                return Poll::Ready(done);
            }
            if back.bytes == before.1 {
                return Poll::Pending;
            }
            // Its time begins with the next question.
            client.wait_anew();
        }
    })
    .await;
    if is_deaf {
        // An endpoint that takes nothing more may have said something before.
        let _ = timeout(FAREWELL, poll_fn(|cx| back.poll(cx, server, client, &terms))).await;
    }
    if end.is_err() {
        // What either has said last is not lost with it.
        let last = poll_fn(|cx| {
            let (there, here) = (server.poll_hand_over(cx), client.poll_hand_over(cx));
            if there.is_ready() && here.is_ready() { Poll::Ready(()) } else { Poll::Pending }
        });
        let _ = timeout(FAREWELL, last).await;
    }
    if end.is_err() || !forth.is_done() || back.is_done() {
        return (back.bytes, end.is_ok());
    }
    // The endpoint has been told; what it says to that is still wanted.
    let rest = timeout(FAREWELL, poll_fn(|cx| back.poll(cx, server, client, &terms))).await;
    let is_good = match rest {
        Ok(end) => end.is_ok(),
        Err(_) => poll_fn(|cx| client.poll_finish(cx, None)).await.is_ok(),
    };
    (back.bytes, is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        // RFC 6455 1.3
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(new_key(&Random::default()).len(), 24);
    }
}

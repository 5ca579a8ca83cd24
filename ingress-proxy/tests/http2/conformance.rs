//! RFC 9113, frame by frame: what a client may not do and what a server says then, and what it has to put up with.
//!
//! Each case goes over a connection of its own, after the preface and SETTINGS unless it is about those. Where the RFC leaves
//! a choice the case names all answers that are right.

mod flow;
mod frames;
mod messages;

use super::site::{PATIENCE, Peer, default_settings, opening, run};
use super::wire::*;

/// What a client does, and what has to come of it.
struct Case {
    /// The section of RFC 9113, unless another is named.
    section: &'static str,
    what: &'static str,
    send: Vec<u8>,
    expect: Expect,
}

#[derive(Clone, Copy, Debug)]
enum Expect {
    /// The stream is reset with one of these errors, or the connection is, and other streams go on in the first case.
    Stream(&'static [u32]),
    /// GOAWAY with one of these errors and the end of the connection.
    Connection(&'static [u32]),
    /// The end of the connection; nobody can say why.
    Close,
    /// A response with this status to the stream, and the connection goes on.
    Status(u32, u16),
    /// Nothing comes of it, and the connection goes on.
    Ignored,
    /// PING is answered with the same bytes.
    Pong([u8; 8]),
    /// DATA frames of these lengths come on stream 1.
    Data(&'static [usize]),
}

fn case(section: &'static str, what: &'static str, send: impl Into<Vec<u8>>, expect: Expect) -> Case {
    Case { section, what, send: send.into(), expect }
}

/// Bytes after the opening.
fn after(frames: &[&[u8]]) -> Vec<u8> {
    with(&[], frames)
}

/// Bytes after an opening with these settings.
fn with(values: &[(u16, u32)], frames: &[&[u8]]) -> Vec<u8> {
    let mut bytes = opening(values);
    frames.iter().for_each(|frame| bytes.extend(*frame));
    bytes
}

async fn check(peer: &mut Peer, case: &Case) -> Result<(), String> {
    peer.send(&case.send).await;
    let fail = |frames: &dyn std::fmt::Debug| Err(format!("{:?}, but {frames:?}", case.expect));
    match case.expect {
        Expect::Stream(errors) => {
            let frames = peer.until(|frame| frame.error().is_some()).await;
            let Some(error) = frames.last().and_then(Frame::error) else { return fail(&frames) };
            let is_reset = frames.last().is_some_and(|frame| frame.kind == RST_STREAM);
            if !errors.contains(&error) || frames.iter().any(|frame| frame.kind == HEADERS) {
                return fail(&frames);
            }
            if is_reset && !peer.ping().await.0 {
                return Err("the connection ended with the stream".to_owned());
            }
        }
        Expect::Connection(errors) => {
            let frames = peer.until(|_| false).await;
            let error = frames.iter().find(|frame| frame.kind == GOAWAY).and_then(Frame::error);
            if !error.is_some_and(|error| errors.contains(&error)) {
                return fail(&frames);
            }
        }
        Expect::Close => {
            let frames = peer.until(|_| false).await;
            if frames.iter().any(|frame| frame.kind == HEADERS) {
                return fail(&frames);
            }
        }
        Expect::Status(stream, status) => {
            let frames = peer.until(|frame| frame.kind == HEADERS || frame.error().is_some()).await;
            let is_it = |frame: &Frame| frame.stream == stream && frame.status() == Some(status);
            if !frames.last().is_some_and(is_it) {
                return fail(&frames);
            }
            if !peer.ping().await.0 {
                return Err("the connection did not go on".to_owned());
            }
        }
        Expect::Ignored => {
            let (is_alive, frames) = peer.ping().await;
            if !is_alive || frames.len() != 1 {
                return fail(&frames);
            }
        }
        Expect::Pong(payload) => {
            let frames = peer.until(|frame| frame.kind == PING).await;
            if !frames.last().is_some_and(|frame| frame.flags == ACK && frame.payload == payload) {
                return fail(&frames);
            }
        }
        Expect::Data(lengths) => {
            let mut seen = Vec::new();
            while seen.len() < lengths.len() {
                let frames = peer.until(|frame| frame.kind == DATA || frame.error().is_some()).await;
                match frames.last() {
                    Some(frame) if frame.kind == DATA && frame.stream == 1 => seen.push(frame.payload.len()),
                    _ => return fail(&frames),
                }
            }
            let (is_alive, frames) = peer.ping().await;
            if seen != lengths
                || !is_alive
                || frames.iter().any(|frame| frame.kind == DATA && !frame.payload.is_empty())
            {
                return fail(&(seen, frames));
            }
        }
    }
    Ok(())
}

fn check_all(cases: &[Case], at_least: usize) {
    assert!(cases.len() >= at_least, "{} cases", cases.len());
    let mut failures = Vec::new();
    run(async |clock| {
        for case in cases {
            let mut peer = Peer::silent(&clock, &default_settings());
            let result = tokio::time::timeout(PATIENCE / 4, check(&mut peer, case)).await;
            if let Err(failure) = result.unwrap_or_else(|_| Err("nothing comes".to_owned())) {
                failures.push(format!("{} {}: {failure}", case.section, case.what));
            }
        }
    });
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

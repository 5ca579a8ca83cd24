//! Streams and connections over their lives: bodies, trailers, tunnels, deadlines, the end.

use std::time::Duration;

use ingress_proxy::h2::Ended;
use ingress_proxy::h2::budget::Excess;
use ingress_proxy::h2::server::ServerSettings;
use ingress_proxy::worker::Clock;
use tokio::io::duplex;
use tokio::time::sleep;

use super::site::{Peer, default_settings, opening, patiently, run};
use super::wire::*;

/// Long enough for the clock to see it and for a loaded machine to keep up.
pub(super) const SHORT: Duration = Duration::from_millis(300);

pub(super) fn with(change: impl FnOnce(&mut ServerSettings)) -> ServerSettings {
    let mut settings = default_settings();
    change(&mut settings);
    settings
}

/// Sends these frames and collects what comes until the stream ends or is reset.
async fn exchange(clock: &Clock, settings: &ServerSettings, frames: &[&[u8]]) -> (Peer, Vec<Frame>) {
    let mut peer = Peer::begin(clock, settings).await;
    peer.send(&frames.concat()).await;
    let frames = peer.until(|frame| frame.ends() || frame.error().is_some()).await;
    (peer, frames)
}

pub(super) fn body(frames: &[Frame]) -> Vec<u8> {
    frames.iter().filter(|frame| frame.kind == DATA).flat_map(|frame| frame.payload.clone()).collect()
}

#[test]
fn the_last_piece_ends_the_stream() {
    run(async |clock| {
        let (_, frames) = exchange(&clock, &default_settings(), &[&get(1, "/bytes/20000")]).await;
        let data: Vec<_> = frames.iter().filter(|frame| frame.kind == DATA).map(|frame| frame.payload.len()).collect();
        assert_eq!(data, [16_384, 3_616]);
        for (path, flags) in [("/bytes/0", END_HEADERS | END_STREAM), ("/none", END_HEADERS | END_STREAM)] {
            let (_, frames) = exchange(&clock, &default_settings(), &[&get(1, path)]).await;
            assert_eq!((frames.len(), frames[0].flags), (1, flags), "{path}");
        }
    });
}

#[test]
fn bodies_and_trailers_go_both_ways() {
    run(async |clock| {
        let block = block(&[("grpc-status", "0"), ("x-sum", "1 2")]);
        let trailers = headers(1, END_HEADERS | END_STREAM, &block);
        let sent = [&post(1, "/echo")[..], &data(1, 0, b"one "), &data(1, 0, b"two"), &trailers];
        let (peer, frames) = exchange(&clock, &default_settings(), &sent).await;
        assert_eq!(body(&frames), b"one two");
        let last = frames.last().unwrap();
        assert_eq!((last.kind, last.flags), (HEADERS, END_HEADERS | END_STREAM));
        let seen = peer.site.trailers.borrow();
        let seen: Vec<_> = seen[0].fields.iter().map(|(_, name, value)| (name.to_vec(), value.to_vec())).collect();
        assert_eq!(seen, [(b"grpc-status".to_vec(), b"0".to_vec()), (b"x-sum".to_vec(), b"1 2".to_vec())]);
    });
}

#[test]
fn trailers_that_no_trailer_may_be() {
    run(async |clock| {
        for name in ["content-length", "host", "x-forwarded-for", "x_forwarded_for", "authorization", "connection"] {
            let trailers = headers(1, END_HEADERS | END_STREAM, &block(&[(name, "1")]));
            let mut peer = Peer::begin(&clock, &default_settings()).await;
            peer.send(&[&post(1, "/")[..], &data(1, 0, b"x"), &trailers].concat()).await;
            let frames = peer.until(|frame| frame.error().is_some()).await;
            assert_eq!(frames.len(), 1, "{name}: no response");
            assert!(peer.site.trailers.borrow().is_empty(), "{name}");
        }
    });
}

#[test]
fn more_than_a_window_goes_both_ways() {
    run(async |clock| {
        const SIZE: usize = 3 << 20;
        let (ours, theirs) = duplex(1 << 14);
        let mut peer = Peer::over(ours, theirs, &clock, &default_settings());
        peer.send(&opening(&[])).await;
        peer.send(&post(1, "/echo")).await;
        let (mut sent, mut received) = (0, 0);
        let (mut stream, mut connection) = (256 << 10, 1 << 20);
        let mut is_over = false;
        while !is_over {
            while sent < SIZE && stream.min(connection) >= 16_384 {
                // Half a duplex at a time, so that neither side waits for the other to read.
                peer.send(&data(1, if sent + 8_192 == SIZE { END_STREAM } else { 0 }, &[b'y'; 8_192])).await;
                (sent, stream, connection) = (sent + 8_192, stream - 8_192, connection - 8_192);
                if sent % (64 << 10) == 0 {
                    break;
                }
            }
            let frame = patiently(read_frame(&mut peer.io)).await.expect("it goes on");
            match frame.kind {
                WINDOW_UPDATE => {
                    let amount = u32::from_be_bytes(frame.payload.try_into().unwrap()) as usize;
                    *(if frame.stream == 0 { &mut connection } else { &mut stream }) += amount;
                }
                DATA => {
                    received += frame.payload.len();
                    is_over = frame.flags & END_STREAM != 0;
                    if !frame.payload.is_empty() {
                        let amount = u32::try_from(frame.payload.len()).unwrap();
                        peer.send(&[window_update(0, amount), window_update(1, amount)].concat()).await;
                    }
                }
                _ => assert!(frame.error().is_none(), "{frame:?}"),
            }
        }
        assert_eq!((sent, received), (SIZE, SIZE));
    });
}

#[test]
fn a_client_that_acknowledges_every_frame_is_no_flood() {
    run(async |clock| {
        let mut peer = Peer::begin(&clock, &default_settings()).await;
        peer.send(&get(1, "/bytes/40000000")).await;
        let (mut received, mut sent) = (0, 0);
        loop {
            let frame = patiently(read_frame(&mut peer.io)).await.expect("it goes on");
            assert!(frame.error().is_none(), "{frame:?} after {sent} frames");
            if frame.kind == DATA {
                received += frame.payload.len();
                if frame.flags & END_STREAM != 0 {
                    break;
                }
                let amount = u32::try_from(frame.payload.len()).unwrap();
                peer.send(&[window_update(0, amount), window_update(1, amount), ping(b"12345678")].concat()).await;
                sent += 3;
            }
        }
        assert!(received == 40_000_000 && sent > 7_000, "{received} bytes, {sent} frames");
    });
}

#[test]
fn interim_responses() {
    run(async |clock| {
        let (_, frames) = exchange(&clock, &default_settings(), &[&get(1, "/interim")]).await;
        let statuses: Vec<_> = frames.iter().filter(|frame| frame.kind == HEADERS).map(|frame| frame.flags).collect();
        assert_eq!(frames[0].status(), Some(103));
        assert_eq!(statuses, [END_HEADERS, END_HEADERS], "101 is not sent");
        assert_eq!(body(&frames), b"ok");
    });
}

#[test]
fn an_answer_before_the_body() {
    run(async |clock| {
        let (mut peer, frames) = exchange(&clock, &default_settings(), &[&post(1, "/early"), &data(1, 0, b"x")]).await;
        assert_eq!(frames[0].status(), Some(200));
        let frames = peer.until(|frame| frame.kind == RST_STREAM).await;
        assert_eq!(frames.last().unwrap().error(), Some(NO_ERROR));
        // What was under way is no error of the client.
        peer.send(&data(1, END_STREAM, b"late")).await;
        assert_eq!(peer.ping().await.1.len(), 1);
    });
}

#[test]
fn responses_that_are_not_whole() {
    run(async |clock| {
        for path in ["/drop", "/half", "/lies/9", "/lies/11"] {
            let (mut peer, frames) = exchange(&clock, &default_settings(), &[&get(1, path)]).await;
            let last = frames.last().unwrap();
            assert_eq!((last.kind, last.error()), (RST_STREAM, Some(INTERNAL_ERROR)), "{path}: {frames:?}");
            assert!(!frames.iter().any(Frame::ends), "{path}: {frames:?}");
            assert!(peer.ping().await.0);
        }
    });
}

#[test]
fn a_client_that_gives_up() {
    run(async |clock| {
        let mut peer = Peer::begin(&clock, &default_settings()).await;
        peer.send(&[get(1, "/wait"), post(3, "/"), data(3, 0, b"some")].concat()).await;
        assert!(peer.ping().await.0);
        assert_eq!(peer.site.active.get(), 2);
        peer.send(&[reset(1, CANCEL), reset(3, CANCEL)].concat()).await;
        assert!(peer.ping().await.0);
        patiently(async {
            while peer.site.active.get() > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        assert_eq!(peer.site.bodies.borrow()[0], (b"some".to_vec(), Some("the stream was reset".to_owned())));
        let site = peer.site.clone();
        peer.send(&[get(5, "/wait"), post(7, "/")].concat()).await;
        assert!(peer.ping().await.0);
        assert!(matches!(peer.ended().await, Ended::Closed), "the socket is closed");
        patiently(async {
            while site.active.get() > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        assert!(site.written.borrow().iter().all(|result| result.is_err()));
    });
}

#[test]
fn a_body_that_is_not_as_long_as_declared_never_looks_whole() {
    run(async |clock| {
        let post = headers(1, END_HEADERS, &request("POST", "/", &[("content-length", "5")]));
        for (pieces, seen) in [(&[&b"1234"[..]][..], 4), (&[b"123", b"456"], 6), (&[b"1", b""], 1)] {
            let mut peer = Peer::begin(&clock, &default_settings()).await;
            peer.send(&post).await;
            for (at, piece) in pieces.iter().enumerate() {
                assert!(peer.ping().await.0, "what came before is read");
                peer.send(&data(1, if at + 1 == pieces.len() { END_STREAM } else { 0 }, piece)).await;
            }
            let frames = peer.until(|frame| frame.error().is_some()).await;
            assert_eq!((frames.len(), frames[0].error()), (1, Some(PROTOCOL_ERROR)));
            assert!(peer.ping().await.0);
            let bodies = peer.site.bodies.borrow();
            assert!(bodies[0].0.len() <= seen && bodies[0].1.as_deref().unwrap().contains("malformed"), "{bodies:?}");
        }
    });
}

#[test]
fn connections_that_do_not_begin() {
    run(async |clock| {
        let settings = with(|settings| settings.header_timeout = SHORT);
        let mut peer = Peer::silent(&clock, &settings);
        peer.send(&PREFACE[..20]).await;
        assert!(matches!(patiently(&mut peer.ended).await.unwrap(), Ended::NoPreface));
        // A block of fields that is never complete; without it the connection may be idle for longer.
        let mut peer = Peer::begin(&clock, &settings).await;
        peer.send(&[get(1, "/wait"), headers(3, END_STREAM, &[0x82])].concat()).await;
        let frames = peer.until(|_| false).await;
        assert_eq!(frames.iter().find_map(Frame::error), Some(ENHANCE_YOUR_CALM));
        assert!(matches!(peer.ended().await, Ended::Excess(Excess::SlowHead)));
    });
}

#[test]
fn idle_and_old_connections() {
    run(async |clock| {
        let settings = with(|settings| settings.keep_alive = SHORT);
        let mut peer = Peer::begin(&clock, &settings).await;
        peer.send(&get(1, "/")).await;
        let frames = peer.until(|_| false).await;
        let go_away = frames.last().unwrap();
        assert_eq!((go_away.error(), &go_away.payload[..4]), (Some(NO_ERROR), &[0, 0, 0, 1][..]));
        assert!(matches!(peer.ended().await, Ended::Idle));
        // A stream keeps it.
        let mut peer = Peer::begin(&clock, &settings).await;
        peer.send(&get(1, "/wait")).await;
        sleep(SHORT * 2).await;
        assert!(peer.ping().await.0);

        let settings = with(|settings| settings.max_age = SHORT);
        let mut peer = Peer::begin(&clock, &settings).await;
        peer.send(&get(1, "/wait")).await;
        let frames = peer.until(|frame| frame.kind == GOAWAY).await;
        assert_eq!(frames.last().unwrap().payload[..4], [0x7f, 0xff, 0xff, 0xff]);

        let settings = with(|settings| settings.max_requests = 3);
        let mut peer = Peer::begin(&clock, &settings).await;
        for stream in [1, 3] {
            peer.send(&get(stream, "/")).await;
            assert!(peer.until(|frame| frame.ends() || frame.kind == GOAWAY).await.last().unwrap().ends());
        }
        peer.send(&get(5, "/wait")).await;
        assert_eq!(peer.until(|frame| frame.kind == GOAWAY).await.last().unwrap().error(), Some(NO_ERROR));
    });
}

#[test]
fn a_shutdown_in_two_steps() {
    run(async |clock| {
        let mut peer = Peer::begin(&clock, &default_settings()).await;
        peer.send(&post(1, "/")).await;
        assert!(peer.ping().await.0);
        peer.shutdown.take().unwrap().send(()).unwrap();
        let frames = peer.until(|frame| frame.kind == PING).await;
        assert_eq!((frames[0].kind, &frames[0].payload[..4]), (GOAWAY, &[0x7f, 0xff, 0xff, 0xff][..]));
        // A request that was on its way is still answered.
        peer.send(&get(3, "/bytes/3")).await;
        assert_eq!(body(&peer.until(Frame::ends).await), b"xxx");
        peer.send(&frame(PING, ACK, 0, &frames[1].payload)).await;
        let frames = peer.until(|frame| frame.kind == GOAWAY).await;
        assert_eq!(frames.last().unwrap().payload[..4], [0, 0, 0, 3]);
        // One that comes later is not, and the client knows it.
        peer.send(&get(5, "/bytes/5")).await;
        peer.send(&data(1, END_STREAM, b"x")).await;
        let frames = peer.until(|_| false).await;
        assert_eq!(body(&frames), b"ok");
        assert!(frames.iter().all(|frame| frame.stream != 5));
        assert_eq!(peer.site.heads.borrow().len(), 2);
        assert!(matches!(peer.ended().await, Ended::ShutDown));
    });
}

#[test]
fn a_shutdown_that_the_client_does_not_hear() {
    run(async |clock| {
        let settings = with(|settings| settings.goaway_grace = SHORT);
        let mut peer = Peer::begin(&clock, &settings).await;
        peer.send(&post(1, "/")).await;
        assert!(peer.ping().await.0);
        peer.shutdown.take().unwrap().send(()).unwrap();
        sleep(SHORT * 2).await;
        peer.send(&get(3, "/")).await;
        let frames = peer.until(|frame| frame.kind == RST_STREAM || frame.ends()).await;
        let last = frames.last().unwrap();
        assert_eq!((last.stream, last.error()), (3, Some(REFUSED_STREAM)));
        // The stream that was there is finished, and then it is over.
        peer.send(&data(1, END_STREAM, b"x")).await;
        assert_eq!(body(&peer.until(|_| false).await), b"ok");
        assert!(matches!(peer.ended().await, Ended::ShutDown));

        // Without any stream as well.
        let mut peer = Peer::begin(&clock, &settings).await;
        assert!(peer.ping().await.0);
        peer.shutdown.take().unwrap().send(()).unwrap();
        assert_eq!(peer.until(|_| false).await.last().unwrap().error(), Some(NO_ERROR));
        assert!(matches!(peer.ended().await, Ended::ShutDown));
    });
}

#[test]
fn a_websocket_is_a_tunnel() {
    run(async |clock| {
        let connect = block(&[
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":authority", "a.example"),
            (":path", "/chat?x"),
            ("sec-websocket-version", "13"),
            ("origin", "https://a.example"),
        ]);
        let settings = with(|settings| settings.idle_timeout = SHORT);
        let mut peer = Peer::silent(&clock, &settings);
        let mut begun = PREFACE.to_vec();
        begun.extend(opening(&[])[PREFACE.len()..].iter());
        peer.send(&begun).await;
        let first = patiently(read_frame(&mut peer.io)).await.unwrap();
        assert!(first.payload.chunks(6).any(|it| it == [0, 8, 0, 0, 0, 1]), "it says that it can: {first:?}");
        peer.send(&headers(1, END_HEADERS, &connect)).await;
        let frames = peer.until(|frame| frame.kind == HEADERS).await;
        let last = frames.last().unwrap();
        assert_eq!((last.status(), last.flags), (Some(200), END_HEADERS));
        for piece in [&b"\x81\x85hello"[..], b"\0\xff"] {
            peer.send(&data(1, 0, piece)).await;
            assert_eq!(body(&peer.until(|frame| frame.kind == DATA).await), piece);
            // A tunnel may be silent.
            sleep(SHORT + SHORT / 2).await;
        }
        peer.send(&data(1, END_STREAM, b"")).await;
        assert!(peer.until(Frame::ends).await.last().unwrap().ends());
        let head = peer.site.heads.borrow()[0].clone();
        assert!(head.websocket && head.method == b"GET" && head.target == b"/chat?x");
    });
}

#[test]
fn nobody_may_be_malformed_for_ever() {
    run(async |clock| {
        let settings = with(|settings| settings.max_error_resets = 10);
        let mut peer = Peer::begin(&clock, &settings).await;
        // Refused by us, not by `h2`, which counts its own.
        let malformed = request("GET", "/", &[("x", " y")]);
        for n in 0..12 {
            peer.send(&headers(2 * n + 1, END_HEADERS | END_STREAM, &malformed)).await;
        }
        let frames = peer.until(|_| false).await;
        let resets = frames.iter().filter(|frame| frame.kind == RST_STREAM).count();
        assert!((11..=12).contains(&resets), "those that came with the last are reset too: {resets}");
        assert_eq!(frames.last().unwrap().error(), Some(ENHANCE_YOUR_CALM));
        assert_eq!(peer.site.refused.borrow().len(), 12);
        assert!(matches!(peer.ended().await, Ended::Excess(Excess::Refusals)));
    });
}

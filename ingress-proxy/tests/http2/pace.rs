//! Peers that are waited for, and those that are not.

use std::io::ErrorKind;
use std::time::Duration;

use ingress_proxy::h2::Ended;
use ingress_proxy::h2::budget::Excess;
use tokio::io::duplex;
use tokio::time::sleep;

use super::exchange::{SHORT, body, with};
use super::site::{Peer, default_settings, opening, patiently, run};
use super::wire::*;

#[test]
fn a_body_that_does_not_come() {
    run(async |clock| {
        let settings = with(|settings| settings.idle_timeout = SHORT);
        let mut peer = Peer::begin(&clock, &settings).await;
        let grpc = request("POST", "/", &[("content-type", "application/grpc")]);
        peer.send(&[headers(1, END_HEADERS, &grpc), post(3, "/"), data(3, 0, b"some")].concat()).await;
        let frames = peer.until(|frame| frame.error().is_some()).await;
        assert_eq!(frames.last().map(|frame| (frame.kind, frame.stream)), Some((RST_STREAM, 3)));
        assert_eq!(peer.site.bodies.borrow()[0].1.as_deref(), Some("nothing came for too long"));
        // gRPC may be silent.
        sleep(SHORT).await;
        peer.send(&data(1, END_STREAM, b"x")).await;
        let frames = peer.until(Frame::ends).await;
        assert_eq!(frames[0].status(), Some(200));
    });
}

/// Uploads that nobody takes used up the window of the connection, and another one got 408 for what it was not allowed to send.
#[test]
fn a_body_that_may_not_be_sent_is_waited_for() {
    run(async |clock| {
        let settings = with(|settings| {
            settings.idle_timeout = SHORT;
            (settings.stream_window, settings.connection_window) = (64 << 10, 64 << 10);
        });
        let mut peer = Peer::begin(&clock, &settings).await;
        peer.send(&[post(1, "/hoard"), post(3, "/")].concat()).await;
        for _ in 0..4 {
            peer.send(&data(1, 0, &[b'x'; 16_000])).await;
        }
        sleep(SHORT * 3).await;
        let (_, frames) = peer.ping().await;
        assert!(frames.iter().all(|frame| frame.error().is_none()), "{frames:?}");
        // Now it may, and has time for it.
        peer.send(&reset(1, CANCEL)).await;
        sleep(SHORT / 4).await;
        peer.send(&data(3, END_STREAM, b"x")).await;
        assert_eq!(peer.until(Frame::ends).await[0].status(), Some(200));
        // And no more than that.
        peer.send(&post(5, "/")).await;
        let frames = peer.until(|frame| frame.error().is_some()).await;
        assert_eq!(frames.last().map(|frame| (frame.kind, frame.stream)), Some((RST_STREAM, 5)));
    });
}

#[test]
fn a_body_that_trickles_is_not_waited_for() {
    run(async |clock| {
        let settings = with(|settings| settings.idle_timeout = SHORT);
        let mut peer = Peer::begin(&clock, &settings).await;
        peer.send(&post(1, "/")).await;
        let mut frames = Vec::new();
        for _ in 0..80 {
            sleep(SHORT / 8).await;
            peer.send(&[data(1, 0, b"x"), ping(b"12345678")].concat()).await;
            frames.extend(peer.until(|frame| frame.kind == PING || frame.error().is_some()).await);
            if frames.iter().any(|frame| frame.kind == RST_STREAM) {
                break;
            }
        }
        assert!(frames.iter().any(|frame| frame.kind == RST_STREAM), "single bytes are nothing");
        assert_eq!(peer.site.bodies.borrow()[0].1.as_deref(), Some("nothing came for too long"));
    });
}

#[test]
fn a_client_that_takes_nothing_is_not_waited_for() {
    let settings = with(|settings| settings.stall_timeout = SHORT);
    run(async |clock| {
        let mut peer = Peer::silent(&clock, &settings);
        peer.send(&opening(&[(4, 0)])).await;
        peer.send(&get(1, "/bytes/100000")).await;
        // What it sends meanwhile is no reason to wait longer, one byte of room at a time neither.
        let began = std::time::Instant::now();
        let mut frames = Vec::new();
        for round in 0_u32.. {
            peer.send(&[window_update(1, 1), settings_of(round), ping(b"12345678")].concat()).await;
            frames.extend(peer.until(|frame| frame.kind == PING || frame.error().is_some()).await);
            if frames.iter().any(|frame| frame.kind == RST_STREAM) {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        assert!(began.elapsed() >= SHORT, "not before its time");
        assert_eq!(frames.iter().find_map(Frame::error), Some(CANCEL));
        assert!(!body(&frames).is_empty(), "it had some bytes");
        assert_eq!(peer.site.written.borrow()[0].as_ref().unwrap_err().kind(), ErrorKind::TimedOut);
        // Another stream of the same connection has a window of its own.
        peer.send(&[get(3, "/bytes/5"), window_update(3, 5)].concat()).await;
        let frames = peer.until(Frame::ends).await;
        assert_eq!(body(&frames), b"xxxxx");
    });
}

/// SETTINGS that change nothing that matters here.
fn settings_of(round: u32) -> Vec<u8> {
    settings(&[(3, 100 + round)])
}

#[test]
fn a_client_that_takes_it_slowly_is_waited_for() {
    let settings = with(|settings| settings.stall_timeout = SHORT);
    run(async |clock| {
        let mut peer = Peer::silent(&clock, &settings);
        peer.send(&opening(&[(4, 0)])).await;
        peer.send(&get(1, "/bytes/12288")).await;
        let mut frames = Vec::new();
        for _ in 0..12 {
            sleep(SHORT / 4).await;
            peer.send(&window_update(1, 1_024)).await;
            frames.extend(peer.until(|frame| frame.kind == DATA || frame.error().is_some()).await);
        }
        assert_eq!(body(&frames).len(), 12_288);
        assert!(frames.last().unwrap().ends());
    });
}

#[test]
fn a_response_is_done_when_the_socket_has_taken_it() {
    run(async |clock| {
        let (ours, theirs) = duplex(1 << 10);
        let mut peer = Peer::over(ours, theirs, &clock, &default_settings());
        // Small enough to be handed over at once.
        peer.send(&[opening(&[]), get(1, "/bytes/20000")].concat()).await;
        sleep(SHORT).await;
        assert_eq!((peer.site.active.get(), peer.site.written.borrow().len()), (1, 0));
        assert_eq!(body(&peer.until(Frame::ends).await).len(), 20_000);
        patiently(async {
            while peer.site.active.get() > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        assert!(peer.site.written.borrow()[0].is_ok());
    });
}

#[test]
fn a_socket_that_takes_nothing_ends_the_connection() {
    let settings = with(|settings| settings.stall_timeout = SHORT);
    run(async |clock| {
        let (ours, theirs) = duplex(1 << 10);
        let mut peer = Peer::over(ours, theirs, &clock, &settings);
        peer.send(&opening(&[(4, 1 << 20)])).await;
        // Small enough to be handed over at once, so that only the end waits.
        peer.send(&[window_update(0, 1 << 20), get(1, "/bytes/20000"), get(3, "/bytes/900000")].concat()).await;
        let ended = patiently(&mut peer.ended).await.unwrap();
        assert!(matches!(ended, Ended::Excess(Excess::WriteStalled)), "{ended:?}");
        patiently(async {
            while peer.site.active.get() > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    });
}

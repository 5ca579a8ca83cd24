//! Connections to endpoints: how many streams they take, who dials, and how they end.

use std::rc::Rc;
use std::time::Duration;

use h2::Reason;
use ingress_proxy::exchange::{HeadError, Upstream};
use ingress_proxy::h2::Ended;
use ingress_proxy::h2::budget::Excess;
use ingress_proxy::h2::client::{ClientSettings, Multiplexer, Next, connect};
use ingress_proxy::message::BodyLength;
use tokio::io::{AsyncWriteExt, duplex};
use tokio::task::{spawn_local, yield_now};
use tokio::time::sleep;

use super::site::{Pairs, patiently, read_all, run};
use super::wire::*;

use super::endpoint::{Endpoint, SHORT, client_settings, go_away, head, outgoing, response};

#[test]
fn the_endpoint_says_how_many_streams() {
    run(async |clock| {
        let mut endpoint = Endpoint::new(&clock, client_settings(), &[(3, 2)]).await;
        let multiplexer = Rc::new(Multiplexer::new(1));
        let Next::Dial(dial) = multiplexer.next(true).await else { panic!("there is none") };
        let mut streams = vec![dial.bring(endpoint.connection.clone()).unwrap()];
        let Next::Stream(second) = multiplexer.next(true).await else { panic!("there is room") };
        streams.push(second);
        // Whoever has somebody else to ask does not wait.
        assert!(matches!(multiplexer.next(false).await, Next::Full));
        assert!(multiplexer.is_full());
        let waiting = Rc::clone(&multiplexer);
        let waiting = spawn_local(async move { matches!(waiting.next(true).await, Next::Stream(_)) });
        sleep(SHORT / 3).await;
        assert!(!waiting.is_finished());
        streams.pop();
        assert!(patiently(waiting).await.unwrap());
        // It allows none at all any more, and takes all when the connection is gone.
        let waiting = Rc::clone(&multiplexer);
        let waiting = spawn_local(async move {
            let second = waiting.next(true).await;
            assert!(matches!(second, Next::Stream(_)));
            matches!(waiting.next(true).await, Next::Dial(_))
        });
        sleep(SHORT / 3).await;
        assert!(!waiting.is_finished());
        endpoint.send(&[&go_away(0, NO_ERROR)]).await;
        assert!(patiently(waiting).await.unwrap());
        assert_eq!(multiplexer.connections(), 0);
    });
}

#[test]
fn one_dials_and_the_others_wait_for_it() {
    run(async |clock| {
        let endpoint = Endpoint::new(&clock, client_settings(), &[]).await;
        let multiplexer = Rc::new(Multiplexer::new(4));
        let ask = || {
            let multiplexer = Rc::clone(&multiplexer);
            spawn_local(async move { multiplexer.next(true).await })
        };
        let Next::Dial(dial) = multiplexer.next(true).await else { panic!("there is none") };
        let waiting: Vec<_> = (0..3).map(|_| ask()).collect();
        yield_now().await;
        dial.fail();
        for task in waiting {
            assert!(matches!(patiently(task).await.unwrap(), Next::Failed));
        }
        // Whoever had no more time or interest says nothing of the endpoint.
        let Next::Dial(dial) = multiplexer.next(true).await else { panic!("it may be better now") };
        let waiting = ask();
        yield_now().await;
        drop(dial);
        assert!(matches!(patiently(waiting).await.unwrap(), Next::Dial(_)));
        // Whoever comes later tries again.
        let Next::Dial(dial) = multiplexer.next(true).await else { panic!("it may be better now") };
        let waiting = ask();
        yield_now().await;
        let _first = dial.bring(endpoint.connection.clone()).unwrap();
        assert!(matches!(patiently(waiting).await.unwrap(), Next::Stream(_)));
        assert_eq!(multiplexer.connections(), 1);
        drop(multiplexer);
        assert!(!endpoint.connection.is_usable(), "an endpoint that is gone gets no more streams");
    });
}

#[test]
fn connections_end() {
    run(async |clock| {
        let idle = ClientSettings { keep_alive: SHORT, ..client_settings() };
        let mut endpoint = Endpoint::new(&clock, idle, &[]).await;
        let last = endpoint.until(|frame| frame.kind == GOAWAY).await;
        assert_eq!(last.unwrap().error(), Some(NO_ERROR));
        assert!(matches!(endpoint.ended().await, Ended::Idle));

        let old = ClientSettings { max_age: SHORT, ..client_settings() };
        let mut endpoint = Endpoint::new(&clock, old, &[]).await;
        let stream = endpoint.ask(BodyLength::None).await;
        sleep(SHORT * 2).await;
        assert!(!endpoint.connection.is_usable());
        drop(stream);
        assert!(matches!(endpoint.ended().await, Ended::ShutDown));

        let few = ClientSettings { max_requests: 2, ..client_settings() };
        let mut endpoint = Endpoint::new(&clock, few, &[]).await;
        let streams = [endpoint.ask(BodyLength::None).await, endpoint.ask(BodyLength::None).await];
        assert!(endpoint.connection.stream().is_none());
        drop(streams);
        assert!(matches!(endpoint.ended().await, Ended::ShutDown));

        let watched = ClientSettings { ping: Some((SHORT, SHORT)), ..client_settings() };
        let mut endpoint = Endpoint::new(&clock, watched, &[]).await;
        let mut stream = endpoint.ask(BodyLength::None).await;
        let sent = endpoint.until(|frame| frame.kind == PING).await.unwrap();
        endpoint.send(&[&frame(PING, ACK, 0, &sent.payload)]).await;
        endpoint.until(|frame| frame.kind == PING).await.expect("there is another");
        assert!(matches!(head(&mut stream).await, Err(HeadError::Io(_))));
        assert!(matches!(endpoint.ended().await, Ended::NoPong));
    });
}

#[test]
fn an_endpoint_that_floods() {
    run(async |clock| {
        let mut endpoint = Endpoint::new(&clock, client_settings(), &[]).await;
        let mut stream = endpoint.ask(BodyLength::None).await;
        endpoint.send(&[&ping(b"12345678").repeat(3_000)]).await;
        assert!(matches!(endpoint.ended().await, Ended::Excess(Excess::ControlFrames)));
        assert!(matches!(head(&mut stream).await, Err(HeadError::Io(_))));
    });
}

#[test]
fn a_connection_that_may_be_a_black_hole_gets_no_more_streams() {
    run(async |clock| {
        let mut quiet = Endpoint::new(&clock, client_settings(), &[]).await;
        let mut lively = Endpoint::new(&clock, client_settings(), &[]).await;
        let streams = (quiet.ask(BodyLength::None).await, lively.ask(BodyLength::None).await);
        sleep(Duration::from_millis(5_300)).await;
        lively.send(&[&ping(b"12345678")]).await;
        lively.until(|frame| frame.kind == PING).await;
        drop(streams);
        assert!(!quiet.connection.is_usable() && lively.connection.is_usable());
    });
}

#[test]
fn a_hundred_empty_frames_cost_a_connection_and_no_more() {
    run(async |clock| {
        let mut endpoint = Endpoint::new(&clock, client_settings(), &[]).await;
        let multiplexer = Multiplexer::new(1);
        let Next::Dial(dial) = multiplexer.next(true).await else { panic!("there is none") };
        let mut stream = dial.bring(endpoint.connection.clone()).unwrap();
        stream.start(&outgoing(BodyLength::None, &Pairs(&[]))).unwrap();
        endpoint.until(|frame| frame.kind == HEADERS).await;
        endpoint.send(&[&response(1, 0, &[(":status", "200")])]).await;
        head(&mut stream).await.unwrap();
        for _ in 0..101 {
            endpoint.send(&[&data(1, 0, b"")]).await;
        }
        assert!(matches!(endpoint.ended().await, Ended::Protocol(Reason::ENHANCE_YOUR_CALM)));
        assert!(read_all(&mut stream).await.1.is_some());
        assert!(matches!(patiently(multiplexer.next(true)).await, Next::Dial(_)));
    });
}

/// Who sends more streams than the endpoint takes is refused (RFC 9113 5.1.2), so its settings are waited for.
#[test]
fn a_new_connection_has_one_stream_before_the_endpoint_has_spoken() {
    run(async |clock| {
        let (mut io, ours) = duplex(1 << 20);
        let connection = connect(ours, &Rc::new(client_settings()), &clock, |_| ()).await.unwrap();
        let multiplexer = Rc::new(Multiplexer::new(4));
        let Next::Dial(dial) = multiplexer.next(true).await else { panic!("there is none") };
        let _first = dial.bring(connection).expect("room for one");
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let multiplexer = Rc::clone(&multiplexer);
                spawn_local(async move { multiplexer.next(false).await })
            })
            .collect();
        sleep(SHORT / 3).await;
        assert!(waiting.iter().all(|task| !task.is_finished()), "nobody dials, and nobody is sent away");
        io.write_all(&settings(&[(3, 3)])).await.unwrap();
        let mut streams = Vec::new();
        let mut dials = 0;
        for task in waiting {
            match patiently(task).await.unwrap() {
                Next::Stream(stream) => streams.push(stream),
                Next::Dial(_) => dials += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((streams.len(), dials), (2, 1));
    });
}

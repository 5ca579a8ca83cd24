//! Streams to endpoints: an endpoint of frames, and our own server as one.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::rc::Rc;
use std::task::Poll;

use ingress_proxy::exchange::{HeadError, Upstream};
use ingress_proxy::h2::client::{ClientStream, connect};
use ingress_proxy::message::{BodyLength, Fill, Framing, OutgoingRequest, Sink, Source, Trailers, Version};
use tokio::io::{AsyncWriteExt, duplex};
use tokio::task::spawn_local;

use super::site::{Pairs, Peer, default_settings, finish, patiently, read_all, run, write_all};
use super::wire::*;

use super::endpoint::{Endpoint, SHORT, client_settings, go_away, head, outgoing, response};

/// Writes a body and reads the other at the same time.
async fn converse(stream: &mut ClientStream, mut rest: &[u8], trailers: Option<&Trailers>) -> Vec<u8> {
    let mut read = Vec::new();
    let mut is_finished = false;
    let conversation = poll_fn(|cx| {
        loop {
            let mut is_going = false;
            if !rest.is_empty() {
                if let Poll::Ready(taken) = stream.poll_write(cx, rest) {
                    rest = &rest[taken.unwrap()..];
                    is_going = true;
                }
            } else if !is_finished && let Poll::Ready(result) = stream.poll_finish(cx, trailers) {
                result.unwrap();
                is_finished = true;
            }
            let taken = match stream.poll_fill(cx).map(Result::unwrap) {
                Poll::Ready(Fill::End) => return Poll::Ready(()),
                Poll::Ready(Fill::Data(data)) => {
                    read.extend(data);
                    data.len()
                }
                Poll::Pending if is_going => 0,
                Poll::Pending => return Poll::Pending,
            };
            stream.consume(taken);
        }
    });
    patiently(conversation).await;
    read
}

#[test]
fn through_our_own_server() {
    run(async |clock| {
        let (near, far) = duplex(1 << 16);
        let peer = Peer::over(tokio::io::empty(), far, &clock, &default_settings());
        let connection = connect(near, &Rc::new(client_settings()), &clock, |_| ()).await.unwrap();
        let mut stream = connection.stream().unwrap();
        let fields = Pairs(&[(b"Content-Type", b"application/grpc+proto"), (b"X-One", b"1"), (b"TE", b"gzip")]);
        stream.start(&OutgoingRequest { target: b"/echo?x=%20", ..outgoing(BodyLength::Unknown, &fields) }).unwrap();
        let head = head(&mut stream).await.unwrap();
        assert_eq!((head.status, head.version, head.framing), (200, Version::Http2, Framing::Stream(None)));
        let mut trailers = Trailers::default();
        trailers.fields.push(b"X-Sum", b"7").unwrap();
        let body: Vec<u8> = (0..5_000_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        assert!(converse(&mut stream, &body, Some(&trailers)).await == body);
        assert_eq!(stream.trailers().unwrap().fields.named("x-sum").next(), Some(&b"7"[..]));
        assert!(stream.trailers().is_none() && stream.is_done());
        let heads = peer.site.heads.borrow();
        let value = |name: &'static str| heads[0].fields.named(name).collect::<Vec<_>>();
        assert_eq!((value("te"), value("x-one")), (vec![&b"trailers"[..]], vec![&b"1"[..]]));
        assert_eq!((&heads[0].method[..], &heads[0].target[..]), (&b"POST"[..], &b"/echo?x=%20"[..]));
        assert_eq!(heads[0].authority.as_deref(), Some(&b"a.example"[..]));
        drop(stream);
        assert_eq!(connection.active(), 0);
    });
}

#[test]
fn heads_and_trailers() {
    run(async |clock| {
        let mut endpoint = Endpoint::new(&clock, client_settings(), &[]).await;
        // Trailers only.
        let mut stream = endpoint.ask(BodyLength::Exact(0)).await;
        endpoint.send(&[&response(1, END_STREAM, &[(":status", "200"), ("grpc-status", "5")])]).await;
        let only = head(&mut stream).await.unwrap();
        assert_eq!((only.framing, only.fields.named("grpc-status").next()), (Framing::Empty, Some(&b"5"[..])));
        assert_eq!(read_all(&mut stream).await, (Vec::new(), None));
        // Interim heads, a declared length, trailers of which not all may pass and one ends in a space.
        let mut stream = endpoint.ask(BodyLength::None).await;
        endpoint
            .send(&[
                &response(3, 0, &[(":status", "100")]),
                &response(3, 0, &[(":status", "103"), ("link", "</a>")]),
                &response(3, 0, &[(":status", "200"), ("content-length", "5"), ("x", " y ")]),
                &data(3, 0, b"12345"),
                &headers(3, END_HEADERS | END_STREAM, &block(&[("grpc-message", "no: "), ("x-forwarded-for", "::1")])),
            ])
            .await;
        for status in [100, 103] {
            assert_eq!(head(&mut stream).await.unwrap().status, status);
        }
        let last = head(&mut stream).await.unwrap();
        assert_eq!((last.status, last.framing), (200, Framing::Stream(Some(5))));
        assert_eq!(last.fields.named("x").next(), Some(&b"y"[..]));
        assert_eq!(read_all(&mut stream).await, (b"12345".to_vec(), None));
        let trailers = stream.trailers().unwrap();
        assert_eq!(trailers.fields.len(), 1);
        assert_eq!(trailers.fields.named("grpc-message").next(), Some(&b"no:"[..]));
        assert!(matches!(head(&mut stream).await, Err(HeadError::Io(_))), "there was one");
    });
}

#[test]
fn responses_that_are_malformed() {
    run(async |clock| {
        for fields in [
            &[(":status", "200"), ("connection", "close")][..],
            &[(":status", "200"), ("content-length", "x")],
            &[(":status", "101")],
            &[(":status", "600")],
            &[("x", "y")],
        ] {
            let mut endpoint = Endpoint::new(&clock, client_settings(), &[]).await;
            let mut stream = endpoint.ask(BodyLength::None).await;
            endpoint.send(&[&response(1, 0, fields)]).await;
            let result = head(&mut stream).await;
            assert!(matches!(result, Err(HeadError::Malformed(_))), "{fields:?}: {result:?}");
            drop(stream);
            assert_eq!(endpoint.until(|frame| frame.kind == RST_STREAM).await.map(|frame| frame.stream), Some(1));
        }
        for (sent, expected) in [(&b"1234"[..], 4), (b"123456", 0)] {
            let mut endpoint = Endpoint::new(&clock, client_settings(), &[]).await;
            let mut stream = endpoint.ask(BodyLength::None).await;
            let length = response(1, 0, &[(":status", "200"), ("content-length", "5")]);
            endpoint.send(&[&length]).await;
            head(&mut stream).await.unwrap();
            endpoint.send(&[&data(1, END_STREAM, sent)]).await;
            let (read, error) = read_all(&mut stream).await;
            assert!(read.len() <= expected && error.unwrap().contains("malformed"));
            assert!(!stream.is_done());
        }
        // Half a body and the end of the connection, or of the stream.
        for end in [None, Some(INTERNAL_ERROR), Some(CANCEL)] {
            let mut endpoint = Endpoint::new(&clock, client_settings(), &[]).await;
            let mut stream = endpoint.ask(BodyLength::None).await;
            endpoint.send(&[&response(1, 0, &[(":status", "200")]), &data(1, 0, b"half")]).await;
            head(&mut stream).await.unwrap();
            match end {
                Some(error) => endpoint.send(&[&reset(1, error)]).await,
                None => drop(endpoint),
            }
            let (_, error) = read_all(&mut stream).await;
            assert!(error.is_some() && !stream.is_done());
        }
    });
}

#[test]
fn what_was_refused_may_be_tried_again() {
    run(async |clock| {
        let mut endpoint = Endpoint::new(&clock, client_settings(), &[]).await;
        let mut stream = endpoint.ask(BodyLength::Unknown).await;
        endpoint.send(&[&reset(1, REFUSED_STREAM)]).await;
        assert!(matches!(head(&mut stream).await, Err(HeadError::Refused)));
        assert!(endpoint.connection.is_usable(), "that was one stream");
        let mut stream = endpoint.ask(BodyLength::Unknown).await;
        endpoint.send(&[&reset(3, CANCEL)]).await;
        assert!(matches!(head(&mut stream).await, Err(HeadError::Io(_))), "this may have done something");

        // GOAWAY: streams beyond the last were not looked at, the others go on.
        let mut first = endpoint.ask(BodyLength::Unknown).await;
        let mut second = endpoint.ask(BodyLength::Unknown).await;
        endpoint.send(&[&go_away(5, NO_ERROR)]).await;
        assert!(matches!(head(&mut second).await, Err(HeadError::Refused)));
        assert!(!endpoint.connection.is_usable() && endpoint.connection.stream().is_none());
        endpoint.send(&[&response(5, END_STREAM, &[(":status", "204")])]).await;
        assert_eq!(head(&mut first).await.unwrap().status, 204);
        finish(&mut first, None).await.unwrap();
        drop((first, second, stream));
        assert!(endpoint.until(|_| false).await.is_none(), "it is closed when the last has ended");
        endpoint.ended().await;
    });
}

#[test]
fn requests_that_cannot_be_sent() {
    run(async |clock| {
        let mut endpoint = Endpoint::new(&clock, client_settings(), &[]).await;
        let fields = Pairs(&[]);
        let plain = outgoing(BodyLength::None, &fields);
        for request in [
            OutgoingRequest { websocket: true, ..plain },
            OutgoingRequest { authority: b"", ..plain },
            OutgoingRequest { authority: b"a b", ..plain },
            OutgoingRequest { target: b"/a b", ..plain },
            OutgoingRequest { target: b"/a`b", ..plain },
            OutgoingRequest { method: b"A B", ..plain },
        ] {
            let mut stream = endpoint.connection.stream().unwrap();
            assert!(matches!(stream.start(&request), Err(HeadError::Unsayable)), "{:?}", request.target);
        }
        assert_eq!(endpoint.connection.active(), 0);
        // A stream that is given up tells the endpoint.
        let mut stream = endpoint.ask(BodyLength::Exact(5)).await;
        write_all(&mut stream, b"123").await.unwrap();
        assert_eq!(finish(&mut stream, None).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        drop(stream);
        assert!(endpoint.until(|frame| frame.kind == RST_STREAM).await.is_some());
        drop(endpoint.ask(BodyLength::Unknown).await);
        assert_eq!(endpoint.until(|frame| frame.kind == RST_STREAM).await.unwrap().error(), Some(CANCEL));
    });
}

#[test]
fn an_endpoint_that_is_silent_or_takes_nothing() {
    run(async |clock| {
        let mut endpoint = Endpoint::new(&clock, client_settings(), &[(4, 0)]).await;
        let mut stream = endpoint.ask(BodyLength::Unknown).await;
        stream.set_timeouts(Some(SHORT), Some(SHORT));
        assert!(matches!(head(&mut stream).await, Err(HeadError::TimedOut)));
        let written = patiently(write_all(&mut stream, b"no room")).await;
        assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
        let mut stream = endpoint.ask(BodyLength::None).await;
        stream.set_timeouts(None, Some(SHORT));
        endpoint.send(&[&response(3, 0, &[(":status", "200")]), &data(3, 0, b"some")]).await;
        head(&mut stream).await.unwrap();
        assert_eq!(
            patiently(read_all(&mut stream)).await,
            (b"some".to_vec(), Some("nothing came for too long".to_owned()))
        );
    });
}

#[test]
fn many_small_messages_cost_nothing() {
    run(async |clock| {
        let mut endpoint = Endpoint::new(&clock, client_settings(), &[]).await;
        let mut stream = endpoint.ask(BodyLength::None).await;
        endpoint.send(&[&response(1, 0, &[(":status", "200")])]).await;
        head(&mut stream).await.unwrap();
        let Endpoint { io, connection, .. } = endpoint;
        let (mut from, mut to) = tokio::io::split(io);
        spawn_local(async move { while read_frame(&mut from).await.is_some() {} });
        // 100,000 of them, so that windows and budgets are used up many times over.
        spawn_local(async move {
            let piece = data(1, 0, b"0123456789").repeat(100);
            for _ in 0..1_000 {
                to.write_all(&piece).await.unwrap();
            }
            to.write_all(&data(1, END_STREAM, b"")).await.unwrap();
            to.flush().await.unwrap();
            std::future::pending::<()>().await;
        });
        let (read, error) = read_all(&mut stream).await;
        assert_eq!((read.len(), error), (1_000_000, None));
        assert!(connection.is_usable());
    });
}

#[test]
fn a_slow_stream_does_not_stop_the_others() {
    run(async |clock| {
        let mut endpoint = Endpoint::new(&clock, client_settings(), &[]).await;
        let mut slow = Vec::new();
        for n in 0..20 {
            let stream = endpoint.ask(BodyLength::None).await;
            let id = 2 * n + 1;
            endpoint.send(&[&response(id, 0, &[(":status", "200")])]).await;
            // All that it may have under way.
            for _ in 0..16 {
                endpoint.send(&[&data(id, 0, &[0; 16 << 10])]).await;
            }
            slow.push(stream);
        }
        let mut quick = endpoint.ask(BodyLength::None).await;
        endpoint.send(&[&response(41, 0, &[(":status", "200")]), &data(41, END_STREAM, &[1; 16 << 10])]).await;
        head(&mut quick).await.unwrap();
        assert_eq!(patiently(read_all(&mut quick)).await.0.len(), 16 << 10);
    });
}

/// The client reads nothing for a while. `h2` ends a connection, and all calls on it, that has so many frames unread.
#[test]
fn small_messages_are_kept_until_they_are_wanted() {
    run(async |clock| {
        let mut config = client_settings();
        config.connection_window = 1 << 20;
        let mut endpoint = Endpoint::new(&clock, config, &[]).await;
        let mut stream = endpoint.ask(BodyLength::None).await;
        endpoint.send(&[&response(1, 0, &[(":status", "200")])]).await;
        head(&mut stream).await.unwrap();
        let mut is_sent = false;
        let mut sending = std::pin::pin!(async {
            for number in 0..20_000_u32 {
                endpoint.send(&[&data(1, 0, &[number.to_be_bytes()[3]])]).await;
            }
            endpoint.send(&[&data(1, END_STREAM, b"")]).await;
        });
        patiently(poll_fn(|cx| {
            stream.hoard(cx);
            is_sent = is_sent || sending.as_mut().poll(cx).is_ready();
            if is_sent { Poll::Ready(()) } else { Poll::Pending }
        }))
        .await;
        let (body, error) = patiently(read_all(&mut stream)).await;
        assert_eq!((body.len(), error), (20_000, None));
        assert!(body.iter().zip(0_u32..).all(|(byte, number)| *byte == number.to_be_bytes()[3]));
    });
}

//! Connections to endpoints: an endpoint of frames, and our own server as one.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use h2::Reason;
use ingress_proxy::config;
use ingress_proxy::exchange::{HeadError, Upstream};
use ingress_proxy::h2::Ended;
use ingress_proxy::h2::budget::Excess;
use ingress_proxy::h2::client::{ClientSettings, ClientStream, Connection, Multiplexer, Next, connect};
use ingress_proxy::message::{
    BodyLength, Fill, Framing, OutgoingRequest, ResponseHead, Sink, Source, Trailers, Version,
};
use ingress_proxy::worker::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::{spawn_local, yield_now};
use tokio::time::sleep;

use super::site::{Pairs, Peer, default_settings, finish, patiently, read_all, run, write_all};
use super::wire::*;

const SHORT: Duration = Duration::from_millis(300);

fn client_settings() -> ClientSettings {
    ClientSettings::from(&config::Upstream::default())
}

/// An endpoint that is played by the test.
struct Endpoint {
    io: DuplexStream,
    connection: Connection,
    ended: Rc<RefCell<Option<Ended>>>,
}

impl Endpoint {
    async fn new(clock: &Clock, config: ClientSettings, values: &[(u16, u32)]) -> Self {
        let (mut io, ours) = duplex(1 << 20);
        let ended = Rc::new(RefCell::new(None));
        let end = Rc::clone(&ended);
        let connecting =
            connect(ours, &Rc::new(config), clock, move |how| *end.borrow_mut() = Some(how)).await.unwrap();
        let mut preface = [0; 24];
        patiently(io.read_exact(&mut preface)).await.unwrap();
        assert_eq!(preface, PREFACE);
        io.write_all(&[settings(values), frame(SETTINGS, ACK, 0, &[])].concat()).await.unwrap();
        let mut endpoint = Self { io, connection: connecting, ended };
        // Its settings are known when they are acknowledged.
        endpoint.until(|frame| frame.kind == SETTINGS && frame.flags & ACK != 0).await;
        endpoint
    }

    async fn send(&mut self, frames: &[&[u8]]) {
        let _ = self.io.write_all(&frames.concat()).await;
    }

    async fn until(&mut self, is_it: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = patiently(read_frame(&mut self.io)).await?;
            if is_it(&frame) {
                return Some(frame);
            }
        }
    }

    async fn ended(&self) -> Ended {
        patiently(async {
            loop {
                if let Some(ended) = self.ended.borrow_mut().take() {
                    return ended;
                }
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await
    }

    /// A stream on which a request was sent.
    async fn ask(&mut self, body: BodyLength) -> ClientStream {
        let mut stream = self.connection.stream().expect("there is room");
        stream.start(&outgoing(body, &Pairs(&[(b"Content-Type", b"application/grpc")]))).unwrap();
        assert_eq!(self.until(|frame| frame.kind == HEADERS).await.map(|frame| frame.kind), Some(HEADERS));
        stream
    }
}

fn outgoing<'a>(body: BodyLength, fields: &'a Pairs<'a>) -> OutgoingRequest<'a> {
    OutgoingRequest {
        version: Version::Http2,
        method: b"POST",
        target: b"/pkg.Service/Method",
        authority: b"a.example",
        fields,
        body,
        websocket: false,
        connection: None,
    }
}

fn response(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    headers(stream, END_HEADERS | flags, &block(fields))
}

async fn head(stream: &mut ClientStream) -> Result<ResponseHead, HeadError> {
    let mut head = ResponseHead::default();
    patiently(poll_fn(|cx| stream.poll_head(cx, &mut head))).await?;
    Ok(head)
}

fn go_away(last: u32, error: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), error.to_be_bytes()].concat())
}

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
        for (request, kind) in [
            (OutgoingRequest { websocket: true, ..plain }, ErrorKind::Unsupported),
            (OutgoingRequest { authority: b"", ..plain }, ErrorKind::InvalidInput),
            (OutgoingRequest { authority: b"a b", ..plain }, ErrorKind::InvalidInput),
            (OutgoingRequest { target: b"/a b", ..plain }, ErrorKind::InvalidInput),
            (OutgoingRequest { method: b"A B", ..plain }, ErrorKind::InvalidInput),
        ] {
            let mut stream = endpoint.connection.stream().unwrap();
            assert_eq!(stream.start(&request).unwrap_err().kind(), kind);
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
        let Next::Dial(dial) = multiplexer.next().await else { panic!("there is none") };
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
        assert!(matches!(patiently(multiplexer.next()).await, Next::Dial(_)));
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

#[test]
fn the_endpoint_says_how_many_streams() {
    run(async |clock| {
        let mut endpoint = Endpoint::new(&clock, client_settings(), &[(3, 2)]).await;
        let multiplexer = Rc::new(Multiplexer::new(1));
        let Next::Dial(dial) = multiplexer.next().await else { panic!("there is none") };
        let mut streams = vec![dial.bring(endpoint.connection.clone()).unwrap()];
        let Next::Stream(second) = multiplexer.next().await else { panic!("there is room") };
        streams.push(second);
        let waiting = Rc::clone(&multiplexer);
        let waiting = spawn_local(async move { matches!(waiting.next().await, Next::Stream(_)) });
        sleep(SHORT / 3).await;
        assert!(!waiting.is_finished());
        streams.pop();
        assert!(patiently(waiting).await.unwrap());
        // It allows none at all any more, and takes all when the connection is gone.
        let waiting = Rc::clone(&multiplexer);
        let waiting = spawn_local(async move {
            let second = waiting.next().await;
            assert!(matches!(second, Next::Stream(_)));
            matches!(waiting.next().await, Next::Dial(_))
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
            spawn_local(async move { multiplexer.next().await })
        };
        let Next::Dial(dial) = multiplexer.next().await else { panic!("there is none") };
        let waiting: Vec<_> = (0..3).map(|_| ask()).collect();
        yield_now().await;
        drop(dial);
        for task in waiting {
            assert!(matches!(patiently(task).await.unwrap(), Next::Failed));
        }
        // Whoever comes later tries again.
        let Next::Dial(dial) = multiplexer.next().await else { panic!("it may be better now") };
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

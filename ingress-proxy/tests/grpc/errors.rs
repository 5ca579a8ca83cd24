//! Errors of the server, of the client and of the proxy.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::{Code, Request, Status};

use super::server::failure;
use super::support::ingress::Ingress;
use super::support::origin::Origin;
use super::world::{HOST, World, everywhere};

fn is_the_failure(status: &Status) {
    let expected = failure();
    assert_eq!((status.code(), status.message()), (expected.code(), expected.message()));
    assert_eq!(status.details(), expected.details());
    assert_eq!(status.metadata().get("x-test"), expected.metadata().get("x-test"));
    assert_eq!(status.metadata().get_bin("x-test-bin"), expected.metadata().get_bin("x-test-bin"));
}

#[test]
fn errors_of_the_server() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        // There is no body, the head is the trailers.
        is_the_failure(&client.unary("Fail", Bytes::from_static(b"x")).await.unwrap_err());
        let mut answers = client.stream("FailLate", b"x").await.unwrap().into_inner();
        for _ in 0..2 {
            assert_eq!(answers.message().await.unwrap().unwrap(), "x");
        }
        is_the_failure(&answers.message().await.unwrap_err());
        let status = client.unary("Nothing", Bytes::new()).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unimplemented, "no such method"));
        assert!(client.unary("Unary", Bytes::new()).await.is_ok());
    });
}

#[test]
fn the_server_hears_of_deadlines() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        let mut request = Request::new(Bytes::new());
        request.set_timeout(Duration::from_secs(1));
        let status = client.unary("Wait", request).await.unwrap_err();
        assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
        assert_eq!((world.server.event().await, world.server.event().await), ("call began", "call ended"));
        assert_eq!(world.server.seen.lock().unwrap()[0].get("grpc-timeout").unwrap(), "1000000u");
    });
}

/// Five messages in three seconds, and then the end or nothing.
fn slowly(stays_open: bool) -> ReceiverStream<Bytes> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(600)).await;
            let _ = sender.send(Bytes::from_static(b"x")).await;
        }
        if stays_open {
            sender.closed().await;
        }
    });
    receiver.into()
}

/// A call has time while somebody talks.
#[test]
fn calls_end_where_nobody_says_anything() {
    everywhere(async |world: &mut World| {
        let host = format!("short.{HOST}");
        let protocol = if world.shape.server_tls { "GRPCS" } else { "GRPC" };
        let annotations = [("backend-protocol", protocol), ("proxy-read-timeout", "2")];
        let closing_origin = Origin::start(|_| Some(Vec::new()));
        let closing_host = format!("closing.{HOST}");
        for (name, host, endpoint) in
            [("short", &host, world.server.address), ("closing", &closing_host, closing_origin.address)]
        {
            let endpoints = [endpoint];
            let ingress =
                Ingress { name, host, annotations: &annotations, endpoints: &endpoints, ..Ingress::default() };
            world.site.apply(&ingress.to_string());
        }
        let client = world.client_of(&host).await;

        let talking = async {
            let collected = client.collect("Collect", slowly(false)).await.unwrap();
            assert_eq!(collected.into_inner(), "xxxxx", "the endpoint is silent and the client is not");
        };
        let silent = async {
            let status = client.collect("Collect", tokio_stream::pending()).await.unwrap_err();
            assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
        };
        let falling_silent = async {
            let mut answers = client.chat("Chat", slowly(true)).await.unwrap().into_inner();
            for _ in 0..6 {
                answers.message().await.unwrap().unwrap();
            }
            assert!(answers.message().await.is_err(), "both are silent");
        };
        // The end is the last that it says, and leaves the endpoint as much time as any word.
        let ending = async {
            let (sender, receiver) = mpsc::channel(1);
            tokio::spawn(async move {
                let _ = sender.send(Bytes::from_static(b"y")).await;
                tokio::time::sleep(Duration::from_millis(1_400)).await;
            });
            let collected = client.collect("CollectLate", ReceiverStream::new(receiver)).await.unwrap();
            assert_eq!(collected.into_inner(), "y");
        };
        tokio::join!(talking, silent, falling_silent, ending);
        let is_anybody_blamed =
            |world: &World| world.site.metrics.expose().contains("upstream_failures_total{reason=\"upstream");
        assert!(!is_anybody_blamed(world), "nobody knows who should have spoken");
        let client = world.client_of(&closing_host).await;
        assert!(client.collect("Collect", tokio_stream::pending()).await.is_err());
        assert!(is_anybody_blamed(world), "an endpoint that breaks off is at fault, whoever should have spoken");
    });
}

#[test]
fn the_server_hears_of_cancelled_calls() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        let call = tokio::spawn({
            let client = client.clone();
            async move { client.unary("Wait", Bytes::new()).await.map(drop) }
        });
        assert_eq!(world.server.event().await, "call began");
        call.abort();
        assert_eq!(world.server.event().await, "call ended");
        let mut answers = client.stream("Forever", b"x").await.unwrap().into_inner();
        assert_eq!(answers.message().await.unwrap().unwrap(), "one");
        drop(answers);
        assert_eq!(world.server.event().await, "stream ended");
        assert!(client.unary("Unary", Bytes::new()).await.is_ok(), "the connection is as good as before");
    });
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A host, its endpoints, its annotations and how it answers.
type Case<'a> = (&'a str, &'a [SocketAddr], &'a [(&'a str, &'a str)], Code);

#[test]
fn errors_of_the_proxy() {
    everywhere(async |world: &mut World| {
        let protocol = if world.shape.server_tls { "GRPCS" } else { "GRPC" };
        let annotations = [("backend-protocol", protocol)];
        let silent = Origin::start(|_| Some(Vec::new()));
        let http1 = Origin::start(|_| Some(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec()));
        let hosts: [Case<'_>; 6] = [
            ("none", &[], &annotations, Code::Unavailable),
            ("refused", &[nobody()], &annotations, Code::Unavailable),
            ("closed", &[silent.address], &annotations, Code::Unavailable),
            ("http1", &[http1.address], &annotations, Code::Unavailable),
            ("denied", &[world.server.address], &[("denylist-source-range", "127.0.0.0/8")], Code::PermissionDenied),
            ("login", &[], &[("auth-type", "basic"), ("auth-secret", "missing")], Code::Unavailable),
        ];
        let host = |name: &str| format!("{name}.{HOST}");
        for (name, endpoints, annotations, _) in hosts {
            let host = host(name);
            let ingress = Ingress { name, host: &host, annotations, endpoints, ..Ingress::default() };
            world.site.apply(&ingress.to_string());
        }
        let unknown = ("unknown", &[][..], &[][..], Code::Unimplemented);
        for (name, _, _, code) in hosts.into_iter().chain([unknown]) {
            let client = world.client_of(&host(name)).await;
            for _ in 0..2 {
                let status = client.unary("Unary", Bytes::from_static(b"x")).await.unwrap_err();
                assert_eq!(status.code(), code, "{name}: {status:?}");
                assert!(!status.message().is_empty(), "{name}: {status:?}");
            }
        }
        assert!(world.client().await.unary("Unary", Bytes::new()).await.is_ok());
    });
}

/// Nobody who is no gRPC client is told anything in terms of gRPC.
#[test]
fn other_requests_get_errors_of_http() {
    everywhere(async |world: &mut World| {
        let client = world.client_of(&format!("unknown.{HOST}")).await;
        let scheme = if world.shape.client_tls { "https" } else { "http" };
        let request = http::Request::get(format!("{scheme}://unknown.{HOST}/")).body(Body::empty()).unwrap();
        let response = client.raw(request).await;
        assert_eq!(response.status(), 404);
        assert!(!response.headers().contains_key("grpc-status"));
    });
}

/// What is refused before anybody knows which route it is for.
#[test]
fn heads_that_are_refused() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        let scheme = if world.shape.client_tls { "https" } else { "http" };
        let long = format!("/{}", "p".repeat(9_000));
        for (path, field, count, code) in [
            ("/", "expect", 1, Code::Unknown),
            ("/", "x-many", 101, Code::ResourceExhausted),
            (&*long, "x", 1, Code::Unknown),
        ] {
            let mut request = http::Request::post(format!("{scheme}://{HOST}{path}"));
            request = request.header("content-type", "application/grpc+proto");
            for _ in 0..count {
                request = request.header(field, "a cake");
            }
            let response = client.raw(request.body(Body::empty()).unwrap()).await;
            assert_eq!(response.status(), 200, "{field}");
            let code = (code as i32).to_string();
            assert_eq!(response.headers().get("grpc-status").map(|it| it.as_bytes()), Some(code.as_bytes()), "{field}");
        }
    });
}

/// An endpoint that goes away in the middle of a stream.
#[test]
fn a_stream_that_breaks_is_an_error() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        let another = world.another_server("second");
        world.turn_to(&[another.address]);
        let mut answers = client.stream("Forever", b"x").await.unwrap().into_inner();
        assert_eq!(answers.message().await.unwrap().unwrap(), "one");
        drop(another);
        let status = answers.message().await.unwrap_err();
        assert!(matches!(status.code(), Code::Internal | Code::Unavailable | Code::Unknown), "{status:?}");
    });
}

//! Large messages and metadata.

use bytes::Bytes;
use tokio_stream::StreamExt;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Request};

use super::support::ingress::Ingress;
use super::world::{HOST, World, everywhere};

/// Bytes in which nothing repeats itself that a frame or a buffer has the length of.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|at| (at % 251) as u8 ^ (at >> 16) as u8).collect::<Vec<_>>().into()
}

#[test]
fn four_mebibytes() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        let message = pattern(4 << 20);
        let echoed = client.unary("Unary", message.clone()).await.unwrap().into_inner();
        assert!(echoed == message);
        let mut pair = client.chat("Chat", tokio_stream::iter([message.clone(), message.clone()])).await.unwrap();
        let answers: Vec<_> = pair.get_mut().map(Result::unwrap).collect().await;
        assert_eq!(answers.len(), 3);
        assert!(answers[1..].iter().all(|answer| *answer == message));
    });
}

#[test]
fn a_limit_of_the_body_is_told_in_terms_of_grpc() {
    everywhere(async |world: &mut World| {
        let protocol = if world.shape.server_tls { "GRPCS" } else { "GRPC" };
        let annotations = [("backend-protocol", protocol), ("proxy-body-size", "100k")];
        let endpoints = [world.server.address];
        let (secret, endpoints) = (Some("site-tls"), &endpoints);
        let ingress = Ingress { host: HOST, annotations: &annotations, secret, endpoints, ..Ingress::default() };
        world.site.apply(&ingress.to_string());
        let client = world.client().await;
        assert!(client.unary("Unary", pattern(100_000)).await.is_ok());
        let status = client.unary("Unary", pattern(300_000)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "body-too-large"));
        assert!(client.unary("Unary", pattern(9)).await.is_ok(), "the connection is as good as before");
    });
}

#[test]
fn metadata_comes_through() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        let all: Vec<u8> = (0..=255).collect();
        let mut metadata = MetadataMap::new();
        metadata.append("x-test", "one".parse().unwrap());
        metadata.append("x-test", "two, three".parse().unwrap());
        metadata.append("x-test-long", "y".repeat(4_000).parse().unwrap());
        for bytes in [&all[..], b"", b"\0", b"\r\n\r\n", b"GET / HTTP/1.1"] {
            metadata.append_bin("x-test-bin", MetadataValue::from_bytes(bytes));
        }
        let mut request = Request::new(Bytes::new());
        *request.metadata_mut() = metadata.clone();
        let response = client.unary("Unary", request).await.unwrap();
        for name in ["x-test", "x-test-long"] {
            let values = |map: &MetadataMap| map.get_all(name).iter().cloned().collect::<Vec<_>>();
            assert_eq!(values(response.metadata()), values(&metadata), "{name}");
        }
        let values = |map: &MetadataMap| {
            map.get_all_bin("x-test-bin").iter().map(|value| value.to_bytes().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(values(response.metadata()), values(&metadata));
    });
}

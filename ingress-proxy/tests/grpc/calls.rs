//! The four kinds of calls.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::world::{World, everywhere};

#[test]
fn one_message_each_way() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        for text in [&b"hello"[..], b"", &[0; 100_000]] {
            let response = client.unary("Unary", Bytes::copy_from_slice(text)).await.unwrap();
            assert_eq!(response.into_inner(), text);
        }
        let seen = world.server.seen.lock().unwrap();
        let value = |name: &str| seen[0].get_all(name).iter().map(|it| it.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(value("te"), ["trailers"]);
        assert_eq!(value("content-type"), ["application/grpc"]);
        assert_eq!(value("x-forwarded-proto"), [if world.shape.client_tls { "https" } else { "http" }]);
        assert_eq!(value("x-forwarded-for"), ["127.0.0.1"]);
    });
}

#[test]
fn many_messages_and_one_answer() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        let messages: Vec<Bytes> = (0..200_u8).map(|number| vec![number; usize::from(number) * 7].into()).collect();
        let response = client.collect("Collect", tokio_stream::iter(messages.clone())).await.unwrap();
        assert_eq!(response.into_inner(), messages.concat());
        let response = client.collect("Collect", tokio_stream::empty()).await.unwrap();
        assert_eq!(response.into_inner(), "");
    });
}

#[test]
fn one_message_and_many_answers() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        for (times, length) in [(0, 1), (1, 1), (200, 3_000)] {
            let message = vec![times; length];
            let mut answers = client.stream("Repeat", &message).await.unwrap().into_inner();
            for _ in 0..times {
                assert_eq!(answers.message().await.unwrap().unwrap(), message);
            }
            assert_eq!(answers.message().await.unwrap(), None);
            assert!(answers.trailers().await.unwrap().is_some());
        }
    });
}

/// Each side waits for the other, so nothing may be held back.
#[test]
fn both_sides_talk_at_the_same_time() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        let (sender, receiver) = mpsc::channel(1);
        let mut answers = client.chat("Chat", ReceiverStream::new(receiver)).await.unwrap().into_inner();
        // The server speaks before the client has sent a message.
        assert_eq!(answers.message().await.unwrap().unwrap(), "welcome");
        for number in 0..100_usize {
            let message = Bytes::from(vec![b'x'; number * 300]);
            sender.send(message.clone()).await.unwrap();
            assert_eq!(answers.message().await.unwrap().unwrap(), message);
        }
        drop(sender);
        assert_eq!(answers.message().await.unwrap(), None);
    });
}

//! Many calls at the same time.

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tonic::Code;

use super::server::failure;
use super::world::{Client, World, everywhere};

/// One call of one of five kinds; each says for itself whether its trailers have come.
async fn call(client: Client, number: usize) {
    let message = Bytes::from(vec![(number % 13) as u8; 1 + number % 5_000]);
    match number % 5 {
        0 => assert_eq!(client.unary("Unary", message.clone()).await.unwrap().into_inner(), message),
        1 => {
            let messages = vec![message.clone(); 3];
            let all = client.collect("Collect", tokio_stream::iter(messages.clone())).await.unwrap().into_inner();
            assert_eq!(all, messages.concat());
        }
        2 => {
            let mut answers = client.stream("Repeat", &message).await.unwrap().into_inner();
            let mut count = 0;
            while let Some(answer) = answers.message().await.unwrap() {
                assert_eq!(answer, message);
                count += 1;
            }
            assert_eq!(count, message[0]);
            assert!(answers.trailers().await.unwrap().is_some());
        }
        3 => {
            let answers = client.chat("Chat", tokio_stream::iter(vec![message.clone(); 4])).await.unwrap().into_inner();
            let answers: Vec<_> = answers.map(Result::unwrap).collect().await;
            assert_eq!((answers.len(), &answers[4]), (5, &message));
        }
        _ => {
            let status = client.unary("Fail", message).await.unwrap_err();
            assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, failure().message()));
        }
    }
}

#[test]
fn hundreds_of_calls_at_the_same_time() {
    everywhere(async |world: &mut World| {
        // More streams on each connection than the proxy takes at one time.
        let clients = [world.client().await, world.client().await];
        let mut calls = JoinSet::new();
        for number in 0..400 {
            calls.spawn(call(clients[number % 2].clone(), number));
        }
        while let Some(done) = calls.join_next().await {
            done.unwrap();
        }
        assert_eq!(world.server.seen.lock().unwrap().len(), 400);
    });
}

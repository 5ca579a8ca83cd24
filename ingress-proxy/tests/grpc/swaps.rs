//! The configuration changes while calls are under way.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::support::ingress::Ingress;
use super::world::{World, everywhere};

#[test]
fn a_stream_outlives_its_configuration() {
    everywhere(async |world: &mut World| {
        let client = world.client().await;
        let (sender, receiver) = mpsc::channel(1);
        let mut answers = client.chat("Chat", ReceiverStream::new(receiver)).await.unwrap().into_inner();
        assert_eq!(answers.message().await.unwrap().unwrap(), "welcome");
        let mut talk = async |text: String| {
            let text = Bytes::from(text);
            sender.send(text.clone()).await.unwrap();
            assert_eq!(answers.message().await.unwrap().unwrap(), text);
        };
        talk("before".to_owned()).await;
        // Something else changes.
        for number in 0..20 {
            let host = format!("{number}.example");
            world.site.apply(&Ingress { name: "other", host: &host, ..Ingress::default() }.to_string());
            talk(host).await;
            assert_eq!(client.unary("Name", Bytes::new()).await.unwrap().into_inner(), "first");
        }
        // The endpoints change: new calls go there, the stream stays where it is.
        let second = world.another_server("second");
        world.turn_to(&[second.address]);
        assert_eq!(client.unary("Name", Bytes::new()).await.unwrap().into_inner(), "second");
        talk("after".to_owned()).await;
        drop(sender);
        assert_eq!(answers.message().await.unwrap(), None);
        assert!(second.seen.lock().unwrap().iter().all(|fields| fields.contains_key("x-request-id")));
    });
}

use std::sync::Arc;

use ingress_core::policy::CertificateId;
use ingress_core::publish::Publisher;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::coop;
use tokio_rustls::TlsConnector;

use super::*;
use crate::certs::CertStore;
use crate::server::tls::{Established, Options, Tickets, TlsAcceptor};
use crate::upstream::tls::testing::trusting_anybody;

/// For how long nothing may be taken.
const STALL: Duration = Duration::from_secs(2);
/// Less than rustls holds for the socket.
const LENGTH: usize = 48 << 10;

/// A TLS connection over a socket that holds next to nothing, and its client's socket.
async fn narrow() -> (Io, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let (near, far) = tokio::join!(socket.connect(listener.local_addr().unwrap()), listener.accept());
    let far = far.unwrap().0;
    socket2::SockRef::from(&far).set_send_buffer_size(4 << 10).unwrap();
    let store = Arc::new(CertStore::new(CertificateId::Default));
    let options = Options { tickets: false, ..Options::default() };
    let acceptor = TlsAcceptor::new(&options, &Tickets::default(), Publisher::default().reader(), store).unwrap();
    let connector = TlsConnector::from(Arc::new(trusting_anybody()));
    let name = ServerName::try_from("a.example").unwrap();
    let (client, server) =
        tokio::join!(connector.connect(name, near.unwrap()), acceptor.accept(far, Vec::new(), async {}));
    let Ok(Established::Session(session)) = server else { panic!("no session") };
    (session.io, client.unwrap().into_inner().0)
}

/// What becomes of a response to a client that reads so much at a time, ten times in a second.
async fn sent(amount: usize) -> io::Result<()> {
    let (io, mut client) = narrow().await;
    let clock = Clock::new();
    let mut wire = Wire::new(io, &Buffers::default(), &clock, STALL, STALL);
    wire.out().resize(LENGTH, b'x');
    let reading = async {
        let mut interval = tokio::time::interval(Duration::from_millis(100));
        let mut buffer = vec![0; amount];
        loop {
            interval.tick().await;
            client.read_exact(&mut buffer).await.unwrap();
        }
    };
    tokio::select! {
        () = clock.run() => unreachable!(),
        () = reading => unreachable!(),
        sent = poll_fn(|cx| wire.poll_send(cx)) => sent,
    }
}

#[tokio::test]
async fn what_tls_gets_rid_of_is_progress() {
    // It takes longer than the client may do nothing.
    let started = std::time::Instant::now();
    sent(1_000).await.unwrap();
    assert!(started.elapsed() > STALL, "the socket holds too much for this test to say anything");
}

#[tokio::test]
async fn a_client_that_takes_next_to_nothing_is_not_waited_for() {
    assert_eq!(sent(10).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn an_end_is_seen_whatever_is_left_of_the_budget() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (peer, _) = listener.accept().await.unwrap();
    let never = Duration::MAX;
    let mut wire = Wire::new(Io::Plain(stream.into()), &Buffers::default(), &Clock::new(), never, never);
    assert!(wire.is_silent());
    drop(peer);
    wire.io().tcp().readable().await.unwrap();
    poll_fn(|cx| {
        while coop::poll_proceed(cx).map(|budget| budget.made_progress()).is_ready() {}
        assert!(wire.poll_receive(cx).is_pending(), "there is something left of it");
        assert!(!wire.is_silent());
        Poll::Ready(())
    })
    .await;
}

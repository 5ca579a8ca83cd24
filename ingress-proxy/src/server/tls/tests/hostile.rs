//! Handshakes in pieces, and what is none.

use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::{AlertDescription, ClientConnection};
use tokio::io::ReadBuf;

use super::*;

/// Sends one byte and lets the other side read before the next.
struct Dribble {
    tcp: TcpStream,
    is_turn: bool,
}

impl AsyncWrite for Dribble {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.is_turn = !self.is_turn;
        if !self.is_turn {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.tcp).poll_write(cx, &data[..data.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl AsyncRead for Dribble {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

/// Puts each byte of the ClientHello into a record of its own.
struct Records {
    tcp: TcpStream,
    pending: Vec<u8>,
    is_started: bool,
}

impl AsyncWrite for Records {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if !self.is_started {
            self.is_started = true;
            assert_eq!(data[0], 22, "a handshake record");
            assert_eq!(usize::from(u16::from_be_bytes([data[3], data[4]])), data.len() - 5, "one record");
            self.pending = data[5..].iter().flat_map(|byte| [22, 3, 1, 0, 1, *byte]).collect();
        }
        while !self.pending.is_empty() {
            let Self { tcp, pending, .. } = &mut *self;
            match Pin::new(tcp).poll_write(cx, pending)? {
                Poll::Ready(written) => drop(pending.drain(..written)),
                Poll::Pending => return Poll::Pending,
            }
            if self.pending.is_empty() {
                return Poll::Ready(Ok(data.len()));
            }
        }
        Pin::new(&mut self.tcp).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl AsyncRead for Records {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

#[test]
fn a_hello_in_pieces_says_the_same() {
    run(async {
        let world = World::usual(&Options::default());
        let client = Arc::new(trusting_anybody());
        for (name, expected) in [("a.example", "a"), ("x.b.example", "b"), ("elsewhere.example", "default")] {
            let bytes = |tcp: TcpStream| {
                tcp.set_nodelay(true).unwrap();
                Dribble { tcp, is_turn: false }
            };
            let meeting = world.meet_over(&client, name, bytes).await;
            assert_eq!(world.name_of(&meeting), expected, "{name} by bytes");
            let records = |tcp| Records { tcp, pending: Vec::new(), is_started: false };
            let meeting = world.meet_over(&client, name, records).await;
            assert_eq!(world.name_of(&meeting), expected, "{name} by records");
        }
    });
}

#[test]
fn what_was_read_before_counts() {
    run(async {
        let world = World::usual(&Options::default());
        let mut hello = Vec::new();
        let name = ServerName::try_from("a.example").unwrap();
        let mut client = ClientConnection::new(trusting_anybody().into(), name).unwrap();
        client.write_tls(&mut hello).unwrap();
        for cut in [0, 1, 5, 100, hello.len()] {
            let (mut near, far) = connected().await;
            near.write_all(&hello[cut..]).await.unwrap();
            let (accepted, bytes) = {
                let mut far = far;
                super::super::hello::read(&mut far, hello[..cut].to_vec()).await.unwrap()
            };
            assert_eq!(server_name(&accepted.client_hello()).as_deref(), Some("a.example"));
            assert_eq!(bytes, hello);
        }
        drop(world);
    });
}

/// Sends bytes and closes; returned is what the server thinks and what it answers.
async fn send(bytes: &[u8]) -> (HandshakeError, Vec<u8>) {
    let world = World::usual(&Options::default());
    let (mut near, far) = connected().await;
    let client = async {
        let _ = near.write_all(bytes).await;
        let _ = near.shutdown().await;
        let mut answer = Vec::new();
        let _ = near.read_to_end(&mut answer).await;
        answer
    };
    let (answer, result) = tokio::join!(client, world.acceptor.accept(far, Vec::new(), async {}));
    (result.err().unwrap(), answer)
}

#[test]
fn what_is_no_hello_is_refused() {
    run(async {
        let (error, answer) = send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
        assert!(matches!(error, HandshakeError::Tls(rustls::Error::InvalidMessage(_))), "{error:?}");
        assert_eq!(answer.first(), Some(&21), "an alert");
        // Alerts and whatever else comes before a hello.
        for record in [[21, 3, 1, 0, 2, 1, 0], [21, 3, 1, 0, 2, 2, 40], [23, 3, 3, 0, 2, 1, 0], [20, 3, 1, 0, 2, 1, 1]]
        {
            let (error, _) = send(&record.repeat(3)).await;
            assert!(matches!(error, HandshakeError::Tls(_)), "{error:?}");
        }
        let (error, _) = send(b"").await;
        assert!(matches!(error, HandshakeError::Io(_)), "{error:?}");
        let (error, _) = send(b"\x16\x03\x01\x02\x00\x01").await;
        assert!(matches!(error, HandshakeError::Io(_)), "{error:?}");
    });
}

#[test]
fn a_hello_without_end_is_cut_off() {
    run(async {
        // A message that announces 16 MiB, one of 64 KiB byte by byte, and records with nothing in them.
        let mut full = vec![22, 3, 1, 0x40, 0x00, 1, 0xff, 0xff, 0xff];
        full.resize(5 + 0x4000, 0);
        let bytes = [1, 0, 0xff, 0xff].into_iter().chain([0; 20_000]).flat_map(|byte| [22, 3, 1, 0, 1, byte]);
        let (error, _) = send(&bytes.collect::<Vec<u8>>()).await;
        assert!(matches!(error, HandshakeError::TooLarge), "{error:?}");
        for bytes in [full, [22, 3, 1, 0, 0].repeat(20_000)] {
            let (error, _) = send(&bytes).await;
            assert!(matches!(error, HandshakeError::Tls(_)), "{error:?}");
        }
    });
}

#[test]
fn early_data_never_arrives() {
    run(async {
        let world = World::usual(&Options::default());
        let mut client = trusting_anybody();
        client.enable_early_data = true;
        let client = Arc::new(client);
        // The client remembers a session with a server that would take early data.
        let resolver = Resolver::new(world.publisher.reader(), Arc::clone(&world.store), false);
        let recipe = Recipe { options: Options::default(), resolver: Arc::new(resolver) };
        let mut lax = recipe.config(Arc::new(NoClientAuth)).unwrap();
        lax.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
        lax.send_tls13_tickets = 1;
        lax.max_early_data_size = 1_000;
        let acceptor = TlsAcceptor { config: Arc::new(lax), ..world.acceptor.clone() };
        let world = World { acceptor, ..world };
        assert_eq!(world.meet(&client, "a.example").await.seen().kind, HandshakeKind::Full);

        let (reader, store) = (world.publisher.reader(), Arc::clone(&world.store));
        let acceptor = TlsAcceptor::new(&Options::default(), &world.tickets, reader, store).unwrap();
        let mut connection = ClientConnection::new(client, ServerName::try_from("a.example").unwrap()).unwrap();
        let mut early = connection.early_data().expect("it may send early data");
        assert_eq!(io::Write::write(&mut early, b"GET /early").unwrap(), 10);
        let mut bytes = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut bytes).unwrap();
        }
        let (mut near, far) = connected().await;
        let client = async {
            near.write_all(&bytes).await.unwrap();
            let mut answer = vec![0; 16 << 10];
            loop {
                let got = near.read(&mut answer).await.unwrap_or(0);
                if got == 0 {
                    return Some(connection.is_early_data_accepted());
                }
                let mut rest = &answer[..got];
                while !rest.is_empty() {
                    connection.read_tls(&mut rest).unwrap();
                    if connection.process_new_packets().is_err() {
                        return None;
                    }
                }
                let mut bytes = Vec::new();
                while connection.wants_write() {
                    connection.write_tls(&mut bytes).unwrap();
                }
                near.write_all(&bytes).await.unwrap();
                if !connection.is_handshaking() {
                    near.shutdown().await.unwrap();
                }
            }
        };
        let server = async {
            let mut received = Vec::new();
            if let Ok(established) = acceptor.accept(far, Vec::new(), async {}).await {
                let _ = session(established).io.read_to_end(&mut received).await;
            }
            received
        };
        let (accepted, received) = tokio::join!(client, server);
        assert_eq!(accepted, Some(false));
        assert_eq!(received, b"");
    });
}

#[test]
fn alerts_have_their_names() {
    run(async {
        let world = World::usual(&Options { versions: Versions::Only13, ..Options::default() });
        let only12 = Arc::new(crate::upstream::tls::testing::trusting_anybody_with(&[&rustls::version::TLS12]));
        let meeting = world.meet(&only12, "a.example").await;
        assert_eq!(meeting.alert(), AlertDescription::ProtocolVersion);
        let error = meeting.server.err().unwrap();
        assert!(matches!(error, HandshakeError::Tls(rustls::Error::PeerIncompatible(_))), "{error:?}");
    });
}

//! Over HTTP/1.1, with tungstenite on both sides.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::HandshakeError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocket};
use tokio_tungstenite::tungstenite::{Error, Message, client};

use super::frames::cases;
use super::server::{HOST, Server};
use super::support::ingress::Ingress;
use super::support::requests::{pattern, value};
use super::support::scripted::eventually;
use super::support::tls::trusting_anybody;

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

fn connect(address: SocketAddr, tls: bool) -> Box<dyn Stream> {
    let tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    if !tls {
        return Box::new(tcp);
    }
    let name = ServerName::try_from(HOST).unwrap();
    Box::new(StreamOwned::new(ClientConnection::new(Arc::new(trusting_anybody()), name).unwrap(), tcp))
}

type Opened = Result<(WebSocket<Box<dyn Stream>>, http::Response<Option<Vec<u8>>>), Error>;

fn open(stream: Box<dyn Stream>, path: &str, protocols: Option<&'static str>) -> Opened {
    let mut request = format!("ws://{HOST}{path}").into_client_request().unwrap();
    if let Some(protocols) = protocols {
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(protocols));
    }
    client(request, stream).map_err(|error| match error {
        HandshakeError::Failure(error) => error,
        HandshakeError::Interrupted(_) => panic!("it hangs"),
    })
}

#[test]
fn messages_and_an_orderly_end() {
    let server = Server::start();
    let site = server.site();
    for (address, tls) in [(site.http, false), (site.https, true)] {
        let (mut socket, response) = open(connect(address, tls), "/echo", Some("chat, superchat")).unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
        let head = server.last_head();
        assert_eq!(value(&head, "x-forwarded-proto"), Some(if tls { "https" } else { "http" }), "{head}");
        assert_eq!(value(&head, "sec-websocket-version"), Some("13"), "{head}");
        for message in [
            Message::text(""),
            Message::text("Grüße"),
            Message::binary(pattern(70_000)),
            Message::binary(pattern(3 << 20)),
        ] {
            socket.send(message.clone()).unwrap();
            assert!(socket.read().unwrap() == message);
        }
        socket.send(Message::Ping(b"are you?"[..].into())).unwrap();
        assert_eq!(socket.read().unwrap(), Message::Pong(b"are you?"[..].into()));
        let close = CloseFrame { code: CloseCode::Library(4_321), reason: "done".into() };
        socket.close(Some(close.clone())).unwrap();
        assert_eq!(socket.read().unwrap(), Message::Close(Some(close)));
        assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
    }
}

#[test]
fn every_frame_comes_through_as_it_is() {
    let server = Server::start();
    let site = server.site();
    let cases = cases();
    assert!(cases.len() > 300, "{}", cases.len());
    for (address, tls) in [(site.http, false), (site.https, true)] {
        let (socket, _) = open(connect(address, tls), "/bytes", None).unwrap();
        let mut stream = socket.into_inner();
        for (number, case) in cases.iter().enumerate() {
            stream.write_all(case).unwrap();
            stream.flush().unwrap();
            let mut echoed = vec![0; case.len()];
            stream.read_exact(&mut echoed).unwrap();
            assert!(echoed == *case, "case {number}");
        }
    }
}

#[test]
fn an_endpoint_that_does_not_agree() {
    let server = Server::start();
    let site = server.site();
    for (address, tls) in [(site.http, false), (site.https, true)] {
        for (path, status) in [("/refused", 403), ("/page", 200), ("/wrong", 502)] {
            match open(connect(address, tls), path, None) {
                Err(Error::Http(response)) => assert_eq!(response.status(), status, "{path}"),
                other => panic!("{path}: {other:?}", other = other.map(drop)),
            }
        }
    }
}

#[test]
fn a_socket_outlives_its_configuration() {
    let server = Server::start();
    let mut site = server.site();
    let (mut socket, _) = open(connect(site.http, false), "/echo", None).unwrap();
    for number in 0..20 {
        let host = format!("{number}.example");
        site.apply(&Ingress { name: "other", host: &host, ..Ingress::default() }.to_string());
        socket.send(Message::text(host.clone())).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text(host));
    }
    // Its own route goes away.
    let another = Server::start();
    let endpoints = [another.address];
    site.apply(&Ingress { endpoints: &endpoints, ..Ingress::default() }.to_string());
    socket.send(Message::text("still here")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("still here"));
    let (mut new, _) = open(connect(site.http, false), "/echo", None).unwrap();
    new.send(Message::text("over there")).unwrap();
    assert_eq!(new.read().unwrap(), Message::text("over there"));
    assert_eq!(another.heads.lock().unwrap().len(), 1);
}

#[test]
fn an_end_without_a_close() {
    let server = Server::start();
    let site = server.site();
    let (mut socket, _) = open(connect(site.http, false), "/echo", None).unwrap();
    // A frame that no server knows: it closes the connection.
    socket.get_mut().write_all(b"\x8f\x80abcd").unwrap();
    let mut rest = Vec::new();
    socket.get_mut().read_to_end(&mut rest).expect("the end");
}

/// Asks for a socket and reads the answer, to the last byte of its head.
fn upgrade(stream: &mut dyn Stream, path: &str) {
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13";
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
}

/// However a side ends, what it has said before is said.
#[test]
fn the_last_words_of_an_endpoint_get_through() {
    let server = Server::start();
    let site = server.site();
    for (address, tls) in [(site.http, false), (site.https, true)] {
        for _ in 0..30 {
            let mut stream = connect(address, tls);
            upgrade(&mut *stream, "/last");
            stream.write_all(b"x").unwrap();
            let mut words = [0; 10];
            stream.read_exact(&mut words).expect("last words");
            assert_eq!(&words, b"last words");
        }
    }
}

#[test]
fn the_last_words_of_a_client_get_through() {
    let server = Server::start();
    let site = server.site();
    for round in 1..=30 {
        let mut stream = TcpStream::connect(site.http).unwrap();
        upgrade(&mut stream, "/hears");
        stream.write_all(b"last words").unwrap();
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(stream);
        eventually("it has heard", || server.heads.lock().unwrap().len() == 2 * round);
        assert_eq!(server.last_head(), "last words");
    }
}

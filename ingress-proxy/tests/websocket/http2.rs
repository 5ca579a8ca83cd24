//! Over HTTP/2 (RFC 8441): the proxy makes an upgrade of HTTP/1.1 of it.

use std::io::Cursor;

use bytes::{Bytes, BytesMut};
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{HeaderValue, Request, Response};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::frames::{cases, frame};
use super::server::{HOST, Server};
use super::support::http2::{Client, PATIENCE, piece, send, whole};
use super::support::requests::value;
use super::support::site::Site;
use super::support::tls::trusting_anybody;

fn connect(client: &Client, path: &str) -> Request<()> {
    let mut request = client.request("CONNECT", HOST, path);
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request.headers_mut().insert("sec-websocket-version", HeaderValue::from_static("13"));
    request
}

async fn open(client: &Client, path: &str) -> (Response<RecvStream>, SendStream<Bytes>) {
    let (response, stream) = client.begin(connect(client, path), false).await;
    (response.await.unwrap(), stream)
}

fn both_ways(site: &Site, test: impl AsyncFn(Client)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let both = async {
        test(Client::plain(site.http).await).await;
        test(Client::tls(site.https, trusting_anybody(), HOST).await).await;
    };
    runtime.block_on(async { timeout(PATIENCE * 2, both).await.expect("it hangs") });
}

/// Reads so many bytes.
async fn exactly(body: &mut RecvStream, length: usize, rest: &mut BytesMut) -> BytesMut {
    while rest.len() < length {
        rest.extend_from_slice(&piece(body).await.expect("more").expect("more"));
    }
    rest.split_to(length)
}

/// The next frame: what it is and what is in it.
async fn next(body: &mut RecvStream, rest: &mut BytesMut) -> (OpCode, BytesMut) {
    loop {
        let mut cursor = Cursor::new(&rest[..]);
        if let Some((header, length)) = FrameHeader::parse(&mut cursor).unwrap() {
            let _ = exactly(body, usize::try_from(cursor.position()).unwrap(), rest).await;
            return (header.opcode, exactly(body, usize::try_from(length).unwrap(), rest).await);
        }
        rest.extend_from_slice(&piece(body).await.expect("a frame").expect("a frame"));
    }
}

#[test]
fn messages_and_an_orderly_end() {
    let server = Server::start();
    let site = server.site();
    both_ways(&site, async |client| {
        // The proxy says that it can.
        client.get(HOST, "/page").await;
        assert!(client.is_connect_enabled().await);
        let mut request = connect(&client, "/echo");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("chat, superchat"));
        let (response, mut stream) = client.begin(request, false).await;
        let response = response.await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["sec-websocket-protocol"]),
            (200, &"chat".parse().unwrap())
        );
        for name in ["upgrade", "connection", "transfer-encoding", "content-length", "sec-websocket-accept"] {
            assert!(!response.headers().contains_key(name), "{name}");
        }
        let head = server.last_head();
        assert!(head.starts_with("GET /echo HTTP/1.1\r\n"), "{head}");
        assert_eq!(value(&head, "host"), Some(HOST), "{head}");
        assert_eq!(value(&head, "upgrade"), Some("websocket"), "{head}");
        assert_eq!(value(&head, "sec-websocket-version"), Some("13"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
        let mut body = response.into_body();
        let mut rest = BytesMut::new();
        for text in ["", "hello", &"x".repeat(70_000)] {
            send(&mut stream, &frame(OpCode::Data(Data::Text), true, text.as_bytes())).await.unwrap();
            let echoed = next(&mut body, &mut rest).await;
            assert!(echoed == (OpCode::Data(Data::Text), BytesMut::from(text)));
        }
        let code = u16::from(CloseCode::Normal).to_be_bytes();
        send(&mut stream, &frame(OpCode::Control(Control::Close), true, &code)).await.unwrap();
        let closed = next(&mut body, &mut rest).await;
        assert_eq!(closed, (OpCode::Control(Control::Close), BytesMut::from(&code[..])));
        let end = piece(&mut body).await;
        assert!(end.is_none(), "the endpoint closes, so the stream ends: {end:?}");
    });
}

#[test]
fn every_frame_comes_through_as_it_is() {
    let server = Server::start();
    let site = server.site();
    both_ways(&site, async |client| {
        let (response, mut stream) = open(&client, "/bytes").await;
        let (mut body, mut rest) = (response.into_body(), BytesMut::new());
        for (number, case) in cases().iter().enumerate() {
            send(&mut stream, case).await.unwrap();
            assert!(exactly(&mut body, case.len(), &mut rest).await == case[..], "case {number}");
        }
        // The client ends in an orderly way, without a frame that says so.
        stream.send_data(Bytes::new(), true).unwrap();
        assert!(piece(&mut body).await.is_none_or(|end| end.is_err()));
    });
}

#[test]
fn an_endpoint_that_does_not_agree() {
    let server = Server::start();
    let site = server.site();
    both_ways(&site, async |client| {
        let (response, _stream) = open(&client, "/refused").await;
        let answer = whole(response).await.unwrap();
        assert_eq!((answer.status.as_u16(), &*answer.body), (403, &b"no"[..]));
        // A page is no WebSocket: nothing may be taken for a tunnel.
        let (response, _stream) = open(&client, "/page").await;
        assert_eq!(response.status(), 502);
        let (response, _stream) = open(&client, "/wrong").await;
        assert_eq!(response.status(), 502);
        assert_eq!(client.get(HOST, "/page").await.body, b"page");
    });
}

#[test]
fn sockets_and_pages_on_one_connection() {
    let server = Server::start();
    let site = server.site();
    both_ways(&site, async |client| {
        let mut sockets = Vec::new();
        for _ in 0..20 {
            let (response, stream) = open(&client, "/bytes").await;
            sockets.push((response.into_body(), stream));
        }
        for round in 0..5_u8 {
            for (body, stream) in &mut sockets {
                send(stream, &[round; 1_000]).await.unwrap();
                assert_eq!(exactly(body, 1_000, &mut BytesMut::new()).await, vec![round; 1_000]);
            }
            assert_eq!(client.get(HOST, "/page").await.body, b"page");
        }
    });
}

#[test]
fn the_last_words_of_an_endpoint_get_through() {
    let server = Server::start();
    let site = server.site();
    both_ways(&site, async |client| {
        for _ in 0..30 {
            let (response, mut stream) = open(&client, "/last").await;
            let mut body = response.into_body();
            send(&mut stream, b"x").await.unwrap();
            assert_eq!(exactly(&mut body, 10, &mut BytesMut::new()).await, b"last words"[..]);
        }
    });
}

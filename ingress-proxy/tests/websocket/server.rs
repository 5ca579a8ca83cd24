//! An endpoint of WebSockets, and the proxy in front of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

use super::support::authority::Authority;
use super::support::ingress::Ingress;
use super::support::requests::value;
use super::support::site::{Site, config};

pub const HOST: &str = "site.example";

/// What it does depends on the path:
///
/// - `/echo` answers messages with themselves,
/// - `/bytes` does the same to bytes, whatever they mean,
/// - `/last` hears a byte, says `last words` and resets the connection,
/// - `/hears` only listens; what it has heard at the end is kept like a head,
/// - `/refused` is 403, `/page` is 200, `/wrong` does not know the answer to the key.
pub struct Server {
    pub address: SocketAddr,
    /// The heads that have come.
    pub heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let all = Arc::clone(&heads);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, all) = (stream.unwrap(), Arc::clone(&all));
                std::thread::spawn(move || serve(stream, &all));
            }
        });
        Self { address, heads }
    }

    pub fn site(&self) -> Site {
        let mut config = config();
        config.downstream.http2_cleartext = true;
        let (secret, endpoints) = (Some("site-tls"), &[self.address][..]);
        let site = Site::start(&Ingress { secret, endpoints, ..Ingress::default() }.to_string(), config);
        Authority::new("Test").issue(&[HOST]).put(&site.certs, "site-tls");
        site
    }

    pub fn last_head(&self) -> String {
        self.heads.lock().unwrap().last().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, heads: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    heads.lock().unwrap().push(head.clone());
    let path = head.split(' ').nth(1).unwrap();
    match path {
        "/refused" => stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").ok()?,
        "/page" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npage\r\n0\r\n\r\n").ok()?
        }
        _ => {
            let key = value(&head, "sec-websocket-key")?;
            let accept = derive_accept_key(if path == "/wrong" { b"another key" } else { key.as_bytes() });
            // The first of those that the client can speak.
            let protocol = value(&head, "sec-websocket-protocol").and_then(|offered| offered.split(", ").next());
            let protocol = protocol.map(|it| format!("Sec-WebSocket-Protocol: {it}\r\n")).unwrap_or_default();
            let agreed = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n{protocol}\r\n"
            );
            stream.write_all(agreed.as_bytes()).ok()?;
            match path {
                "/bytes" => echo_bytes(stream),
                "/last" => {
                    stream.read_exact(&mut [0]).ok()?;
                    stream.write_all(b"last words").ok()?;
                    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).ok()?;
                }
                "/hears" => {
                    let mut heard = Vec::new();
                    let _ = stream.read_to_end(&mut heard);
                    heads.lock().unwrap().push(String::from_utf8(heard).unwrap());
                }
                _ => echo_messages(stream),
            }
        }
    }
    Some(())
}

fn echo_bytes(mut stream: TcpStream) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(amount @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..amount]).is_err() {
            return;
        }
    }
}

fn echo_messages(stream: TcpStream) {
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    while let Ok(message) = socket.read() {
        if !(message.is_text() || message.is_binary()) {
            // It answers pings and closes by itself.
            continue;
        }
        if socket.send(message).is_err() {
            return;
        }
    }
}

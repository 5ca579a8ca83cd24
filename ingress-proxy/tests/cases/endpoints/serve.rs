//! The listener's thread: HTTP/1 and HTTP/2, plain and over TLS, whatever comes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Arrived, Shared};
use crate::message::{self, Field, Head};

/// What every endpoint answers, beside its own name.
const BODY: &[u8] = b"origin";

/// Starts it; says the port.
pub(crate) fn start(shared: Arc<Mutex<Shared>>, tls: ServerConfig) -> u16 {
    let (port, started) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::bind("0.0.0.0:0").await.expect("a listener");
            port.send(listener.local_addr().expect("an address").port()).expect("somebody who waits");
            let acceptor = TlsAcceptor::from(Arc::new(tls));
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, acceptor) = (Arc::clone(&shared), acceptor.clone());
                // A connection that ends in the middle shows in what the client gets.
                tokio::spawn(async move { drop(accept(stream, &shared, &acceptor).await) });
            }
        });
    });
    started.recv().expect("a port")
}

async fn accept(stream: TcpStream, shared: &Mutex<Shared>, acceptor: &TlsAcceptor) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let local = match stream.local_addr()? {
        SocketAddr::V4(local) => *local.ip(),
        SocketAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(());
    }
    match first {
        // The record of a handshake.
        [0x16] => {
            let stream = acceptor.accept(stream).await?;
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let site = Site { shared, local, is_tls: true };
            if is_http2 { site.http2(stream).await } else { site.http1(stream).await }
        }
        // No method of a case begins like the preface of HTTP/2 and is short.
        [b'P'] if is_preface(&stream).await? => Site { shared, local, is_tls: false }.http2(stream).await,
        _ => Site { shared, local, is_tls: false }.http1(stream).await,
    }
}

async fn is_preface(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; 4];
    while stream.peek(&mut start).await? < start.len() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    Ok(start == *b"PRI ")
}

/// An endpoint on one connection.
struct Site<'s> {
    shared: &'s Mutex<Shared>,
    local: Ipv4Addr,
    is_tls: bool,
}

impl Site<'_> {
    /// Remembers a request; says what the endpoint is called.
    fn record(&self, mut arrived: Arrived) -> String {
        let mut shared = self.shared.lock().expect("the record");
        let name = shared.names.get(&self.local).cloned().unwrap_or_default();
        arrived.endpoint.clone_from(&name);
        shared.arrived.push(arrived);
        name
    }

    async fn http1(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut seen = Vec::new();
        loop {
            let head = loop {
                if let Some(head) = Head::take(&mut seen) {
                    break head;
                }
                if stream.read_buf(&mut seen).await? == 0 {
                    return Ok(());
                }
            };
            let body = loop {
                if let Some(body) = message::take_body(&mut seen, &head, false) {
                    break body;
                }
                if stream.read_buf(&mut seen).await? == 0 {
                    return Ok(());
                }
            };
            let mut words = head.start.split(' ');
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let version = if head.start.ends_with("/1.0") { "1.0" } else { "1.1" };
            let is_head = method == "HEAD";
            let name = self.record(Arrived {
                endpoint: String::new(),
                version,
                is_tls: self.is_tls,
                method: method.to_owned(),
                target: target.to_owned(),
                fields: head.fields,
                body_bytes: body.len(),
            });
            let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", BODY.len()).into_bytes();
            for (field, value) in message::of_endpoint(&name) {
                answer.extend(format!("{field}: {value}\r\n").bytes());
            }
            answer.extend(b"\r\n");
            answer.extend(if is_head { b"" } else { BODY });
            stream.write_all(&answer).await?;
        }
    }

    async fn http2(self, stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut connection = h2::server::handshake(stream).await.map_err(io::Error::other)?;
        while let Some(request) = connection.accept().await {
            let (request, mut respond) = request.map_err(io::Error::other)?;
            // Bodies are small enough for the first window, so that nothing has to be driven meanwhile.
            let uri = request.uri();
            let host = uri.authority().map(|authority| ("host".to_owned(), authority.to_string()));
            let fields = request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
            let fields: Vec<Field> = host.into_iter().chain(fields).collect();
            let length = fields.iter().find(|(name, _)| name == "content-length");
            let name = self.record(Arrived {
                endpoint: String::new(),
                version: "2",
                is_tls: self.is_tls,
                method: request.method().to_string(),
                target: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
                body_bytes: length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0),
                fields,
            });
            let mut response = http::Response::builder().header("content-length", BODY.len());
            for (field, value) in message::of_endpoint(&name) {
                response = response.header(field, value);
            }
            let is_head = request.method() == http::Method::HEAD;
            let response = response.body(()).map_err(io::Error::other)?;
            let mut body = respond.send_response(response, is_head).map_err(io::Error::other)?;
            if !is_head {
                body.send_data(BODY.into(), true).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }
}

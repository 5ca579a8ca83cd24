//! A client of HTTP/2.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response, StatusCode};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

/// Nothing here takes so long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A whole response.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub fields: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|value| value.to_str().expect("text"))
    }
}

/// A connection.
#[derive(Clone)]
pub struct Client {
    requests: SendRequest<Bytes>,
    scheme: &'static str,
    /// Closed when the connection is.
    ended: watch::Receiver<()>,
}

impl Client {
    /// In plain text.
    pub async fn plain(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.expect("a connection"), "http").await
    }

    /// Over TLS, with this name in the handshake.
    pub async fn tls(address: SocketAddr, mut config: ClientConfig, name: &str) -> Self {
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = TcpStream::connect(address).await.expect("a connection");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("a handshake");
        Self::over(stream, "https").await
    }

    async fn over(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, scheme: &'static str) -> Self {
        // One stream that is not read leaves room for others.
        let mut settings = h2::client::Builder::new();
        settings.initial_connection_window_size(4 << 20);
        let (requests, connection) = settings.handshake(io).await.expect("HTTP/2");
        let (is_open, ended) = watch::channel(());
        tokio::spawn(async move {
            let _is_open = is_open;
            let _ = connection.await;
        });
        Self { requests, scheme, ended }
    }

    pub fn request(&self, method: &str, host: &str, path: &str) -> Request<()> {
        let uri = format!("{}://{host}{path}", self.scheme);
        Request::builder().method(method).uri(uri).body(()).expect("a request")
    }

    /// The two directions of a stream.
    pub async fn begin(&self, request: Request<()>, is_all: bool) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let mut requests = self.requests.clone().ready().await.expect("a connection");
        requests.send_request(request, is_all).expect("a stream")
    }

    pub async fn ask(&self, request: Request<()>) -> Answer {
        let (response, _) = self.begin(request, true).await;
        whole(response.await.expect("a response")).await.expect("a body")
    }

    pub async fn get(&self, host: &str, path: &str) -> Answer {
        self.ask(self.request("GET", host, path)).await
    }

    /// Sends a body, and trailers if there are any.
    pub async fn send(&self, request: Request<()>, body: &[u8], trailers: Option<HeaderMap>) -> Answer {
        let (response, mut stream) = self.begin(request, false).await;
        for piece in body.chunks(30_000) {
            send(&mut stream, piece).await.expect("a window");
        }
        match trailers {
            Some(trailers) => stream.send_trailers(trailers).expect("a stream"),
            None => stream.send_data(Bytes::new(), true).expect("a stream"),
        }
        whole(response.await.expect("a response")).await.expect("a body")
    }

    /// Waits until the other side has ended the connection.
    pub async fn wait_for_end(&self) {
        let mut ended = self.ended.clone();
        tokio::time::timeout(PATIENCE, async { while ended.changed().await.is_ok() {} }).await.expect("an end");
    }

    /// Whether the other side lets a client ask for a WebSocket.
    pub async fn is_connect_enabled(&self) -> bool {
        self.requests.clone().ready().await.expect("a connection").is_extended_connect_protocol_enabled()
    }
}

/// Sends as much as the window lets through, and waits for more.
pub async fn send(stream: &mut SendStream<Bytes>, mut data: &[u8]) -> Result<(), h2::Error> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = match stream.capacity() {
            0 => poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap_or(Ok(0))?,
            room => room,
        };
        let (now, later) = data.split_at(room.min(data.len()));
        stream.send_data(Bytes::copy_from_slice(now), false)?;
        data = later;
    }
    Ok(())
}

/// The next piece of a body; none at its end. That nothing more is wanted of the request (RFC 9113 8.1) is no error, though
/// `h2` calls it one when it comes before the end was read.
pub async fn piece(body: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
    loop {
        match body.data().await? {
            // The end may have a frame of its own.
            Ok(data) if data.is_empty() => {}
            Ok(data) => {
                body.flow_control().release_capacity(data.len()).expect("what was received");
                return Some(Ok(data));
            }
            Err(error) if error.reason() == Some(Reason::NO_ERROR) => return None,
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Reads the response to its end.
pub async fn whole(response: Response<RecvStream>) -> Result<Answer, h2::Error> {
    let (parts, mut stream) = response.into_parts();
    let mut body = Vec::new();
    while let Some(data) = piece(&mut stream).await {
        body.extend_from_slice(&data?);
    }
    let trailers = match stream.trailers().await {
        Err(error) if error.reason() == Some(Reason::NO_ERROR) => None,
        trailers => trailers?,
    };
    Ok(Answer { status: parts.status, fields: parts.headers, body, trailers })
}

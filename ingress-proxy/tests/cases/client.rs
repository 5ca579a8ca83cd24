//! A client that sends a question as it stands, and reads the answer.

#[path = "client/http2.rs"]
mod http2;

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use http::Version;
use ingress_cli::question::Question;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::certificates::Certificates;
use super::message::{Field, Head, take_body};
use super::support::tls::trusting_anybody;

/// Nothing here takes so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<Field>,
    pub(crate) body: Vec<u8>,
    /// The certificate that was shown.
    pub(crate) certificate: Option<Vec<u8>>,
}

pub(crate) use self::http2::is_expressible;

/// The most bytes of a body that are sent.
pub(crate) const MOST_BODY: usize = 8 << 20;

/// How long the body is that the question declares.
pub(crate) fn body_length(question: &Question) -> usize {
    question.with_raw(|_, headers| {
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        length.and_then(|(_, value)| std::str::from_utf8(value).ok()?.trim().parse().ok()).unwrap_or(0)
    })
}

/// Whether the body comes in chunks.
pub(crate) fn is_chunked(question: &Question) -> bool {
    let is_chunked = |(name, value): &(&str, &[u8])| {
        name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case(b"chunked")
    };
    question.with_raw(|_, headers| headers.iter().any(is_chunked))
}

/// The bytes of a question as HTTP/1.
fn bytes(question: &Question) -> Vec<u8> {
    let mut bytes = question.with_raw(|raw, headers| {
        let version: &[u8] = if raw.version == Version::HTTP_10 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" };
        let mut bytes = [raw.method.as_bytes(), b" ", raw.target, version].concat();
        for (name, value) in headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes
    });
    if is_chunked(question) {
        bytes.extend(b"5\r\nxxxxx\r\n0\r\n\r\n");
    } else {
        bytes.resize(bytes.len() + body_length(question).min(MOST_BODY), b'x');
    }
    bytes
}

/// Where the proxy is.
#[derive(Clone, Copy)]
pub(crate) struct Proxy {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
}

/// Sends a question from the address that it says, and reads one answer.
pub(crate) fn ask(proxy: Proxy, certificates: &Certificates, question: &Question) -> io::Result<Answer> {
    let is_http2 = question.with_raw(|raw, _| raw.version == Version::HTTP_2);
    let conn = question.conn();
    let mut tcp = TcpStream::connect(if conn.tls.is_some() { proxy.https } else { proxy.http })?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.set_write_timeout(Some(PATIENCE))?;
    let proxied = match conn.remote_addr {
        Some(IpAddr::V4(address)) => format!("PROXY TCP4 {address} 127.0.0.1 40000 80\r\n"),
        Some(IpAddr::V6(address)) => format!("PROXY TCP6 {address} ::1 40000 80\r\n"),
        None => "PROXY UNKNOWN\r\n".to_owned(),
    };
    tcp.write_all(proxied.as_bytes())?;
    let tls = conn.tls.as_ref().map(|tls| {
        let mut config = trusting_anybody();
        config.enable_sni = tls.sni.is_some();
        if is_http2 {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        if let Some(certificate) = &tls.client_certificate {
            certificates.show(&mut config, certificate);
        }
        let name = ServerName::try_from(tls.sni.as_deref().unwrap_or("no.name").to_owned());
        Ok::<_, io::Error>((Arc::new(config), name.map_err(io::Error::other)?))
    });
    let tls = tls.transpose()?;
    if is_http2 { http2::ask(tcp, tls, question) } else { http1(tcp, tls, question) }
}

/// Settings of TLS, and the name of the server.
type Tls = Option<(Arc<ClientConfig>, ServerName<'static>)>;

fn http1(mut tcp: TcpStream, tls: Tls, question: &Question) -> io::Result<Answer> {
    let request = bytes(question);
    let is_head = question.with_raw(|raw, _| raw.method == "HEAD");
    let Some((config, name)) = tls else { return exchange(&mut tcp, &request, is_head) };
    let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, tcp);
    let mut answer = exchange(&mut stream, &request, is_head)?;
    let shown = stream.conn.peer_certificates().and_then(|chain| chain.first());
    answer.certificate = shown.map(|certificate| certificate.to_vec());
    Ok(answer)
}

fn exchange(stream: &mut (impl Read + Write), request: &[u8], is_head: bool) -> io::Result<Answer> {
    // The proxy may answer and close before it has read everything.
    let sent = stream.write_all(request).and_then(|()| stream.flush());
    let mut seen = Vec::new();
    let mut buffer = [0; 16 << 10];
    let mut head: Option<Head> = None;
    loop {
        if head.is_none() {
            head = Head::take(&mut seen);
        }
        if let Some(complete) = &head {
            let status = complete.start.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
            if let Some(body) = take_body(&mut seen, complete, is_head || status == 204 || status == 304) {
                let fields = head.map(|head| head.fields).unwrap_or_default();
                return Ok(Answer { status, fields, body, certificate: None });
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Err(sent.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())),
            amount => seen.extend_from_slice(&buffer[..amount]),
        }
    }
}

//! A client that sends a question as it stands, and reads the answer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use http::Version;
use ingress_cli::question::Question;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::endpoints::header;
use super::support::tls::trusting_anybody;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// The certificate that the proxy has shown.
    pub(crate) certificate: Option<Vec<u8>>,
}

/// The bytes of a question as HTTP/1, without a body.
pub(crate) fn head(question: &Question) -> Vec<u8> {
    question.with_raw(|raw, headers| {
        let version: &[u8] = if raw.version == Version::HTTP_10 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" };
        let mut bytes = [raw.method.as_bytes(), b" ", raw.target, version].concat();
        for (name, value) in headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes
    })
}

/// The most bytes of a body that are sent.
pub(crate) const MOST_BODY: usize = 8 << 20;

/// How long the body is that the question declares.
pub(crate) fn body_length(question: &Question) -> usize {
    question.with_raw(|_, headers| {
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        length.and_then(|(_, value)| std::str::from_utf8(value).ok()?.trim().parse().ok()).unwrap_or(0)
    })
}

/// Sends a question from the address that it says, and reads one answer.
pub(crate) fn ask(http: SocketAddr, https: SocketAddr, question: &Question) -> io::Result<Answer> {
    let conn = question.conn();
    let mut tcp = TcpStream::connect(if conn.tls.is_some() { https } else { http })?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
    let proxied = match conn.remote_addr {
        Some(address) if address.is_ipv4() => format!("PROXY TCP4 {address} 127.0.0.1 40000 80\r\n"),
        Some(address) => format!("PROXY TCP6 {address} ::1 40000 80\r\n"),
        None => "PROXY UNKNOWN\r\n".to_owned(),
    };
    tcp.write_all(proxied.as_bytes())?;
    let mut request = head(question);
    request.resize(request.len() + body_length(question).min(MOST_BODY), b'x');
    let is_head = question.with_raw(|raw, _| raw.method == "HEAD");
    match &conn.tls {
        None => exchange(&mut tcp, &request, is_head),
        Some(tls) => {
            let name = ServerName::try_from(tls.sni.as_deref().unwrap_or("no.name").to_owned());
            let name = name.map_err(io::Error::other)?;
            let mut config = trusting_anybody();
            config.enable_sni = tls.sni.is_some();
            let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(connection, tcp);
            let mut answer = exchange(&mut stream, &request, is_head)?;
            let shown = stream.conn.peer_certificates().and_then(|chain| chain.first());
            answer.certificate = shown.map(|certificate| certificate.to_vec());
            Ok(answer)
        }
    }
}

fn exchange(stream: &mut (impl Read + Write), request: &[u8], is_head: bool) -> io::Result<Answer> {
    // The proxy may answer and close before it has read everything.
    let sent = stream.write_all(request).and_then(|()| stream.flush());
    let mut seen = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        if let Some(end) = seen.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..end + 2]).into_owned();
            let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
            let length = header(&head, "content-length").and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
            let length = if is_head || status == 204 || status == 304 { 0 } else { length };
            if seen.len() >= end + 4 + length {
                return Ok(Answer { status, head, certificate: None });
            }
        }
        match stream.read(&mut buffer) {
            Ok(amount @ 1..) => seen.extend_from_slice(&buffer[..amount]),
            Ok(0) => return Err(sent.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())),
            Err(error) => return Err(error),
        }
    }
}

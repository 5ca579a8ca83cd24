//! The same over HTTP/2, as far as the `h2` crate is willing to send it.

use std::io;
use std::net::TcpStream;

use http::uri::Uri;
use http::{HeaderName, HeaderValue, Method, Request, Version};
use ingress_cli::question::Question;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::super::message::Field;
use super::{Answer, PATIENCE, Tls, body_length};

/// Whether a question of HTTP/2 can be sent.
pub(crate) fn is_expressible(question: &Question) -> bool {
    // A body beyond the first window would have to be sent piece by piece.
    body_length(question) <= 32 << 10 && request(question).is_ok()
}

fn request(question: &Question) -> http::Result<Request<()>> {
    question.with_raw(|raw, headers| {
        let scheme = if question.conn().tls.is_some() { "https" } else { "http" };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(raw.authority.unwrap_or_default())
            .path_and_query(raw.target)
            .build()?;
        let is_same = uri.path_and_query().is_some_and(|target| target.as_str().as_bytes() == raw.target);
        let uri = if is_same { uri } else { Uri::try_from("refused target")? };
        let mut request = Request::builder().version(Version::HTTP_2).method(Method::try_from(raw.method)?).uri(uri);
        for (name, value) in headers {
            request = request.header(HeaderName::try_from(*name)?, HeaderValue::try_from(*value)?);
        }
        request.body(())
    })
}

pub(super) fn ask(tcp: TcpStream, tls: Tls, question: &Question) -> io::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let asked = tokio::time::timeout(PATIENCE, async {
            tcp.set_nonblocking(true)?;
            let tcp = tokio::net::TcpStream::from_std(tcp)?;
            let Some((config, name)) = tls else { return exchange(tcp, question).await };
            let stream = TlsConnector::from(config).connect(name, tcp).await?;
            let (_, connection) = stream.get_ref();
            if connection.alpn_protocol() != Some(b"h2") {
                return Err(io::Error::other("HTTP/2 was not agreed on"));
            }
            let shown = connection.peer_certificates().and_then(|chain| chain.first());
            let certificate = shown.map(|certificate| certificate.to_vec());
            Ok(Answer { certificate, ..exchange(stream, question).await? })
        });
        asked.await?
    })
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    question: &Question,
) -> io::Result<Answer> {
    let request = request(question).map_err(io::Error::other)?;
    let (mut client, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
    let driving = tokio::spawn(connection);
    let length = body_length(question);
    let (response, mut body) = client.send_request(request, length == 0).map_err(io::Error::other)?;
    if length > 0 {
        body.send_data(vec![b'x'; length].into(), true).map_err(io::Error::other)?;
    }
    let (head, mut stream) = response.await.map_err(io::Error::other)?.into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        body.extend_from_slice(&data.map_err(io::Error::other)?);
    }
    driving.abort();
    let field = |(name, value): (&HeaderName, &HeaderValue)| -> Field {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let fields = head.headers.iter().map(field).collect();
    Ok(Answer { status: head.status.as_u16(), fields, body, certificate: None })
}

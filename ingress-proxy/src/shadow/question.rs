//! One question to the other controller, and what its answer is compared by: the status, and where a redirect leads.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, Error};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{MARK, Ours};
use crate::h1::{HeadParser, Limits, encode};
use crate::message::{BodyLength, Fields, Known, OutgoingRequest, RequestHead, ResponseHead, Version};
use crate::upstream::tls::unverified;

/// The greatest head of an answer.
const MAX_HEAD: usize = 64 << 10;

/// Where the other controller is: `http://` or `https://`, and a name or address with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether it speaks TLS there.
    pub is_tls: bool,
    host: Box<str>,
    port: u16,
}

/// Why a text names no such place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address such as `http://ingress-nginx-controller.ingress-nginx.svc:80`")]
#[expect(clippy::exhaustive_structs, reason = "there is nothing else to say")]
pub struct NotATarget(pub String);

impl FromStr for Target {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        let wrong = || NotATarget(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let is_tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(wrong()),
        };
        let authority: http::uri::Authority = rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|_| wrong())?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(wrong());
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            after => after.and_then(|after| after.strip_prefix(':')?.parse().ok()).ok_or_else(wrong)?,
        };
        Ok(Self { is_tls, host: host.into(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_tls, host, port } = self;
        let scheme = if *is_tls { "https" } else { "http" };
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

/// What somebody has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<Vec<u8>>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(location) => write!(f, "{} to {}", self.status, String::from_utf8_lossy(without_query(location))),
            None => write!(f, "{}", self.status),
        }
    }
}

/// A request that was answered here.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) is_tls: bool,
    method: Vec<u8>,
    target: Vec<u8>,
    host: Vec<u8>,
    fields: Fields,
    pub(super) ours: Answer,
}

impl Question {
    pub(super) fn new(is_tls: bool, head: &RequestHead, ours: Ours<'_>) -> Self {
        let host = head.host().to_vec();
        let mut fields = head.fields.clone();
        fields.remove_if(|known, _, _| known.is_hop_by_hop() || matches!(known, Known::Host | Known::Expect));
        // One field more is not worth a failure: at worst the question is not known to be one.
        let _ = fields.push(MARK, b"1");
        Self {
            is_tls,
            method: head.method.clone(),
            target: head.target.clone(),
            host,
            fields,
            ours: Answer { status: ours.status, location: ours.location.map(<[u8]>::to_vec) },
        }
    }

    /// What comes of a comparison.
    pub(super) fn result(&self, theirs: &Answer) -> &'static str {
        if self.ours.status != theirs.status {
            return "status";
        }
        // What an endpoint says is passed on by both.
        if self.ours.location.is_some() && self.ours.location != theirs.location { "location" } else { "same" }
    }

    pub(super) fn method(&self) -> String {
        String::from_utf8_lossy(&self.method).into_owned()
    }

    pub(super) fn host(&self) -> String {
        String::from_utf8_lossy(&self.host).into_owned()
    }

    /// Without the query, which is nobody's business.
    pub(super) fn path(&self) -> String {
        String::from_utf8_lossy(without_query(&self.target)).into_owned()
    }

    /// Asks on a connection of its own, and reads no body.
    pub(super) async fn ask(&self, target: &Target, tls: &Arc<ClientConfig>) -> io::Result<Answer> {
        let stream = TcpStream::connect((&*target.host, target.port)).await?;
        if !self.is_tls {
            return self.exchange(stream).await;
        }
        let host = self.host();
        let name = crate::exchange::without_port(host.as_bytes());
        let name = String::from_utf8_lossy(name).into_owned();
        let name = ServerName::try_from(name).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.exchange(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?).await
    }

    async fn exchange(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<Answer> {
        let mut out = Vec::new();
        encode::request(
            &mut out,
            &OutgoingRequest {
                version: Version::Http11,
                method: &self.method,
                target: &self.target,
                authority: &self.host,
                fields: &self.fields,
                body: BodyLength::None,
                websocket: false,
                connection: Some(b"close"),
            },
        );
        stream.write_all(&out).await?;
        stream.flush().await?;
        let limits = Limits { head: MAX_HEAD, fields: 256, target: 0, underscores: true };
        let (mut parser, mut head) = (HeadParser::default(), ResponseHead::default());
        let mut bytes = Vec::new();
        loop {
            let parsed = if bytes.is_empty() {
                None
            } else {
                let parsed = parser.response(&bytes, &limits, self.method == b"HEAD", &mut head);
                parsed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?
            };
            match parsed {
                // What comes before the answer.
                Some(length) if head.status < 200 => drop(bytes.drain(..length)),
                Some(_) => break,
                None if bytes.len() >= MAX_HEAD => return Err(io::ErrorKind::InvalidData.into()),
                None if stream.read_buf(&mut bytes).await? == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => {}
            }
        }
        let location = head.fields.named("location").next().map(<[u8]>::to_vec);
        Ok(Answer { status: head.status, location: location.filter(|_| (300..400).contains(&head.status)) })
    }
}

/// How TLS is spoken with the other controller.
pub(super) fn tls() -> Result<Arc<ClientConfig>, Error> {
    unverified().map(Arc::new)
}

fn without_query(target: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'?', target).unwrap_or(target.len());
    target.get(..end).unwrap_or(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (text, is_tls, shown) in [
            ("http://old", false, "http://old:80"),
            ("https://old.ingress-nginx.svc/", true, "https://old.ingress-nginx.svc:443"),
            ("http://192.0.2.1:8080", false, "http://192.0.2.1:8080"),
            ("https://[2001:db8::1]:8443", true, "https://[2001:db8::1]:8443"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.is_tls, target.to_string().as_str()), (is_tls, shown));
        }
        for text in
            ["", "old", "old:80", "ftp://old", "http://", "http://old/path", "http://me@old", "http://old:99999"]
        {
            assert_eq!(text.parse::<Target>(), Err(NotATarget(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_differs() {
        let answer = |status, location: Option<&str>| Answer { status, location: location.map(|it| it.into()) };
        let result = |ours: Answer, theirs: Answer| {
            let ours = Ours { status: ours.status, location: ours.location.as_deref() };
            Question::new(false, &RequestHead::default(), ours).result(&theirs)
        };
        assert_eq!(result(answer(200, None), answer(200, None)), "same");
        assert_eq!(result(answer(200, None), answer(404, None)), "status");
        assert_eq!(result(answer(308, Some("https://a/")), answer(308, Some("https://a/"))), "same");
        assert_eq!(result(answer(308, Some("https://a/")), answer(308, Some("https://b/"))), "location");
        assert_eq!(result(answer(302, None), answer(302, Some("/login"))), "same", "an endpoint said so");
        assert_eq!(answer(308, Some("https://a/?token=x")).to_string(), "308 to https://a/");
    }
}

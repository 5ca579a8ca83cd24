//! One request to the API server, with a deadline and a cap on what is read of the answer; and what its failure means.

use std::fmt;
use std::time::Duration;

use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use tokio::time::timeout;

/// The most that is read of an answer: a page of 500 objects of the greatest size that the server stores.
const MAX_BODY: usize = 512 << 20;

/// The most of an error's explanation that anybody gets to read.
const MAX_MESSAGE: usize = 300;

/// Asks for whole objects.
pub(crate) const WHOLE: &str = "application/json";

/// Asks for their metadata.
pub(crate) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// Asks for a list of their metadata.
pub(crate) const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// Why the API server did not give what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What kind of failure it is.
    pub reason: Reason,
    /// What the server, or the network, said.
    pub message: Box<str>,
    /// How long the server asked to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

/// Kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// No answer, or one that breaks off.
    Unreachable,
    /// 401: the credentials are not known.
    Unauthorized,
    /// 403: the credentials do not allow it.
    Forbidden,
    /// 404: there is no such thing.
    NotFound,
    /// 409: it is there already, or is no longer what it was.
    Conflict,
    /// 410: what is asked for is too old.
    Expired,
    /// 422: what was sent makes no sense.
    Invalid,
    /// 429: too many requests.
    Busy,
    /// Another status.
    Refused,
    /// The answer makes no sense.
    Malformed,
}

impl Reason {
    /// The reason in kebab case, as metrics label it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
            Self::Busy => "busy",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
        }
    }

    fn of(status: u16) -> Self {
        match status {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            409 => Self::Conflict,
            410 => Self::Expired,
            422 => Self::Invalid,
            429 => Self::Busy,
            _ => Self::Refused,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

impl std::error::Error for Failure {}

/// The API's own object for errors.
#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    message: Option<Box<str>>,
}

impl Failure {
    pub(crate) fn new(reason: Reason, message: &str) -> Self {
        let mut message = message.replace(char::is_control, " ");
        if let Some((at, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(at);
        }
        Self { reason, message: message.into(), retry_after: None }
    }

    /// The failure that a `Status` object describes.
    pub(crate) fn from_status(text: &str) -> Self {
        let status: Status = serde_json::from_str(text).unwrap_or_default();
        let message = status.message.unwrap_or_else(|| "an error without a message".into());
        Self::new(Reason::of(status.code), &message)
    }

    /// What came instead of an answer.
    pub(crate) fn unreachable(error: &dyn std::error::Error) -> Self {
        // The innermost cause says it best, and the outer ones repeat it.
        let mut cause = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let text = cause.to_string();
        // Some end with the address of a manual.
        Self::new(Reason::Unreachable, text.split(": https://").next().unwrap_or(&text))
    }

    pub(crate) fn late(limit: Duration) -> Self {
        Self::new(Reason::Unreachable, &format!("no answer within {} s", limit.as_secs_f32()))
    }
}

/// Sends a GET, and waits for the head of a good answer.
pub(crate) async fn open(
    client: &Client,
    target: &str,
    accept: &str,
    limit: Duration,
) -> Result<Response<Body>, Failure> {
    answered(client, Request::get(target).header(header::ACCEPT, accept).body(Body::empty()), limit).await
}

/// Waits for the head of a good answer.
async fn answered(
    client: &Client,
    request: http::Result<Request<Body>>,
    limit: Duration,
) -> Result<Response<Body>, Failure> {
    let request = request.map_err(|error| Failure::new(Reason::Malformed, &error.to_string()))?;
    let response = timeout(limit, client.send(request)).await.map_err(|_| Failure::late(limit))?;
    let response = response.map_err(|error| Failure::unreachable(&error))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    let text = timeout(limit, text(response)).await.map_err(|_| Failure::late(limit)).flatten().unwrap_or_default();
    let said: Status = serde_json::from_str(&text).unwrap_or_default();
    let message = said.message.unwrap_or_else(|| status.to_string().into());
    Err(Failure { retry_after, ..Failure::new(Reason::of(status.as_u16()), &message) })
}

/// Sends a GET, and reads the whole answer.
pub(crate) async fn get(client: &Client, target: &str, accept: &str, limit: Duration) -> Result<String, Failure> {
    let response = open(client, target, accept, limit).await?;
    timeout(limit, text(response)).await.map_err(|_| Failure::late(limit)).flatten()
}

/// How an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// A new one.
    Create,
    /// The whole of one that is there.
    Update,
    /// A part of one that is there, as RFC 7396 says it.
    Patch,
}

/// Writes an object, and reads what the server has made of it.
pub(crate) async fn write(
    client: &Client,
    write: Write,
    target: &str,
    object: &serde_json::Value,
    limit: Duration,
) -> Result<String, Failure> {
    let (method, content) = match write {
        Write::Create => (Method::POST, WHOLE),
        Write::Update => (Method::PUT, WHOLE),
        Write::Patch => (Method::PATCH, "application/merge-patch+json"),
    };
    let request = Request::builder().method(method).uri(target).header(header::ACCEPT, WHOLE);
    let request = request.header(header::CONTENT_TYPE, content).body(Body::from(object.to_string().into_bytes()));
    // One deadline for all of it: whoever writes has to know when it can no longer come to pass.
    let whole = async { text(answered(client, request, limit).await?).await };
    timeout(limit, whole).await.map_err(|_| Failure::late(limit)).flatten()
}

async fn text(response: Response<Body>) -> Result<String, Failure> {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::unreachable(&error))?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > MAX_BODY {
                return Err(Failure::new(Reason::Malformed, "the answer is too long"));
            }
            bytes.extend_from_slice(data);
        }
    }
    String::from_utf8(bytes).map_err(|_| Failure::new(Reason::Malformed, "the answer is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_is_wrong() {
        let gone = Failure::from_status(r#"{"kind": "Status", "code": 410, "message": "too old"}"#);
        assert_eq!((gone.reason, gone.to_string().as_str()), (Reason::Expired, "expired: too old"));
        let strange = Failure::from_status("[3");
        assert_eq!(strange.to_string(), "refused: an error without a message");
    }

    #[test]
    fn messages_are_short_and_on_one_line() {
        let failure = Failure::new(Reason::Refused, &format!("a\nb{}", "é".repeat(1_000)));
        assert!(failure.message.starts_with("a b"));
        assert_eq!(failure.message.chars().count(), MAX_MESSAGE);
    }
}

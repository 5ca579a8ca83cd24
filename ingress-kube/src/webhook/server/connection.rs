//! HTTP/1.1 on one connection: questions, one after the other, and answers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::{Place, Shared, UNIT};
use ingress_core::model::Ingress;

use crate::controller::NoTrial;
use crate::webhook::Outcome;
use crate::webhook::review::{BadReview, Review, Subject, Verdict, guarded, judge};

/// What the head of a request may take.
const MAX_HEAD: usize = 16 << 10;
const MAX_FIELDS: usize = 64;

/// Why a question is not answered.
struct Failed {
    status: StatusCode,
    why: String,
}

impl Failed {
    fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }
}

/// Serves a connection until it ends, fails, or nobody asks anything.
pub(super) async fn serve(stream: TlsStream<TcpStream>, shared: Arc<Shared>, mut ends: watch::Receiver<bool>) {
    let asked = Arc::new(Notify::new());
    let limits = shared.limits;
    let service = {
        let asked = Arc::clone(&asked);
        service_fn(move |request| {
            asked.notify_one();
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(respond(request, &shared).await) }
        })
    };
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.idle).max_buf_size(MAX_HEAD).max_headers(MAX_FIELDS);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let silence = async {
        if timeout(limits.first_head, asked.notified()).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = connection.as_mut() => return,
        () = silence => return,
        _ = ends.wait_for(|is_over| *is_over) => {}
    }
    connection.as_mut().graceful_shutdown();
    // Whoever waits for all to end has a limit for it.
    let _ = connection.await;
}

async fn respond(request: Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let began = Instant::now();
    let answered = match timeout(shared.limits.answer, answer(request, shared)).await {
        Ok(answered) => answered,
        Err(_) => Err(Failed::new(StatusCode::SERVICE_UNAVAILABLE, "no answer in time")),
    };
    let (outcome, response) = match answered {
        Ok((outcome, text)) => (outcome, respond_with(StatusCode::OK, "application/json", text)),
        Err(Failed { status, why }) => {
            let mut response = respond_with(status, "text/plain; charset=utf-8", format!("{why}\n"));
            // What is left of the question is nothing that anybody wants to read.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            if status == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            }
            (Outcome::Failed, response)
        }
    };
    shared.observer.reviewed(outcome, began.elapsed());
    response
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Result<(Outcome, String), Failed> {
    let limits = &shared.limits;
    if request.method() != Method::POST {
        return Err(Failed::new(StatusCode::METHOD_NOT_ALLOWED, "an AdmissionReview is sent by POST"));
    }
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Failed::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "an AdmissionReview is sent as application/json"));
    }
    let too_large = || Failed::new(StatusCode::PAYLOAD_TOO_LARGE, format!("more than {} bytes", limits.body));
    let length = request.body().size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    let length = length.unwrap_or(limits.body);
    if length > limits.body {
        return Err(too_large());
    }
    let busy = || Failed::new(StatusCode::SERVICE_UNAVAILABLE, "too many questions at once");
    let _place = Place::take(&shared.questions, limits.questions).ok_or_else(busy)?;
    let units = u32::try_from(length.div_ceil(UNIT)).unwrap_or(u32::MAX);
    let _memory = shared.bodies.acquire_many(units).await.map_err(|_| busy())?;
    let mut body = request.into_body();
    let mut bytes = Vec::with_capacity(length.min(UNIT));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failed::new(StatusCode::BAD_REQUEST, "the body breaks off"))?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > limits.body {
                return Err(too_large());
            }
            bytes.extend_from_slice(data);
        }
    }
    let review =
        Review::read(&bytes).map_err(|error: BadReview| Failed::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    drop(bytes);
    let verdict = verdict(&review, shared).await?;
    let outcome = if verdict.denied.is_some() { Outcome::Denied } else { Outcome::Allowed };
    Ok((outcome, review.answer(&verdict)))
}

async fn verdict(review: &Review, shared: &Shared) -> Result<Verdict, Failed> {
    let ingress = match &review.subject {
        Subject::Settled(verdict) => return Ok(verdict.clone()),
        Subject::Ingress(ingress) => ingress,
    };
    match shared.handle.try_ingress(Ingress::clone(ingress)).await {
        Ok(trial) => Ok(guarded(|| judge(ingress, &trial, shared.rules))),
        Err(NoTrial::Panicked) => Ok(Verdict::invalid(&NoTrial::Panicked.to_string())),
        // Nobody knows, and the API server has been told by `failurePolicy` what to do then.
        Err(why) => Err(Failed::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string())),
    }
}

fn respond_with(status: StatusCode, media_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

//! A head as the engine looks at it.

use ingress_core::request::{BadRequest, ConnInfo, Headers, RawRequest, RequestView};

use crate::message::{RequestHead, Version};

/// Calls with the engine's view of a request, or with what is wrong with it.
pub(super) fn with<R>(
    head: &RequestHead,
    conn: &ConnInfo,
    draw: u64,
    call: impl FnOnce(Result<&RequestView<'_>, BadRequest>) -> R,
) -> R {
    let raw = RawRequest {
        // An extended CONNECT is routed like the GET that it stands for (RFC 8441 4).
        method: if head.websocket { "GET" } else { head.method() },
        target: &head.target,
        version: match head.version {
            Version::Http10 => http::Version::HTTP_10,
            Version::Http11 => http::Version::HTTP_11,
            Version::Http2 => http::Version::HTTP_2,
        },
        authority: head.authority.as_deref(),
        headers: Headers::Fields(&head.fields),
    };
    match RequestView::from_raw(&raw, conn, draw) {
        Ok(view) => call(Ok(&view)),
        Err(bad) => call(Err(bad)),
    }
}

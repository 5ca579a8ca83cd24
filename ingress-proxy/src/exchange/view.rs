//! A head as the engine looks at it.

use ingress_core::request::{BadRequest, ConnInfo, Headers, RawRequest, RequestView};

use crate::message::{RequestHead, Version};

/// So many fields are listed without taking memory.
const INLINE: usize = 32;

/// Calls with the engine's view of a request, or with what is wrong with it.
pub(super) fn with<R>(
    head: &RequestHead,
    conn: &ConnInfo,
    draw: u64,
    call: impl FnOnce(Result<&RequestView<'_>, BadRequest>) -> R,
) -> R {
    let mut inline: [(&[u8], &[u8]); INLINE] = [(&[], &[]); INLINE];
    let fields = head.fields.iter().map(|(_, name, value)| (name, value));
    let many: Vec<(&[u8], &[u8])>;
    let list = if head.fields.len() <= INLINE {
        for (place, field) in inline.iter_mut().zip(fields) {
            *place = field;
        }
        inline.get(..head.fields.len()).unwrap_or_default()
    } else {
        many = fields.collect();
        &many
    };
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
        headers: Headers::Bytes(list),
    };
    match RequestView::from_raw(&raw, conn, draw) {
        Ok(view) => call(Ok(&view)),
        Err(bad) => call(Err(bad)),
    }
}

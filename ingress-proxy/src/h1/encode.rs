//! What is written: heads from checked values, framing anew.

use crate::message::{BodyLength, EachField, OutgoingRequest, OutgoingResponse, Trailers, Version};

/// How the body that follows is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever writes a body has to know all of them")]
pub enum Writing {
    /// There is none.
    None,
    /// As it is. If its length is not known the connection has to be closed behind it.
    Identity,
    /// In chunks.
    Chunked,
}

/// Writes the head of a request. The body is written in chunks if its length is not known.
///
/// HTTP/1.0 has no chunks and a request has no other end, so one of unknown length is sent as HTTP/1.1 in any case.
pub fn request(out: &mut Vec<u8>, request: &OutgoingRequest<'_>) {
    let is_old = request.version == Version::Http10 && request.body != BodyLength::Unknown;
    out.extend_from_slice(request.method);
    out.push(b' ');
    // What is left of an absolute form may be a query alone; the path is empty then and written as `/` (RFC 9112 3.2.1).
    if request.target.starts_with(b"?") {
        out.push(b'/');
    }
    out.extend_from_slice(request.target);
    out.extend_from_slice(if is_old { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" });
    if !request.authority.is_empty() || !is_old {
        field(out, b"Host", request.authority);
    }
    request.fields.append_lines(out);
    match request.body {
        BodyLength::None | BodyLength::Declared(_) => {}
        BodyLength::Exact(length) => content_length(out, length),
        BodyLength::Unknown => out.extend_from_slice(CHUNKED),
    }
    match request.connection {
        Some(value) => field(out, b"Connection", value),
        None if request.websocket => out.extend_from_slice(b"Connection: Upgrade\r\n"),
        None => {}
    }
    if request.websocket {
        out.extend_from_slice(b"Upgrade: websocket\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the head of a final response to a client of this version. `keep_alive` says whether the connection stays open.
///
/// A client of HTTP/1.0 gets a body of unknown length as it is, and is told that the connection closes; close it.
pub fn response(out: &mut Vec<u8>, response: &OutgoingResponse<'_>, client: Version, keep_alive: bool) -> Writing {
    status_line(out, response.status);
    response.fields.append_lines(out);
    let is_old = client == Version::Http10;
    let mut keep_alive = keep_alive;
    let writing = match response.body {
        // These have no body and, but for 304, no length (RFC 9110 8.6).
        _ if matches!(response.status, 100..200 | 204) => Writing::None,
        BodyLength::None => Writing::None,
        BodyLength::Exact(length) | BodyLength::Declared(length) => {
            content_length(out, length);
            let has_body = response.body == BodyLength::Exact(length) && length > 0 && response.status != 304;
            if has_body { Writing::Identity } else { Writing::None }
        }
        BodyLength::Unknown if response.status == 304 => Writing::None,
        BodyLength::Unknown if is_old => {
            keep_alive = false;
            Writing::Identity
        }
        BodyLength::Unknown => {
            out.extend_from_slice(CHUNKED);
            Writing::Chunked
        }
    };
    if !keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if is_old {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
    writing
}

/// Writes an interim response. 101 agrees to a WebSocket.
pub fn interim(out: &mut Vec<u8>, status: u16, fields: &dyn EachField) {
    status_line(out, status);
    if status == 101 {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    }
    fields.append_lines(out);
    out.extend_from_slice(b"\r\n");
}

/// Writes data as one chunk; nothing if there is none, because an empty chunk would end the body.
pub fn chunk(out: &mut Vec<u8>, data: &[u8]) {
    if !data.is_empty() {
        chunk_head(out, data.len());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes what stands before the data of a chunk. The caller writes the data, at least one byte, and CR LF behind it.
pub fn chunk_head(out: &mut Vec<u8>, length: usize) {
    let mut digits = [0; 16];
    let mut rest = length;
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef".get(rest & 15).copied().unwrap_or_default();
        count += 1;
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
    out.extend_from_slice(b"\r\n");
}

/// Ends a body of chunks.
pub fn last_chunk(out: &mut Vec<u8>, trailers: Option<&Trailers>) {
    out.extend_from_slice(b"0\r\n");
    for (_, name, value) in trailers.iter().flat_map(|trailers| trailers.fields.iter()) {
        field(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
}

const CHUNKED: &[u8] = b"Transfer-Encoding: chunked\r\n";

/// Writes a field, which must have been checked.
#[inline]
pub(crate) fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    debug_assert!(crate::message::is_token(name) && crate::message::is_field_value(value), "a field was not checked");
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        // A remainder of ten is one digit.
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        count += 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
}

fn status_line(out: &mut Vec<u8>, status: u16) {
    if status == 200 {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The reason phrase of a status, empty for one that nobody has registered.
#[must_use]
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests;

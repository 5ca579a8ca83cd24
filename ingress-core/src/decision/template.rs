//! Text with variables, for a request.

use super::{canary, client};
use crate::path::PathPolicy;
use crate::policy::{ClientAddress, Piece, Template, Variable};
use crate::request::RequestView;

/// Completes a template; a variable that the request has not is empty.
pub(super) fn fill(template: &Template, source: &ClientAddress, request: &RequestView<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in template.pieces() {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Variable(variable) => push(variable, source, request, &mut out),
        }
    }
    out
}

fn push(variable: &Variable, source: &ClientAddress, request: &RequestView<'_>, out: &mut Vec<u8>) {
    match variable {
        Variable::Host => out.extend_from_slice(request.host().as_bytes()),
        Variable::HttpHost => out.extend_from_slice(request.authority()),
        Variable::RequestUri => out.extend_from_slice(request.raw_target()),
        Variable::EscapedRequestUri => escape(request.raw_target(), out),
        Variable::Uri => out.extend(escape_controls(request.path(PathPolicy::Nginx).unwrap_or_default())),
        Variable::Args => out.extend_from_slice(request.query().unwrap_or_default()),
        Variable::Scheme => {
            out.extend_from_slice(if client::is_https(source, request) { b"https" } else { b"http" });
        }
        Variable::RequestMethod => out.extend_from_slice(request.method().as_bytes()),
        Variable::RemoteAddr => {
            if let Some(address) = client::address(source, request) {
                out.extend_from_slice(address.to_string().as_bytes());
            }
        }
        Variable::Header(name) => {
            // As nginx has joined them since 1.23, and HTTP/2 does with crumbs of cookies (RFC 9113 8.2.3).
            let between: &[u8] = if name.eq_ignore_ascii_case("cookie") { b"; " } else { b", " };
            for (number, line) in request.header(name).enumerate() {
                out.extend_from_slice(if number > 0 { between } else { b"" });
                out.extend_from_slice(line);
            }
        }
        Variable::Cookie(name) => out.extend_from_slice(canary::cookie(request, name.as_bytes()).unwrap_or_default()),
        Variable::Arg(name) => {
            let mut pairs = request.query().unwrap_or_default().split(|byte| *byte == b'&');
            let value = pairs.find_map(|pair| {
                let (key, value) = pair.split_at_checked(name.len())?;
                key.eq_ignore_ascii_case(name.as_bytes()).then(|| value.strip_prefix(b"="))?
            });
            out.extend_from_slice(value.unwrap_or_default());
        }
    }
}

/// Escapes everything but unreserved characters (RFC 3986 2.3).
pub(super) fn escape(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
}

/// A decoded path may hold what would end a header or a request line.
pub(super) fn escape_controls(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_control() {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            out.push(*byte);
        }
    }
    out
}

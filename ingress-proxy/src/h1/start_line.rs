//! Request lines and status lines (RFC 9112 3 and 4).

use super::Limits;
use crate::message::{Rejection, RequestHead, ResponseHead, Version, target_length, text_length, token_length};

/// Reads the request line at the beginning of a head that begins with a byte of a token; how long it is with its line end.
pub(crate) fn request(block: &[u8], limits: &Limits, head: &mut RequestHead) -> Result<usize, Rejection> {
    let (method, rest) = split(block, token_length(block).0)?;
    let [b' ', rest @ ..] = rest else { return Err(Rejection::StartLine) };
    let (target, rest) = split(rest, target_length(rest))?;
    let rest = match rest {
        [b' ', rest @ ..] if !target.is_empty() => rest,
        [b' ' | b'\r', ..] => return Err(Rejection::StartLine),
        _ => return Err(Rejection::Target),
    };
    head.version = match rest {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b'\r', b'\n', ..] => version(*major, *minor)?,
        _ => return Err(Rejection::StartLine),
    };
    if target.len() > limits.target {
        return Err(Rejection::TargetTooLong);
    }
    if method == b"CONNECT" {
        return Err(Rejection::Connect);
    }
    head.method.extend_from_slice(method);
    head.target.extend_from_slice(target);
    Ok(method.len() + target.len() + " ".len() + " HTTP/1.1\r\n".len())
}

/// Reads the status line at the beginning of a head; how long it is with its line end.
pub(super) fn response(block: &[u8], head: &mut ResponseHead) -> Result<usize, Rejection> {
    let [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b' ', hundreds, tens, ones, rest @ ..] = block else {
        return Err(Rejection::StartLine);
    };
    head.version = version(*major, *minor)?;
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0')).ok_or(Rejection::StartLine);
    head.status = digit(*hundreds)? * 100 + digit(*tens)? * 10 + digit(*ones)?;
    if !(100..600).contains(&head.status) {
        return Err(Rejection::StartLine);
    }
    let reason = match rest {
        [b'\r', ..] => 0,
        [b' ', reason @ ..] => 1 + text_length(reason),
        _ => return Err(Rejection::StartLine),
    };
    match split(rest, reason)?.1 {
        [b'\r', b'\n', ..] => Ok("HTTP/1.1 200".len() + reason + "\r\n".len()),
        _ => Err(Rejection::StartLine),
    }
}

fn version(major: u8, minor: u8) -> Result<Version, Rejection> {
    match (major, minor) {
        (b'1', b'1') => Ok(Version::Http11),
        (b'1', b'0') => Ok(Version::Http10),
        _ if major.is_ascii_digit() && minor.is_ascii_digit() => Err(Rejection::Version),
        _ => Err(Rejection::StartLine),
    }
}

fn split(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8]), Rejection> {
    bytes.split_at_checked(at).ok_or(Rejection::StartLine)
}

//! From an authority to the host that is matched.

use std::net::Ipv6Addr;

use http::Version;

use super::{BadRequest, RequestHost};

/// The longest name, with the final dot that may still be there.
const MAX_LENGTH: usize = crate::host::MAX_HOST_LENGTH + 1;

/// The host of an authority, or of none: port and one final dot removed, lower case.
pub(super) fn host(authority: Option<&[u8]>, version: Version) -> Result<RequestHost, BadRequest> {
    let Some(authority) = authority else {
        // HTTP/1.0 knows no Host field; such a request is for the rules without a host.
        let allowed = matches!(version, Version::HTTP_09 | Version::HTTP_10);
        return if allowed { Ok(RequestHost::new("")) } else { Err(BadRequest::HostMissing) };
    };
    if let Some((name, port)) = plain_name(authority)
        && port.is_none_or(is_port)
    {
        return Ok(RequestHost::new(name));
    }
    if authority.is_empty() {
        return Err(BadRequest::HostEmpty);
    }
    let (host, port) = split_port(authority).ok_or(BadRequest::HostInvalid)?;
    if !port.is_none_or(is_port) {
        return Err(BadRequest::HostInvalid);
    }
    if let Some(literal) = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
        let address: Option<Ipv6Addr> = std::str::from_utf8(literal).ok().and_then(|text| text.parse().ok());
        // No rule can name an address, so its spelling does not matter.
        return address.map(|address| RequestHost::new(&format!("[{address}]"))).ok_or(BadRequest::HostInvalid);
    }
    if host.len() > MAX_LENGTH {
        return Err(BadRequest::HostInvalid);
    }
    let name = host.strip_suffix(b".").unwrap_or(host);
    let mut lower = [0; MAX_LENGTH];
    let mut label_length = 0;
    for (to, &from) in lower.iter_mut().zip(name) {
        label_length = match from {
            b'.' if label_length == 0 => return Err(BadRequest::HostInvalid),
            b'.' => 0,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => label_length + 1,
            _ => return Err(BadRequest::HostInvalid),
        };
        *to = from.to_ascii_lowercase();
    }
    if label_length == 0 {
        return Err(BadRequest::HostInvalid);
    }
    let name = lower.get(..name.len()).and_then(|name| std::str::from_utf8(name).ok());
    name.map(RequestHost::new).ok_or(BadRequest::HostInvalid)
}

/// A name that is as it is matched already, as most are, and the port behind it: then it is looked at once and not copied.
fn plain_name(authority: &[u8]) -> Option<(&str, Option<&[u8]>)> {
    let mut before = b'.';
    let mut end = authority.len();
    for (place, &byte) in authority.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => {}
            b'.' if before != b'.' => {}
            b':' => {
                end = place;
                break;
            }
            _ => return None,
        }
        before = byte;
    }
    if before == b'.' || end > MAX_LENGTH {
        return None;
    }
    let (name, port) = authority.split_at_checked(end)?;
    Some((std::str::from_utf8(name).ok()?, port.get(1..)))
}

/// Splits `:port` off; a colon inside of brackets belongs to the address.
fn split_port(authority: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let host_end = if authority.first() == Some(&b'[') {
        authority.iter().position(|byte| *byte == b']')? + 1
    } else {
        authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at_checked(host_end)?;
    match rest {
        [] => Some((host, None)),
        [b':', port @ ..] => Some((host, Some(port))),
        _ => None,
    }
}

/// An authority without the port behind it, neither of which is checked.
#[inline]
pub(crate) fn before_port(authority: &[u8]) -> &[u8] {
    let before_digits = authority.iter().rposition(|byte| !byte.is_ascii_digit());
    match before_digits.and_then(|place| authority.split_at_checked(place)) {
        Some((host, [b':', ..])) => host,
        _ => authority,
    }
}

/// `*DIGIT` (RFC 3986 3.2.3), and no more than a port can be.
fn is_port(port: &[u8]) -> bool {
    let number = port.iter().try_fold(0_u32, |number, byte| {
        byte.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(u32::from(byte - b'0')))
    });
    port.is_empty() || number.is_some_and(|number| (1..=65_535).contains(&number))
}

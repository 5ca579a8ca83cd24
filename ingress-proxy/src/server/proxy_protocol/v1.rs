//! Version 1: a line of text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{Header, Invalid, handed};

/// The most bytes of a line with its end.
pub(super) const MAX_HEADER: usize = 107;

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// Reads a line that begins like the signature, as far as it goes.
pub(super) fn parse(input: &[u8]) -> Result<Option<(Header, usize)>, Invalid> {
    let Some(end) = input.iter().take(MAX_HEADER).position(|byte| *byte == b'\n') else {
        return if input.len() < MAX_HEADER { Ok(None) } else { Err(Invalid::LongLine) };
    };
    let line = input.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Invalid::Line)?;
    let words = line.strip_prefix(SIGNATURE).and_then(|words| std::str::from_utf8(words).ok()).ok_or(Invalid::Line)?;
    Ok(Some((header(words).ok_or(Invalid::Line)?, end.saturating_add(1))))
}

fn header(words: &str) -> Option<Header> {
    let mut words = words.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        // What follows is to be ignored, whatever it is.
        return Some(Header::Socket);
    }
    let mut address = || address(family, words.next()?);
    let (client, server) = (address()?, address()?);
    let mut port = || port(words.next()?);
    let (client, server) = ((client, port()?), (server, port()?));
    words.next().is_none().then(|| handed(client, server))
}

fn address(family: &str, text: &str) -> Option<IpAddr> {
    match family {
        "TCP4" => Ipv4Addr::from_str(text).ok().map(IpAddr::V4),
        "TCP6" => Ipv6Addr::from_str(text).ok().map(IpAddr::V6),
        _ => None,
    }
}

/// A port in decimal without leading zeros or signs.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

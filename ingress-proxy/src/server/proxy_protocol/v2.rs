//! Version 2: a binary block, perhaps with extensions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Header, Invalid, handed};

/// The most bytes of a block. The protocol has room for 64 KiB, which nobody needs.
pub(super) const MAX_HEADER: usize = 4 << 10;

pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, version and command, family and protocol, length.
const FIXED: usize = 16;

/// The type of the extension that has a checksum of the block.
const CRC32C: u8 = 3;

/// Reads a block that begins like the signature, as far as it goes.
pub(super) fn parse(input: &[u8]) -> Result<Option<(Header, usize)>, Invalid> {
    let kind = input.get(SIGNATURE.len()..).unwrap_or_default();
    let is_local = match kind.first() {
        None => return Ok(None),
        Some(0x20) => true,
        Some(0x21) => false,
        Some(_) => return Err(Invalid::Kind),
    };
    let Some(family) = kind.get(1) else { return Ok(None) };
    // A balancer that asks for itself may leave anything there.
    if !is_local && (family >> 4 > 3 || family & 0xf > 2) {
        return Err(Invalid::Kind);
    }
    let Some(length) = kind.get(2..4).and_then(|length| length.try_into().ok()) else { return Ok(None) };
    let end = FIXED + usize::from(u16::from_be_bytes(length));
    if end > MAX_HEADER {
        return Err(Invalid::TooLong);
    }
    let (Some(block), Some(body)) = (input.get(..end), input.get(FIXED..end)) else { return Ok(None) };
    if is_local {
        return Ok(Some((Header::Socket, end)));
    }
    let (header, extensions) = addresses(*family, body).ok_or(Invalid::Length)?;
    check(block, extensions)?;
    Ok(Some((header, end)))
}

/// The addresses, and what follows them.
fn addresses(family: u8, body: &[u8]) -> Option<(Header, &[u8])> {
    match family {
        0x11 => {
            let (block, rest) = body.split_first_chunk::<12>()?;
            let [a, b, c, d, e, f, g, h, ports @ ..] = *block;
            let (client, server) = (Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(e, f, g, h));
            Some((with_ports(client.into(), server.into(), ports), rest))
        }
        0x21 => {
            let (client, rest) = body.split_first_chunk::<16>()?;
            let (server, rest) = rest.split_first_chunk::<16>()?;
            let (ports, rest) = rest.split_first_chunk::<4>()?;
            Some((with_ports(Ipv6Addr::from(*client).into(), Ipv6Addr::from(*server).into(), *ports), rest))
        }
        _ => {
            let length = match family >> 4 {
                1 => 12,
                2 => 36,
                3 => 216,
                // Nothing says where the extensions begin, so there are none that could be read.
                _ => body.len(),
            };
            Some((Header::Socket, body.get(length..)?))
        }
    }
}

fn with_ports(client: IpAddr, server: IpAddr, [a, b, c, d]: [u8; 4]) -> Header {
    handed((client, u16::from_be_bytes([a, b])), (server, u16::from_be_bytes([c, d])))
}

/// Checks that the extensions fill their place, and the checksum if there is one.
fn check(block: &[u8], mut extensions: &[u8]) -> Result<(), Invalid> {
    while let Some((kind, rest)) = extensions.split_first() {
        let (length, rest) = rest.split_first_chunk().ok_or(Invalid::Length)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (value, rest) = rest.split_at_checked(length).ok_or(Invalid::Length)?;
        if *kind == CRC32C {
            let given: [u8; 4] = value.try_into().map_err(|_| Invalid::Length)?;
            // It is computed with zeros in its own place.
            let end = block.len() - rest.len();
            let before = block.get(..end - value.len()).unwrap_or_default();
            if crc32c(before.iter().chain(&[0; 4]).chain(rest)) != u32::from_be_bytes(given) {
                return Err(Invalid::Checksum);
            }
        }
        extensions = rest;
    }
    Ok(())
}

/// The checksum of RFC 4960, appendix B.
fn crc32c<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    let fold = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789".iter()), 0xe306_9283);
        assert_eq!(crc32c([0; 32].iter()), 0x8a91_36aa);
    }
}

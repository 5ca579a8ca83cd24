//! Who the client is, and how it came.

use std::net::IpAddr;

use crate::policy::{ClientAddress, TrustedHeader};
use crate::request::RequestView;

/// The client's address: the peer's, or the last in the trusted header that is no trusted proxy's.
pub(super) fn address(source: &ClientAddress, request: &RequestView<'_>) -> Option<IpAddr> {
    let peer = request.conn().remote_addr?;
    let ClientAddress::Header(header) = source else { return Some(peer) };
    if !is_trusted(header, peer) {
        return Some(peer);
    }
    let mut client = peer;
    let values: Vec<&[u8]> = request.header(&header.name).collect();
    for value in values.into_iter().rev() {
        for text in value.rsplit(|byte| *byte == b',') {
            // What cannot be read ends the chain: nobody knows what stands in front of it.
            let Some(address) = std::str::from_utf8(text).ok().and_then(|text| read(text.trim())) else {
                return Some(client);
            };
            client = address;
            if !is_trusted(header, address) {
                return Some(client);
            }
        }
    }
    Some(client)
}

/// An address, perhaps with a port.
fn read(text: &str) -> Option<IpAddr> {
    let address = || text.parse::<std::net::SocketAddr>().map(|it| it.ip());
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bracketed.parse().or_else(|_| address()).ok()
}

fn is_trusted(header: &TrustedHeader, address: IpAddr) -> bool {
    header.trusted.iter().any(|range| range.contains(address))
}

/// Whether the client used `https`, as far as can be believed.
pub(super) fn is_https(source: &ClientAddress, request: &RequestView<'_>) -> bool {
    match forwarded(source, request, "x-forwarded-proto") {
        Some(scheme) => !scheme.eq_ignore_ascii_case(b"http"),
        None => request.is_tls(),
    }
}

/// A header that a trusted peer has set.
pub(super) fn forwarded<'r>(source: &ClientAddress, request: &RequestView<'r>, name: &str) -> Option<&'r [u8]> {
    let ClientAddress::Header(header) = source else { return None };
    // Without an address there is nobody to trust.
    let peer = request.conn().remote_addr.filter(|peer| header.forwarded && is_trusted(header, *peer));
    peer.and_then(|_| request.header(name).find(|value| !value.is_empty()))
}

//! Who the client is, and how it came.

use std::net::IpAddr;

use crate::policy::{AddressRange, ClientAddress, TrustedHeader};
use crate::request::RequestView;

/// The client's address: the peer's, or the last in the trusted header that is no trusted proxy's.
pub(super) fn address(source: &ClientAddress, request: &RequestView<'_>) -> Option<IpAddr> {
    let peer = request.conn().remote_addr?;
    Some(match source {
        ClientAddress::Header(header) => client_behind(&header.trusted, peer, request.header(&header.name)),
        ClientAddress::Peer => peer,
    })
}

/// The client in a chain of addresses, the values of `X-Forwarded-For` as a rule: the last that is not trusted, or else the
/// first. A peer that is not trusted is the client itself.
///
/// ```
/// use ingress_core::decision::client_behind;
/// use ingress_core::policy::AddressRange;
///
/// let trusted = [AddressRange::parse("10.0.0.0/8")?];
/// let chain = [&b"192.0.2.1, 198.51.100.7"[..], b"10.1.1.1"];
/// assert_eq!(client_behind(&trusted, "10.0.0.1".parse()?, chain).to_string(), "198.51.100.7");
/// assert_eq!(client_behind(&trusted, "203.0.113.5".parse()?, chain).to_string(), "203.0.113.5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn client_behind<'v>(trusted: &[AddressRange], peer: IpAddr, chain: impl IntoIterator<Item = &'v [u8]>) -> IpAddr {
    let is_trusted = |address| trusted.iter().any(|range| range.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    // Seen from the right the chain goes on as long as proxies are trusted. Read from the left, where the header begins, it
    // begins anew at whatever ends it.
    let mut client = None;
    for text in chain.into_iter().flat_map(|value| value.split(|byte| *byte == b',')) {
        client = match std::str::from_utf8(text).ok().and_then(|text| read(text.trim())) {
            // Nobody knows what stands in front of what cannot be read, so the chain begins behind it.
            None => None,
            // A trusted proxy vouches for the one in front of it.
            Some(address) if is_trusted(address) => client.or(Some(address)),
            Some(address) => Some(address),
        };
    }
    client.unwrap_or(peer)
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
    // As in ingress-nginx, where the PROXY protocol has the last word.
    if request.conn().tls_ended_in_front {
        return true;
    }
    match forwarded(source, request, "x-forwarded-proto") {
        Some(scheme) => !scheme.eq_ignore_ascii_case(b"http"),
        None => request.is_tls(),
    }
}

/// A header that a trusted peer has set.
pub(super) fn forwarded<'r>(source: &ClientAddress, request: &RequestView<'r>, name: &str) -> Option<&'r [u8]> {
    if !is_believed(source, request) {
        return None;
    }
    request.header(name).find(|value| !value.is_empty())
}

/// Whether the peer may say more of the client than its address.
pub(super) fn is_believed(source: &ClientAddress, request: &RequestView<'_>) -> bool {
    let ClientAddress::Header(header) = source else { return false };
    // Without an address there is nobody to trust.
    header.forwarded && request.conn().remote_addr.is_some_and(|peer| is_trusted(header, peer))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::request::ConnInfo;

    /// The chain as it is defined: from the right, as long as those in it are trusted.
    fn from_the_right(peer: IpAddr, values: &[&str]) -> IpAddr {
        let mut client = peer;
        for text in values.iter().rev().flat_map(|value| value.rsplit(',')) {
            let Some(address) = read(text.trim()) else { return client };
            client = address;
            if !text.trim().starts_with("10.") {
                return client;
            }
        }
        client
    }

    #[test]
    fn the_client_is_the_last_that_is_no_trusted_proxy() {
        let trusted = [AddressRange::parse("10.0.0.0/8").unwrap()].into();
        let header = TrustedHeader { name: "x-forwarded-for".into(), trusted, forwarded: true };
        let source = ClientAddress::Header(header);
        let peer = IpAddr::from([10, 0, 0, 1]);
        let conn = ConnInfo { remote_addr: Some(peer), ..ConnInfo::default() };
        let entries = |place: usize| [format!("10.0.1.{place}"), format!("192.0.2.{place}"), "unknown".to_owned()];
        // All chains of up to four, in one value and in two.
        for number in 0..3_usize.pow(4) {
            let all: Vec<String> =
                (0..4).map(|place| entries(place)[number / 3_usize.pow(place as u32) % 3].clone()).collect();
            for (from, split) in (0..=4).flat_map(|from| (from..=4).map(move |split| (from, split))) {
                let values = [all[from..split].join(", "), all[split..].join(",")];
                let values: Vec<&str> = values.iter().map(|value| &**value).filter(|value| !value.is_empty()).collect();
                let mut request = Request::get("http://a.example/");
                for value in &values {
                    request = request.header("x-forwarded-for", *value);
                }
                let (parts, ()) = request.body(()).unwrap().into_parts();
                let view = RequestView::new(&parts, &conn, 0).unwrap();
                assert_eq!(address(&source, &view), Some(from_the_right(peer, &values)), "{values:?}");
            }
        }
    }
}

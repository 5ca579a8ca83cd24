//! What must hold of PROXY headers.

use std::net::SocketAddr;

use ingress_proxy::server::proxy_protocol::{Header, MAX_HEADER, parse};

/// The beginning of a connection.
pub fn proxy_header(bytes: &[u8]) {
    let whole = parse(bytes);
    // However the bytes arrive, the answer is the same, and a header is there with its last byte.
    let first = (0..=bytes.len().min(MAX_HEADER + 1)).map(|end| (end, parse(&bytes[..end])));
    let decided = first.into_iter().find(|(_, answer)| *answer != Ok(None));
    match (whole, decided) {
        (Ok(None), None) => assert!(bytes.len() < MAX_HEADER, "it waits for ever"),
        (Ok(Some((header, used))), Some((end, answer))) => {
            assert_eq!((end, answer), (used, Ok(Some((header, used)))));
            assert!(used <= MAX_HEADER);
            if let Header::Handed { client, server } = header {
                written_again(client, server);
            }
        }
        (Err(_), Some((_, answer))) => assert!(answer.is_err(), "{answer:?} becomes an error"),
        (whole, decided) => panic!("{whole:?} after {decided:?}"),
    }
}

/// Both versions say the same.
fn written_again(client: SocketAddr, server: SocketAddr) {
    let header = Header::Handed { client, server };
    let family = if client.is_ipv4() && server.is_ipv4() { "TCP4" } else { "TCP6" };
    let text = |address: SocketAddr| match address {
        SocketAddr::V4(address) if family == "TCP6" => address.ip().to_ipv6_mapped().to_string(),
        address => address.ip().to_string(),
    };
    let (from, to) = (client.port(), server.port());
    let line = format!("PROXY {family} {} {} {from} {to}\r\n", text(client), text(server));
    assert_eq!(parse(line.as_bytes()), Ok(Some((header, line.len()))), "{line}");
    let octets = |address: SocketAddr| match address {
        SocketAddr::V4(address) if family == "TCP4" => address.ip().octets().to_vec(),
        SocketAddr::V4(address) => address.ip().to_ipv6_mapped().octets().to_vec(),
        SocketAddr::V6(address) => address.ip().octets().to_vec(),
    };
    let body = [octets(client), octets(server), from.to_be_bytes().to_vec(), to.to_be_bytes().to_vec()].concat();
    let kind = if family == "TCP4" { 0x11 } else { 0x21 };
    let length = u8::try_from(body.len()).expect("36 at the most");
    let block = [b"\r\n\r\n\0\r\nQUIT\n", &[0x21, kind, 0, length][..], &body].concat();
    assert_eq!(parse(&block), Ok(Some((header, block.len()))));
}

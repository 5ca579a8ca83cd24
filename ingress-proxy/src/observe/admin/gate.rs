//! Who may ask for what.

use std::net::IpAddr;

/// Whether a Host field is one that no web site can have for its own: an address, `localhost`, or a configured name.
pub(super) fn is_own_host(host: &[u8], names: &[String]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, rest)) = rest.split_once(']') else { return false };
        let port = if rest.is_empty() { Some("") } else { rest.strip_prefix(':') };
        return address.parse::<std::net::Ipv6Addr>().is_ok() && port.is_some_and(is_port);
    }
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    is_port(port)
        && (name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// Whether a connection comes from the same machine or pod.
pub(super) fn is_local(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let names = ["metrics.internal".to_owned()];
        for host in
            ["localhost", "LocalHost:10254", "127.0.0.1", "10.0.0.7:10254", "[::1]", "[::1]:80", "Metrics.internal:1"]
        {
            assert!(is_own_host(host.as_bytes(), &names), "{host}");
        }
        for host in [
            "",
            "evil",
            "evil:80",
            "localhost.evil",
            "127.0.0.1.evil",
            "[::1].evil",
            "[::1",
            "[evil]",
            "localhost:x",
            "x@localhost",
            "\u{ff}",
        ] {
            assert!(!is_own_host(host.as_bytes(), &names), "{host}");
        }
        assert!(!is_own_host(b"metrics.internal", &[]));
    }

    #[test]
    fn peers() {
        let is = |peer: &str| is_local(peer.parse().unwrap());
        assert!(is("127.0.0.1") && is("127.8.0.1") && is("::1") && is("::ffff:127.0.0.1"));
        assert!(!is("10.0.0.1") && !is("::ffff:10.0.0.1") && !is("fe80::1"));
    }
}

//! Addresses that a manifest must not make anybody dial.
//!
//! Whoever may write an EndpointSlice or a Service of type ExternalName can name any address, also those that only the host of
//! the proxy may ask. An API server refuses some of them (Kubernetes API reference, EndpointSlice `addresses`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::AddressRange;

/// Why an address must not be dialled because a manifest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForbiddenAddress {
    /// 127.0.0.0/8, ::1.
    Loopback,
    /// 169.254.0.0/16, fe80::/10.
    LinkLocal,
    /// Where clouds tell their machines who they are and what they may do.
    Metadata,
    /// 0.0.0.0/8, ::, which mean this host.
    Unspecified,
    /// 224.0.0.0/4, ff00::/8.
    Multicast,
    /// 255.255.255.255.
    Broadcast,
    /// 64:ff9b:1::/48, where the site chooses which IPv4 address is meant.
    LocalTranslation,
}

impl ForbiddenAddress {
    /// Why an address must not be dialled; none if it may be. `allowed` are ranges that may be in any case.
    ///
    /// ```
    /// use ingress_core::policy::{AddressRange, ForbiddenAddress};
    ///
    /// let here = "::ffff:127.0.0.1".parse()?;
    /// assert_eq!(ForbiddenAddress::of(here, &[]), Some(ForbiddenAddress::Loopback));
    /// assert_eq!(ForbiddenAddress::of(here, &[AddressRange::parse("127.0.0.0/8")?]), None);
    /// assert_eq!(ForbiddenAddress::of("10.0.0.7".parse()?, &[]), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(address: IpAddr, allowed: &[AddressRange]) -> Option<Self> {
        if allowed.iter().any(|range| range.contains(address.to_canonical())) {
            return None;
        }
        addresses_meant(address).find_map(reason)
    }

    /// The reason in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Metadata => "a cloud's metadata service",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::LocalTranslation => "an IPv4 address by local-use translation",
        }
    }
}

impl fmt::Display for ForbiddenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The addresses that may be reached by dialling one: itself, and the IPv4 address that it carries.
pub fn addresses_meant(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let ip = address.to_canonical();
    let embedded = match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => embedded_ipv4(ip).map(IpAddr::V4),
    };
    [Some(ip), embedded].into_iter().flatten()
}

fn reason(ip: IpAddr) -> Option<ForbiddenAddress> {
    match ip {
        IpAddr::V4(ip) => reason_v4(ip),
        IpAddr::V6(ip) => reason_v6(ip),
    }
}

fn reason_v4(ip: Ipv4Addr) -> Option<ForbiddenAddress> {
    Some(match ip.octets() {
        [127, ..] => ForbiddenAddress::Loopback,
        // Of AWS, Google, Azure, Oracle, Tencent and others; ECS and EKS have theirs beside it.
        [169, 254, 169 | 170, _] => ForbiddenAddress::Metadata,
        [169, 254, ..] => ForbiddenAddress::LinkLocal,
        // Of Alibaba, and the agent of Azure.
        [100, 100, 100, 200] | [168, 63, 129, 16] => ForbiddenAddress::Metadata,
        [0, ..] => ForbiddenAddress::Unspecified,
        [224..=239, ..] => ForbiddenAddress::Multicast,
        [255, 255, 255, 255] => ForbiddenAddress::Broadcast,
        _ => return None,
    })
}

fn reason_v6(ip: Ipv6Addr) -> Option<ForbiddenAddress> {
    Some(match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => ForbiddenAddress::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => ForbiddenAddress::Loopback,
        [0xfe80..=0xfebf, ..] => ForbiddenAddress::LinkLocal,
        [0xff00..=0xffff, ..] => ForbiddenAddress::Multicast,
        // AWS keeps this range for services of the instance; Google has the one address.
        [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254] => ForbiddenAddress::Metadata,
        [0x0064, 0xff9b, 1, ..] => ForbiddenAddress::LocalTranslation,
        _ => return None,
    })
}

/// The IPv4 address that an IPv6 address carries, where something on the way may send packets there.
fn embedded_ipv4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        // These are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Compatible (RFC 4291 2.5.5.1), translated (RFC 2765), NAT64 (RFC 6052). Mapped ones have become IPv4 before.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        // 6to4 (RFC 3056).
        | [0x2002, high, low, ..] => Some(from(high, low)),
        // Teredo (RFC 4380).
        [0x2001, 0, .., high, low] => Some(from(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(address: &str, allowed: &[&str]) -> Option<ForbiddenAddress> {
        let allowed: Vec<_> = allowed.iter().map(|range| AddressRange::parse(range).unwrap()).collect();
        ForbiddenAddress::of(address.parse().unwrap(), &allowed)
    }

    #[test]
    fn addresses() {
        use ForbiddenAddress::{Broadcast, LinkLocal, LocalTranslation, Loopback, Metadata, Multicast, Unspecified};
        for (ip, expected) in [
            ("10.0.0.1", None),
            ("192.0.2.1", None),
            ("100.64.0.1", None),
            ("240.0.0.1", None),
            ("126.255.255.255", None),
            ("127.0.0.1", Some(Loopback)),
            ("127.255.255.254", Some(Loopback)),
            ("128.0.0.1", None),
            ("0.0.0.0", Some(Unspecified)),
            ("0.1.2.3", Some(Unspecified)),
            ("1.0.0.0", None),
            ("169.253.255.255", None),
            ("169.254.0.1", Some(LinkLocal)),
            ("169.254.0.23", Some(LinkLocal)),
            ("169.254.169.254", Some(Metadata)),
            ("169.254.170.2", Some(Metadata)),
            ("169.255.0.0", None),
            ("100.100.100.200", Some(Metadata)),
            ("168.63.129.16", Some(Metadata)),
            ("223.255.255.255", None),
            ("224.0.0.1", Some(Multicast)),
            ("239.255.255.255", Some(Multicast)),
            ("255.255.255.255", Some(Broadcast)),
            ("255.255.255.254", None),
            ("2001:db8::1", None),
            ("fd00::1", None),
            ("::", Some(Unspecified)),
            ("::1", Some(Loopback)),
            ("fe7f::1", None),
            ("fe80::1", Some(LinkLocal)),
            ("febf::1", Some(LinkLocal)),
            ("fec0::1", None),
            ("ff02::1", Some(Multicast)),
            ("fd00:ec2::254", Some(Metadata)),
            ("fd00:ec2::23", Some(Metadata)),
            ("fd00:ec3::254", None),
            ("fd20:ce::254", Some(Metadata)),
            ("fd20:ce::253", None),
            // Mapped.
            ("::ffff:127.0.0.1", Some(Loopback)),
            ("::ffff:169.254.169.254", Some(Metadata)),
            ("::ffff:0.0.0.0", Some(Unspecified)),
            ("::ffff:224.0.0.1", Some(Multicast)),
            ("::ffff:255.255.255.255", Some(Broadcast)),
            ("::ffff:10.0.0.1", None),
            // Compatible and translated.
            ("::127.0.0.1", Some(Loopback)),
            ("::2", Some(Unspecified)),
            ("::10.0.0.1", None),
            ("::ffff:0:127.0.0.1", Some(Loopback)),
            // NAT64.
            ("64:ff9b::127.0.0.1", Some(Loopback)),
            ("64:ff9b::169.254.169.254", Some(Metadata)),
            ("64:ff9b::10.0.0.1", None),
            ("64:ff9b:1::10.0.0.1", Some(LocalTranslation)),
            // 6to4.
            ("2002:7f00:1::", Some(Loopback)),
            ("2002:a9fe:a9fe:1::5", Some(Metadata)),
            ("2002:a00:1::1", None),
            // Teredo of 127.0.0.1 and of 10.0.0.1.
            ("2001:0:c000:201::80ff:fffe", Some(Loopback)),
            ("2001:0:7f00:1::f5ff:fffe", None),
        ] {
            assert_eq!(outcome(ip, &[]), expected, "{ip}");
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_by_its_own_address() {
        for (address, range, expected) in [
            ("127.0.0.1", "127.0.0.0/8", None),
            ("127.0.0.1", "127.0.0.2", Some(ForbiddenAddress::Loopback)),
            ("::ffff:127.0.0.1", "127.0.0.1", None),
            ("::1", "::1", None),
            ("::1", "127.0.0.0/8", Some(ForbiddenAddress::Loopback)),
            ("64:ff9b::127.0.0.1", "127.0.0.0/8", Some(ForbiddenAddress::Loopback)),
            ("64:ff9b::127.0.0.1", "64:ff9b::/96", None),
            ("169.254.169.254", "0.0.0.0/0", None),
            ("169.254.169.254", "::/0", Some(ForbiddenAddress::Metadata)),
        ] {
            assert_eq!(outcome(address, &[range]), expected, "{address} {range}");
        }
    }
}

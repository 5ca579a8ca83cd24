//! Addresses that a manifest must not make the proxy dial: itself, its host, and what only its host may ask.
//!
//! Whoever may write an EndpointSlice or a Service of type ExternalName can name any address. What is looked at is the
//! address that is dialled, so that a DNS name has to be resolved first and each of its addresses checked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ingress_core::policy::AddressRange;

/// The proxy itself.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Own {
    /// What it listens on, for metrics and administration too.
    pub listeners: Vec<SocketAddr>,
    /// Addresses under which a listener for all addresses is reached, beside those of its machine.
    pub addresses: Vec<IpAddr>,
}

/// An address that must not be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` must not be dialled: {reason}")]
#[non_exhaustive]
pub struct Forbidden {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub reason: Reason,
}

/// Why an address must not be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The proxy listens there.
    Own,
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

impl Reason {
    /// The reason in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "the proxy itself listens there",
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

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether an address may be dialled that the operator has named: every one but the proxy's own listeners.
///
/// # Errors
///
/// [`Forbidden`] if it must not be.
pub fn check_named(address: SocketAddr, own: &Own) -> Result<(), Forbidden> {
    if meant(address).any(|ip| own.is(ip, address.port())) {
        return Err(Forbidden { address, reason: Reason::Own });
    }
    Ok(())
}

/// Whether an address may be dialled. `allowed` are ranges that may be although a manifest names them, the proxy's own
/// listeners never.
///
/// # Errors
///
/// [`Forbidden`] if it must not be.
pub fn check(address: SocketAddr, allowed: &[AddressRange], own: &Own) -> Result<(), Forbidden> {
    check_named(address, own)?;
    if allowed.iter().any(|range| range.contains(address.ip().to_canonical())) {
        return Ok(());
    }
    match meant(address).find_map(reason) {
        Some(reason) => Err(Forbidden { address, reason }),
        None => Ok(()),
    }
}

/// The addresses that may be reached by dialling one.
fn meant(address: SocketAddr) -> impl Iterator<Item = IpAddr> {
    let ip = address.ip().to_canonical();
    let embedded = match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => embedded_ipv4(ip).map(IpAddr::V4),
    };
    [Some(ip), embedded].into_iter().flatten()
}

impl Own {
    fn is(&self, ip: IpAddr, port: u16) -> bool {
        let is_local = || {
            ip.is_loopback()
                || ip.is_unspecified()
                || self.addresses.iter().any(|it| it.to_canonical() == ip)
                || is_of_this_machine(ip)
        };
        self.listeners.iter().filter(|listener| listener.port() == port).any(|listener| {
            let listens_on = listener.ip().to_canonical();
            // To dial the unspecified address is to dial loopback.
            listens_on == ip
                || (ip.is_unspecified() && listens_on.is_loopback())
                || (listens_on.is_unspecified() && is_local())
        })
    }
}

/// Whether an interface of this machine has an address now. The system lets sockets be bound to no other, unless it is set up
/// to let them be bound to all; then it cannot be asked like this.
fn is_of_this_machine(ip: IpAddr) -> bool {
    let is_bindable = |ip| UdpSocket::bind(SocketAddr::new(ip, 0)).is_ok();
    // Addresses for documentation (RFC 5737, RFC 3849), which nobody has.
    let nobodys: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    is_bindable(ip) && !is_bindable(nobodys)
}

fn reason(ip: IpAddr) -> Option<Reason> {
    match ip {
        IpAddr::V4(ip) => reason_v4(ip),
        IpAddr::V6(ip) => reason_v6(ip),
    }
}

fn reason_v4(ip: Ipv4Addr) -> Option<Reason> {
    Some(match ip.octets() {
        [127, ..] => Reason::Loopback,
        // Of AWS, Google, Azure, Oracle, Tencent and others; ECS and EKS have theirs beside it.
        [169, 254, 169 | 170, _] => Reason::Metadata,
        [169, 254, ..] => Reason::LinkLocal,
        // Of Alibaba, and the agent of Azure.
        [100, 100, 100, 200] | [168, 63, 129, 16] => Reason::Metadata,
        [0, ..] => Reason::Unspecified,
        [224..=239, ..] => Reason::Multicast,
        [255, 255, 255, 255] => Reason::Broadcast,
        _ => return None,
    })
}

fn reason_v6(ip: Ipv6Addr) -> Option<Reason> {
    Some(match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Reason::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Reason::Loopback,
        [0xfe80..=0xfebf, ..] => Reason::LinkLocal,
        [0xff00..=0xffff, ..] => Reason::Multicast,
        // AWS keeps this range for services of the instance; Google has the one address.
        [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254] => Reason::Metadata,
        [0x0064, 0xff9b, 1, ..] => Reason::LocalTranslation,
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

    fn outcome(address: &str, allowed: &[&str], own: &Own) -> Option<Reason> {
        let allowed: Vec<_> = allowed.iter().map(|range| AddressRange::parse(range).unwrap()).collect();
        let address = address.parse().unwrap();
        check(address, &allowed, own).err().map(|forbidden| {
            assert_eq!(forbidden.address, address);
            forbidden.reason
        })
    }

    #[test]
    fn addresses() {
        use Reason::{Broadcast, LinkLocal, LocalTranslation, Loopback, Metadata, Multicast, Unspecified};
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
            ("[2001:db8::1]", None),
            ("[fd00::1]", None),
            ("[::]", Some(Unspecified)),
            ("[::1]", Some(Loopback)),
            ("[fe7f::1]", None),
            ("[fe80::1]", Some(LinkLocal)),
            ("[fe80::1%3]", Some(LinkLocal)),
            ("[febf::1]", Some(LinkLocal)),
            ("[fec0::1]", None),
            ("[ff02::1]", Some(Multicast)),
            ("[fd00:ec2::254]", Some(Metadata)),
            ("[fd00:ec2::23]", Some(Metadata)),
            ("[fd00:ec3::254]", None),
            ("[fd20:ce::254]", Some(Metadata)),
            ("[fd20:ce::253]", None),
            // Mapped.
            ("[::ffff:127.0.0.1]", Some(Loopback)),
            ("[::ffff:169.254.169.254]", Some(Metadata)),
            ("[::ffff:0.0.0.0]", Some(Unspecified)),
            ("[::ffff:224.0.0.1]", Some(Multicast)),
            ("[::ffff:255.255.255.255]", Some(Broadcast)),
            ("[::ffff:10.0.0.1]", None),
            // Compatible and translated.
            ("[::127.0.0.1]", Some(Loopback)),
            ("[::2]", Some(Unspecified)),
            ("[::10.0.0.1]", None),
            ("[::ffff:0:127.0.0.1]", Some(Loopback)),
            // NAT64.
            ("[64:ff9b::127.0.0.1]", Some(Loopback)),
            ("[64:ff9b::169.254.169.254]", Some(Metadata)),
            ("[64:ff9b::10.0.0.1]", None),
            ("[64:ff9b:1::10.0.0.1]", Some(LocalTranslation)),
            // 6to4.
            ("[2002:7f00:1::]", Some(Loopback)),
            ("[2002:a9fe:a9fe:1::5]", Some(Metadata)),
            ("[2002:a00:1::1]", None),
            // Teredo of 127.0.0.1 and of 10.0.0.1.
            ("[2001:0:c000:201::80ff:fffe]", Some(Loopback)),
            ("[2001:0:7f00:1::f5ff:fffe]", None),
        ] {
            assert_eq!(outcome(&format!("{ip}:80"), &[], &Own::default()), expected, "{ip}");
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_by_its_own_address() {
        for (address, range, expected) in [
            ("127.0.0.1:80", "127.0.0.0/8", None),
            ("127.0.0.1:80", "127.0.0.2", Some(Reason::Loopback)),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1", None),
            ("[::1]:80", "::1", None),
            ("[::1]:80", "127.0.0.0/8", Some(Reason::Loopback)),
            ("[64:ff9b::127.0.0.1]:80", "127.0.0.0/8", Some(Reason::Loopback)),
            ("[64:ff9b::127.0.0.1]:80", "64:ff9b::/96", None),
            ("169.254.169.254:80", "0.0.0.0/0", None),
            ("169.254.169.254:80", "::/0", Some(Reason::Metadata)),
        ] {
            assert_eq!(outcome(address, &[range], &Own::default()), expected, "{address} {range}");
        }
    }

    #[test]
    fn the_proxy_does_not_dial_itself() {
        let addresses = vec!["10.0.0.5".parse().unwrap(), "2001:db8::5".parse().unwrap()];
        let own = |listeners: &[&str]| Own {
            listeners: listeners.iter().map(|listener| listener.parse().unwrap()).collect(),
            addresses: addresses.clone(),
        };
        for (address, listeners, is_own) in [
            ("10.0.0.5:8080", &["10.0.0.5:8080"][..], true),
            ("10.0.0.5:8081", &["10.0.0.5:8080"], false),
            ("10.0.0.6:8080", &["10.0.0.5:8080", "0.0.0.0:443"], false),
            ("10.0.0.5:443", &["10.0.0.5:8080", "0.0.0.0:443"], true),
            ("10.0.0.5:443", &["[::]:443"], true),
            ("[2001:db8::5]:443", &["[::]:443"], true),
            ("[::ffff:10.0.0.5]:443", &["0.0.0.0:443"], true),
            ("10.0.0.5:443", &["[::ffff:10.0.0.5]:443"], true),
            ("[64:ff9b::10.0.0.5]:443", &["0.0.0.0:443"], true),
            ("[2001:db8::6]:443", &["[::]:443"], false),
            ("127.0.0.1:9000", &["127.0.0.1:9000"], true),
            ("0.0.0.0:9000", &["127.0.0.1:9000"], true),
            ("[::1]:443", &["[::]:443"], true),
            ("127.0.0.1:9001", &["127.0.0.1:9000"], false),
        ] {
            // Everything else is allowed, and this never is.
            let expected = is_own.then_some(Reason::Own);
            assert_eq!(outcome(address, &["0.0.0.0/0", "::/0"], &own(listeners)), expected, "{address} {listeners:?}");
        }
    }

    #[test]
    fn every_address_of_this_machine_is_its_own() {
        assert!(is_of_this_machine("127.0.0.1".parse().unwrap()));
        assert!(!is_of_this_machine("192.0.2.7".parse().unwrap()));
        assert!(!is_of_this_machine("2001:db8::7".parse().unwrap()));
        // Where there is a network, it has another one; it is found by the route that a packet would take.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("192.0.2.1:9").is_ok() {
            let ip = socket.local_addr().unwrap().ip();
            let own = Own { listeners: vec!["0.0.0.0:443".parse().unwrap()], addresses: Vec::new() };
            assert_eq!(outcome(&format!("{ip}:443"), &["0.0.0.0/0"], &own), Some(Reason::Own));
            assert_eq!(outcome(&format!("{ip}:444"), &["0.0.0.0/0"], &own), None);
        }
    }

    #[test]
    fn what_the_operator_names_may_be_anything_but_the_proxy() {
        let own = Own { listeners: vec!["127.0.0.1:80".parse().unwrap()], addresses: Vec::new() };
        for (address, is_allowed) in [("127.0.0.1:81", true), ("169.254.169.254:80", true), ("127.0.0.1:80", false)] {
            assert_eq!(check_named(address.parse().unwrap(), &own).is_ok(), is_allowed, "{address}");
        }
    }

    #[test]
    fn the_reason_is_said() {
        let error = check("127.0.0.1:80".parse().unwrap(), &[], &Own::default()).unwrap_err();
        assert_eq!(error.to_string(), "`127.0.0.1:80` must not be dialled: loopback");
    }
}

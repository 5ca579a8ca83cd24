//! Addresses that a manifest must not make the proxy dial: itself, its host, and what only its host may ask.
//!
//! The engine leaves out what a manifest says in plain numbers ([`ForbiddenAddress`]). What is looked at here is the address that
//! is dialled, so that a DNS name has to be resolved first and each of its addresses checked, and that of no own listener is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ingress_core::policy::{AddressRange, ForbiddenAddress, addresses_meant};

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
    /// It is none for a manifest to name.
    Address(ForbiddenAddress),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("the proxy itself listens there"),
            Self::Address(reason) => reason.fmt(f),
        }
    }
}

/// Whether an address may be dialled that the operator has named: every one but the proxy's own listeners.
///
/// # Errors
///
/// [`Forbidden`] if it must not be.
pub fn check_named(address: SocketAddr, own: &Own) -> Result<(), Forbidden> {
    if addresses_meant(address.ip()).any(|ip| own.is(ip, address.port())) {
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
    match ForbiddenAddress::of(address.ip(), allowed) {
        Some(reason) => Err(Forbidden { address, reason: Reason::Address(reason) }),
        None => Ok(()),
    }
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

//! Ranges of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A CIDR block, IPv4 or IPv6. An IPv4 address and its mapped form (`::ffff:192.0.2.1`) are one address, which is in no block of
/// IPv6 but those of mapped addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    address: IpAddr,
    prefix: u8,
}

impl AddressRange {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address. Bits behind the prefix count for nothing.
    ///
    /// ```
    /// use ingress_core::policy::AddressRange;
    ///
    /// let range = AddressRange::parse("10.1.2.3/8")?;
    /// assert!(range.contains("10.9.9.9".parse()?) && range.contains("::ffff:10.0.0.1".parse()?));
    /// assert!(!range.contains("11.0.0.1".parse()?));
    /// assert!(AddressRange::parse("10.0.0.0/33").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidRange`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidRange> {
        let invalid = || InvalidRange { text: text.into() };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= bits).ok_or_else(invalid)?
            }
            Some(_) => return Err(invalid()),
        };
        // A block inside of the mapped addresses is a block of IPv4 addresses.
        Ok(match address {
            IpAddr::V6(v6) if prefix >= 96 => match v6.to_ipv4_mapped() {
                Some(v4) => Self { address: v4.into(), prefix: prefix - 96 },
                None => Self { address, prefix },
            },
            _ => Self { address, prefix },
        })
    }

    /// The addresses that are in both ranges: the smaller of them if it lies in the other, else none.
    ///
    /// ```
    /// use ingress_core::policy::AddressRange;
    ///
    /// let (wide, narrow) = (AddressRange::parse("10.0.0.0/8")?, AddressRange::parse("10.1.0.0/16")?);
    /// assert_eq!(wide.intersection(&narrow), Some(narrow));
    /// assert_eq!(narrow.intersection(&AddressRange::parse("192.0.2.0/24")?), None);
    /// # Ok::<(), ingress_core::policy::InvalidRange>(())
    /// ```
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let covers = |wide: &Self, narrow: &Self| {
            // A block of IPv6 is never in one of IPv4, whatever its address looks like.
            wide.address.is_ipv4() == narrow.address.is_ipv4()
                && wide.prefix <= narrow.prefix
                && wide.contains(narrow.address)
        };
        if covers(self, other) {
            Some(*other)
        } else if covers(other, self) {
            Some(*self)
        } else {
            None
        }
    }

    /// Whether an address is in the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                (ours.to_bits() ^ theirs.to_bits()) & mask == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => same_block(ours, theirs, self.prefix),
            // `::/0` too, as in nginx: who allows one family has not allowed the other.
            _ => false,
        }
    }
}

fn same_block(ours: Ipv6Addr, theirs: Ipv6Addr, prefix: u8) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    (ours.to_bits() ^ theirs.to_bits()) & mask == 0
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Text that is neither an address nor a CIDR block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidRange {
    /// The text.
    pub text: Box<str>,
}

impl fmt::Display for InvalidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is neither an IP address nor a CIDR block", self.text.escape_debug())
    }
}

impl std::error::Error for InvalidRange {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_ranges_share() {
        let table = [
            ("10.0.0.0/8", "10.0.0.0/8", Some("10.0.0.0/8")),
            ("10.0.0.0/8", "10.255.0.0/16", Some("10.255.0.0/16")),
            ("0.0.0.0/0", "192.0.2.1", Some("192.0.2.1")),
            ("10.0.0.0/8", "10.0.0.0/7", Some("10.0.0.0/8")),
            ("10.0.0.0/16", "10.1.0.0/16", None),
            ("::/0", "192.0.2.0/24", None),
            ("::/0", "2001:db8::/32", Some("2001:db8::/32")),
            ("::/0", "0.0.0.0/0", None),
            ("0.0.0.0/0", "2001:db8::/32", None),
            ("2001:db8::/32", "2001:db8:1::/48", Some("2001:db8:1::/48")),
            ("::ffff:10.0.0.0/104", "10.1.0.0/16", Some("10.1.0.0/16")),
            ("10.0.0.0/8", "::ffff:10.0.0.5/64", None),
            ("10.0.0.0/8", "::ffff:10.0.0.5/0", None),
        ];
        let range = |text| AddressRange::parse(text).expect("a range");
        for (a, b, shared) in table {
            assert_eq!(range(a).intersection(&range(b)), shared.map(range), "{a} {b}");
            assert_eq!(range(b).intersection(&range(a)), shared.map(range), "{b} {a}");
        }
    }

    #[test]
    fn ranges_of_both_families() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::ffff:10.0.0.0/104", "10.1.1.1", true),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ];
        for (range, address, expected) in table {
            let range = AddressRange::parse(range).expect("a range");
            assert_eq!(range.contains(address.parse().expect("an address")), expected, "{range} {address}");
        }
    }

    #[test]
    fn text_that_is_no_range() {
        for text in ["", "10.0.0.0/", "10.0.0/8", "10.0.0.0/33", "::/129", "10.0.0.0/+8", "a.example", "1.2.3.4/8/8"] {
            assert!(AddressRange::parse(text).is_err(), "{text}");
        }
    }
}

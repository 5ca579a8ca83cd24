//! The text of a number or an address, in memory of its own size: headers are written for every request.

use std::fmt::{self, Write};

/// The longest text that fits: an IPv6 address.
const LENGTH: usize = 45;

/// A short text.
pub(super) struct Short {
    bytes: [u8; LENGTH],
    length: usize,
}

impl Short {
    /// The text of something; what does not fit is left out.
    pub(super) fn new(what: impl fmt::Display) -> Self {
        let mut text = Self { bytes: [0; LENGTH], length: 0 };
        // Fails only where the text is full, which that of no number and of no address makes it.
        let _ = write!(text, "{what}");
        text
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;

    #[test]
    fn numbers_and_addresses_fit() {
        let mapped: Ipv6Addr = "::ffff:255.255.255.255".parse().unwrap();
        for address in [IpAddr::from([255; 4]), IpAddr::from([0xff; 16]), IpAddr::from(mapped)] {
            assert_eq!(Short::new(address).as_bytes(), address.to_string().as_bytes());
        }
        for number in [i64::MIN, 0, i64::MAX] {
            assert_eq!(Short::new(number).as_bytes(), number.to_string().as_bytes());
        }
        assert_eq!(Short::new("x".repeat(LENGTH + 1)).as_bytes(), b"");
    }
}

//! Numbers, addresses and times as text, without allocating.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use ingress_core::policy::PortRef;

/// The numbers below 100, with two digits.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of bounds")]
        {
            pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        }
        number += 1;
    }
    pairs
};

/// The last two digits of a number.
#[inline]
fn pair(value: u64) -> [u8; 2] {
    PAIRS.get((value % 100) as usize).copied().unwrap_or_default()
}

/// A number in decimal.
pub(super) fn decimal(out: &mut Vec<u8>, value: u64) {
    let [c, d] = pair(value);
    // Most are small, and an array of fixed length is written at one go.
    match value {
        0..10 => out.push(d),
        10..100 => out.extend_from_slice(&[c, d]),
        100..1_000 => out.extend_from_slice(&[b'0' + (value / 100) as u8, c, d]),
        _ => {
            let [a, b] = pair(value / 100);
            if value >= 10_000 {
                decimal(out, value / 10_000);
            }
            out.extend_from_slice(&[a, b, c, d]);
        }
    }
}

/// The port of a Service.
pub(super) fn port(out: &mut Vec<u8>, port: &PortRef) {
    match port {
        PortRef::Number(number) => decimal(out, u64::from(*number)),
        PortRef::Name(name) => out.extend_from_slice(name.as_bytes()),
        PortRef::First => out.extend_from_slice(b"first"),
    }
}

/// A number in decimal with leading zeros, of so many digits.
fn padded(out: &mut Vec<u8>, value: u64, digits: u32) {
    for place in (0..digits).rev() {
        out.push(b'0' + (value / 10_u64.pow(place) % 10) as u8);
    }
}

/// Microseconds as seconds with three decimals, as nginx writes durations.
pub(super) fn seconds(out: &mut Vec<u8>, microseconds: u64) {
    millis(out, microseconds / 1_000);
}

/// Milliseconds as seconds with three decimals.
pub(super) fn millis(out: &mut Vec<u8>, milliseconds: u64) {
    decimal(out, milliseconds / 1_000);
    fraction(out, milliseconds);
}

/// A point and what milliseconds are beyond whole seconds.
pub(super) fn fraction(out: &mut Vec<u8>, milliseconds: u64) {
    let [b, c] = pair(milliseconds % 1_000);
    out.extend_from_slice(&[b'.', b'0' + (milliseconds / 100 % 10) as u8, b, c]);
}

/// An address.
pub(super) fn ip(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            decimal(out, u64::from(a));
            for octet in [b, c, d] {
                out.push(b'.');
                decimal(out, u64::from(octet));
            }
        }
        // Writing to memory cannot fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

/// An address with its port.
pub(super) fn socket(out: &mut Vec<u8>, address: SocketAddr) {
    let is_v6 = address.is_ipv6();
    if is_v6 {
        out.push(b'[');
    }
    ip(out, address.ip());
    if is_v6 {
        out.push(b']');
    }
    out.push(b':');
    decimal(out, u64::from(address.port()));
}

/// The current second as text, which is the same for many lines.
#[derive(Debug)]
pub(super) struct Dates {
    second: u64,
    local: Vec<u8>,
    iso: Vec<u8>,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Default for Dates {
    fn default() -> Self {
        let mut dates = Self { second: 0, local: Vec::with_capacity(32), iso: Vec::with_capacity(32) };
        dates.renew(0);
        dates
    }
}

impl Dates {
    /// Makes ready for a moment, in milliseconds since 1970.
    pub(super) fn set(&mut self, unix_millis: u64) {
        let second = unix_millis / 1_000;
        if second != self.second {
            self.renew(second);
        }
    }

    /// `28/Nov/2026:11:05:46 +0000`.
    pub(super) fn local(&self) -> &[u8] {
        &self.local
    }

    /// `2026-11-28T11:05:46`.
    pub(super) fn iso(&self) -> &[u8] {
        &self.iso
    }

    #[cold]
    fn renew(&mut self, second: u64) {
        self.second = second;
        let (year, month, day) = civil(second / 86_400);
        let of_day = second % 86_400;
        let clock = [of_day / 3_600, of_day / 60 % 60, of_day % 60];
        let Self { local, iso, .. } = self;
        local.clear();
        padded(local, day, 2);
        let name = usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or_default();
        local.push(b'/');
        local.extend_from_slice(name.as_bytes());
        local.push(b'/');
        padded(local, year, 4);
        for part in clock {
            local.push(b':');
            padded(local, part, 2);
        }
        local.extend_from_slice(b" +0000");
        iso.clear();
        padded(iso, year, 4);
        for (separator, part) in
            [(b'-', month), (b'-', day)].into_iter().chain([b'T', b':', b':'].into_iter().zip(clock))
        {
            iso.push(separator);
            padded(iso, part, 2);
        }
    }
}

/// Year, month and day of a day since 1970 (Gregorian). Years are counted from March, so that the leap day comes last.
fn civil(day: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    // From March of the year 0.
    let day = day + 719_468;
    let (era, of_era) = (day / DAYS_OF_400_YEARS, day % DAYS_OF_400_YEARS);
    // Without the leap days that have gone by, all years are of one length.
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_and_addresses() {
        for value in [0, 7, 10, 99, 100, 12_345, u64::MAX] {
            assert_eq!(text(|out| decimal(out, value)), value.to_string());
        }
        assert_eq!(text(|out| seconds(out, 12_034_567)), "12.034");
        for address in ["10.0.255.1:80", "[::1]:8080", "[2001:db8::7]:1"] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(text(|out| socket(out, address)), address.to_string());
            assert_eq!(text(|out| ip(out, address.ip())), address.ip().to_string());
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for number in 0..200_000 {
            assert_eq!(civil(number), (year, month, day));
            let days = match month {
                2 => 28 + u64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > days {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }

    #[test]
    fn dates_as_nginx_writes_them() {
        let mut dates = Dates::default();
        dates.set(1_795_863_946_123);
        assert_eq!(std::str::from_utf8(dates.local()).unwrap(), "28/Nov/2026:11:05:46 +0000");
        assert_eq!(std::str::from_utf8(dates.iso()).unwrap(), "2026-11-28T11:05:46");
    }
}

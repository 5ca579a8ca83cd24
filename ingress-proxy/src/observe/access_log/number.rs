//! Numbers, addresses and times as text, without allocating.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use ingress_core::policy::PortRef;

use super::room::Room;

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

/// Bytes as numbers from the left, and how long they are is in [`Room::octet`].
const OCTETS: [[u8; 4]; 256] = {
    let mut octets = [[0; 4]; 256];
    let mut number = 0;
    while number < 256 {
        let [a, b, c] = [b'0' + (number / 100) as u8, b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of bounds")]
        {
            octets[number] = match number {
                0..10 => [c, 0, 0, 0],
                10..100 => [b, c, 0, 0],
                _ => [a, b, c, 0],
            };
        }
        number += 1;
    }
    octets
};

/// A number below 100 with two digits.
#[inline]
fn pair(value: u32) -> [u8; 2] {
    PAIRS.get(value as usize).copied().unwrap_or_default()
}

impl Room<'_> {
    /// A number in decimal.
    #[inline]
    pub(super) fn decimal(self, value: u64) -> Self {
        match value {
            0..10 => self.put([b'0' + value as u8]),
            10..100_000 => self.few_digits(value as u32),
            _ => self.many_digits(value),
        }
    }

    /// Most are that small, and they are written at one go.
    fn few_digits(self, value: u32) -> Self {
        let [c, d] = pair(value % 100);
        if value < 100 {
            return self.put([c, d]);
        }
        let [a, b] = pair(value / 100 % 100);
        match value {
            0..1_000 => self.put([b, c, d]),
            1_000..10_000 => self.put([a, b, c, d]),
            _ => self.put([b'0' + (value / 10_000) as u8, a, b, c, d]),
        }
    }

    fn many_digits(self, value: u64) -> Self {
        let last = (value % 10_000) as u32;
        let ([a, b], [c, d]) = (pair(last / 100), pair(last % 100));
        self.decimal(value / 10_000).put([a, b, c, d])
    }

    /// A number in decimal with leading zeros, of so many digits.
    fn padded(self, value: u64, digits: u32) -> Self {
        (0..digits).rev().fold(self, |room, place| room.put([b'0' + (value / 10_u64.pow(place) % 10) as u8]))
    }

    /// The port of a Service.
    pub(super) fn port(self, port: &PortRef) -> Self {
        match port {
            PortRef::Number(number) => self.decimal(u64::from(*number)),
            PortRef::Name(name) => self.bytes(name.as_bytes()),
            PortRef::First => self.text("first"),
        }
    }

    /// Microseconds as seconds with three decimals, as nginx writes durations.
    pub(super) fn seconds(self, microseconds: u64) -> Self {
        self.millis(microseconds / 1_000)
    }

    /// Milliseconds as seconds with three decimals.
    pub(super) fn millis(self, milliseconds: u64) -> Self {
        self.decimal(milliseconds / 1_000).fraction(milliseconds)
    }

    /// A point and what milliseconds are beyond whole seconds.
    pub(super) fn fraction(self, milliseconds: u64) -> Self {
        let milliseconds = (milliseconds % 1_000) as u32;
        let [b, c] = pair(milliseconds % 100);
        self.put([b'.', b'0' + (milliseconds / 100) as u8, b, c])
    }

    /// An address.
    pub(super) fn ip(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                self.octet(a).put([b'.']).octet(b).put([b'.']).octet(c).put([b'.']).octet(d)
            }
            IpAddr::V6(address) => {
                // The longest has 45 characters.
                let mut memory = [0; 48];
                let mut rest: &mut [u8] = &mut memory;
                // Writing to memory that is long enough cannot fail.
                let _written = write!(rest, "{address}");
                let length = 48 - rest.len();
                self.bytes(memory.get(..length).unwrap_or_default())
            }
        }
    }

    #[inline]
    fn octet(self, octet: u8) -> Self {
        let digits = OCTETS.get(usize::from(octet)).copied().unwrap_or_default();
        self.put_some(digits, 1 + usize::from(octet >= 10) + usize::from(octet >= 100))
    }

    /// An address with its port.
    pub(super) fn socket(self, address: SocketAddr) -> Self {
        let room = match address.ip() {
            ip @ IpAddr::V4(_) => self.ip(ip),
            ip @ IpAddr::V6(_) => self.put([b'[']).ip(ip).put([b']']),
        };
        room.put([b':']).decimal(u64::from(address.port()))
    }
}

/// The current second as text, which is the same for many lines.
#[derive(Debug)]
pub(super) struct Dates {
    second: u64,
    local: [u8; "28/Nov/2026:11:05:46 +0000".len()],
    iso: [u8; "2026-11-28T11:05:46".len()],
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Default for Dates {
    fn default() -> Self {
        let mut dates = Self { second: 0, local: Default::default(), iso: Default::default() };
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
        let name = usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or_default();
        let room =
            Room::new(&mut self.local).padded(day, 2).put([b'/']).bytes(name.as_bytes()).put([b'/']).padded(year, 4);
        clock.iter().fold(room, |room, part| room.put([b':']).padded(*part, 2)).text(" +0000");
        let room = Room::new(&mut self.iso).padded(year, 4).put([b'-']).padded(month, 2).put([b'-']).padded(day, 2);
        [b'T', b':', b':']
            .iter()
            .zip(clock)
            .fold(room, |room, (separator, part)| room.put([*separator]).padded(part, 2));
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

    fn text(write: impl FnOnce(Room<'_>) -> Room<'_>) -> String {
        let mut memory = [0; 80];
        let left = write(Room::new(&mut memory)).left();
        String::from_utf8(memory[..80 - left].to_vec()).unwrap()
    }

    #[test]
    fn numbers_and_addresses() {
        let ends = (0..20).map(|digits| 10_u64.pow(digits)).flat_map(|end| [end - 1, end, end + 1, end / 7 * 9]);
        for value in ends.chain([u64::MAX]) {
            assert_eq!(text(|room| room.decimal(value)), value.to_string());
        }
        assert_eq!(text(|room| room.seconds(12_034_567)), "12.034");
        for octet in 0..=u8::MAX {
            assert_eq!(text(|room| room.octet(octet)), octet.to_string());
        }
        let longest = "[abcd:abcd:abcd:abcd:abcd:abcd:abcd:abcd]:65535";
        for address in ["10.0.255.1:80", "[::1]:8080", "[2001:db8::7]:1", "[::ffff:192.0.2.255]:1", longest] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(text(|room| room.socket(address)), address.to_string());
            assert_eq!(text(|room| room.ip(address.ip())), address.ip().to_string());
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

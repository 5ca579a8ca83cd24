//! Dates in fields and cookies.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;
/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799;

/// Seconds since 1970 as RFC 9110 5.6.7 writes a date. What lies beyond the year 9999 is its last second.
pub(crate) struct ImfFixdate(pub(crate) u64);

impl ImfFixdate {
    /// The present.
    pub(crate) fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }
}

/// The `Date` of responses (RFC 9110 6.6.1), written once a second.
#[derive(Debug, Default)]
pub(crate) struct Today(RefCell<Option<(u64, Rc<str>)>>);

impl Today {
    /// The date as it is written.
    pub(crate) fn text(&self) -> Rc<str> {
        let now = ImfFixdate::now();
        let mut kept = self.0.borrow_mut();
        match &*kept {
            Some((second, text)) if *second == now.0 => Rc::clone(text),
            _ => {
                let text: Rc<str> = now.to_string().into();
                *kept = Some((now.0, Rc::clone(&text)));
                text
            }
        }
    }
}

impl fmt::Display for ImfFixdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let seconds = self.0.min(LAST);
        let (days, time) = (seconds / DAY, seconds % DAY);
        // 1970 began on a Thursday.
        let weekday = match days % 7 {
            0 => "Thu",
            1 => "Fri",
            2 => "Sat",
            3 => "Sun",
            4 => "Mon",
            5 => "Tue",
            _ => "Wed",
        };
        let mut day = days;
        let mut year = 1970;
        // 400 years are always 146,097 days; within them a loop over years is short enough.
        year += day / 146_097 * 400;
        day %= 146_097;
        while day >= days_of_year(year) {
            day -= days_of_year(year);
            year += 1;
        }
        let mut months = MONTHS.into_iter().zip(days_of_months(year));
        let month = months.find_map(|(month, length)| {
            if day < length {
                return Some(month);
            }
            day -= length;
            None
        });
        let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
        let month = month.unwrap_or("Dec");
        write!(f, "{weekday}, {:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT", day + 1)
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_months(year: u64) -> [u64; 12] {
    [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (13_569_465_600, "Sat, 01 Jan 2400 00:00:00 GMT"),
            (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(ImfFixdate(seconds).to_string(), expected);
        }
    }
}

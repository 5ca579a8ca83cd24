//! The grammar of the values: Go's `ParseBool` and `Atoi`, nginx's sizes and times, lists.
//!
//! Errors are predicates of the value, such as "is not a whole number".

use std::net::IpAddr;
use std::ops::RangeInclusive;

/// What came of one value; the text says what is wrong with it and what follows from that.
pub(super) type Outcome = Result<(), Box<str>>;

/// A key and what it does to the settings that it belongs to.
pub(super) type Key<T> = (&'static str, fn(&mut T, &str) -> Outcome);

/// A value, or what is wrong with it.
type Read<T> = Result<T, Box<str>>;

/// Puts a value in its place, which holds the default until then.
pub(super) fn set<T>(place: &mut T, value: Read<T>) -> Outcome {
    *place = value.map_err(|why| format!("{why}; the default is used"))?;
    Ok(())
}

/// Puts what can be read of a comma-separated list in its place, and complains of the first entry that cannot.
pub(super) fn set_each<T>(place: &mut Box<[T]>, text: &str, what: &str, read: impl Fn(&str) -> Option<T>) -> Outcome {
    let mut bad = None;
    let good = entries(text).filter_map(|entry| {
        let value = read(entry);
        if value.is_none() {
            bad.get_or_insert(entry);
        }
        value
    });
    *place = good.collect();
    bad.map_or(Ok(()), |entry| {
        // An entry can be as long as a ConfigMap.
        let shown: String = entry.chars().take(64).collect();
        Err(format!("has the entry `{shown}`, which is not {what} and is left out").into())
    })
}

/// A bool as Go reads it. Empty is none, although ingress-nginx takes it for `false`: it may be a slip that weakens.
pub(super) fn boolean(text: &str) -> Read<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err("is not `true` or `false`".into()),
    }
}

/// `on` or `off`.
pub(super) fn on_off(text: &str) -> Read<bool> {
    one_of(text, &[("on", true), ("off", false)])
}

/// A whole number that is not negative.
pub(super) fn number(text: &str) -> Read<u32> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    // ingress-nginx reads these with Go's base prefixes, where `010` is eight.
    if digits.len() > 1 && digits.starts_with('0') {
        return Err("has a leading zero, which makes it octal".into());
    }
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a whole number".into());
    }
    digits.parse().map_err(|_| "is too large".into())
}

/// A whole number within bounds.
pub(super) fn number_in(text: &str, range: RangeInclusive<u32>) -> Read<u32> {
    let number = number(text)?;
    if range.contains(&number) {
        return Ok(number);
    }
    Err(format!("is not within {} and {}", range.start(), range.end()).into())
}

/// An HTTP status within bounds.
pub(super) fn status(text: &str, range: RangeInclusive<u16>) -> Read<u16> {
    let number = number_in(text, u32::from(*range.start())..=u32::from(*range.end()))?;
    u16::try_from(number).map_err(|_| "is too large".into())
}

/// A TCP port.
pub(super) fn port(text: &str) -> Read<u16> {
    status(text, 1..=u16::MAX)
}

/// Bytes: digits and perhaps one of `b`, `k`, `m`, `g` in either case.
pub(super) fn size(text: &str) -> Read<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return Err("is not a size such as `8k` or `10m`".into()),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a size such as `8k` or `10m`".into());
    }
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| "is too large".into())
}

/// A time as nginx reads it, in milliseconds: `600s`, `1h 30m`, a bare number of seconds.
pub(super) fn time(text: &str) -> Read<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("y", 31_536_000_000),
        ("M", 2_592_000_000),
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let malformed = || Box::from("is not a time such as `60s` or `1h 30m`");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(malformed());
    }
    let mut total = 0_u64;
    // Each unit once, the larger ones first.
    let mut units = UNITS.as_slice();
    while !rest.is_empty() {
        let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: u64 = rest.strip_suffix(behind).unwrap_or_default().parse().map_err(|_| malformed())?;
        let next = behind.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let unit = behind.strip_suffix(next).unwrap_or_default();
        let name = if unit.is_empty() && next.is_empty() { "s" } else { unit };
        let at = units.iter().position(|(unit, _)| *unit == name).ok_or_else(malformed)?;
        let (_, length) = units.get(at).ok_or_else(malformed)?;
        units = units.get(at + 1..).unwrap_or_default();
        let span = number.checked_mul(*length);
        total = span.and_then(|span| total.checked_add(span)).ok_or("is too large")?;
        rest = next.trim_start();
    }
    Ok(total)
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Read<T> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    Err(format!("is not one of {}", words.join(", ")).into())
}

/// Any text.
pub(super) fn text(text: &str) -> Read<Box<str>> {
    Ok(text.trim().into())
}

/// Any text; none if it is empty.
pub(super) fn optional(text: &str) -> Read<Option<Box<str>>> {
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.into()))
}

/// Texts that are separated by commas.
pub(super) fn texts(text: &str) -> Read<Box<[Box<str>]>> {
    Ok(entries(text).map(Box::from).collect())
}

/// Texts that are separated by spaces.
pub(super) fn words(text: &str) -> Read<Box<[Box<str>]>> {
    Ok(text.split_ascii_whitespace().map(Box::from).collect())
}

/// The name of a header.
pub(super) fn header(text: &str) -> Read<Box<str>> {
    header_name(text).ok_or_else(|| "is not the name of a header".into())
}

/// The name of a header. Only what nginx passes on by default and `_`.
pub(super) fn header_name(text: &str) -> Option<Box<str>> {
    let is_name =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    is_name.then(|| text.into())
}

/// An address or a network as address and length of the prefix.
pub(super) fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        // Go takes digits only, no sign.
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
        None => longest,
    };
    (length <= longest).then_some((address, length))
}

/// The entries of a comma-separated list, without the spaces around them and without empty ones.
pub(super) fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests;

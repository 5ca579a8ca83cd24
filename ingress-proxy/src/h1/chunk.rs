//! The line before a chunk: its size and extensions (RFC 9112 7.1).

use super::field_lines::is_blank;
use crate::message::{is_token_byte, token_length};

/// The most hexadecimal digits of a size.
pub(super) const MAX_DIGITS: usize = 16;

/// A line without its line end: the size, and how many bytes the extensions have.
///
/// Extensions are checked although they are dropped: what cannot be read in one way only is not passed over.
pub(super) fn size(line: &[u8]) -> Result<(u64, usize), &'static str> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let Some((digits, extensions)) = line.split_at_checked(digits).filter(|(digits, _)| !digits.is_empty()) else {
        return Err("a chunk without a size");
    };
    if digits.len() > MAX_DIGITS {
        return Err("a chunk size with too many digits");
    }
    if !are_extensions(extensions) {
        return Err("a malformed chunk extension");
    }
    // Sixteen digits of four bits cannot overflow.
    let size = digits.iter().fold(0_u64, |size, digit| (size << 4) | u64::from(value(*digit)));
    Ok((size, extensions.len()))
}

fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        // `A` is 0x41 and `a` is 0x61.
        _ => (digit & 0x0f) + 9,
    }
}

fn are_extensions(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let [b';', name @ ..] = without_blanks(rest) else { return false };
        let Some(behind) = behind_token(without_blanks(name)) else { return false };
        rest = behind;
        if let [b'=', value @ ..] = without_blanks(behind) {
            let value = without_blanks(value);
            let behind = if value.first() == Some(&b'"') { behind_string(value) } else { behind_token(value) };
            let Some(behind) = behind else { return false };
            rest = behind;
        }
    }
    true
}

fn without_blanks(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|byte| is_blank(**byte)).count();
    bytes.get(blanks..).unwrap_or_default()
}

fn behind_token(bytes: &[u8]) -> Option<&[u8]> {
    bytes.first().filter(|byte| is_token_byte(**byte))?;
    bytes.get(token_length(bytes).0..)
}

/// What follows a quoted string (RFC 9110 5.6.4).
fn behind_string(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(1..)?;
    loop {
        rest = match rest {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] if is_text(*byte) => rest,
            _ => return None,
        };
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= 0x20 && byte != 0x7f)
}

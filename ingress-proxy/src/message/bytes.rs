//! Which bytes may stand where. HTTP/1 and HTTP/2 ask the same questions.
//!
//! They are looked at eight or sixteen bytes at a time, because this is done to every byte that comes in a head.

use wide::u8x16;

const TOKEN: u8 = 1;
const UNDERSCORE: u8 = 2;

/// What a byte is in a token; 0 if it may not be there.
const TOKEN_TABLE: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let it = byte as u8;
        let is_special = matches!(
            it,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'`' | b'|' | b'~'
        );
        let class = if it == b'_' {
            TOKEN | UNDERSCORE
        } else if it.is_ascii_alphanumeric() || is_special {
            TOKEN
        } else {
            0
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "the loop ends at the table's length; a constant cannot use `get_mut`"
        )]
        {
            table[byte] = class;
        }
        byte += 1;
    }
    table
};

fn class(byte: u8) -> u8 {
    TOKEN_TABLE.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Whether bytes are a token (RFC 9110 5.6.2).
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && token_length(bytes).0 == bytes.len()
}

/// Whether a byte may stand in a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    class(byte) != 0
}

/// How many bytes of a token stand at the beginning, and whether there is an underscore among them.
#[inline(always)]
pub(crate) fn token_length(bytes: &[u8]) -> (usize, bool) {
    let mut all = 0;
    let mut rest = bytes;
    loop {
        let end = rest.get(run::<Usual>(rest)..).unwrap_or_default();
        match end {
            [byte, behind @ ..] if class(*byte) != 0 => {
                all |= class(*byte);
                rest = behind;
            }
            _ => return (bytes.len() - end.len(), all & UNDERSCORE != 0),
        }
    }
}

/// Whether text without control characters is this word of small letters, digits and hyphens, without regard to case. The
/// length is known, so that the comparison is a few instructions and no loop.
pub(crate) fn is_word<const N: usize>(text: &[u8], word: &[u8; N]) -> bool {
    // Of all other bytes only the capital becomes a small letter and only control characters become digits or a hyphen.
    <&[u8; N]>::try_from(text).is_ok_and(|text| {
        let ((words, text), (ours, word)) = (text.as_chunks(), word.as_chunks());
        let ((halves, text), (our_halves, word)) = (text.as_chunks(), word.as_chunks());
        let mut differs = 0;
        for (bytes, letters) in words.iter().zip(ours) {
            differs |= (u64::from_le_bytes(*bytes) | each(0x20)) ^ u64::from_le_bytes(*letters);
        }
        for (bytes, letters) in halves.iter().zip(our_halves) {
            differs |= u64::from((u32::from_le_bytes(*bytes) | 0x2020_2020) ^ u32::from_le_bytes(*letters));
        }
        for (byte, letter) in text.iter().zip(word) {
            differs |= u64::from((byte | 0x20) ^ letter);
        }
        differs == 0
    })
}

/// Whether bytes are a field value: visible characters, spaces, tabs and bytes above 0x7f (RFC 9110 5.5).
#[must_use]
pub fn is_field_value(bytes: &[u8]) -> bool {
    text_length(bytes) == bytes.len()
}

/// How many bytes of a field value stand at the beginning.
#[inline(always)]
pub(crate) fn text_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    loop {
        let length = run::<Text>(rest);
        // A tab looks like any other control character.
        match rest.get(length..) {
            Some([b'\t', behind @ ..]) => rest = behind,
            end => return bytes.len() - end.map_or(0, <[u8]>::len),
        }
    }
}

/// How many bytes of a request target stand at the beginning: visible characters and bytes above 0x7f.
pub(crate) fn target_length(bytes: &[u8]) -> usize {
    run::<Target>(bytes)
}

/// Bytes that a run is made of.
trait Run {
    /// Sets the highest bit of the first byte that is not among them. What it sets above that bit does not count.
    fn end(word: u64) -> u64;

    /// Sets a bit for each byte that is not among them.
    fn ends(bytes: u8x16) -> u32;
}

/// Letters and hyphens, of which most names are made.
struct Usual;

/// Field values but for tabs.
struct Text;

/// Request targets.
struct Target;

impl Run for Usual {
    /// Exact, so that it does not matter what a borrow would do.
    fn end(word: u64) -> u64 {
        let low = word & each(0x7f);
        let letters = low | each(0x20);
        // No sum reaches the next byte, because both parts are below 0x80.
        let is_letter = (letters + each(0x80 - b'a')) & !(letters + each(0x7f - b'z'));
        let is_hyphen = !((low ^ each(b'-')) + each(0x7f));
        (word | !(is_letter | is_hyphen)) & each(0x80)
    }

    fn ends(bytes: u8x16) -> u32 {
        let from_a = (bytes | all(0x20)) - all(b'a');
        0xffff ^ (up_to(from_a, b'z' - b'a') | bytes.simd_eq(all(b'-'))).to_bitmask()
    }
}

impl Run for Text {
    fn end(word: u64) -> u64 {
        below(word, 0x20) | equal(word, 0x7f)
    }

    fn ends(bytes: u8x16) -> u32 {
        (up_to(bytes, 0x1f) | bytes.simd_eq(all(0x7f))).to_bitmask()
    }
}

impl Run for Target {
    fn end(word: u64) -> u64 {
        below(word, 0x21) | equal(word, 0x7f)
    }

    fn ends(bytes: u8x16) -> u32 {
        (up_to(bytes, 0x20) | bytes.simd_eq(all(0x7f))).to_bitmask()
    }
}

/// How many bytes of a run stand at the beginning.
#[inline(always)]
fn run<R: Run>(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk() {
        let marked = R::ends(u8x16::new(*chunk));
        if marked != 0 {
            return bytes.len() - rest.len() + marked.trailing_zeros() as usize;
        }
        rest = behind;
    }
    while let Some((word, behind)) = rest.split_first_chunk() {
        let marked = R::end(u64::from_le_bytes(*word));
        if marked != 0 {
            return bytes.len() - rest.len() + (marked.trailing_zeros() / 8) as usize;
        }
        rest = behind;
    }
    bytes.len() - rest.len() + run_of_few::<R>(rest)
}

/// What is left at the end of a head. Apart, so that the loops above have the registers for themselves.
#[inline(never)]
fn run_of_few<R: Run>(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| R::end(each(**byte)) == 0).count()
}

const fn all(byte: u8) -> u8x16 {
    u8x16::new([byte; 16])
}

/// All bits of the bytes that are at most `limit`.
fn up_to(bytes: u8x16, limit: u8) -> u8x16 {
    bytes.min(all(limit)).simd_eq(bytes)
}

const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks bytes that are less than `limit`, which is at most 0x80. The lowest mark is right, higher ones may come of a borrow.
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(each(limit)) & !word & each(0x80)
}

/// Marks bytes that are equal to an ASCII byte; again the lowest mark is right.
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ each(byte), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte at each place of a text long enough for words and what is left of them.
    fn agrees(length: impl Fn(&[u8]) -> usize, is_allowed: impl Fn(u8) -> bool) {
        for size in [1, 7, 8, 9, 16, 20, 40] {
            for at in 0..size {
                for byte in 0..=255_u8 {
                    for around in [b'x', b'-', b'0', 0x80, 0xff] {
                        let mut text = vec![around; size];
                        text[at] = byte;
                        let expected = text.iter().position(|byte| !is_allowed(*byte)).unwrap_or(size);
                        assert_eq!(length(&text), expected, "{byte:#04x} at {at} of {size} among {around:#04x}");
                    }
                }
            }
        }
    }

    #[test]
    fn values_and_targets() {
        agrees(text_length, |byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f));
        agrees(target_length, |byte| byte > 0x20 && byte != 0x7f);
        assert_eq!(text_length(b"a\t\tb\tc d\t\t\t\t\t\t\t\te\r\n"), 17);
        assert!(is_field_value(b"") && is_field_value(b"\t") && !is_field_value(b"a\nb"));
        // The borrow of a byte that is marked must not hide or make a mark below it.
        assert_eq!(target_length(b"ab!\"#\x1f\x21\x20cdefgh"), 5);
    }

    #[test]
    fn words() {
        assert!(is_word(b"Keep-ALIVE", b"keep-alive") && is_word(b"100-CONTINUE", b"100-continue"));
        for byte in 0x20..=255_u8 {
            for letter in [b'a', b'z', b'-', b'0', b'2', b'9'] {
                assert_eq!(is_word(&[byte], &[letter]), byte.eq_ignore_ascii_case(&letter), "{byte:#04x}");
            }
        }
        assert!(!is_word(b"", b"a") && !is_word(b"aa", b"a"));
    }

    #[test]
    fn tokens() {
        let separators = b"(),/:;<=>?@[\\]{}\"";
        for byte in 0..=255_u8 {
            let expected = byte.is_ascii_graphic() && !separators.contains(&byte);
            assert_eq!(is_token(&[byte]), expected, "{byte:#04x}");
            assert_eq!(is_token_byte(byte), expected);
        }
        assert!(!is_token(b""));
        assert_eq!(token_length(b"x-y_z: _"), (5, true));
        assert_eq!(token_length(b"x-y: a_b"), (3, false));
        assert_eq!(token_length(b":"), (0, false));
        agrees(|text| token_length(text).0, is_token_byte);
    }
}

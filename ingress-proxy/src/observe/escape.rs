//! Bytes that strangers chose, as printable ASCII.
//!
//! What is written can neither end a line nor turn one around (C1 controls, bidirectional overrides) nor reach a terminal as
//! a command.

use wide::u8x16;

/// How values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Escape {
    /// `\xXX` for a quotation mark, a backslash and all that is not printable ASCII: nginx's default.
    #[default]
    Default,
    /// For between the quotation marks of a JSON string.
    Json,
    /// `\xXX` for what is not printable ASCII, and nothing else. nginx would write that too as it is.
    None,
}

impl Escape {
    /// Hands on a value, piece by piece.
    pub fn write(self, value: &[u8], mut to: impl FnMut(&[u8])) {
        if is_plain(value) {
            to(value);
        } else if self == Self::Json {
            json(value, to);
        } else {
            let keeps_quotes = self == Self::None;
            for byte in value {
                if is_printable(*byte) && (keeps_quotes || !is_special(*byte)) {
                    to(&[*byte]);
                } else {
                    let [high, low] = hexadecimal(*byte);
                    to(&[b'\\', b'x', high, low]);
                }
            }
        }
    }
}

/// Whether all bytes are printable ASCII other than `"` and `\`. Sometimes it says no although they are.
#[inline]
pub(super) fn is_plain(value: &[u8]) -> bool {
    // The last chunk covers what is left, and some of the chunk before.
    if let Some(last) = value.last_chunk() {
        let (chunks, _) = value.as_chunks();
        return chunks.iter().chain([last]).fold(0, |odd, chunk| odd | odd_of_sixteen(u8x16::new(*chunk))) == 0;
    }
    if let (Some(first), Some(last)) = (value.first_chunk(), value.last_chunk()) {
        return odd_of_eight(u64::from_le_bytes(*first)) | odd_of_eight(u64::from_le_bytes(*last)) == 0;
    }
    if let (Some(first), Some(last)) = (value.first_chunk(), value.last_chunk()) {
        let word = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
        return odd_of_eight(word) == 0;
    }
    value.iter().all(|byte| is_printable(*byte) && !is_special(*byte))
}

/// A bit for each byte that is not plain.
#[inline]
fn odd_of_sixteen(bytes: u8x16) -> u32 {
    let all = |byte: u8| u8x16::new([byte; 16]);
    // What is below a space becomes large.
    let above_space = bytes - all(b' ');
    let is_printable = above_space.min(all(b'~' - b' ')).simd_eq(above_space);
    0xffff ^ (is_printable & !bytes.simd_eq(all(b'"')) & !bytes.simd_eq(all(b'\\'))).to_bitmask()
}

/// Eight bytes at a time: bits are set if any of them is not plain. A borrow from an odd byte may mark its neighbour too.
#[inline]
fn odd_of_eight(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let delete_and_above = word | word.wrapping_add(ONES);
    let quotes = zero_bytes(word ^ (ONES * b'"' as u64)) | zero_bytes(word ^ (ONES * b'\\' as u64));
    (below_space | delete_and_above | quotes) & (ONES * 0x80)
}

fn is_printable(byte: u8) -> bool {
    byte.wrapping_sub(b' ') < 0x5f
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\')
}

#[cold]
fn json(value: &[u8], mut to: impl FnMut(&[u8])) {
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => to(b"\\\""),
                '\\' => to(b"\\\\"),
                '\n' => to(b"\\n"),
                '\r' => to(b"\\r"),
                '\t' => to(b"\\t"),
                ' '..='~' => to(&[c as u8]),
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let [[a, b], [c, d]] = unit.to_be_bytes().map(hexadecimal);
                        to(&[b'\\', b'u', a, b, c, d]);
                    }
                }
            }
        }
        // JSON has no bytes, so these are shown.
        for byte in chunk.invalid() {
            let [high, low] = hexadecimal(*byte);
            to(&[b'\\', b'\\', b'x', high, low]);
        }
    }
}

fn hexadecimal(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 0xf].map(|digit| if digit < 10 { b'0' + digit } else { b'A' - 10 + digit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(escape: Escape, value: &[u8]) -> String {
        let mut out = Vec::new();
        escape.write(value, |piece| out.extend_from_slice(piece));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_byte_becomes_printable() {
        for escape in [Escape::Default, Escape::Json, Escape::None] {
            for byte in 0..=u8::MAX {
                let within: Vec<u8> = b"0123456789".iter().chain([&byte]).chain(b"abcdefghijkl").copied().collect();
                for value in [vec![byte], vec![b'a', byte, b'z'], vec![0xc2, byte], vec![byte, 0xa0], within] {
                    let text = written(escape, &value);
                    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text:?}");
                }
            }
        }
        assert_eq!(written(Escape::Default, b"a\"b\\c\n\x7f\xffz"), r"a\x22b\x5Cc\x0A\x7F\xFFz");
        assert_eq!(written(Escape::None, b"a\"b\\c\n\x7f\xffz"), r#"a"b\c\x0A\x7F\xFFz"#);
        assert_eq!(
            written(Escape::Json, "a\"b\\c\n\u{7f}\u{202e}\u{1f600}".as_bytes()),
            r#"a\"b\\c\n\u007F\u202E\uD83D\uDE00"#
        );
        assert_eq!(written(Escape::Json, b"\xff"), r"\\xFF");
    }

    #[test]
    fn words_are_plain_when_each_of_their_bytes_is() {
        for byte in 0..=u8::MAX {
            let is_odd = !is_printable(byte) || is_special(byte);
            for place in 0..8 {
                let mut word = *b" ~!#[]09";
                word[place] = byte;
                assert_eq!(odd_of_eight(u64::from_le_bytes(word)) != 0, is_odd, "{word:?}");
                let value: Vec<u8> = word.into_iter().chain(*b"abc").collect();
                assert_eq!(is_plain(&value), !is_odd);
            }
            for size in 1..70 {
                for place in 0..size {
                    let mut value = vec![b'x'; size];
                    value[place] = byte;
                    assert_eq!(is_plain(&value), !is_odd, "{byte:#04x} at {place} of {size}");
                }
            }
        }
    }

    #[test]
    fn json_reads_back_what_was_text() {
        let text: String = ('\0'..='\u{2fff}').collect();
        let read: String = serde_json::from_str(&format!("\"{}\"", written(Escape::Json, text.as_bytes()))).unwrap();
        assert_eq!(read, text);
    }
}

//! Bytes that strangers chose, as printable ASCII.
//!
//! What is written can neither end a line nor turn one around (C1 controls, bidirectional overrides) nor reach a terminal as
//! a command.

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
    /// Writes a value.
    pub fn write(self, out: &mut Vec<u8>, value: &[u8]) {
        if is_plain(value) {
            out.extend_from_slice(value);
        } else if self == Self::Json {
            json(out, value);
        } else {
            let keeps_quotes = self == Self::None;
            for byte in value {
                if is_printable(*byte) && (keeps_quotes || !matches!(byte, b'"' | b'\\')) {
                    out.push(*byte);
                } else {
                    out.extend_from_slice(b"\\x");
                    hexadecimal(out, u16::from(*byte), 2);
                }
            }
        }
    }
}

/// Whether all bytes are printable ASCII other than `"` and `\`. Sometimes it says no although they are.
#[inline]
fn is_plain(value: &[u8]) -> bool {
    let Some(last) = value.last_chunk::<8>() else {
        return value.iter().all(|byte| is_printable(*byte) && !matches!(byte, b'"' | b'\\'));
    };
    let (words, _) = value.as_chunks::<8>();
    // The last word covers what is left, and some of the word before.
    words.iter().chain([last]).fold(0, |odd, word| odd | odd_bytes(u64::from_ne_bytes(*word))) == 0
}

/// Eight bytes at a time: bits are set if any of them is not plain. A borrow from an odd byte may mark its neighbour too.
#[inline]
fn odd_bytes(word: u64) -> u64 {
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

#[cold]
fn json(out: &mut Vec<u8>, value: &[u8]) {
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                ' '..='~' => out.push(c as u8),
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.extend_from_slice(b"\\u");
                        hexadecimal(out, *unit, 4);
                    }
                }
            }
        }
        // JSON has no bytes, so these are shown.
        for byte in chunk.invalid() {
            out.extend_from_slice(b"\\\\x");
            hexadecimal(out, u16::from(*byte), 2);
        }
    }
}

fn hexadecimal(out: &mut Vec<u8>, value: u16, digits: u32) {
    for digit in (0..digits).rev() {
        let digit = (value >> (4 * digit) & 0xf) as u8;
        out.push(if digit < 10 { b'0' + digit } else { b'A' - 10 + digit });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(escape: Escape, value: &[u8]) -> String {
        let mut out = Vec::new();
        escape.write(&mut out, value);
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
            let is_odd = !is_printable(byte) || matches!(byte, b'"' | b'\\');
            for place in 0..8 {
                let mut word = *b" ~!#[]09";
                word[place] = byte;
                assert_eq!(odd_bytes(u64::from_ne_bytes(word)) != 0, is_odd, "{word:?}");
                let value: Vec<u8> = word.into_iter().chain(*b"abc").collect();
                assert_eq!(is_plain(&value), !is_odd);
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

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
        let is_plain = match self {
            Self::None => value.iter().fold(true, |plain, byte| plain & is_printable(*byte)),
            Self::Default | Self::Json => {
                value.iter().fold(true, |plain, byte| plain & is_printable(*byte) & (*byte != b'"') & (*byte != b'\\'))
            }
        };
        if is_plain {
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
                for value in [vec![byte], vec![b'a', byte, b'z'], vec![0xc2, byte], vec![byte, 0xa0]] {
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
    fn json_reads_back_what_was_text() {
        let text: String = ('\0'..='\u{2fff}').collect();
        let read: String = serde_json::from_str(&format!("\"{}\"", written(Escape::Json, text.as_bytes()))).unwrap();
        assert_eq!(read, text);
    }
}

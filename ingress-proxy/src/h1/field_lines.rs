//! Field lines (RFC 9112 5), of heads and of trailers.

use crate::message::{Fields, Known, Rejection, text_length, token_length};

/// What becomes of a field with an underscore in its name.
///
/// Whoever reads headers through CGI cannot tell `X_Real_IP` from `X-Real-IP`, so a client could say with an underscore what
/// it may not say with a hyphen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Underscores {
    /// It is dropped.
    Drop,
    /// It is kept unless the proxy acts upon the name that it has with hyphens.
    Careful,
    /// It is kept: responses.
    Keep,
}

/// Reads field lines and the empty line behind them into fields that have been cleared; how many bytes that is. `note` is
/// asked about each field that is kept.
pub(super) fn read(
    lines: &[u8],
    most: usize,
    underscores: Underscores,
    fields: &mut Fields,
    mut note: impl FnMut(Known, &[u8]) -> Result<(), Rejection>,
) -> Result<usize, Rejection> {
    let mut rest = lines;
    let mut count = 0;
    loop {
        if let [b'\r', b'\n', behind @ ..] = rest {
            let end = lines.len() - behind.len();
            fields.load(lines.get(..end).unwrap_or_default());
            return Ok(end);
        }
        let (length, has_underscore) = token_length(rest);
        let Some((name, [b':', behind @ ..])) = rest.split_at_checked(length) else {
            return Err(no_name(rest, length));
        };
        if name.is_empty() {
            return Err(Rejection::FieldName);
        }
        count += 1;
        if count > most {
            return Err(Rejection::TooLarge);
        }
        let mut text = behind;
        while let [b' ' | b'\t', behind @ ..] = text {
            text = behind;
        }
        let Some((mut value, [b'\r', b'\n', next @ ..])) = text.split_at_checked(text_length(text)) else {
            return Err(no_line_end(text));
        };
        let mut is_line = text.len() + 1 == behind.len() && behind.first() == Some(&b' ');
        while let [behind @ .., b' ' | b'\t'] = value {
            value = behind;
            is_line = false;
        }
        if !has_underscore || is_kept(underscores, name) {
            let known = Known::of(name);
            note(known, value)?;
            let name_at = lines.len() - rest.len();
            let value_at = lines.len() - text.len();
            fields.mark(known, name_at..name_at + name.len(), value_at..value_at + value.len(), is_line);
        }
        rest = next;
    }
}

fn is_kept(underscores: Underscores, name: &[u8]) -> bool {
    match underscores {
        Underscores::Drop => false,
        Underscores::Careful => Known::of_any_spelling(name) == Known::Other,
        Underscores::Keep => true,
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Why there is no colon behind a name of this length.
#[cold]
fn no_name(rest: &[u8], length: usize) -> Rejection {
    match rest.get(length..).unwrap_or_default() {
        [b' ' | b'\t', ..] if length == 0 => Rejection::Fold,
        [b'\r', b'\n', ..] => Rejection::FieldName,
        [b'\r' | b'\n' | 0, ..] => Rejection::LineEnd,
        _ => Rejection::FieldName,
    }
}

/// Why there is no line end behind a value.
#[cold]
fn no_line_end(behind: &[u8]) -> Rejection {
    match behind.get(text_length(behind)) {
        Some(b'\r' | b'\n' | 0) => Rejection::LineEnd,
        _ => Rejection::FieldValue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h1::encode;

    #[test]
    fn lines_are_what_each_field_is_written_as() {
        let mut fields = Fields::default();
        let lines = b"A: 1\r\nB:2\r\nC:  3\r\nD: 4 \r\nE: \r\nF_: 6\r\nG: 7\r\nH: 8\r\nI:\r\n\r\n";
        read(lines, 20, Underscores::Drop, &mut fields, |_, _| Ok(())).unwrap();
        assert_eq!(fields.len(), 8);
        fields.push(b"J", b"10").unwrap();
        for left_out in ["", "A", "B", "D", "E", "G", "H", "I", "J", "AGJ"] {
            let is_left_out = |name: &[u8]| left_out.as_bytes().contains(&name[0]);
            let (mut out, mut expected) = (b"|".to_vec(), b"|".to_vec());
            fields.append_lines(&mut out, |_, name| is_left_out(name));
            for (_, name, value) in fields.iter().filter(|(_, name, _)| !is_left_out(name)) {
                encode::field(&mut expected, name, value);
            }
            assert_eq!(String::from_utf8(out).unwrap(), String::from_utf8(expected).unwrap(), "without `{left_out}`");
        }
    }
}

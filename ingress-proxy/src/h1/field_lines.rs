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

/// Reads field lines and the empty line behind them. `note` is asked about each field that is kept.
pub(super) fn read(
    lines: &[u8],
    most: usize,
    underscores: Underscores,
    fields: &mut Fields,
    mut note: impl FnMut(Known, &[u8]) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    fields.load(lines);
    let mut at = 0;
    let mut count = 0;
    loop {
        let rest = lines.get(at..).unwrap_or_default();
        let (length, has_underscore) = token_length(rest);
        let Some((name, [b':', behind @ ..])) = rest.split_at_checked(length) else {
            return if rest == b"\r\n" { Ok(()) } else { Err(no_name(rest, length)) };
        };
        if length == 0 {
            return Err(Rejection::FieldName);
        }
        count += 1;
        if count > most {
            return Err(Rejection::TooLarge);
        }
        let blank = behind.iter().take_while(|byte| is_blank(**byte)).count();
        let behind = behind.get(blank..).unwrap_or_default();
        let (text, [b'\r', b'\n', ..]) = behind.split_at_checked(text_length(behind)).unwrap_or_default() else {
            return Err(no_line_end(behind));
        };
        let value = trim_end(text);

        let value_at = at + length + 1 + blank;
        if !has_underscore || is_kept(underscores, name) {
            let known = Known::of(name);
            note(known, value)?;
            fields.mark(known, at..at + length, value_at..value_at + value.len());
        }
        at = value_at + text.len() + 2;
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

fn trim_end(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
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

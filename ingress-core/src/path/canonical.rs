//! The one form of a request path that is matched, rewritten, logged and forwarded.

use std::borrow::Cow;
use std::fmt;

/// How a request path is made canonical.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PathPolicy {
    /// RFC 3986 6.2.2: unreserved characters are decoded, other escapes upper-cased, dot segments resolved; runs of slashes
    /// are merged, bytes beyond ASCII escaped. Reserved characters stay encoded, so `%2F` is data. What a decoding backend could climb with is refused.
    #[default]
    Rfc3986,
    /// nginx's algorithm (ngx_http_parse_complex_uri with merge_slashes): everything is decoded once, decoded slashes and
    /// dots count.
    Nginx,
}

/// Why a request path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PathRejection {
    /// A byte up to 0x20, or 0x7f.
    ControlCharacter,
    /// A literal `#`, which is no part of a request target (RFC 9112 3.2).
    Fragment,
    /// A `%` without two hexadecimal digits.
    MalformedEscape,
    /// `%00`.
    Nul,
    /// `..` at the root.
    AboveRoot,
    /// A segment in which some backends see `..`: `..;x`, `..\`, `\..`, `..%2f`.
    HiddenDotSegment,
}

impl PathRejection {
    /// The reason in kebab case, as decisions carry it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ControlCharacter => "path-control-character",
            Self::Fragment => "path-fragment",
            Self::MalformedEscape => "path-escape-malformed",
            Self::Nul => "path-nul",
            Self::AboveRoot => "path-above-root",
            Self::HiddenDotSegment => "path-hidden-dot-segment",
        }
    }
}

impl fmt::Display for PathRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for PathRejection {}

impl PathPolicy {
    /// The canonical form of a path that begins with `/`, without its query. Borrowed when it already is canonical.
    ///
    /// ```
    /// use ingress_core::path::{PathPolicy, PathRejection};
    ///
    /// let canonical = PathPolicy::Rfc3986.canonical(b"/a//b/%7ex/../%2f");
    /// assert_eq!(canonical.as_deref(), Ok(b"/a/b/%2F".as_slice()));
    /// assert_eq!(PathPolicy::Rfc3986.canonical(b"/.."), Err(PathRejection::AboveRoot));
    /// ```
    ///
    /// # Errors
    ///
    /// [`PathRejection`] for a path that must not be routed.
    pub fn canonical(self, path: &[u8]) -> Result<Cow<'_, [u8]>, PathRejection> {
        if is_plain(path) {
            return Ok(Cow::Borrowed(path));
        }
        if path.iter().any(|byte| is_control(*byte)) {
            return Err(PathRejection::ControlCharacter);
        }
        if path.contains(&b'#') {
            return Err(PathRejection::Fragment);
        }
        let decoded = match self {
            Self::Rfc3986 => decode_unreserved(path)?,
            Self::Nginx => decode_all(path)?,
        };
        if self == Self::Rfc3986 {
            let hidden = decoded.split(|byte| *byte == b'/').any(hides_dot_segment);
            if hidden {
                return Err(PathRejection::HiddenDotSegment);
            }
        }
        let resolved = resolve(&decoded)?;
        Ok(if resolved == path { Cow::Borrowed(path) } else { Cow::Owned(resolved) })
    }
}

impl PathPolicy {
    /// The text of a rule's path with its escapes in the form that canonical request paths have. Nothing else is changed;
    /// text with a malformed escape is left as it is.
    #[must_use]
    pub fn canonical_escapes(self, text: &str) -> Box<str> {
        if self != Self::Rfc3986 || text.bytes().all(|byte| byte.is_ascii() && byte != b'%') {
            return text.into();
        }
        let decoded = decode_unreserved(text.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        decoded.map_or_else(|| text.into(), Into::into)
    }
}

/// Whether no policy would change or refuse the path: no escapes, no characters with a doubtful meaning, no empty
/// segment and none that begins with a dot. This is nearly every request.
fn is_plain(path: &[u8]) -> bool {
    let mut after_slash = false;
    path.iter().all(|&byte| {
        let plain = match byte {
            b'/' | b'.' => !after_slash,
            b'%' | b'#' | b';' | b'\\' | 0x80.. => false,
            byte => !is_control(byte),
        };
        after_slash = byte == b'/';
        plain
    })
}

fn is_control(byte: u8) -> bool {
    byte <= 0x20 || byte == 0x7f
}

fn hex_value(digit: Option<&u8>) -> Option<u8> {
    match digit? {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
        digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Passes each literal byte and each decoded escape to `emit`; the flag says which it is.
fn each_byte(path: &[u8], mut emit: impl FnMut(u8, bool)) -> Result<(), PathRejection> {
    let mut bytes = path.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            emit(byte, false);
            continue;
        }
        let (Some(high), Some(low)) = (hex_value(bytes.next()), hex_value(bytes.next())) else {
            return Err(PathRejection::MalformedEscape);
        };
        match high << 4 | low {
            0 => return Err(PathRejection::Nul),
            byte => emit(byte, true),
        }
    }
    Ok(())
}

/// RFC 3986 6.2.2.1 and 6.2.2.2. Bytes that have no place in a URI are escaped, as every browser does.
fn decode_unreserved(path: &[u8]) -> Result<Vec<u8>, PathRejection> {
    const UPPER: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| UPPER.get(usize::from(value)).copied().unwrap_or(b'0');
    let mut out = Vec::with_capacity(path.len());
    each_byte(path, |byte, escaped| {
        let unreserved = matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~');
        if (escaped && !unreserved) || byte >= 0x80 {
            out.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        } else {
            out.push(byte);
        }
    })?;
    Ok(out)
}

/// Everything once; a decoded `/` or `.` then counts like a literal one.
fn decode_all(path: &[u8]) -> Result<Vec<u8>, PathRejection> {
    let mut out = Vec::with_capacity(path.len());
    each_byte(path, |byte, _| out.push(byte))?;
    Ok(out)
}

/// Whether a backend that decodes once more, takes `\` for `/` or strips `;parameters` would see `..` or `.` in this
/// segment although it is neither.
fn hides_dot_segment(segment: &[u8]) -> bool {
    if matches!(segment, b"." | b"..") {
        return false;
    }
    let mut decoded = Vec::with_capacity(segment.len());
    if each_byte(segment, |byte, _| decoded.push(byte)).is_err() {
        return false;
    }
    let name_of = |piece: &[u8]| piece.split(|byte| *byte == b';').next().unwrap_or_default().to_vec();
    // `.;x` is `.` to whoever drops parameters; a `.` between encoded slashes leads nowhere.
    let name = name_of(&decoded);
    if decoded.contains(&b';') && matches!(&*name, b"." | b"..") {
        return true;
    }
    decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(|piece| name_of(piece) == b"..")
}

/// Escapes a path as nginx does before it sends one that it has changed (`ngx_escape_uri`).
pub(crate) fn escaped(path: &str) -> Box<str> {
    escape(path.as_bytes()).into_iter().map(char::from).collect::<String>().into()
}

/// The same for bytes; what is returned is ASCII.
pub(crate) fn escape(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for byte in path {
        if *byte <= 0x20 || *byte >= 0x7f || b"\"#%?<>\\^`{|}".contains(byte) {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            out.push(*byte);
        }
    }
    out
}

/// RFC 3986 5.2.4 on a path that begins with `/`, with runs of slashes as one. A final dot segment leaves a final slash.
fn resolve(path: &[u8]) -> Result<Vec<u8>, PathRejection> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    let mut ends_in_slash = true;
    for segment in path.split(|byte| *byte == b'/') {
        ends_in_slash = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." => {
                let parent = out.iter().rposition(|byte| *byte == b'/').ok_or(PathRejection::AboveRoot)?;
                out.truncate(parent);
            }
            name => {
                out.push(b'/');
                out.extend_from_slice(name);
            }
        }
    }
    if ends_in_slash {
        out.push(b'/');
    }
    Ok(out)
}

#[cfg(test)]
mod tests;

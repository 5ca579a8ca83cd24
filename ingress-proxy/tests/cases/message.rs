//! Messages of HTTP/1 as both ends of the test read them.

/// A name and a value.
pub type Field = (String, String);

/// The fields that every endpoint answers with.
pub(crate) fn of_endpoint(name: &str) -> [(&'static str, &str); 4] {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    [("X-Origin", name), ("Content-Type", "text/x-origin"), ("ETag", "\"1\""), ("Date", date)]
}

/// A head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) start: String,
    pub(crate) fields: Vec<Field>,
}

impl Head {
    /// Takes a head off the front, once it is complete.
    pub(crate) fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let text: Vec<u8> = bytes.drain(..end + 4).collect();
        let text = String::from_utf8(text).unwrap_or_else(|error| {
            let lines = error.as_bytes().split(|byte| *byte == b'\n');
            lines.map(shown).collect::<Vec<_>>().join("\r\n")
        });
        let mut lines = text.strip_suffix("\r\n\r\n").unwrap_or(&text).split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
        };
        Some(Self { start, fields: lines.map(field).collect() })
    }

    /// The first value of a field.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        first(&self.fields, name)
    }
}

/// The first value of a field.
pub(crate) fn first<'f>(fields: &'f [Field], name: &str) -> Option<&'f str> {
    fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Takes a body off the front, once it is complete.
pub(crate) fn take_body(bytes: &mut Vec<u8>, head: &Head, is_without: bool) -> Option<Vec<u8>> {
    if is_without {
        return Some(Vec::new());
    }
    if head.first("transfer-encoding").is_some() {
        return take_chunks(bytes);
    }
    let length = head.first("content-length").map_or(0, |length| length.parse().expect("a length"));
    (bytes.len() >= length).then(|| bytes.drain(..length).collect())
}

fn take_chunks(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let (mut body, mut rest) = (Vec::new(), &bytes[..]);
    loop {
        let end = rest.windows(2).position(|bytes| bytes == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        let data = rest.get(end + 2..end + 2 + size)?;
        rest = rest.get(end + 2 + size + 2..)?;
        body.extend_from_slice(data);
        if size == 0 {
            let left = rest.len();
            bytes.drain(..bytes.len() - left);
            return Some(body);
        }
    }
}

/// A line as reports show what is not UTF-8.
fn shown(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    std::str::from_utf8(line).map_or_else(|_| line.escape_ascii().to_string(), str::to_owned)
}

//! A reader of HTTP/1 requests that shares nothing with the proxy: RFC 9112 word by word, and no leniency at all.
//!
//! It stands for the most suspicious origin. What it refuses, some server could read in another way.

use std::fmt;

/// A request that can be read in one way only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    /// 0 or 1.
    pub(crate) minor: u8,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
    /// How many chunk extensions there were.
    pub(crate) extensions: usize,
}

/// Why bytes are no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends before the request does.
    Incomplete,
    /// It is malformed or ambiguous.
    Malformed(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete => f.write_str("incomplete"),
            Self::Malformed(why) => f.write_str(why),
        }
    }
}

/// All requests on a connection, and what is wrong behind them.
pub(crate) fn requests(bytes: &[u8]) -> (Vec<Request>, Option<Fault>) {
    let mut rest = bytes;
    let mut found = Vec::new();
    while !rest.is_empty() {
        match request(rest) {
            Ok((request, length)) => {
                found.push(request);
                rest = &rest[length..];
            }
            Err(fault) => return (found, Some(fault)),
        }
    }
    (found, None)
}

/// The first request, and how many bytes it has.
pub(crate) fn request(bytes: &[u8]) -> Result<(Request, usize), Fault> {
    let mut cursor = Cursor { bytes, at: 0 };
    let request = cursor.request()?;
    Ok((request, cursor.at))
}

impl Request {
    /// The values of a field, the name in small letters.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(other, _)| other == name).map(|(_, value)| &**value)
    }
}

struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

type Read<T> = Result<T, Fault>;

fn malformed<T>(why: &'static str) -> Read<T> {
    Err(Fault::Malformed(why))
}

/// tchar of RFC 9110.
fn tchar(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// VCHAR or obs-text.
fn visible(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e | 0x80..=0xff)
}

/// field-content and what may stand between it.
fn text(byte: u8) -> bool {
    visible(byte) || byte == b' ' || byte == b'\t'
}

impl<'b> Cursor<'b> {
    fn peek(&self) -> Read<u8> {
        self.bytes.get(self.at).copied().ok_or(Fault::Incomplete)
    }

    fn next(&mut self) -> Read<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    fn literally(&mut self, text: &[u8], why: &'static str) -> Read<()> {
        for expected in text {
            if self.next()? != *expected {
                return malformed(why);
            }
        }
        Ok(())
    }

    /// At least one byte of a kind.
    fn some(&mut self, kind: impl Fn(u8) -> bool, why: &'static str) -> Read<&'b [u8]> {
        let found = self.any(kind)?;
        if found.is_empty() { malformed(why) } else { Ok(found) }
    }

    /// Bytes of a kind, up to one of another.
    fn any(&mut self, kind: impl Fn(u8) -> bool) -> Read<&'b [u8]> {
        let start = self.at;
        while kind(self.peek()?) {
            self.at += 1;
        }
        Ok(&self.bytes[start..self.at])
    }

    fn token(&mut self, why: &'static str) -> Read<String> {
        Ok(String::from_utf8(self.some(tchar, why)?.to_vec()).expect("tokens are ASCII"))
    }

    fn request(&mut self) -> Read<Request> {
        let method = self.token("method")?;
        self.literally(b" ", "one space behind the method")?;
        let target = self.some(visible, "target")?.to_vec();
        self.literally(b" HTTP/1.", "one space and the version behind the target")?;
        let minor = match self.next()? {
            b'0' => 0,
            b'1' => 1,
            _ => return malformed("version"),
        };
        self.literally(b"\r\n", "end of the request line")?;
        let fields = self.fields()?;
        let mut request = Request { method, target, minor, fields, ..Request::default() };
        check_target(&request)?;
        check_host(&request)?;
        match framing(&request)? {
            Some(length) => {
                let end = self.at.checked_add(length).ok_or(Fault::Malformed("length"))?;
                request.body = self.bytes.get(self.at..end).ok_or(Fault::Incomplete)?.to_vec();
                self.at = end;
            }
            None => self.chunks(&mut request)?,
        }
        Ok(request)
    }

    /// Field lines and the empty line behind them; names in small letters.
    fn fields(&mut self) -> Read<Vec<(String, Vec<u8>)>> {
        let mut fields = Vec::new();
        while self.peek()? != b'\r' {
            let name = self.token("field name")?.to_ascii_lowercase();
            self.literally(b":", "a colon right behind the name")?;
            let line = self.any(text)?;
            self.literally(b"\r\n", "end of a field line")?;
            let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t');
            let start = line.iter().take_while(blank).count();
            let end = line[start..].iter().rev().take_while(blank).count();
            fields.push((name, line[start..line.len() - end].to_vec()));
        }
        self.literally(b"\r\n", "end of the fields")?;
        Ok(fields)
    }

    fn chunks(&mut self, request: &mut Request) -> Read<()> {
        loop {
            let digits = self.some(|byte| byte.is_ascii_hexdigit(), "chunk size")?;
            let size = std::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
            let size = size.filter(|_| digits.len() <= 16).ok_or(Fault::Malformed("chunk size"))?;
            while self.peek()? != b'\r' {
                self.extension()?;
                request.extensions += 1;
            }
            self.literally(b"\r\n", "end of a chunk size line")?;
            if size == 0 {
                break;
            }
            let end = self.at.checked_add(size).ok_or(Fault::Malformed("chunk size"))?;
            request.body.extend_from_slice(self.bytes.get(self.at..end).ok_or(Fault::Incomplete)?);
            self.at = end;
            self.literally(b"\r\n", "end of a chunk")?;
        }
        request.trailers = self.fields()?;
        let framing = ["content-length", "transfer-encoding", "host", "trailer", "te", "connection"];
        if request.trailers.iter().any(|(name, _)| framing.contains(&&**name)) {
            return malformed("a trailer that frames or routes");
        }
        Ok(())
    }

    fn extension(&mut self) -> Read<()> {
        let blank = |byte| matches!(byte, b' ' | b'\t');
        self.any(blank)?;
        self.literally(b";", "chunk extension")?;
        self.any(blank)?;
        self.token("name of a chunk extension")?;
        let behind_name = self.at;
        self.any(blank)?;
        if self.peek()? != b'=' {
            // White space belongs to the next one, if there is one.
            self.at = behind_name;
            return Ok(());
        }
        self.next()?;
        self.any(blank)?;
        if self.peek()? != b'"' {
            return self.token("value of a chunk extension").map(drop);
        }
        self.next()?;
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' if text(self.peek()?) => self.at += 1,
                byte if byte != b'\\' && text(byte) => {}
                _ => return malformed("quoted value of a chunk extension"),
            }
        }
    }
}

/// The four forms of RFC 9112 3.2, by how they begin. Which bytes a path may have is not asked: nobody ends a request line at
/// one of them.
fn check_target(request: &Request) -> Read<()> {
    let target = &*request.target;
    let is_absolute = || {
        let lower = target.to_ascii_lowercase();
        lower.starts_with(b"http://") || lower.starts_with(b"https://")
    };
    match &*request.method {
        "CONNECT" => malformed("CONNECT"),
        "OPTIONS" if target == b"*" => Ok(()),
        _ if target.starts_with(b"/") || is_absolute() => Ok(()),
        _ => malformed("form of the target"),
    }
}

fn check_host(request: &Request) -> Read<()> {
    let mut hosts = request.values("host");
    match (hosts.next(), hosts.next()) {
        (None, _) if request.minor == 0 => Ok(()),
        (None, _) => malformed("no Host"),
        (Some(_), Some(_)) => malformed("two Hosts"),
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => malformed("a malformed Host"),
    }
}

/// A name or an address in brackets, and a port. Sub-delimiters and escapes of RFC 3986 are left out: no host has them.
fn is_host(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let (name, port) = host.rsplit_once(':').filter(|_| !host.ends_with(']')).unwrap_or((host, ""));
    let is_address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_address = is_address.is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    (is_address || (is_name && !name.is_empty())) && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// The length of the body, none for chunks (RFC 9112 6.3).
fn framing(request: &Request) -> Read<Option<usize>> {
    let lengths: Vec<_> = request.values("content-length").collect();
    let encodings: Vec<_> = request.values("transfer-encoding").collect();
    match (&*lengths, &*encodings) {
        ([], []) => Ok(Some(0)),
        ([length], []) if !length.is_empty() && length.len() < 20 && length.iter().all(u8::is_ascii_digit) => {
            let length = std::str::from_utf8(length).expect("digits are ASCII").parse();
            length.map(Some).map_err(|_| Fault::Malformed("length"))
        }
        ([], [encoding]) if encoding.eq_ignore_ascii_case(b"chunked") && request.minor == 1 => Ok(None),
        _ => malformed("framing"),
    }
}

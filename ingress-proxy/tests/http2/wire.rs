//! Frames and field blocks by hand, right or wrong.

use tokio::io::{AsyncRead, AsyncReadExt};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const PRIORITY_FLAG: u8 = 32;

pub const NO_ERROR: u32 = 0;
pub const PROTOCOL_ERROR: u32 = 1;
pub const INTERNAL_ERROR: u32 = 2;
pub const FLOW_CONTROL_ERROR: u32 = 3;
pub const STREAM_CLOSED: u32 = 5;
pub const FRAME_SIZE_ERROR: u32 = 6;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;
pub const COMPRESSION_ERROR: u32 = 9;
pub const ENHANCE_YOUR_CALM: u32 = 11;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error of RST_STREAM or GOAWAY.
    pub fn error(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        Some(u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap()))
    }

    /// The status of a response whose block is the first on its connection.
    pub fn status(&self) -> Option<u16> {
        (self.kind == HEADERS).then(|| status(&self.payload))
    }

    pub fn ends(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

/// Reads `:status`, which `h2` writes first: by its index, or as a literal in Huffman code.
fn status(block: &[u8]) -> u16 {
    match block[0] {
        0x88 => 200,
        0x89 => 204,
        0x8a => 206,
        0x8b => 304,
        0x8c => 400,
        0x8d => 404,
        0x8e => 500,
        0x48 => {
            let length = usize::from(block[1] & 0x7f);
            let bits = block[2..2 + length].iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            digits(bits, length * 8)
        }
        other => panic!("no status: {other:#04x}"),
    }
}

/// Three digits in Huffman code (RFC 7541 B): 0 to 2 have five bits, the others six.
fn digits(bits: u64, length: usize) -> u16 {
    let mut at = length;
    let mut number = 0;
    for _ in 0..3 {
        let five = u16::try_from(bits >> (at - 5) & 0x1f).unwrap();
        if five <= 2 {
            at -= 5;
            number = number * 10 + five;
        } else {
            at -= 6;
            number = number * 10 + u16::try_from(bits >> at & 0x3f).unwrap() - 0x19 + 3;
        }
    }
    number
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (id, value) in values {
        payload.extend(id.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

pub fn ping(payload: &[u8; 8]) -> Vec<u8> {
    frame(PING, 0, 0, payload)
}

pub fn window_update(stream: u32, amount: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &amount.to_be_bytes())
}

pub fn reset(stream: u32, error: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &error.to_be_bytes())
}

pub fn data(stream: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    frame(DATA, flags, stream, payload)
}

pub fn headers(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, flags, stream, block)
}

/// A string without Huffman code (RFC 7541 5.2).
fn string(bytes: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    if bytes.len() < 127 {
        written.push(u8::try_from(bytes.len()).unwrap());
    } else {
        written.push(127);
        let mut rest = bytes.len() - 127;
        while rest >= 128 {
            written.push(u8::try_from(rest % 128).unwrap() | 0x80);
            rest /= 128;
        }
        written.push(u8::try_from(rest).unwrap());
    }
    written.extend(bytes);
    written
}

/// Fields as literals that enter no table, so that blocks do not depend on each other.
pub fn block<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        block.extend(string(name.as_ref()));
        block.extend(string(value.as_ref()));
    }
    block
}

/// The fields of a request for a path, and some more.
pub fn request<'a>(method: &'a str, path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<u8> {
    let mut fields = vec![(":method", method), (":scheme", "https"), (":authority", "a.example"), (":path", path)];
    fields.extend(more);
    block(&fields)
}

/// A complete GET.
pub fn get(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, END_HEADERS | END_STREAM, &request("GET", path, &[]))
}

/// The head of a POST whose body follows.
pub fn post(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, END_HEADERS, &request("POST", path, &[]))
}

/// Reads the next frame; none at the end.
pub async fn read_frame(io: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    io.read_exact(&mut head).await.ok()?;
    let [a, b, c, kind, flags, stream @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    io.read_exact(&mut payload).await.ok()?;
    Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
}

#[test]
fn statuses_are_read() {
    for status in [200_u16, 204, 304, 400, 404, 405, 431, 414, 417, 505, 100, 103, 999, 678] {
        let mut bits = 0_u32;
        let mut length = 0;
        for digit in status.to_string().bytes().map(|byte| u32::from(byte - b'0')) {
            let (code, size) = if digit <= 2 { (digit, 5) } else { (digit - 3 + 0x19, 6) };
            bits = bits << size | code;
            length += size;
        }
        let padding = 24 - length;
        let bits = (bits << padding | ((1 << padding) - 1)).to_be_bytes();
        let block = [0x48, 0x83, bits[1], bits[2], bits[3]];
        assert_eq!(super::wire::status(&block), status);
    }
}

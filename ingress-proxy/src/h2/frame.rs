//! Finds the frame heads in a stream of bytes (RFC 9113 4.1).
//!
//! It looks and changes nothing; payloads are skipped, not read. There is no socket and no clock in it.

/// The length of a frame head.
const HEAD: usize = 9;
/// The length of what a client sends first (RFC 9113 3.4).
const PREFACE: u32 = 24;

/// The kinds of frames that matter here (RFC 9113 6).
pub(super) mod kind {
    /// `DATA`.
    pub(in crate::h2) const DATA: u8 = 0x0;
    /// `HEADERS`.
    pub(in crate::h2) const HEADERS: u8 = 0x1;
    /// `SETTINGS`.
    pub(in crate::h2) const SETTINGS: u8 = 0x4;
    /// `PUSH_PROMISE`.
    pub(in crate::h2) const PUSH_PROMISE: u8 = 0x5;
    /// `CONTINUATION`.
    pub(in crate::h2) const CONTINUATION: u8 = 0x9;
}

const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
/// A padded frame has so much of padding at most, the byte for its length among it.
const MAX_PADDING: u32 = 256;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// The length of the payload.
    pub(super) length: u32,
    /// The type.
    pub(super) kind: u8,
    /// The flags.
    pub(super) flags: u8,
}

impl FrameHead {
    fn parse(bytes: [u8; HEAD]) -> Self {
        let [a, b, c, kind, flags, ..] = bytes;
        Self { length: u32::from_be_bytes([0, a, b, c]), kind, flags }
    }

    /// Whether the frame costs work and moves no message on: everything but heads and bodies. A `DATA` frame that may have
    /// nothing in it but padding counts too, unless it ends its stream, which it can do but once.
    pub(super) fn is_control(self) -> bool {
        match self.kind {
            kind::HEADERS => false,
            kind::DATA if self.flags & END_STREAM != 0 => false,
            kind::DATA if self.flags & PADDED != 0 => self.length <= MAX_PADDING,
            kind::DATA => self.length == 0,
            _ => true,
        }
    }

    /// Whether these are settings, and not the acknowledgement of others.
    pub(super) fn is_settings(self) -> bool {
        self.kind == kind::SETTINGS && self.flags & ACK == 0
    }

    /// Whether the frame begins or continues a block of fields.
    fn is_fields(self) -> bool {
        matches!(self.kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION)
    }
}

/// Where in the stream of bytes we are.
#[derive(Debug)]
pub(super) struct Scanner {
    /// What is left of the preface or of a payload.
    skip: u32,
    head: [u8; HEAD],
    have: usize,
    /// Whether a block of fields has begun and its end has not come.
    is_open: bool,
    /// Whether the block ends with the payload that is being skipped.
    is_last: bool,
}

impl Scanner {
    /// For what a client sends, which begins with the preface.
    pub(super) fn of_client() -> Self {
        Self { skip: PREFACE, head: [0; HEAD], have: 0, is_open: false, is_last: false }
    }

    /// For what a server sends.
    pub(super) fn of_server() -> Self {
        Self { skip: 0, ..Self::of_client() }
    }

    /// Whether a block of fields has begun and is not complete, so that nothing else can come (RFC 9113 4.3).
    pub(super) fn is_within_fields(&self) -> bool {
        self.is_open
    }

    /// Goes through the next bytes; calls for each frame head that they complete.
    pub(super) fn scan(&mut self, mut bytes: &[u8], mut each: impl FnMut(FrameHead)) {
        loop {
            let skipped = bytes.len().min(self.skip as usize);
            bytes = bytes.get(skipped..).unwrap_or_default();
            // No more than `skip`, which is a `u32`.
            self.skip -= u32::try_from(skipped).unwrap_or(self.skip);
            if self.skip == 0 && self.is_last {
                self.is_open = false;
                self.is_last = false;
            }
            if bytes.is_empty() {
                return;
            }
            let room = self.head.get_mut(self.have..).unwrap_or_default();
            let taken = room.len().min(bytes.len());
            let (now, later) = bytes.split_at_checked(taken).unwrap_or((bytes, &[]));
            room.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            bytes = later;
            self.have += taken;
            if self.have < HEAD {
                return;
            }
            self.have = 0;
            let head = FrameHead::parse(self.head);
            self.skip = head.length;
            if head.is_fields() {
                self.is_open = true;
                self.is_last = head.flags & END_HEADERS != 0;
            }
            each(head);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, flags, 0, 0, 0, 1]);
        bytes.extend(payload);
        bytes
    }

    fn stream() -> (Vec<u8>, Vec<FrameHead>) {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let mut heads = Vec::new();
        for (kind, flags, length) in
            [(4, 0, 18), (1, 0, 300), (9, 0, 0), (9, 4, 7), (0, 0, 70_000), (6, 0, 8), (0, 1, 0), (3, 0, 4)]
        {
            bytes.extend(frame(kind, flags, &vec![0xff; length]));
            heads.push(FrameHead { length: u32::try_from(length).unwrap(), kind, flags });
        }
        (bytes, heads)
    }

    #[test]
    fn the_same_heads_however_the_bytes_are_cut() {
        let (bytes, heads) = stream();
        for size in [1, 2, 3, 5, 8, 9, 10, 11, 24, 25, 1_000, bytes.len()] {
            let mut scanner = Scanner::of_client();
            let mut seen = Vec::new();
            for piece in bytes.chunks(size) {
                scanner.scan(piece, |head| seen.push(head));
            }
            assert_eq!(seen, heads, "in pieces of {size}");
            assert!(!scanner.is_within_fields());
        }
    }

    #[test]
    fn every_two_pieces() {
        let (bytes, heads) = stream();
        for cut in 0..600 {
            let mut scanner = Scanner::of_client();
            let mut seen = Vec::new();
            scanner.scan(&bytes[..cut], |head| seen.push(head));
            scanner.scan(&bytes[cut..], |head| seen.push(head));
            assert_eq!(seen, heads, "cut at {cut}");
        }
    }

    #[test]
    fn a_block_of_fields_is_open_until_its_last_byte() {
        let mut scanner = Scanner::of_server();
        let mut bytes = frame(kind::HEADERS, 0, b"abc");
        bytes.extend(frame(kind::CONTINUATION, END_HEADERS, b"def"));
        for (at, byte) in bytes.iter().enumerate() {
            assert_eq!(scanner.is_within_fields(), at >= 9, "before byte {at}");
            scanner.scan(&[*byte], |_| ());
        }
        assert!(!scanner.is_within_fields());
        scanner.scan(&frame(kind::HEADERS, END_HEADERS, b""), |_| ());
        assert!(!scanner.is_within_fields());
    }

    #[test]
    fn what_counts_as_control() {
        let is_control = |kind, flags, length| FrameHead { length, kind, flags }.is_control();
        for kind in [2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 255] {
            assert!(is_control(kind, 0, 8), "type {kind}");
        }
        assert!(!is_control(kind::HEADERS, 0, 0));
        assert!(is_control(kind::DATA, 0, 0) && !is_control(kind::DATA, 0, 1));
        assert!(!is_control(kind::DATA, END_STREAM, 0));
        assert!(is_control(kind::DATA, PADDED, 256) && !is_control(kind::DATA, PADDED, 257));
    }
}

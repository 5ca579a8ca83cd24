//! Frames of every kind and length that means something to somebody on the way.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};

use super::support::requests::pattern;

/// Around the lengths at which frames of WebSocket, TLS and HTTP/2 and buffers change.
const LENGTHS: [usize; 27] = [
    0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 63, 64, 124, 125, 126, 127, 128, 1_023, 4_096, 16_383, 16_384, 16_385, 32_768,
    65_535, 65_536, 65_537, 70_000,
];

/// Some hundred sequences of frames, as a client sends them.
pub fn cases() -> Vec<Vec<u8>> {
    let mut cases = Vec::new();
    for length in LENGTHS {
        for kind in [Data::Text, Data::Binary] {
            let payload =
                if kind == Data::Text { "é".repeat(length.div_ceil(2)).into_bytes() } else { pattern(length) };
            cases.push(frame(OpCode::Data(kind), true, &payload));
            for pieces in [2, 3, 7] {
                cases.push(fragments(kind, &payload, pieces, false));
                cases.push(fragments(kind, &payload, pieces, true));
            }
        }
    }
    for length in [0, 1, 2, 124, 125] {
        for control in [Control::Ping, Control::Pong] {
            cases.push(frame(OpCode::Control(control), true, &pattern(length)));
        }
    }
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999_u16] {
        for reason in ["", "good bye", "weiß nicht"] {
            let close = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
            cases.push(bytes(Frame::close(Some(close))));
        }
    }
    cases.push(bytes(Frame::close(None)));
    cases
}

/// A masked frame.
pub fn frame(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader { is_final, opcode, ..FrameHeader::default() };
    bytes(Frame::from_payload(header, payload.to_vec().into()))
}

/// A message in pieces, perhaps with pings between them.
fn fragments(kind: Data, payload: &[u8], pieces: usize, with_pings: bool) -> Vec<u8> {
    let mut all = Vec::new();
    let size = payload.len().div_ceil(pieces);
    for number in 0..pieces {
        let from = (number * size).min(payload.len());
        let to = (from + size).min(payload.len());
        let opcode = OpCode::Data(if number == 0 { kind } else { Data::Continue });
        all.extend(frame(opcode, number + 1 == pieces, &payload[from..to]));
        if with_pings && number + 1 < pieces {
            all.extend(frame(OpCode::Control(Control::Ping), true, &[number as u8]));
        }
    }
    all
}

fn bytes(mut frame: Frame) -> Vec<u8> {
    frame.header_mut().mask = Some([0x37, 0xfa, 0x21, 0x3d]);
    let mut bytes = Vec::new();
    frame.format(&mut bytes).unwrap();
    bytes
}

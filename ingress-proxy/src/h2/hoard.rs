//! What has come and is not wanted yet.
//!
//! `h2` keeps each frame by itself, which costs more than its bytes where they are few, and ends a connection that has too many
//! of them. Put together they cost what they are, which is no more than the window.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// What is put together with others. Copying more would cost more than it saves.
const SMALL: usize = 1 << 10;

/// Pieces of a body, in order.
#[derive(Debug, Default)]
pub(super) struct Hoard {
    pieces: VecDeque<Bytes>,
    /// The small ones behind them.
    last: BytesMut,
}

impl Hoard {
    pub(super) fn push(&mut self, piece: Bytes) {
        if piece.len() < SMALL {
            self.last.extend_from_slice(&piece);
            return;
        }
        if !self.last.is_empty() {
            self.pieces.push_back(self.last.split().freeze());
        }
        self.pieces.push_back(piece);
    }

    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let last = || (!self.last.is_empty()).then(|| std::mem::take(&mut self.last).freeze());
        self.pieces.pop_front().or_else(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_put_together_and_all_stay_in_order() {
        let mut hoard = Hoard::default();
        let large = vec![b'x'; SMALL];
        for piece in [&b"a"[..], b"bc", &large, &large, b"d", b"", b"e"] {
            hoard.push(Bytes::copy_from_slice(piece));
        }
        let pieces: Vec<Bytes> = std::iter::from_fn(|| hoard.pop()).collect();
        assert_eq!(pieces, [&b"abc"[..], &large, &large, b"de"]);
        hoard.push(Bytes::from_static(b"f"));
        assert_eq!((hoard.pop().as_deref(), hoard.pop()), (Some(&b"f"[..]), None));
    }
}

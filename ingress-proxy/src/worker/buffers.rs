//! Memory that is lent while bytes flow and belongs to nobody in between.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// For heads and small bodies.
const SMALL: usize = 16 << 10;
/// For bodies that go on.
const LARGE: usize = 256 << 10;
/// How many of each are kept; more are given back to the system.
const KEPT_SMALL: usize = 256;
const KEPT_LARGE: usize = 16;
const KEPT_OUTPUT: usize = 256;

/// The buffers of one worker. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct Buffers(Rc<Store>);

#[derive(Default)]
struct Store {
    small: RefCell<Vec<Box<[u8]>>>,
    large: RefCell<Vec<Box<[u8]>>>,
    output: RefCell<Vec<Vec<u8>>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("small", &self.small.borrow().len())
            .field("large", &self.large.borrow().len())
            .finish()
    }
}

impl Buffers {
    /// A buffer without memory, which takes some when it is first asked for space.
    #[must_use]
    pub fn buffer(&self) -> Buffer {
        Buffer { store: self.clone(), data: Box::default(), start: 0, end: 0 }
    }

    /// Memory to put together what is sent.
    #[must_use]
    pub fn output(&self) -> Vec<u8> {
        self.0.output.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(SMALL))
    }

    /// Takes such memory back, if it has not grown out of size.
    pub fn give_back_output(&self, mut memory: Vec<u8>) {
        let mut store = self.0.output.borrow_mut();
        if store.len() < KEPT_OUTPUT && (1..=2 * SMALL).contains(&memory.capacity()) {
            memory.clear();
            store.push(memory);
        }
    }

    fn take(&self, size: usize) -> Box<[u8]> {
        let kept = match size {
            SMALL => self.0.small.borrow_mut().pop(),
            LARGE => self.0.large.borrow_mut().pop(),
            _ => None,
        };
        kept.unwrap_or_else(|| vec![0; size].into_boxed_slice())
    }

    fn give_back(&self, data: Box<[u8]>) {
        let (store, most) = match data.len() {
            SMALL => (&self.0.small, KEPT_SMALL),
            LARGE => (&self.0.large, KEPT_LARGE),
            _ => return,
        };
        let mut store = store.borrow_mut();
        if store.len() < most {
            store.push(data);
        }
    }
}

/// Bytes that were read and not yet used.
#[derive(Debug)]
pub struct Buffer {
    store: Buffers,
    data: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// The bytes.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        self.data.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Removes bytes from the front.
    pub fn consume(&mut self, amount: usize) {
        self.start = self.start.saturating_add(amount).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room behind the bytes, never none: takes memory, moves the bytes to the front, or takes more memory.
    pub fn space(&mut self) -> &mut [u8] {
        if self.data.is_empty() {
            self.data = self.store.take(SMALL);
        }
        if self.end == self.data.len() {
            if self.start > 0 {
                self.data.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else {
                self.grow(self.data.len().saturating_mul(2).max(SMALL));
            }
        }
        self.data.get_mut(self.end..).unwrap_or_default()
    }

    /// Takes the large size, for a body that goes on.
    pub fn enlarge(&mut self) {
        if self.data.len() < LARGE {
            self.grow(LARGE);
        }
    }

    fn grow(&mut self, size: usize) {
        let mut larger = self.store.take(size);
        let filled = self.end - self.start;
        if let (Some(to), Some(from)) = (larger.get_mut(..filled), self.data.get(self.start..self.end)) {
            to.copy_from_slice(from);
        }
        self.store.give_back(std::mem::replace(&mut self.data, larger));
        self.start = 0;
        self.end = filled;
    }

    /// Says that so many bytes of [`space`](Self::space) have been written.
    pub fn advance(&mut self, amount: usize) {
        self.end = self.end.saturating_add(amount).min(self.data.len());
    }

    /// Gives the memory back if nothing is in it.
    pub fn release(&mut self) {
        if self.is_empty() && !self.data.is_empty() {
            self.store.give_back(std::mem::take(&mut self.data));
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.store.give_back(std::mem::take(&mut self.data));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_moving_and_growing() {
        let buffers = Buffers::default();
        let mut buffer = buffers.buffer();
        let mut expected = Vec::new();
        for round in 0..100_u8 {
            let space = buffer.space();
            let amount = space.len().min(5_000);
            space[..amount].fill(round);
            buffer.advance(amount);
            expected.extend(std::iter::repeat_n(round, amount));
            buffer.consume(1_000);
            expected.drain(..1_000);
            assert_eq!(buffer.filled(), expected);
        }
        buffer.consume(usize::MAX);
        assert!(buffer.is_empty());
        buffer.release();
        assert!(buffer.data.is_empty());
    }

    #[test]
    fn memory_is_lent_again() {
        let buffers = Buffers::default();
        let mut first = buffers.buffer();
        first.space()[0] = 7;
        drop(first);
        assert_eq!(buffers.0.small.borrow().len(), 1);
        let mut second = buffers.buffer();
        assert_eq!(second.space().len(), SMALL);
        assert!(buffers.0.small.borrow().is_empty() && second.is_empty());
        second.enlarge();
        assert_eq!((buffers.0.small.borrow().len(), second.space().len()), (1, LARGE));
    }
}

//! How much a peer may still send on all streams of a connection together (RFC 9113 5.2).
//!
//! Streams that nobody reads can use the window up between them. Whoever waits for another stream then waits for us, not for
//! the peer, and must not hold that against it.

use std::cell::Cell;
use std::rc::Rc;

/// A frame of the usual size. With less than that left, or a quarter of a small window, a peer may rather wait for more.
const FRAME: usize = 16 << 10;

/// The window of a connection.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    held: Cell<usize>,
    /// How often it was used up, and how often there was room again.
    changes: Cell<u64>,
}

impl Window {
    pub(super) fn new(size: u32) -> Rc<Self> {
        Rc::new(Self { size: size as usize, held: Cell::new(0), changes: Cell::new(0) })
    }

    fn has_room(&self) -> bool {
        self.held.get().saturating_add(FRAME.min(self.size / 4)) <= self.size
    }

    fn set_held(&self, held: usize) {
        let had_room = self.has_room();
        self.held.set(held);
        if self.has_room() != had_room {
            self.changes.set(self.changes.get().wrapping_add(1));
        }
    }
}

/// What one stream holds of it, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    window: Rc<Window>,
    amount: usize,
    seen: u64,
}

impl Held {
    pub(super) fn new(window: &Rc<Window>) -> Self {
        Self { window: Rc::clone(window), amount: 0, seen: window.changes.get() }
    }

    /// So much has come.
    pub(super) fn take(&mut self, amount: usize) {
        self.amount = self.amount.saturating_add(amount);
        self.window.set_held(self.window.held.get().saturating_add(amount));
    }

    /// So much was given back to the peer.
    pub(super) fn release(&mut self, amount: usize) {
        let amount = amount.min(self.amount);
        self.amount = self.amount.saturating_sub(amount);
        self.window.set_held(self.window.held.get().saturating_sub(amount));
    }

    /// Whether the peer could not send at some time since this was last asked.
    pub(super) fn was_in_the_way(&mut self) -> bool {
        let changes = self.window.changes.get();
        std::mem::replace(&mut self.seen, changes) != changes || !self.window.has_room()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release(self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_in_the_way_while_it_is_used_up_and_once_after_that() {
        let window = Window::new(64 << 10);
        let (mut first, mut second) = (Held::new(&window), Held::new(&window));
        first.take(48 << 10);
        assert!(!second.was_in_the_way(), "a frame is left");
        first.take(1);
        assert!(second.was_in_the_way() && second.was_in_the_way());
        first.take(8 << 10);
        drop(first);
        assert!(second.was_in_the_way() && !second.was_in_the_way(), "it was so until just now");
        let mut third = Held::new(&window);
        third.take(64 << 10);
        third.release(64 << 10);
        assert!(second.was_in_the_way() && !second.was_in_the_way(), "it was full meanwhile");
        third.release(1);
        second.take(16 << 10);
        assert!(!second.was_in_the_way());
    }
}

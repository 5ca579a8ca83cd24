//! How much of what we sent is still in memory.
//!
//! `h2` bounds what it keeps of one stream, not of a connection, and does not say when a stream has been written out. Every
//! piece of a body that is given to it is entered here and crossed out when `h2` lets it go: because the [`Outbox`] took it or
//! because the stream is gone. What the outbox has is on its way when the socket has taken all of it.
//!
//! [`Outbox`]: super::outbox::Outbox

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

use bytes::{Buf, Bytes};

/// What one connection holds.
#[derive(Debug)]
pub(super) struct Ledger {
    held: Cell<usize>,
    most: usize,
    waiting: RefCell<Vec<Waker>>,
    /// Whether the outbox has something that the socket has not taken.
    is_unsent: Cell<bool>,
    /// Who waits for the socket.
    unsent: RefCell<Vec<Waker>>,
}

impl Ledger {
    /// A connection that may hold so many bytes, and a piece more.
    pub(super) fn new(most: usize) -> Rc<Self> {
        Rc::new(Self {
            held: Cell::new(0),
            most,
            waiting: RefCell::default(),
            is_unsent: Cell::default(),
            unsent: RefCell::default(),
        })
    }

    /// The outbox has got something.
    pub(super) fn unsent(&self) {
        self.is_unsent.set(true);
    }

    /// The socket has taken all that the outbox had.
    pub(super) fn sent(&self) {
        if self.is_unsent.replace(false) {
            self.unsent.borrow_mut().drain(..).for_each(Waker::wake);
        }
    }

    /// How many bytes are held.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.held.get()
    }
}

/// What one stream holds.
#[derive(Debug)]
pub(super) struct Account {
    ledger: Rc<Ledger>,
    held: Cell<usize>,
    waker: RefCell<Option<Waker>>,
}

impl Account {
    pub(super) fn new(ledger: &Rc<Ledger>) -> Rc<Self> {
        Rc::new(Self { ledger: Rc::clone(ledger), held: Cell::new(0), waker: RefCell::default() })
    }

    /// Enters a piece.
    pub(super) fn piece(self: &Rc<Self>, data: Bytes) -> Piece {
        let size = data.len();
        self.enter(data, size)
    }

    fn enter(self: &Rc<Self>, data: Bytes, size: usize) -> Piece {
        self.held.set(self.held.get().saturating_add(size));
        self.ledger.held.set(self.ledger.held.get().saturating_add(size));
        Piece { data, size, account: Some(Rc::clone(self)) }
    }

    /// Enters a piece without a byte, which leaves when everything before it has.
    pub(super) fn marker(self: &Rc<Self>) -> Piece {
        self.enter(Bytes::new(), 1)
    }

    /// Whether the connection holds as much as it may; if so, the task is woken when it holds less.
    pub(super) fn is_full(&self, cx: &mut Context<'_>) -> bool {
        let is_full = self.ledger.held.get() >= self.ledger.most;
        if is_full {
            push(&self.ledger.waiting, cx);
        }
        is_full
    }

    /// How many bytes of this stream are held.
    pub(super) fn held(&self) -> usize {
        self.held.get()
    }

    /// Whether the socket has taken all of this stream; if not, the task is woken when there is less.
    pub(super) fn is_clear(&self, cx: &mut Context<'_>) -> bool {
        if self.held.get() > 0 {
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            return false;
        }
        let is_unsent = self.ledger.is_unsent.get();
        if is_unsent {
            push(&self.ledger.unsent, cx);
        }
        !is_unsent
    }

    fn cross_out(&self, size: usize) {
        self.held.set(self.held.get().saturating_sub(size));
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
        let ledger = &self.ledger;
        ledger.held.set(ledger.held.get().saturating_sub(size));
        if ledger.held.get() < ledger.most {
            ledger.waiting.borrow_mut().drain(..).for_each(Waker::wake);
        }
    }
}

fn push(wakers: &RefCell<Vec<Waker>>, cx: &Context<'_>) {
    let mut wakers = wakers.borrow_mut();
    if !wakers.iter().any(|it| it.will_wake(cx.waker())) {
        wakers.push(cx.waker().clone());
    }
}

/// Some bytes of a body on their way out.
#[derive(Debug)]
pub(super) struct Piece {
    data: Bytes,
    size: usize,
    account: Option<Rc<Account>>,
}

impl Piece {
    /// No bytes: to end a stream.
    pub(super) fn empty() -> Self {
        Self { data: Bytes::new(), size: 0, account: None }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.data.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.data.chunk()
    }

    fn advance(&mut self, amount: usize) {
        self.data.advance(amount);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(account) = &self.account {
            account.cross_out(self.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_waits_is_woken_once_there_is_room() {
        let ledger = Ledger::new(10);
        let (one, two) = (Account::new(&ledger), Account::new(&ledger));
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        assert!(!one.is_full(&mut cx) && one.is_clear(&mut cx));
        let mut first = one.piece(Bytes::from_static(b"01234"));
        let second = one.piece(Bytes::from_static(b"567890"));
        assert_eq!(ledger.held(), 11);
        assert!(two.is_full(&mut cx) && two.is_clear(&mut cx) && !one.is_clear(&mut cx));
        first.advance(5);
        assert_eq!((first.remaining(), ledger.held()), (0, 11), "the memory is held until the piece is let go");
        drop(first);
        assert_eq!((ledger.held(), count.0.load(Ordering::Relaxed)), (6, 2), "there is room, and the stream has less");
        assert!(!one.is_clear(&mut cx) && one.held() == 6);
        assert!(!two.is_full(&mut cx));
        drop(second);
        assert_eq!((ledger.held(), count.0.load(Ordering::Relaxed)), (0, 3), "the stream is clear");
        drop(Piece::empty());
        assert_eq!(ledger.held(), 0);
        ledger.unsent();
        assert!(!one.is_clear(&mut cx) && !one.is_clear(&mut cx));
        ledger.sent();
        assert!(one.is_clear(&mut cx));
        assert_eq!(count.0.load(Ordering::Relaxed), 4);
    }
}

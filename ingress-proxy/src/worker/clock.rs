//! Deadlines at the price of a store.
//!
//! A request sets several deadlines and reaches none of them as a rule. So a deadline is a number in a cell, and one task per
//! worker looks at all cells some times per second; what is due is woken. A deadline is kept to within two [`TICK`]s, and never
//! comes too early.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(50);
/// By how much the clock may be behind.
pub(crate) const TICK_MILLIS: u64 = 50;
/// The longest time that a tick makes pass. If there was none for longer, then nobody was served (the process was stopped, or the
/// machine): that time is not held against anybody, above all not against those who came in it and whose deadlines are counted
/// from the tick before.
const LONGEST: u64 = 10 * TICK_MILLIS;

const NEVER: u64 = u64::MAX;

/// The clock of one worker. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The last tick.
    ticked: Cell<Instant>,
    /// Milliseconds that have passed until then.
    now: Cell<u64>,
    slots: RefCell<Vec<Rc<Slot>>>,
}

#[derive(Debug)]
struct Slot {
    deadline: Cell<u64>,
    waker: RefCell<Option<Waker>>,
    is_used: Cell<bool>,
}

impl Clock {
    /// A clock that has to be kept going with [`run`](Self::run).
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it reads the time")]
    pub fn new() -> Self {
        Self(Rc::new(Inner { ticked: Cell::new(Instant::now()), now: Cell::new(0), slots: RefCell::default() }))
    }

    /// Milliseconds for which the worker has served, not older than a tick.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.0.now.get()
    }

    /// A deadline that is not set yet.
    #[must_use]
    pub fn timer(&self) -> Timer {
        let slot = Rc::new(Slot { deadline: Cell::new(NEVER), waker: RefCell::default(), is_used: Cell::new(true) });
        self.0.slots.borrow_mut().push(Rc::clone(&slot));
        Timer { clock: self.clone(), slot }
    }

    /// Looks at the time and wakes what is due.
    pub fn tick(&self) {
        let now = Instant::now();
        let passed = millis(now.saturating_duration_since(self.0.ticked.get()));
        // What is less than a millisecond is left for the next tick.
        if passed > 0 {
            self.0.ticked.set(now);
        }
        self.advance(passed);
    }

    /// Lets so many milliseconds pass.
    pub(super) fn advance(&self, passed: u64) {
        let now = self.0.now.get().saturating_add(passed.min(LONGEST));
        self.0.now.set(now);
        self.0.slots.borrow_mut().retain(|slot| {
            if slot.is_used.get()
                && slot.deadline.get() <= now
                && let Some(waker) = slot.waker.borrow_mut().take()
            {
                waker.wake();
            }
            slot.is_used.get()
        });
    }

    /// Wakes everybody who waits for a deadline, due or not: something else has happened that concerns them all.
    pub fn wake_all(&self) {
        for slot in self.0.slots.borrow().iter() {
            if let Some(waker) = slot.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }

    /// Ticks for ever.
    pub async fn run(self) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.tick();
        }
    }
}

/// One deadline of one task.
#[derive(Debug)]
pub struct Timer {
    clock: Clock,
    slot: Rc<Slot>,
}

impl Timer {
    /// Sets the deadline, in place of the one before.
    pub fn set(&self, after: Duration) {
        self.set_millis(millis(after));
    }

    /// The same in milliseconds.
    pub(super) fn set_millis(&self, after: u64) {
        // The time may be a tick old, and a deadline must not come too early.
        self.slot.deadline.set(self.clock.now().saturating_add(after).saturating_add(TICK_MILLIS + 1));
    }

    /// Takes the deadline away.
    pub fn clear(&self) {
        self.slot.deadline.set(NEVER);
    }

    /// Whether the deadline has passed; if not, the task is woken when it does.
    pub fn is_due(&self, cx: &mut Context<'_>) -> bool {
        let deadline = self.slot.deadline.get();
        if deadline <= self.clock.now() {
            return true;
        }
        // Also without a deadline: [`Clock::wake_all`] is for everybody.
        let mut waker = self.slot.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|it| it.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        false
    }
}

/// More than there can be is for ever.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER)
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.slot.is_used.set(false);
        self.slot.waker.borrow_mut().take();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_deadline_wakes_once_and_a_later_one_in_its_place_does_not() {
        let clock = Clock::new();
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let (soon, later) = (clock.timer(), clock.timer());
        soon.set(Duration::ZERO);
        later.set(Duration::from_secs(3600));
        assert!(!soon.is_due(&mut cx) && !later.is_due(&mut cx));
        clock.advance(TICK_MILLIS);
        assert!(!soon.is_due(&mut cx), "the time may have been a tick old");
        clock.advance(TICK_MILLIS);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(soon.is_due(&mut cx) && !later.is_due(&mut cx));
        soon.clear();
        assert!(!soon.is_due(&mut cx));
        drop((soon, later));
        clock.tick();
        assert!(clock.0.slots.borrow().is_empty());
    }

    #[test]
    fn time_in_which_nobody_was_served_does_not_count() {
        let clock = Clock::new();
        let mut cx = Context::from_waker(Waker::noop());
        let timer = clock.timer();
        // Somebody comes after ten seconds without a tick.
        timer.set(Duration::from_secs(1));
        clock.advance(10_000);
        assert!(!timer.is_due(&mut cx));
        for _ in 0..30 {
            clock.advance(TICK_MILLIS);
        }
        assert!(timer.is_due(&mut cx));
    }

    #[test]
    fn time_passes_as_it_does() {
        let clock = Clock::new();
        let started = Instant::now();
        while clock.now() < 20 {
            clock.tick();
        }
        assert!(started.elapsed() >= Duration::from_millis(20));
    }
}

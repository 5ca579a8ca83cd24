//! What a peer may do to us without anybody's gain.
//!
//! `h2` answers every PING and SETTINGS and swallows every PRIORITY for ever, and has no idea of time. So the connection below
//! it is watched: frames that move no message on are paid for from a bucket, a block of fields has to be complete in time,
//! and a socket has to take what is written to it. Whoever oversteps is told so by GOAWAY, as far as it listens.
//!
//! It takes no decision on single requests.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame::Scanner;
use crate::worker::{Clock, Deadline};

/// How a peer overstepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Excess {
    /// Too many frames that are neither heads nor bodies.
    ControlFrames,
    /// A block of fields that was not complete in time.
    SlowHead,
    /// A socket that took nothing for too long.
    WriteStalled,
    /// Too many requests that are malformed or too many at a time.
    Refusals,
    /// A first frame that is not SETTINGS (RFC 9113 3.4), which `h2` does not mind.
    NoSettings,
}

impl Excess {
    /// The reason in kebab case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ControlFrames => "control-frames",
            Self::SlowHead => "slow-head",
            Self::WriteStalled => "write-stalled",
            Self::Refusals => "refusals",
            Self::NoSettings => "no-settings",
        }
    }
}

/// How many control frames a peer may send.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "two numbers")]
pub struct ControlFrames {
    /// So many per second.
    pub per_second: u32,
    /// So many at once.
    pub burst: u32,
}

impl Default for ControlFrames {
    fn default() -> Self {
        Self { per_second: 1_000, burst: 2_000 }
    }
}

/// For so many bytes that we send a peer may send [`FRAMES_PER_STEP`] control frames beyond the bucket: a client that takes a
/// download over a fast network says so by thousands of WINDOW_UPDATE per second, for the stream and for the connection, and
/// gRPC adds a PING.
const STEP: usize = 4 << 10;
const FRAMES_PER_STEP: u64 = 4;
/// Such credit ends here, or it would be enough for a flood one day.
const MAX_EARNED: u64 = 100_000;

/// Frames that may be sent, by time and by what was sent to the peer.
#[derive(Debug)]
struct Bucket {
    limit: ControlFrames,
    /// Thousandths of frames.
    left: u64,
    earned: u64,
    /// Milliseconds.
    at: u64,
}

impl Bucket {
    fn new(limit: ControlFrames, now: u64) -> Self {
        Self { limit, left: u64::from(limit.burst) * 1_000, earned: 0, at: now }
    }

    fn spend(&mut self, now: u64) -> bool {
        if self.earned > 0 {
            self.earned -= 1;
            return true;
        }
        let refill = now.saturating_sub(self.at).saturating_mul(u64::from(self.limit.per_second));
        self.at = now;
        self.left = self.left.saturating_add(refill).min(u64::from(self.limit.burst) * 1_000);
        match self.left.checked_sub(1_000) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    fn earn(&mut self, bytes: usize) {
        let steps = u64::try_from(bytes.div_ceil(STEP)).unwrap_or(MAX_EARNED);
        self.earned = self.earned.saturating_add(steps.saturating_mul(FRAMES_PER_STEP)).min(MAX_EARNED);
    }
}

/// What is known of the peer of a connection; shared by its socket, its streams and whoever drives it.
#[derive(Debug)]
pub(super) struct Guard {
    clock: Clock,
    bucket: RefCell<Bucket>,
    excess: Cell<Option<Excess>>,
    /// Whether there was a frame.
    has_begun: Cell<bool>,
    /// When the peer was last heard, in milliseconds of the clock.
    heard: Cell<u64>,
    times_heard: Cell<u64>,
}

impl Guard {
    pub(super) fn new(clock: &Clock, limit: ControlFrames) -> Rc<Self> {
        let now = clock.now();
        Rc::new(Self {
            clock: clock.clone(),
            bucket: RefCell::new(Bucket::new(limit, now)),
            excess: Cell::new(None),
            has_begun: Cell::new(false),
            heard: Cell::new(now),
            times_heard: Cell::new(0),
        })
    }

    /// How the peer overstepped, if it did.
    pub(super) fn excess(&self) -> Option<Excess> {
        self.excess.get()
    }

    /// Notes that the peer overstepped; the first reason stays.
    pub(super) fn overstep(&self, excess: Excess) {
        if self.excess.get().is_none() {
            self.excess.set(Some(excess));
        }
    }

    /// Notes that so many bytes of a body are sent to the peer, in one frame or more.
    pub(super) fn earn(&self, bytes: usize) {
        self.bucket.borrow_mut().earn(bytes);
    }

    /// Whether the peer has begun to speak. The first that it says are its settings.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.get()
    }

    /// How often something was heard of the peer.
    pub(super) fn times_heard(&self) -> u64 {
        self.times_heard.get()
    }

    /// For how long nothing was heard of the peer.
    pub(super) fn silence(&self) -> Duration {
        Duration::from_millis(self.clock.now().saturating_sub(self.heard.get()))
    }
}

/// What is read without a pause, in which those whose bodies came can take them: in small frames they cost more than they are.
const AT_ONCE: usize = 64 << 10;

/// A connection that is watched.
#[derive(Debug)]
pub(super) struct Guarded<I> {
    io: I,
    scanner: Scanner,
    guard: Rc<Guard>,
    head: Deadline,
    write: Deadline,
    /// How much has been read without a pause.
    read: usize,
}

impl<I> Guarded<I> {
    /// A connection to a client.
    pub(super) fn client(io: I, guard: &Rc<Guard>, head: Duration, write: Duration) -> Self {
        Self::new(io, Scanner::of_client(), guard, head, write)
    }

    /// A connection to an endpoint.
    pub(super) fn endpoint(io: I, guard: &Rc<Guard>, head: Duration, write: Duration) -> Self {
        Self::new(io, Scanner::of_server(), guard, head, write)
    }

    fn new(io: I, scanner: Scanner, guard: &Rc<Guard>, head: Duration, write: Duration) -> Self {
        Self {
            io,
            scanner,
            guard: Rc::clone(guard),
            head: Deadline::new(&guard.clock, Some(head)),
            write: Deadline::new(&guard.clock, Some(write)),
            read: 0,
        }
    }

    /// What came of an attempt to write.
    fn wrote<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write.clear();
        } else if self.write.is_over(cx) {
            self.guard.overstep(Excess::WriteStalled);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        result
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Guarded<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Nothing more is read from whoever overstepped; the driver looks at the guard after every poll.
        if this.guard.excess.get().is_some() {
            return Poll::Pending;
        }
        if this.read >= AT_ONCE {
            this.read = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut this.io).poll_read(cx, buf);
        if result.is_pending() {
            this.read = 0;
            if !this.scanner.is_within_fields() {
                this.head.clear();
            } else if this.head.is_over(cx) {
                this.guard.overstep(Excess::SlowHead);
            }
            return result;
        }
        let new = buf.filled().get(before..).unwrap_or_default();
        this.read = this.read.saturating_add(new.len());
        if !new.is_empty() {
            let guard = &this.guard;
            let now = guard.clock.now();
            guard.heard.set(now);
            guard.times_heard.set(guard.times_heard.get().wrapping_add(1));
            let mut bucket = guard.bucket.borrow_mut();
            this.scanner.scan(new, |head| {
                if !guard.has_begun.replace(true) && !head.is_settings() {
                    guard.overstep(Excess::NoSettings);
                }
                if head.is_control() && !bucket.spend(now) {
                    guard.overstep(Excess::ControlFrames);
                }
            });
        }
        if this.guard.excess.get().is_some() {
            buf.set_filled(before);
            return Poll::Pending;
        }
        result
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Guarded<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(cx, data);
        this.wrote(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.wrote(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_flush(cx);
        this.wrote(cx, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_shutdown(cx);
        this.wrote(cx, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_refills_with_time_and_no_further_than_its_burst() {
        let mut bucket = Bucket::new(ControlFrames { per_second: 1_000, burst: 3 }, 0);
        let mut spend = |now| bucket.spend(now);
        assert!(spend(0) && spend(0) && spend(0) && !spend(0));
        assert!(spend(1) && !spend(1));
        assert!(spend(1_000) && spend(1_000) && spend(1_000) && !spend(1_000));
    }

    #[test]
    fn a_slow_rate_refills_by_fractions() {
        let mut bucket = Bucket::new(ControlFrames { per_second: 2, burst: 1 }, 0);
        assert!(bucket.spend(0) && !bucket.spend(250) && bucket.spend(500) && !bucket.spend(999));
    }

    #[test]
    fn what_is_sent_is_credit_up_to_a_bound() {
        let mut bucket = Bucket::new(ControlFrames { per_second: 0, burst: 0 }, 0);
        assert!(!bucket.spend(0));
        bucket.earn(1);
        assert_eq!(bucket.earned, FRAMES_PER_STEP, "a small body is a frame too");
        bucket.earn(2 * STEP);
        assert_eq!(bucket.earned, 3 * FRAMES_PER_STEP);
        bucket.earn(usize::MAX);
        assert_eq!(bucket.earned, MAX_EARNED);
    }
}

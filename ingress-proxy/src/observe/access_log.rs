//! One line per request: written without waiting and without allocating, lost rather than waited for.
//!
//! Each worker formats into a buffer of its own and hands it, when it is full or old, through a bounded queue to one thread.
//! If that cannot keep up, lines are dropped and counted. What a client or a tenant chose is written as printable ASCII and
//! has an upper length.

mod entry;
mod format;
mod json;
mod number;
mod room;
mod variable;
mod writer;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use self::entry::{Attempt, Entry, Tls};
pub use self::format::{Format, InvalidFormat, UPSTREAM};
use self::number::Dates;
use self::room::Room;
pub use self::writer::Destination;
use self::writer::{Job, Open, Shared};
use super::error_log::ErrorLog;
use super::metrics::{Metrics, WorkerMetrics};

/// A buffer that is filled this far is handed on. A thread has to be woken for each, and the system takes many pages at once for
/// less than it takes them one by one.
const FULL: usize = 128 << 10;
/// The size of a buffer, so that most lines that are begun below [`FULL`] find room.
const SIZE: usize = FULL + (8 << 10);
/// A buffer that was first seen with lines in it so long ago is handed on, in milliseconds. Workers look every 200 and see the time
/// in steps of 50, so that a line waits for two looks.
const OLD: u64 = 150;
/// Buffers that wait to be written.
const QUEUE: usize = 32;
/// The most bytes of a target, a referrer or the value of a variable.
const MAX_VALUE: usize = 4_096;
/// The most bytes of any other value.
const MAX_SHORT_VALUE: usize = 512;

/// The thread that writes, and what it takes to make [`Logger`]s.
#[derive(Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
    jobs: SyncSender<Job>,
    finished: Receiver<()>,
}

impl AccessLog {
    /// Opens the destination and starts the thread.
    ///
    /// # Errors
    ///
    /// If the destination cannot be opened or there can be no more threads.
    pub fn start(destination: Destination, metrics: Arc<Metrics>, errors: ErrorLog) -> io::Result<Self> {
        Self::start_with(destination.opener(), metrics, errors)
    }

    fn start_with(open: Open, metrics: Arc<Metrics>, errors: ErrorLog) -> io::Result<Self> {
        let to = open()?;
        let (jobs, queue) = sync_channel(QUEUE);
        let (finish, finished) = sync_channel(1);
        let shared = Arc::new(Shared::new(metrics));
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            writer::run(&queue, &open, to, &of_thread, &errors);
            // Whoever waited may have given up.
            let _told = finish.send(());
        })?;
        Ok(Self { shared, jobs, finished })
    }

    /// The logger of a worker.
    #[must_use]
    pub fn logger(&self, worker: Arc<WorkerMetrics>, format: Arc<Format>) -> Logger {
        Logger {
            shared: Arc::clone(&self.shared),
            jobs: self.jobs.clone(),
            worker,
            format,
            buffer: empty(SIZE),
            used: 0,
            lines: 0,
            since: None,
            now: now(),
            dates: Dates::default(),
        }
    }

    /// Opens the file anew before more is written: the old one may have been moved away.
    pub fn reopen(&self) {
        self.shared.reopen(&self.jobs);
    }

    /// Waits, but not for longer than this, until all is written that was handed on. Loggers hand on what they have when
    /// they are dropped. Returned is whether all was written.
    pub fn finish(self, within: Duration) -> bool {
        const STEP: Duration = Duration::from_millis(10);
        let mut left = within;
        while let Err(error) = self.jobs.try_send(Job::Finish) {
            if matches!(error, std::sync::mpsc::TrySendError::Disconnected(_)) || left.is_zero() {
                return false;
            }
            std::thread::sleep(STEP);
            left = left.saturating_sub(STEP);
        }
        self.finished.recv_timeout(left).is_ok()
    }
}

/// The access log of one worker.
#[derive(Debug)]
pub struct Logger {
    shared: Arc<Shared>,
    jobs: SyncSender<Job>,
    worker: Arc<WorkerMetrics>,
    format: Arc<Format>,
    buffer: Box<[u8]>,
    /// How much of it lines fill.
    used: usize,
    lines: u64,
    /// When the buffer was first seen with a line in it.
    since: Option<u64>,
    /// One moment as both clocks tell it.
    now: (Instant, u64),
    dates: Dates,
}

impl Logger {
    /// A moment in milliseconds since 1970. The clock of the system is asked for it no more often than
    /// [`flush_if_older`](Self::flush_if_older) is called.
    #[must_use]
    pub fn unix_millis(&self, moment: Instant) -> u64 {
        let (then, unix_millis) = self.now;
        match moment.checked_duration_since(then) {
            Some(later) => unix_millis.saturating_add(millis(later)),
            None => unix_millis.saturating_sub(millis(then.duration_since(moment))),
        }
    }

    /// Writes a line.
    pub fn log(&mut self, entry: &Entry<'_>) {
        self.dates.set(entry.unix_millis);
        while !self.fits(entry) {
            // Then it is the line that is too long.
            if self.used == 0 {
                self.buffer = empty(2 * self.buffer.len());
            }
            self.flush();
        }
        self.lines += 1;
        self.worker.access_log_lines.increment();
        if self.used >= FULL {
            self.flush();
        }
    }

    /// Writes a line behind the others, if there is room.
    fn fits(&mut self, entry: &Entry<'_>) -> bool {
        let size = self.buffer.len();
        let Some(free) = self.buffer.get_mut(self.used..) else { return false };
        let left = self.format.write(Room::new(free), entry, &self.dates).left();
        if left > 0 {
            self.used = size - left;
        }
        left > 0
    }

    /// Hands on what has been there for long. The time is that of the worker's clock, in milliseconds; to be called some
    /// times per second.
    pub fn flush_if_older(&mut self, now: u64) {
        self.now = self::now();
        match self.since {
            _ if self.used == 0 => {}
            None => self.since = Some(now),
            Some(since) if now.saturating_sub(since) < OLD => {}
            Some(_) => self.flush(),
        }
    }

    /// Hands on what there is.
    pub fn flush(&mut self) {
        self.since = None;
        let (used, lines) = (std::mem::take(&mut self.used), std::mem::take(&mut self.lines));
        if lines == 0 {
            return;
        }
        let next = self.shared.spare().unwrap_or_else(|| empty(SIZE));
        let buffer = std::mem::replace(&mut self.buffer, next);
        let Err(error) = self.jobs.try_send(Job::Write { buffer, used, lines }) else { return };
        self.shared.metrics.access_log_dropped(lines);
        let (std::sync::mpsc::TrySendError::Full(job) | std::sync::mpsc::TrySendError::Disconnected(job)) = error;
        // Its memory is used again, so that not even lost lines allocate.
        if let Job::Write { buffer, .. } = job {
            self.shared.give_back(buffer);
        }
    }
}

fn now() -> (Instant, u64) {
    (Instant::now(), millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
}

fn millis(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000).saturating_add(duration.subsec_millis().into())
}

/// A buffer. The system gives memory of this size where it is written to, and not before.
fn empty(size: usize) -> Box<[u8]> {
    vec![0; size].into()
}

impl Drop for Logger {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests;

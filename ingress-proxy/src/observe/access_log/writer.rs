//! The thread that writes lines to where they belong, so that no worker waits for a disk or a pipe.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

use crate::observe::error_log::{ErrorLog, Level};
use crate::observe::metrics::Metrics;

/// Where lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
    /// The end of a file, which is made if it is not there.
    File(PathBuf),
}

/// Opens where lines go, at the start and whenever that is asked for.
pub(super) type Open = Box<dyn Fn() -> io::Result<Box<dyn Write + Send>> + Send>;

impl Destination {
    pub(super) fn opener(self) -> Open {
        Box::new(move || {
            Ok(match &self {
                Self::Stdout => Box::new(io::stdout()),
                Self::Stderr => Box::new(io::stderr()),
                // Lines tell who asked for what, so they are not for everybody.
                Self::File(path) => Box::new(OpenOptions::new().create(true).append(true).mode(0o640).open(path)?),
            })
        })
    }
}

/// What is sent to the thread.
#[derive(Debug)]
pub(super) enum Job {
    /// Whole lines, which fill this much of the buffer.
    Write { buffer: Box<[u8]>, used: usize, lines: u64 },
    /// Something was asked for in [`Shared`].
    Look,
    /// Nothing comes any more.
    Finish,
}

/// What workers and the thread have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) metrics: Arc<Metrics>,
    /// Buffers that are not used.
    spare: Mutex<Vec<Box<[u8]>>>,
    must_reopen: AtomicBool,
}

/// Buffers that are kept.
const SPARE: usize = 32;
/// Memory that a spare buffer may have.
const MAX_SPARE: usize = 256 << 10;

impl Shared {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        // So that returning a buffer never allocates.
        Self { metrics, spare: Mutex::new(Vec::with_capacity(SPARE)), must_reopen: AtomicBool::new(false) }
    }

    /// A buffer that had been used before, or none.
    pub(super) fn spare(&self) -> Option<Box<[u8]>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps the memory of a buffer for another.
    pub(super) fn give_back(&self, buffer: Box<[u8]>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE && buffer.len() <= MAX_SPARE {
            spare.push(buffer);
        }
    }

    /// Has the thread open its destination anew before it writes more.
    pub(super) fn reopen(&self, jobs: &SyncSender<Job>) {
        self.must_reopen.store(true, Ordering::Release);
        // If the queue is full the thread looks soon anyway.
        let _sent = jobs.try_send(Job::Look);
    }
}

/// Writes until nothing comes any more.
pub(super) fn run(
    jobs: &Receiver<Job>,
    open: &Open,
    mut to: Box<dyn Write + Send>,
    shared: &Shared,
    errors: &ErrorLog,
) {
    let mut is_torn = false;
    while let Ok(job) = jobs.recv() {
        if shared.must_reopen.swap(false, Ordering::AcqRel) {
            match open() {
                Ok(new) => (to, is_torn) = (new, false),
                Err(error) => errors.event(Level::Error, "cannot reopen the access log", &[("error", &error)]),
            }
        }
        let (buffer, used, lines) = match job {
            Job::Write { buffer, used, lines } => (buffer, used, lines),
            Job::Look => continue,
            Job::Finish => break,
        };
        // After a failure the last line may be there in part.
        let start: &[u8] = if is_torn { b"\n" } else { b"" };
        let whole = buffer.get(..used).unwrap_or_default();
        let written = to.write_all(start).and_then(|()| to.write_all(whole)).and_then(|()| to.flush());
        is_torn = written.is_err();
        if is_torn {
            shared.metrics.access_log_dropped(lines);
        }
        let state = written.as_ref().err().map(|error| error as &dyn std::fmt::Display);
        errors.state("access log", "cannot be written", "is written again", state);
        shared.give_back(buffer);
    }
}

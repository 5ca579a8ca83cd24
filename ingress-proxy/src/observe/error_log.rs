//! What the proxy has to say to its operator: `level message key=value`, one line each.
//!
//! It is for what a person should know, not for requests. A state is told when it changes and not while it lasts, and all
//! lines together have a rate that no client can raise. One thread writes them, so that nobody waits for a pipe that nobody
//! reads; what was left out, or could not be taken in time, is counted in the next line. A change of a state is told later
//! then, if it lasts.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::escape::Escape;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something will not work, or not as meant.
    Warning,
    /// Worth knowing.
    Info,
}

impl Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        })
    }
}

/// A key with its value.
pub type Field<'a> = (&'static str, &'a dyn Display);

/// Lines that may come at once, and how many may come in each second after that.
const BURST: u32 = 200;
const PER_SECOND: u32 = 10;
/// Things whose bad state is remembered, and those whose last change has not been told.
const MAX_BAD: usize = 10_000;
/// Lines that are kept for news while there is something to be told that is none any more.
const RESERVE: u32 = 20;
/// How often it is seen to whether that can be told.
const PACE: Duration = Duration::from_secs(1);
/// The most bytes of a value.
const MAX_VALUE: usize = 1_024;

/// Lines that wait to be written.
const QUEUE: usize = 256;

/// What is sent to the thread.
enum Job {
    Line(Vec<u8>),
    /// Whoever waits until everything before is written.
    Flush(SyncSender<()>),
}

/// The log. Clones are the same log.
#[derive(Clone)]
pub struct ErrorLog(Arc<Mutex<Inner>>);

struct Inner {
    jobs: SyncSender<Job>,
    /// What is known to be in a bad state, and how many have said so.
    bad: BTreeMap<Box<str>, usize>,
    /// The last changes of states for which there was no room.
    owed: BTreeMap<Box<str>, Vec<u8>>,
    left: u32,
    refilled: Instant,
    swallowed: u64,
}

impl fmt::Debug for ErrorLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErrorLog").finish()
    }
}

impl Default for ErrorLog {
    /// To standard error.
    fn default() -> Self {
        Self::new(Box::new(std::io::stderr()))
    }
}

impl ErrorLog {
    /// A log that is written there, by a thread. Where there can be no more threads nothing is written, and nothing else of
    /// the proxy can start.
    #[must_use]
    pub fn new(to: Box<dyn Write + Send>) -> Self {
        let (jobs, queue) = sync_channel(QUEUE);
        let (bad, owed) = (BTreeMap::new(), BTreeMap::new());
        let inner = Inner { jobs, bad, owed, left: BURST, refilled: Instant::now(), swallowed: 0 };
        let log = Arc::new(Mutex::new(inner));
        let its = Arc::downgrade(&log);
        // It ends with the last clone.
        let _thread = std::thread::Builder::new().name("error-log".to_owned()).spawn(move || write(&queue, to, &its));
        Self(log)
    }

    /// Waits, but not for longer than this, until all is written that was told so far. Returned is whether it was.
    pub fn flush(&self, within: Duration) -> bool {
        let (written, is_written) = sync_channel(1);
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner).jobs.try_send(Job::Flush(written));
        sent.is_ok() && is_written.recv_timeout(within).is_ok()
    }

    /// Tells of something that happened.
    pub fn event(&self, level: Level, message: &str, fields: &[Field<'_>]) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.line(Instant::now(), level, message, fields);
    }

    /// Tells of a thing that it is in a bad state, with the reason, or in a good one; but only if that is news. A thing of
    /// which nothing is known is in a good state.
    pub fn state(&self, thing: impl Display, when_bad: &str, when_good: &str, bad: Option<&dyn Display>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.state(Instant::now(), &thing, (when_bad, when_good), bad);
    }

    /// Tells again that a thing is in a bad state, if somebody else has said that it is in a good one.
    pub(crate) fn remind(&self, thing: impl Display, when_bad: &str, reason: &dyn Display) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.bad.contains_key(thing.to_string().as_str()) {
            inner.state(Instant::now(), &thing, (when_bad, ""), Some(reason));
        }
    }

    /// Forgets the state of a thing that is no more.
    pub fn forget(&self, thing: impl Display) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.bad.is_empty() {
            inner.forget(&thing.to_string());
        }
    }

    /// Takes back what one of those has said who told of a thing that it is in a bad state. When the last has it is forgotten.
    pub fn release(&self, thing: impl Display) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = thing.to_string();
        if let Some(said) = inner.bad.get_mut(key.as_str()) {
            *said = said.saturating_sub(1);
            if *said == 0 {
                inner.forget(&key);
            }
        }
    }

    /// Tells of something in its own words, such as a place in a file and what is wrong there.
    pub fn tell(&self, line: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.told(Instant::now(), line);
    }
}

impl Inner {
    fn state(&mut self, now: Instant, thing: &dyn Display, words: (&str, &str), bad: Option<&dyn Display>) {
        if bad.is_none() && self.bad.is_empty() {
            return;
        }
        let key = thing.to_string();
        match bad {
            Some(reason) => {
                if let Some(said) = self.bad.get_mut(key.as_str()) {
                    *said = said.saturating_add(1);
                } else if self.bad.len() < MAX_BAD {
                    self.bad.insert(key.as_str().into(), 1);
                    let line = line(Level::Warning, &format!("{key} {}", words.0), &[("reason", reason)]);
                    self.change(now, &key, line);
                }
            }
            None => {
                if self.bad.remove(key.as_str()).is_some() {
                    self.change(now, &key, line(Level::Info, &format!("{key} {}", words.1), &[]));
                }
            }
        }
    }

    fn forget(&mut self, key: &str) {
        self.bad.remove(key);
        self.swallowed += u64::from(self.owed.remove(key).is_some());
    }

    /// Tells of a change, now or when there is room for it.
    fn change(&mut self, now: Instant, key: &str, line: Vec<u8>) {
        if self.owed.remove(key).is_some() {
            // It is again as it was told last.
            self.swallowed += 2;
            return;
        }
        if let Err(line) = self.try_send(now, line) {
            if self.owed.len() < MAX_BAD {
                self.owed.insert(key.into(), line);
            } else {
                self.swallowed += 1;
            }
        }
    }

    /// Tells of changes for which there was no room, as far as there is now.
    fn tell_owed(&mut self, now: Instant) {
        self.refill(now);
        while self.left > RESERVE
            && let Some((key, line)) = self.owed.pop_first()
        {
            if let Err(line) = self.try_send(now, line) {
                self.owed.insert(key, line);
                return;
            }
        }
    }

    fn line(&mut self, now: Instant, level: Level, message: &str, fields: &[Field<'_>]) {
        self.send(now, line(level, message, fields));
    }

    fn told(&mut self, now: Instant, words: &str) {
        let mut line = Vec::with_capacity(words.len() + 1);
        // As it stands: it has been made fit for a person already, and may have quotes and letters of any script.
        line.extend(words.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
        self.send(now, line);
    }

    fn send(&mut self, now: Instant, line: Vec<u8>) {
        if self.try_send(now, line).is_err() {
            self.swallowed += 1;
        }
    }

    fn refill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.refilled).as_secs();
        if seconds > 0 {
            let more = u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(PER_SECOND);
            self.left = self.left.saturating_add(more).min(BURST);
            self.refilled += Duration::from_secs(seconds);
        }
    }

    /// Whether there is room for one more line, which is taken.
    fn take_room(&mut self, now: Instant) -> bool {
        self.refill(now);
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// Hands a line on, with how many were lost before it, or gives it back.
    fn try_send(&mut self, now: Instant, mut line: Vec<u8>) -> Result<(), Vec<u8>> {
        if !self.take_room(now) {
            return Err(line);
        }
        let length = line.len();
        if self.swallowed > 0 {
            field(&mut line, "swallowed_lines", &self.swallowed);
        }
        line.push(b'\n');
        match self.jobs.try_send(Job::Line(line)) {
            Err(TrySendError::Full(Job::Line(mut line)) | TrySendError::Disconnected(Job::Line(mut line))) => {
                line.truncate(length);
                Err(line)
            }
            _ => {
                self.swallowed = 0;
                Ok(())
            }
        }
    }
}

fn line(level: Level, message: &str, fields: &[Field<'_>]) -> Vec<u8> {
    let mut line = Vec::with_capacity(256);
    text(&mut line, &level.to_string());
    line.push(b' ');
    text(&mut line, message);
    for (key, value) in fields {
        field(&mut line, key, value);
    }
    line
}

/// ` key=value`, in quotes where the value is no word.
fn field(line: &mut Vec<u8>, key: &str, value: &dyn Display) {
    line.push(b' ');
    line.extend_from_slice(key.as_bytes());
    line.push(b'=');
    let value = value.to_string();
    let is_word = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\=".contains(&byte));
    if is_word {
        text(line, &value);
    } else {
        line.push(b'"');
        text(line, &value);
        line.push(b'"');
    }
}

/// Writes until the log is gone.
fn write(queue: &Receiver<Job>, mut to: Box<dyn Write + Send>, log: &Weak<Mutex<Inner>>) {
    let mut looked = Instant::now();
    loop {
        match queue.recv_timeout(PACE) {
            // There is nobody left to tell of what goes wrong here.
            Ok(Job::Line(line)) => drop(to.write_all(&line).and_then(|()| to.flush())),
            Ok(Job::Flush(written)) => drop(written.try_send(())),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        if now.duration_since(looked) >= PACE
            && let Some(log) = log.upgrade()
        {
            looked = now;
            log.lock().unwrap_or_else(PoisonError::into_inner).tell_owed(now);
        }
    }
}

/// Writes text with everything escaped that could end the line, and cut if it is long.
fn text(line: &mut Vec<u8>, value: &str) {
    let bytes = value.as_bytes();
    Escape::Json.write(bytes.get(..MAX_VALUE).unwrap_or(bytes), |piece| line.extend_from_slice(piece));
}

#[cfg(test)]
mod tests;

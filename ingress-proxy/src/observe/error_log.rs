//! What the proxy has to say to its operator: `level message key=value`, one line each.
//!
//! It is for what a person should know, not for requests. A state is told when it changes and not while it lasts, and all
//! lines together have a rate that no client can raise. One thread writes them, so that nobody waits for a pipe that nobody
//! reads; what was left out, or could not be taken in time, is counted in the next line.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
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
/// Things whose bad state is remembered.
const MAX_BAD: usize = 10_000;
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
        // It ends with the last clone.
        let _thread = std::thread::Builder::new().name("error-log".to_owned()).spawn(move || write(&queue, to));
        let inner = Inner { jobs, bad: BTreeMap::new(), left: BURST, refilled: Instant::now(), swallowed: 0 };
        Self(Arc::new(Mutex::new(inner)))
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

    /// Forgets the state of a thing that is no more.
    pub fn forget(&self, thing: impl Display) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.bad.is_empty() {
            inner.bad.remove(thing.to_string().as_str());
        }
    }

    /// Takes back what one of those has said who told of a thing that it is in a bad state. When the last has it is forgotten.
    pub fn release(&self, thing: impl Display) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = thing.to_string();
        if let Some(said) = inner.bad.get_mut(key.as_str()) {
            *said = said.saturating_sub(1);
            if *said == 0 {
                inner.bad.remove(key.as_str());
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
                    self.line(now, Level::Warning, &format!("{key} {}", words.0), &[("reason", reason)]);
                }
            }
            None => {
                if self.bad.remove(key.as_str()).is_some() {
                    self.line(now, Level::Info, &format!("{key} {}", words.1), &[]);
                }
            }
        }
    }

    fn line(&mut self, now: Instant, level: Level, message: &str, fields: &[Field<'_>]) {
        if !self.may_speak(now) {
            return;
        }
        let mut line = Vec::with_capacity(256);
        text(&mut line, &level.to_string());
        line.push(b' ');
        text(&mut line, message);
        for (key, value) in fields {
            field(&mut line, key, value);
        }
        self.send(line);
    }

    fn told(&mut self, now: Instant, words: &str) {
        if !self.may_speak(now) {
            return;
        }
        let mut line = Vec::with_capacity(words.len() + 1);
        // As it stands: it has been made fit for a person already, and may have quotes and letters of any script.
        line.extend(words.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
        self.send(line);
    }

    /// Whether there is room for one more line, which is taken.
    fn may_speak(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.refilled).as_secs();
        if seconds > 0 {
            let more = u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(PER_SECOND);
            self.left = self.left.saturating_add(more).min(BURST);
            self.refilled += Duration::from_secs(seconds);
        }
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                self.swallowed += 1;
                return false;
            }
        }
        true
    }

    /// Hands a line on, with how many were lost before it.
    fn send(&mut self, mut line: Vec<u8>) {
        let swallowed = std::mem::take(&mut self.swallowed);
        if swallowed > 0 {
            field(&mut line, "swallowed_lines", &swallowed);
        }
        line.push(b'\n');
        if self.jobs.try_send(Job::Line(line)).is_err() {
            self.swallowed = swallowed + 1;
        }
    }
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
fn write(queue: &Receiver<Job>, mut to: Box<dyn Write + Send>) {
    while let Ok(job) = queue.recv() {
        match job {
            // There is nobody left to tell of what goes wrong here.
            Job::Line(line) => drop(to.write_all(&line).and_then(|()| to.flush())),
            Job::Flush(written) => drop(written.try_send(())),
        }
    }
}

/// Writes text with everything escaped that could end the line, and cut if it is long.
fn text(line: &mut Vec<u8>, value: &str) {
    let bytes = value.as_bytes();
    Escape::Json.write(bytes.get(..MAX_VALUE).unwrap_or(bytes), |piece| line.extend_from_slice(piece));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for a machine that is busy with other things.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(data);
            Ok(data.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn log() -> (ErrorLog, Memory) {
        let memory = Memory::default();
        (ErrorLog::new(Box::new(memory.clone())), memory)
    }

    fn lines(log: &ErrorLog, memory: &Memory) -> Vec<String> {
        assert!(log.flush(PATIENCE));
        let bytes = std::mem::take(&mut *memory.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_state_is_told_when_it_changes() {
        let (log, memory) = log();
        let endpoint = |name, why: Option<&dyn Display>| log.state(name, "is down", "is up again", why);
        endpoint("endpoint 10.0.0.1:80", None);
        for _ in 0..3 {
            endpoint("endpoint 10.0.0.1:80", Some(&"connection refused"));
        }
        endpoint("endpoint 10.0.0.2:80", None);
        endpoint("endpoint 10.0.0.1:80", None);
        endpoint("endpoint 10.0.0.1:80", None);
        endpoint("endpoint 10.0.0.1:80", Some(&"timeout"));
        let expected = [
            r#"warning endpoint 10.0.0.1:80 is down reason="connection refused""#,
            "info endpoint 10.0.0.1:80 is up again",
            "warning endpoint 10.0.0.1:80 is down reason=timeout",
        ];
        assert_eq!(lines(&log, &memory), expected);
    }

    #[test]
    fn a_line_stays_a_line() {
        let (log, memory) = log();
        log.event(Level::Error, "bad\nerror forged \u{1b}[31m \u{202e}", &[("path", &"a\" b=\"c\r\n"), ("empty", &"")]);
        let lines = lines(&log, &memory);
        assert_eq!(lines, [r#"error bad\nerror forged \u001B[31m \u202E path="a\" b=\"c\r\n" empty="""#]);
        log.event(Level::Info, "long", &[("value", &"x".repeat(1 << 20))]);
        assert!(log.flush(PATIENCE));
        assert!(memory.0.lock().unwrap().len() < 2_000);
    }

    #[test]
    fn the_rate_is_limited_and_what_is_left_out_is_counted() {
        let (log, memory) = log();
        let now = log.0.lock().unwrap().refilled;
        let line = |at, message| log.0.lock().unwrap().line(at, Level::Info, message, &[]);
        for _ in 0..500 {
            line(now, "again");
        }
        assert_eq!(lines(&log, &memory).len(), BURST as usize);
        line(now + Duration::from_secs(1), "later");
        assert_eq!(lines(&log, &memory), [format!("info later swallowed_lines={}", 500 - BURST)]);
        // A state that changed meanwhile is known although it was not told.
        for _ in 0..50 {
            line(now + Duration::from_secs(1), "again");
        }
        let state = |at, bad| log.0.lock().unwrap().state(at, &"x", ("down", "up"), bad);
        state(now + Duration::from_secs(1), Some(&"why"));
        lines(&log, &memory);
        state(now + Duration::from_secs(3), None);
        assert_eq!(lines(&log, &memory), ["info x up swallowed_lines=42"]);
    }

    #[test]
    fn what_is_no_more_is_forgotten() {
        let (log, memory) = log();
        log.state("x", "down", "up", Some(&"why"));
        log.forget("x");
        log.state("x", "down", "up", None);
        log.state("x", "down", "up", Some(&"why"));
        assert_eq!(lines(&log, &memory), ["warning x down reason=why"; 2]);
    }

    #[test]
    fn what_several_have_told_is_forgotten_with_the_last_of_them() {
        let (log, memory) = log();
        log.state("x", "down", "up", Some(&"why"));
        log.state("x", "down", "up", Some(&"why"));
        log.release("x");
        log.state("x", "down", "up", Some(&"why"));
        assert_eq!(lines(&log, &memory), ["warning x down reason=why"]);
        log.release("x");
        log.release("x");
        log.release("x");
        log.state("x", "down", "up", Some(&"why"));
        assert_eq!(lines(&log, &memory), ["warning x down reason=why"]);
    }

    #[test]
    fn what_is_told_in_own_words_stays_a_line_and_has_the_rate_of_all() {
        let (log, memory) = log();
        log.tell("caf\u{e9}.yaml:3: \"host\"\nerror forged");
        assert_eq!(lines(&log, &memory), ["caf\u{e9}.yaml:3: \"host\" error forged"]);
        for _ in 0..2 * BURST {
            log.tell("again");
        }
        let told = lines(&log, &memory).len();
        // A slow machine may take seconds for it.
        assert!((BURST as usize - 1..2 * BURST as usize).contains(&told), "{told}");
    }

    /// Takes nothing before it is told to.
    struct Stuck(Receiver<()>, Memory);

    impl Write for Stuck {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            // Nothing comes any more once the other end is gone.
            let _ = self.0.recv();
            self.1.write(data)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_whoever_reads_and_what_is_lost_is_counted() {
        let memory = Memory::default();
        let (go_on, stuck) = sync_channel(0);
        let log = ErrorLog::new(Box::new(Stuck(stuck, memory.clone())));
        let mut at = log.0.lock().unwrap().refilled;
        let mut line = |message| {
            // So that it is not the rate that swallows lines.
            at += Duration::from_secs(1);
            log.0.lock().unwrap().line(at, Level::Info, message, &[]);
        };
        let told = 2 * QUEUE;
        for _ in 0..told {
            line("again");
        }
        assert!(!log.flush(Duration::ZERO));
        drop(go_on);
        let deadline = Instant::now() + PATIENCE;
        while !log.flush(PATIENCE) {
            assert!(Instant::now() < deadline);
        }
        let mut all = lines(&log, &memory);
        let written = all.len();
        assert!((QUEUE..=QUEUE + 1).contains(&written), "{written}");
        line("later");
        all.extend(lines(&log, &memory));
        assert!(all[written].starts_with("info later swallowed_lines="), "{all:?}");
        // A writer who begins late makes room for one line amid those that are lost, which counts what was lost before it.
        let counts = all.iter().filter_map(|line| line.split_once("swallowed_lines=")).map(|(_, count)| count);
        assert_eq!(counts.map(|count| count.parse::<usize>().unwrap()).sum::<usize>(), told - written);
    }
}

//! What the proxy has to say to its operator: `level message key=value`, one line each.
//!
//! It is for what a person should know, not for requests. A state is told when it changes and not while it lasts, and all
//! lines together have a rate that no client can raise; what was left out is counted in the next line.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::io::Write;
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
const BURST: u32 = 100;
const PER_SECOND: u32 = 10;
/// Things whose bad state is remembered.
const MAX_BAD: usize = 10_000;
/// The most bytes of a value.
const MAX_VALUE: usize = 1_024;

/// The log. Clones are the same log.
#[derive(Clone)]
pub struct ErrorLog(Arc<Mutex<Inner>>);

struct Inner {
    to: Box<dyn Write + Send>,
    /// What is known to be in a bad state.
    bad: BTreeSet<Box<str>>,
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
    /// A log that is written there.
    #[must_use]
    pub fn new(to: Box<dyn Write + Send>) -> Self {
        let inner = Inner { to, bad: BTreeSet::new(), left: BURST, refilled: Instant::now(), swallowed: 0 };
        Self(Arc::new(Mutex::new(inner)))
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

    /// Tells whether an endpoint gets requests.
    pub fn endpoint(&self, endpoint: impl Display, down: Option<&dyn Display>) {
        self.state(format_args!("endpoint {endpoint}"), "is down", "is up again", down);
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
                if self.bad.len() < MAX_BAD && self.bad.insert(key.as_str().into()) {
                    self.line(now, Level::Warning, &format!("{key} {}", words.0), &[("reason", reason)]);
                }
            }
            None => {
                if self.bad.remove(key.as_str()) {
                    self.line(now, Level::Info, &format!("{key} {}", words.1), &[]);
                }
            }
        }
    }

    fn line(&mut self, now: Instant, level: Level, message: &str, fields: &[Field<'_>]) {
        let seconds = now.saturating_duration_since(self.refilled).as_secs();
        if seconds > 0 {
            let more = u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(PER_SECOND);
            self.left = self.left.saturating_add(more).min(BURST);
            self.refilled += Duration::from_secs(seconds);
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.swallowed += 1;
            return;
        };
        self.left = left;
        let mut line = Vec::with_capacity(256);
        text(&mut line, &level.to_string());
        line.push(b' ');
        text(&mut line, message);
        let swallowed = std::mem::take(&mut self.swallowed);
        let lost: Option<Field<'_>> = (swallowed > 0).then_some(("swallowed_lines", &swallowed));
        for (key, value) in fields.iter().chain(&lost) {
            line.push(b' ');
            line.extend_from_slice(key.as_bytes());
            line.push(b'=');
            let value = value.to_string();
            let is_word =
                !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\=".contains(&byte));
            if is_word {
                text(&mut line, &value);
            } else {
                line.push(b'"');
                text(&mut line, &value);
                line.push(b'"');
            }
        }
        line.push(b'\n');
        // There is nobody left to tell.
        let _written = self.to.write_all(&line).and_then(|()| self.to.flush());
    }
}

/// Writes text with everything escaped that could end the line, and cut if it is long.
fn text(line: &mut Vec<u8>, value: &str) {
    let bytes = value.as_bytes();
    Escape::Json.write(line, bytes.get(..MAX_VALUE).unwrap_or(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn lines(memory: &Memory) -> Vec<String> {
        let bytes = std::mem::take(&mut *memory.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_state_is_told_when_it_changes() {
        let (log, memory) = log();
        log.endpoint("10.0.0.1:80", None);
        for _ in 0..3 {
            log.endpoint("10.0.0.1:80", Some(&"connection refused"));
        }
        log.endpoint("10.0.0.2:80", None);
        log.endpoint("10.0.0.1:80", None);
        log.endpoint("10.0.0.1:80", None);
        log.endpoint("10.0.0.1:80", Some(&"timeout"));
        let expected = [
            r#"warning endpoint 10.0.0.1:80 is down reason="connection refused""#,
            "info endpoint 10.0.0.1:80 is up again",
            "warning endpoint 10.0.0.1:80 is down reason=timeout",
        ];
        assert_eq!(lines(&memory), expected);
    }

    #[test]
    fn a_line_stays_a_line() {
        let (log, memory) = log();
        log.event(Level::Error, "bad\nerror forged \u{1b}[31m \u{202e}", &[("path", &"a\" b=\"c\r\n"), ("empty", &"")]);
        let lines = lines(&memory);
        assert_eq!(lines, [r#"error bad\nerror forged \u001B[31m \u202E path="a\" b=\"c\r\n" empty="""#]);
        log.event(Level::Info, "long", &[("value", &"x".repeat(1 << 20))]);
        assert!(memory.0.lock().unwrap().len() < 2_000);
    }

    #[test]
    fn the_rate_is_limited_and_what_is_left_out_is_counted() {
        let (log, memory) = log();
        let mut inner = log.0.lock().unwrap();
        let now = inner.refilled;
        for _ in 0..500 {
            inner.line(now, Level::Info, "again", &[]);
        }
        assert_eq!(lines(&memory).len(), BURST as usize);
        inner.line(now + Duration::from_secs(1), Level::Info, "later", &[]);
        assert_eq!(lines(&memory), ["info later swallowed_lines=400"]);
        // A state that changed meanwhile is known although it was not told.
        for _ in 0..50 {
            inner.line(now + Duration::from_secs(1), Level::Info, "again", &[]);
        }
        inner.state(now + Duration::from_secs(1), &"x", ("down", "up"), Some(&"why"));
        lines(&memory);
        inner.state(now + Duration::from_secs(3), &"x", ("down", "up"), None);
        assert_eq!(lines(&memory), ["info x up swallowed_lines=42"]);
    }
}

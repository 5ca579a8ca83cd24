//! The thread that follows the files: inotify tells at once, and every few seconds a look at all of them tells what it
//! missed.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::files::{Fingerprint, Root};
use super::pending::Pending;
use super::{FileSource, Sink};

/// How often all files are looked at.
const POLL: Duration = Duration::from_secs(5);

/// The most findings that one change may put into the log.
const MOST_FINDINGS: usize = 1_000;

/// What wakes the thread.
enum Wake {
    Event(notify::Result<Event>),
    Stop,
}

/// The thread. When this is dropped it ends.
#[derive(Debug)]
pub(crate) struct Watch {
    wake: Sender<Wake>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Whoever is gone need not be stopped, and whoever panicked has said so.
        let _ = self.wake.send(Wake::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<S: Sink + 'static> FileSource<S> {
    /// Reads all files, puts in force what they give, and follows them from then on.
    ///
    /// # Errors
    ///
    /// When there can be no thread.
    pub(crate) fn watch(self) -> io::Result<Watch> {
        self.watch_and_poll(POLL)
    }

    pub(super) fn watch_and_poll(mut self, poll: Duration) -> io::Result<Watch> {
        let (wake, events) = mpsc::channel();
        // First watch, then read: what changes in between is seen.
        let mut watched = Watched::new(&self.roots, &wake);
        watched.renew(&mut |line| self.sink.say(line));
        self.read();
        let thread = std::thread::Builder::new().name("files".to_owned());
        let thread = thread.spawn(move || self.follow(watched, &events, poll))?;
        Ok(Watch { wake, thread: Some(thread) })
    }

    fn follow(mut self, mut watched: Watched, events: &Receiver<Wake>, poll: Duration) {
        self.report(MOST_FINDINGS);
        let mut pending = Pending::default();
        let mut next_poll = Instant::now() + poll;
        loop {
            let until = pending.due().map_or(next_poll, |due| due.min(next_poll));
            match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Wake::Event(Ok(event))) => pending.take(event, Instant::now()),
                Ok(Wake::Event(Err(_))) => pending.all(Instant::now()),
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if pending.due().is_some_and(|due| due <= now) {
                self.look(&pending.drain());
                self.report(MOST_FINDINGS);
            }
            if next_poll <= now {
                watched.renew(&mut |line| self.sink.say(line));
                self.poll();
                self.report(MOST_FINDINGS);
                next_poll = Instant::now() + poll;
            }
        }
    }
}

/// What is watched.
struct Watched {
    watcher: Option<RecommendedWatcher>,
    directories: BTreeMap<PathBuf, Directory>,
}

struct Directory {
    mode: RecursiveMode,
    /// The one that is watched: another one may take its place, or it may go and come back.
    watched: Option<(u64, u64)>,
    trouble: Option<String>,
}

impl Watched {
    fn new(roots: &[Root], wake: &Sender<Wake>) -> Self {
        let mut directories: BTreeMap<PathBuf, Directory> = BTreeMap::new();
        for root in roots {
            let (path, mode) = root.watched();
            let new = || Directory { mode, watched: None, trouble: None };
            let directory = directories.entry(path.to_owned()).or_insert_with(new);
            if mode == RecursiveMode::Recursive {
                directory.mode = mode;
            }
        }
        let wake = wake.clone();
        let tell = move |event| {
            // The thread is gone only when the process ends.
            let _ = wake.send(Wake::Event(event));
        };
        let watcher = RecommendedWatcher::new(tell, Config::default().with_follow_symlinks(false)).ok();
        Self { watcher, directories }
    }

    /// Watches what is not watched yet.
    fn renew(&mut self, say: &mut dyn FnMut(&str)) {
        for (path, directory) in &mut self.directories {
            let there = Fingerprint::of(path).ok().map(|fingerprint| fingerprint.identity());
            if there.is_some() && there == directory.watched {
                continue;
            }
            let done = match &mut self.watcher {
                Some(watcher) => watcher.watch(path, directory.mode).map_err(|error| error.to_string()),
                None => Err("there is no inotify".to_owned()),
            };
            directory.watched = there.filter(|_| done.is_ok());
            let trouble = done.err();
            if trouble != directory.trouble
                && let Some(trouble) = &trouble
            {
                let path = path.display();
                say(&format!("warning: cannot watch `{path}`: {trouble}; changes are found within some seconds"));
            }
            directory.trouble = trouble;
        }
    }
}

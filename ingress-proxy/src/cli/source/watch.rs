//! The thread that follows the files: inotify tells at once, and every few seconds a look at all of them tells what it
//! missed.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{ModifyKind, RenameMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::files::{Fingerprint, Root, Survey};
use super::pending::Pending;
use super::{FileSource, Sink};

/// How often all files are looked at.
const POLL: Duration = Duration::from_secs(5);

/// The pause for each of very many files. A look takes a thousandth of it (5 microseconds were measured), and as little of a core.
const PAUSE_PER_FILE: Duration = Duration::from_millis(5);

/// How often they are looked at in any case, in pauses of few files.
const SELDOM: u32 = 6;

/// The most findings that one change may put into the log.
const MOST_FINDINGS: usize = 100;

/// What wakes the thread.
enum Wake {
    Event(notify::Result<Event>),
    Survey(Survey),
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
        let (roots, surveys) = (Arc::clone(&self.roots), wake.clone());
        let (hurry, hurries) = mpsc::channel();
        thread("files-poll", move || survey(&roots, &surveys, &hurries, poll))?;
        let thread = thread("files", move || {
            // What is in a half state is not used again: only the sink is, to tell of it.
            if catch_unwind(AssertUnwindSafe(|| self.follow(watched, &events, &hurry))).is_err() {
                self.sink.lost();
            }
        })?;
        Ok(Watch { wake, thread: Some(thread) })
    }

    fn follow(&mut self, mut watched: Watched, events: &Receiver<Wake>, hurry: &Sender<()>) {
        self.report(MOST_FINDINGS);
        let mut pending = Pending::default();
        loop {
            let wake = match pending.due() {
                Some(due) => events.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => events.recv().map_err(RecvTimeoutError::from),
            };
            match wake {
                Ok(Wake::Event(Ok(event))) => {
                    if watched.forget(&event) {
                        // The next look watches again what is there then.
                        let _ = hurry.send(());
                    }
                    pending.take(event, Instant::now());
                }
                Ok(Wake::Event(Err(_))) => pending.all(Instant::now()),
                Ok(Wake::Survey(survey)) => {
                    watched.renew(&mut |line| self.sink.say(line));
                    self.poll(survey);
                    self.report(MOST_FINDINGS);
                    if watched.is_lacking() || !self.suspects.is_empty() {
                        // Whoever polls ends after this thread.
                        let _ = hurry.send(());
                    }
                }
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if pending.due().is_some_and(|due| due <= Instant::now()) {
                self.look(&pending.drain());
                self.report(MOST_FINDINGS);
            }
        }
    }
}

/// Looks at all files again and again, on a thread of its own: it takes long where they are many, and events do not wait. Ends
/// when nobody is left who could ask for the next look to be soon.
fn survey(roots: &[Root], wake: &Sender<Wake>, hurries: &Receiver<()>, poll: Duration) {
    // What is far beyond any time is never.
    let after = |pause: Duration| Instant::now().checked_add(pause);
    let mut due = after(poll);
    loop {
        let left = due.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
        match hurries.recv_timeout(left) {
            Ok(()) => due = due.into_iter().chain(after(poll)).min(),
            Err(RecvTimeoutError::Timeout) => {
                let survey = Survey::of(roots);
                due = after(pause_after(survey.files.len(), poll));
                if wake.send(Wake::Survey(survey)).is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// How long not to look at so many files again.
fn pause_after(files: usize, poll: Duration) -> Duration {
    let files = u32::try_from(files).unwrap_or(u32::MAX);
    PAUSE_PER_FILE.saturating_mul(files).clamp(poll, poll.saturating_mul(SELDOM))
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
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

    /// Whether there is something that cannot be watched.
    fn is_lacking(&self) -> bool {
        self.directories.values().any(|directory| directory.watched.is_none())
    }

    /// Whether one of the directories is gone, or has another place now. The next of its name may look like it to the last number.
    fn forget(&mut self, event: &Event) -> bool {
        // What arrives under a name is not what leaves it.
        let leaves = event.kind.is_remove()
            || matches!(event.kind, EventKind::Modify(ModifyKind::Name(RenameMode::From | RenameMode::Any)));
        let mut is_gone = false;
        for path in event.paths.iter().filter(|_| leaves) {
            if let Some(directory) = self.directories.get_mut(path) {
                (directory.watched, is_gone) = (None, true);
                if let Some(watcher) = &mut self.watcher {
                    // Of one that is removed the watch is gone already.
                    let _ = watcher.unwatch(&path.join("."));
                }
            }
        }
        is_gone
    }

    /// Watches what is not watched yet.
    fn renew(&mut self, say: &mut dyn FnMut(&str)) {
        for (path, directory) in &mut self.directories {
            let there = Fingerprint::of(path).ok().map(|fingerprint| fingerprint.identity());
            if there.is_some() && there == directory.watched {
                continue;
            }
            let done = match &mut self.watcher {
                // Links are not followed, but this one leads to what was asked for.
                Some(watcher) => watcher.watch(&path.join("."), directory.mode).map_err(|error| error.to_string()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_looked_at_less_often_but_not_seldom() {
        let after = |files| pause_after(files, POLL).as_secs();
        assert_eq!([0, 1_000, 2_000, 10_000, usize::MAX].map(after), [5, 5, 10, 30, 30]);
        assert_eq!(pause_after(1, Duration::MAX), Duration::MAX);
    }

    /// Many file systems give the number of a directory that is gone to the next one.
    #[test]
    fn a_directory_that_is_made_again_is_watched() {
        let path = std::env::temp_dir().join(format!("ingress-proxy-watched-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        let (wake, events) = mpsc::channel();
        let mut watched = Watched::new(&[Root::open(0, &path).unwrap()], &wake);
        watched.renew(&mut |line| panic!("{line}"));
        let wait_for = |what: &str, is_it: &mut dyn FnMut(&Event) -> bool| loop {
            match events.recv_timeout(Duration::from_secs(30)).expect(what) {
                Wake::Event(Ok(event)) if is_it(&event) => return,
                _ => {}
            }
        };
        std::fs::remove_dir(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        wait_for("the end of the first", &mut |event| watched.forget(event));
        assert!(watched.is_lacking());
        watched.renew(&mut |line| panic!("{line}"));
        std::fs::write(path.join("a.yaml"), "").unwrap();
        wait_for("a file in the second", &mut |event| event.paths.contains(&path.join("a.yaml")));
        // Another one takes its place, and the first lives on under another name.
        let (next, old) = (path.with_extension("next"), path.with_extension("old"));
        std::fs::create_dir(&next).unwrap();
        std::fs::rename(&path, &old).unwrap();
        std::fs::rename(&next, &path).unwrap();
        wait_for("the end of the second", &mut |event| watched.forget(event));
        watched.renew(&mut |line| panic!("{line}"));
        std::fs::write(path.join("b.yaml"), "").unwrap();
        wait_for("a file in the third", &mut |event| event.paths.contains(&path.join("b.yaml")));
        std::fs::remove_dir_all(&path).unwrap();
        std::fs::remove_dir_all(&old).unwrap();
    }
}

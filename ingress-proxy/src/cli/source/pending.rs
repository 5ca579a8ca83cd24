//! When to look at what has been touched: a few milliseconds after the last event of a burst, and never long after the
//! first. No file is read here, and no clock.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{Event, EventKind};

/// How long after the last event.
const QUIET: Duration = Duration::from_millis(3);

/// How long after the first.
const LONGEST: Duration = Duration::from_millis(50);

/// What happened to a path last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    /// It is being written: not to be read before it is closed.
    Writing,
    /// It is there, complete.
    Written,
    /// It went away, perhaps for a moment: editors move a file away before they write it anew.
    Gone,
}

/// What to look at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// These paths.
    pub(super) paths: Vec<PathBuf>,
    /// And all others.
    pub(super) everything: bool,
}

/// What has been touched and not been looked at.
#[derive(Debug, Default)]
pub(super) struct Pending {
    touched: BTreeMap<PathBuf, Touch>,
    everything: bool,
    /// The first event and the last one that are to be acted on.
    burst: Option<(Instant, Instant)>,
}

impl Pending {
    /// Takes an event.
    pub(super) fn take(&mut self, event: Event, now: Instant) {
        let everything = event.need_rescan();
        let mut paths = event.paths.into_iter();
        match event.kind {
            // Reading a file is an event too.
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => self.touch(paths, Touch::Written, now),
            EventKind::Access(_) => {}
            // A link is complete when it is there; what is created otherwise is written next.
            EventKind::Create(CreateKind::File) => {
                let (links, files): (Vec<_>, Vec<_>) = paths.partition(|path| is_link(path));
                self.touch(links.into_iter(), Touch::Written, now);
                self.touch(files.into_iter(), Touch::Writing, now);
            }
            EventKind::Modify(ModifyKind::Data(_)) => self.touch(paths, Touch::Writing, now),
            EventKind::Modify(ModifyKind::Metadata(_)) => {
                let closed: Vec<_> = paths.filter(|path| self.touched.get(path) != Some(&Touch::Writing)).collect();
                self.touch(closed.into_iter(), Touch::Written, now);
            }
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(RemoveKind::File) => {
                self.touch(paths, Touch::Gone, now);
            }
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
                self.touch(paths.next().into_iter(), Touch::Gone, now);
                self.touch(paths, Touch::Written, now);
            }
            EventKind::Modify(ModifyKind::Name(_)) => self.touch(paths, Touch::Written, now),
            // A directory came or went, or events were lost.
            _ => self.all(now),
        }
        if everything {
            self.all(now);
        }
    }

    /// Everything is to be looked at.
    pub(super) fn all(&mut self, now: Instant) {
        self.everything = true;
        self.wait(now);
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        let (first, last) = self.burst?;
        let soon =
            if self.touched.values().any(|touch| *touch == Touch::Gone) { first + LONGEST } else { last + QUIET };
        Some(soon.min(first + LONGEST))
    }

    /// What there is to do. What is still being written stays.
    pub(super) fn drain(&mut self) -> Batch {
        self.burst = None;
        let touched = std::mem::take(&mut self.touched).into_iter();
        let (writing, complete): (_, BTreeMap<_, _>) = touched.partition(|(_, touch)| *touch == Touch::Writing);
        self.touched = writing;
        Batch { paths: complete.into_keys().collect(), everything: std::mem::take(&mut self.everything) }
    }

    fn touch(&mut self, paths: impl Iterator<Item = PathBuf>, touch: Touch, now: Instant) {
        for path in paths {
            self.touched.insert(path, touch);
            if touch != Touch::Writing {
                self.wait(now);
            }
        }
    }

    fn wait(&mut self, now: Instant) {
        self.burst = Some((self.burst.map_or(now, |(first, _)| first), now));
    }
}

/// Whether it is a symbolic link, or one of several names of a file.
fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_symlink() || found.nlink() > 1)
}

#[cfg(test)]
mod tests {
    use notify::event::{DataChange, MetadataKind};

    use super::*;

    const CLOSE: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));
    const CREATE: EventKind = EventKind::Create(CreateKind::File);
    const MODIFY: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    const CHMOD: EventKind = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
    const AWAY: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::From));
    const OPEN: EventKind = EventKind::Access(AccessKind::Open(AccessMode::Any));

    fn take(pending: &mut Pending, kind: EventKind, path: &str, now: Instant) {
        pending.take(Event::new(kind).add_path(path.into()), now);
    }

    fn paths(batch: &Batch) -> Vec<&str> {
        batch.paths.iter().filter_map(|path| path.to_str()).collect()
    }

    #[test]
    fn a_file_is_read_when_it_is_closed() {
        let (mut pending, start) = (Pending::default(), Instant::now());
        for kind in [CREATE, OPEN, MODIFY, CHMOD, MODIFY] {
            take(&mut pending, kind, "a", start);
        }
        assert_eq!(pending.due(), None);
        take(&mut pending, CLOSE, "a", start);
        assert_eq!(pending.due(), Some(start + QUIET));
        assert_eq!(paths(&pending.drain()), ["a"]);
        assert_eq!(pending.due(), None);
    }

    #[test]
    fn a_file_that_is_written_again_waits_while_others_do_not() {
        let (mut pending, start) = (Pending::default(), Instant::now());
        take(&mut pending, CLOSE, "a", start);
        take(&mut pending, CLOSE, "b", start);
        take(&mut pending, MODIFY, "a", start);
        assert_eq!(paths(&pending.drain()), ["b"]);
        take(&mut pending, CLOSE, "a", start);
        assert_eq!(paths(&pending.drain()), ["a"]);
    }

    #[test]
    fn a_burst_is_waited_for_but_not_for_ever() {
        let (mut pending, start) = (Pending::default(), Instant::now());
        for passed in 0..100 {
            let now = start + Duration::from_millis(passed);
            take(&mut pending, CLOSE, "a", now);
            assert_eq!(pending.due(), Some((now + QUIET).min(start + LONGEST)));
        }
    }

    #[test]
    fn a_file_that_is_gone_is_given_a_moment_to_come_back() {
        let (mut pending, start) = (Pending::default(), Instant::now());
        take(&mut pending, AWAY, "a", start);
        assert_eq!(pending.due(), Some(start + LONGEST));
        let later = start + Duration::from_millis(1);
        take(&mut pending, CREATE, "a", later);
        take(&mut pending, CLOSE, "a", later);
        assert_eq!(pending.due(), Some(later + QUIET));
    }

    #[test]
    fn what_comes_and_goes_with_directories_means_everything() {
        let now = Instant::now();
        for kind in [EventKind::Create(CreateKind::Folder), EventKind::Remove(RemoveKind::Folder), EventKind::Other] {
            let mut pending = Pending::default();
            take(&mut pending, kind, "d", now);
            assert!(pending.due().is_some());
            assert_eq!(pending.drain(), Batch { paths: Vec::new(), everything: true });
        }
    }
}

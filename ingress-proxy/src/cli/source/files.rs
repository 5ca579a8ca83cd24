//! Which files there are, and reading one of them whole.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ingress_cli::input::{Limits, is_manifest, manifest_files};

use super::store::FileKey;

/// A `--file`.
#[derive(Debug)]
pub(super) struct Root {
    number: usize,
    /// As it was given, so that messages show what the user wrote.
    given: PathBuf,
    absolute: PathBuf,
    is_directory: bool,
}

impl Root {
    /// Looks at what a `--file` leads to.
    pub(super) fn open(number: usize, given: &Path) -> io::Result<Self> {
        let is_directory = std::fs::metadata(given)?.is_dir();
        Ok(Self { number, given: given.to_owned(), absolute: std::path::absolute(given)?, is_directory })
    }

    /// What to watch: the directory, all that is below it, or the directory in which the file stands, as the file itself
    /// may be replaced by another one.
    pub(super) fn watched(&self) -> (&Path, notify::RecursiveMode) {
        if self.is_directory {
            (&self.absolute, notify::RecursiveMode::Recursive)
        } else {
            (self.absolute.parent().unwrap_or(&self.absolute), notify::RecursiveMode::NonRecursive)
        }
    }

    /// The key of a path that an event names, if it is, or could be, one of these files.
    pub(super) fn key_of(&self, path: &Path) -> Option<Arc<FileKey>> {
        if !self.is_directory {
            return (path == self.absolute).then(|| self.key(self.given.clone()));
        }
        let below = path.strip_prefix(&self.absolute).ok()?;
        // In the volume of a ConfigMap these are the versions, which are read under the names that lead to the one in force.
        let is_version = |part: &OsStr| part.as_encoded_bytes().starts_with(b"..");
        (is_manifest(below) && !below.iter().any(is_version)).then(|| self.key(self.given.join(below)))
    }

    /// Where a path that an event names stands among these files, whether it is one of them or not.
    pub(super) fn place_of(&self, path: &Path) -> Option<Arc<FileKey>> {
        path.strip_prefix(&self.absolute).ok().map(|below| self.key(self.given.join(below)))
    }

    fn key(&self, path: PathBuf) -> Arc<FileKey> {
        Arc::new(FileKey { root: self.number, path })
    }
}

/// What there is below all of them.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The files in order, each with what changes when it does; none where that cannot be seen.
    pub(super) files: Vec<(Arc<FileKey>, Option<Fingerprint>)>,
    /// The directories that cannot be read, and why.
    pub(super) unreadable: BTreeMap<Arc<FileKey>, String>,
}

impl Survey {
    /// Looks at every file, and into none.
    pub(super) fn of(roots: &[Root]) -> Self {
        let mut survey = Self::default();
        // What is gone has no files.
        for root in roots.iter().filter(|root| root.given.try_exists().unwrap_or(true)) {
            let (files, errors) = manifest_files(&root.given);
            survey.files.extend(files.into_iter().map(|path| {
                let fingerprint = Fingerprint::of(&path).ok();
                (root.key(path), fingerprint)
            }));
            let errors = errors.into_iter().map(|error| (root.key(error.path().to_owned()), error.to_string()));
            survey.unreadable.extend(errors);
        }
        survey.files.sort_by(|(a, _), (b, _)| a.cmp(b));
        survey
    }

    /// Whether a file stands where nothing could be seen.
    pub(super) fn is_hidden(&self, file: &FileKey) -> bool {
        self.unreadable.keys().any(|directory| directory.root == file.root && file.path.starts_with(&directory.path))
    }
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Fingerprint {
    /// That of the file behind a path.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// What stays the same as long as it is the same file or directory.
    pub(super) fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

impl From<&Metadata> for Fingerprint {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A file as it was read: its text, or what that says.
#[derive(Debug)]
pub(super) enum Contents<T> {
    /// All of it.
    Whole(T, Fingerprint),
    /// It is no longer there.
    Gone,
    /// It changed while it was read: somebody is writing.
    Busy,
    /// It cannot be read, and why.
    Unreadable(String),
}

impl<T> Contents<T> {
    /// With something else in place of the text.
    pub(super) fn map<U>(self, say: impl FnOnce(T) -> U) -> Contents<U> {
        match self {
            Self::Whole(text, fingerprint) => Contents::Whole(say(text), fingerprint),
            Self::Gone => Contents::Gone,
            Self::Busy => Contents::Busy,
            Self::Unreadable(why) => Contents::Unreadable(why),
        }
    }
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Contents<String> {
    match read_whole(path) {
        Ok(contents) => contents,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Contents::Gone,
        Err(error) => Contents::Unreadable(error.to_string()),
    }
}

fn read_whole(path: &Path) -> io::Result<Contents<String>> {
    // A pipe would never end; opening one for reading alone would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(Contents::Unreadable("it is not a file".to_owned()));
    }
    let mut file = File::open(path)?;
    let before = Fingerprint::from(&file.metadata()?);
    let limit = Limits::default().bytes as u64;
    if before.size > limit {
        return Ok(Contents::Unreadable(format!("it is larger than {limit} bytes")));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(before.size).unwrap_or_default() + 1);
    (&mut file).take(limit).read_to_end(&mut bytes)?;
    if Fingerprint::from(&file.metadata()?) != before {
        return Ok(Contents::Busy);
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Contents::Whole(text, before),
        Err(_) => Contents::Unreadable("it is not UTF-8".to_owned()),
    })
}

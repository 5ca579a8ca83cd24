//! Files, directories and standard input.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Manifests;

/// A file or directory that could not be read.
#[derive(Debug)]
pub struct ReadError {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read `{}`: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Reads standard input.
///
/// # Errors
///
/// [`ReadError`] when it cannot be read or is not UTF-8.
pub fn read_stdin(manifests: &mut Manifests, namespace: &str) -> Result<(), ReadError> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text).map_err(|error| ReadError { path: "-".into(), error })?;
    manifests.read("-", text, namespace);
    Ok(())
}

/// Reads a file, or every `.yaml`, `.yml` and `.json` file below a directory, in order of their names.
///
/// # Errors
///
/// [`ReadError`] for what cannot be read or is not UTF-8.
pub fn read_path(manifests: &mut Manifests, path: &Path, namespace: &str) -> Result<(), ReadError> {
    let wrap = |error| ReadError { path: path.to_owned(), error };
    if !path.is_dir() {
        let text = std::fs::read_to_string(path).map_err(wrap)?;
        manifests.read(&path.display().to_string(), text, namespace);
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(wrap)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(wrap)?;
    entries.sort();
    for entry in entries {
        let is_manifest =
            entry.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|it| extension == *it));
        // A link to a directory could lead back up.
        if (entry.is_dir() && !entry.is_symlink()) || (entry.is_file() && is_manifest) {
            read_path(manifests, &entry, namespace)?;
        }
    }
    Ok(())
}

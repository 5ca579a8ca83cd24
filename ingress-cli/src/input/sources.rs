//! Files, directories and standard input.

use std::fmt;
use std::fs::DirEntry;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Manifests;

/// A file or directory that could not be read.
#[derive(Debug)]
pub struct ReadError {
    path: PathBuf,
    error: io::Error,
}

impl ReadError {
    /// What could not be read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
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

/// Reads a file, or every file of [`manifest_files`].
///
/// # Errors
///
/// [`ReadError`] for what cannot be read or is not UTF-8.
pub fn read_path(manifests: &mut Manifests, path: &Path, namespace: &str) -> Result<(), ReadError> {
    let (files, mut errors) = manifest_files(path);
    if !errors.is_empty() {
        return Err(errors.swap_remove(0));
    }
    for file in files {
        let text = std::fs::read_to_string(&file);
        let text = text.map_err(|error| ReadError { path: file.clone(), error })?;
        manifests.read(&file.display().to_string(), text, namespace);
    }
    Ok(())
}

/// The path itself, or, if it is a directory, every `.yaml`, `.yml` and `.json` file below it, in order of their names.
///
/// Entries that begin with `..` are left out: in a volume of a ConfigMap they are the versions behind the files that count.
///
/// Directories that cannot be read are left out, and returned too.
#[must_use]
pub fn manifest_files(path: &Path) -> (Vec<PathBuf>, Vec<ReadError>) {
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    if path.is_dir() {
        collect(path, &mut files, &mut errors);
    } else {
        files.push(path.to_owned());
    }
    (files, errors)
}

/// Whether a file in a directory is read, going by its name.
#[must_use]
pub fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|it| extension == *it))
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>, errors: &mut Vec<ReadError>) {
    let entries = std::fs::read_dir(directory).and_then(Iterator::collect);
    let mut entries: Vec<DirEntry> = match entries {
        Ok(entries) => entries,
        Err(error) => return errors.push(ReadError { path: directory.to_owned(), error }),
    };
    entries.sort_by_cached_key(DirEntry::file_name);
    for entry in entries {
        if entry.file_name().as_encoded_bytes().starts_with(b"..") {
            continue;
        }
        let path = entry.path();
        match entry.file_type() {
            // A link to a directory could lead back up.
            Ok(kind) if kind.is_dir() => collect(&path, files, errors),
            Ok(kind) if is_manifest(&path) && (kind.is_file() || path.is_file()) => files.push(path),
            Ok(_) => {}
            Err(error) => errors.push(ReadError { path, error }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_map_volume_is_read_once() {
        let root = std::env::temp_dir().join(format!("ingress-cli-volume-{}", std::process::id()));
        let version = root.join("..2026_11_28");
        std::fs::create_dir_all(root.join("b")).expect("a directory");
        std::fs::create_dir_all(&version).expect("a directory");
        for file in [version.join("a.yaml"), root.join("b/c.json"), root.join("b.yml"), root.join("notes.txt")] {
            std::fs::write(file, "").expect("a file");
        }
        std::os::unix::fs::symlink("..2026_11_28", root.join("..data")).expect("a link");
        std::os::unix::fs::symlink("..data/a.yaml", root.join("a.yaml")).expect("a link");
        let (files, errors) = manifest_files(&root);
        std::fs::remove_dir_all(&root).expect("gone");
        let expected = ["a.yaml", "b/c.json", "b.yml"].map(|name| root.join(name));
        assert_eq!((files, errors.len()), (expected.to_vec(), 0));
    }
}

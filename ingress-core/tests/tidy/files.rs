//! Finding and reading the files that the rules are about.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file of the workspace.
pub(super) struct Source {
    /// Its path from the root of the workspace.
    pub(super) path: String,
    pub(super) text: String,
}

/// The folder of this crate.
pub(super) fn core() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn workspace() -> &'static Path {
    core().parent().unwrap()
}

/// The folders of the workspace that hold code: the crates and what stands beside them.
fn packages() -> Vec<PathBuf> {
    let entries = fs::read_dir(workspace()).unwrap().map(|entry| entry.unwrap().path());
    let mut packages: Vec<PathBuf> = entries
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            path.is_dir() && (name.starts_with("ingress-") || matches!(name, "benches" | "examples" | "fuzz"))
        })
        .collect();
    packages.sort();
    packages
}

/// All Rust files of the workspace.
pub(super) fn all_sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for package in packages() {
        collect(&package, &mut sources);
    }
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

/// The Rust files of this crate's `src`.
pub(super) fn core_sources() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&core().join("src"), &mut sources);
    sources
}

fn collect(folder: &Path, sources: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            let name = path.file_name().unwrap();
            if name != "target" && name != "corpus" && name != "artifacts" {
                collect(&path, sources);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(workspace()).unwrap().to_str().unwrap().to_owned();
            sources.push(Source { path, text });
        }
    }
}

impl Source {
    /// The lines before the tests that end the file.
    pub(super) fn code(&self) -> impl Iterator<Item = &str> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests"));
        let end = tests.unwrap_or(lines.len());
        lines.into_iter().take(end)
    }

    /// Whether the whole file is tests.
    pub(super) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

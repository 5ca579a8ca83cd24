//! Certificates by the identifiers that a cloud gives them, from a directory or a file.
//!
//! In a directory the certificate `x` is `x.crt` or `x.pem`, with its key in `x.key` or in the same file. A file is a
//! mapping in YAML or JSON from identifiers to PEM files, named from where it stands itself, or to lists of DNS names.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use ingress_core::dialect::CertificateSource;
use ingress_core::model::CertificateState;

use crate::input::{Limits, Node, SecretData, parse};

/// Certificates by identifier: their DNS names, and PEM where there is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectorySource {
    names: BTreeMap<Box<str>, Vec<Box<str>>>,
    pem: BTreeMap<Box<str>, Pem>,
}

/// A certificate chain and its key. They are not printed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pem {
    /// The chain.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pem").finish_non_exhaustive()
    }
}

impl DirectorySource {
    /// Reads a directory, or a file with a mapping. What is in other files of a directory is left alone.
    ///
    /// # Errors
    ///
    /// What cannot be read or is no certificate with a key, fit for a person.
    pub fn open(path: &Path) -> Result<Self, String> {
        if path.is_dir() { Self::directory(path) } else { Self::mapping(path) }
    }

    fn directory(path: &Path) -> Result<Self, String> {
        let entries = fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
        let files: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut files = files.map_err(|error| unreadable(path, &error))?;
        // `.crt` comes before `.pem`, and the first counts.
        files.sort();
        let mut source = Self::default();
        for file in files.iter().filter(|file| file.is_file()) {
            let is_certificate = [Some("crt"), Some("pem")].contains(&file.extension().and_then(OsStr::to_str));
            let id = file.file_stem().and_then(OsStr::to_str).filter(|_| is_certificate);
            if let Some(id) = id.filter(|id| !source.names.contains_key(*id)) {
                source.add(id, file)?;
            }
        }
        Ok(source)
    }

    fn mapping(path: &Path) -> Result<Self, String> {
        let stream = parse(&read(path)?, &Limits::default());
        if let Some(problem) = stream.problems.first() {
            return Err(format!("cannot read `{}`: line {}: {}", path.display(), problem.span.line, problem.message));
        }
        let Some(entries) = stream.documents.first().and_then(|document| document.entries()) else {
            return Err(format!("`{}` is not a mapping from certificate ids to files or names", path.display()));
        };
        let folder = path.parent().unwrap_or(path);
        let mut source = Self::default();
        for entry in entries {
            match (entry.node.as_str(), names(&entry.node)) {
                (Some(file), _) => source.add(&entry.key, &folder.join(file))?,
                (None, Some(names)) => drop(source.names.insert(entry.key.clone(), names)),
                (None, None) => {
                    let (file, line) = (path.display(), entry.node.span.line);
                    return Err(format!(
                        "`{file}`, line {line}: `{}` is neither a file nor a list of names",
                        entry.key
                    ));
                }
            }
        }
        Ok(source)
    }

    /// Without the certificates of which only the names are known: with those nobody can serve.
    #[must_use]
    pub fn servable(mut self) -> Self {
        self.names.retain(|id, _| self.pem.contains_key(id));
        self
    }

    /// The certificate that stands for one of these identifiers, the first that is known; none if of that only names are.
    #[must_use]
    pub fn pem<'i>(&self, mut ids: impl Iterator<Item = &'i str>) -> Option<&Pem> {
        self.pem.get(ids.find(|id| self.names.contains_key(*id))?)
    }

    fn add(&mut self, id: &str, file: &Path) -> Result<(), String> {
        let certificate = read(file)?;
        let beside = file.with_extension("key");
        let key = if beside.is_file() { read(&beside)? } else { certificate.clone() };
        let pem = Pem { certificate, key };
        self.names.insert(id.into(), dns_names(id, file, &pem)?);
        self.pem.insert(id.into(), pem);
        Ok(())
    }
}

impl CertificateSource for DirectorySource {
    fn dns_names(&self, id: &str) -> Option<Vec<Box<str>>> {
        self.names.get(id).cloned()
    }
}

fn names(node: &Node) -> Option<Vec<Box<str>>> {
    node.items()?.iter().map(|item| item.as_str().map(Into::into)).collect()
}

/// The names that the certificate in a file is for. The file is looked at as the Secret that could be made of it.
fn dns_names(id: &str, file: &Path, Pem { certificate, key }: &Pem) -> Result<Vec<Box<str>>, String> {
    let values = [("tls.crt", certificate), ("tls.key", key)];
    let data: SecretData = values.into_iter().map(|(name, text)| (name, text.clone().into_bytes())).collect();
    match data.state().certificate {
        CertificateState::Usable { dns_names } => Ok(dns_names),
        CertificateState::Unusable { reason } => {
            let reason = reason.replace("`tls.crt`", "certificate").replace("`tls.key`", "key");
            Err(format!("certificate `{id}`: `{}` {reason}", file.display()))
        }
        _ => Err(format!("certificate `{id}`: `{}` cannot be read as a certificate", file.display())),
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read `{}`: {error}", path.display())
}

#[cfg(test)]
mod tests;

//! The ConfigMap of ingress-nginx: every key with its grammar, its default and what becomes of a bad value.
//!
//! A value that cannot be read leaves the default, unless that would let in whom the key was to keep out; the field
//! then says what holds instead. Names, values and defaults are those of ingress-nginx 1.15.1.

pub(crate) mod access;
pub(crate) mod auth;
pub(crate) mod client;
pub(crate) mod data_plane;
pub(crate) mod headers;
pub(crate) mod redirects;
pub(crate) mod tls;
mod unread;
pub(crate) mod upstream;
mod value;

use std::collections::BTreeMap;

use access::Access;
use auth::GlobalAuth;
use client::Client;
use data_plane::DataPlane;
use headers::Headers;
use redirects::Redirects;
use tls::Tls;
use upstream::Upstream;
use value::{Key, Outcome};

use super::super::nearest::nearest;

/// What the ConfigMap says, for all Ingresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Who the client is.
    pub(crate) client: Client,
    /// Who is let in, and how much of it.
    pub(crate) access: Access,
    /// Authentication by an external service.
    pub(crate) auth: GlobalAuth,
    /// Redirects to HTTPS.
    pub(crate) redirects: Redirects,
    /// Requests to backends and their responses.
    pub(crate) upstream: Upstream,
    /// Headers.
    pub(crate) headers: Headers,
    /// TLS with clients.
    pub(crate) tls: Tls,
    /// What only the proxy has to know.
    pub(crate) data_plane: DataPlane,
}

/// What is to be said about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The key.
    pub(crate) key: Box<str>,
    /// What is to be said.
    pub(crate) what: ProblemKind,
}

/// What can be wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// ingress-nginx does not know it either.
    Unknown {
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// Its value cannot be read.
    Invalid {
        /// What is wrong with the value and what follows: "is not a whole number; the default is used".
        why: Box<str>,
    },
    /// It is recognised and without effect.
    NotDone {
        /// What is so instead: "responses are never written to disk".
        what: &'static str,
    },
    /// It is refused, because passing it over could let somebody in.
    Refused {
        /// What to do instead.
        instead: &'static str,
    },
}

impl Settings {
    /// Reads the data of the ConfigMap, and what is to be said about it in order of the keys.
    pub(crate) fn read(data: &BTreeMap<Box<str>, Box<str>>) -> (Self, Vec<Problem>) {
        let mut settings = Self::default();
        let mut problems = Vec::new();
        for (key, value) in data {
            if let Err(what) = settings.put(key, value) {
                problems.push(Problem { key: key.clone(), what });
            }
        }
        (settings, problems)
    }

    /// The names of all keys, those among them that are without effect.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        let client = client::KEYS.iter().map(|(name, _)| *name);
        let access = access::KEYS.iter().map(|(name, _)| *name);
        let auth = auth::KEYS.iter().map(|(name, _)| *name);
        let redirects = redirects::KEYS.iter().map(|(name, _)| *name);
        let upstream = upstream::KEYS.iter().map(|(name, _)| *name);
        let headers = headers::KEYS.iter().map(|(name, _)| *name);
        let tls = tls::KEYS.iter().map(|(name, _)| *name);
        let read = client.chain(access).chain(auth).chain(redirects).chain(upstream).chain(headers).chain(tls);
        read.chain(DataPlane::names()).chain(unread::names())
    }

    fn put(&mut self, key: &str, value: &str) -> Result<(), ProblemKind> {
        let outcome = put(client::KEYS, &mut self.client, key, value)
            .or_else(|| put(access::KEYS, &mut self.access, key, value))
            .or_else(|| put(auth::KEYS, &mut self.auth, key, value))
            .or_else(|| put(redirects::KEYS, &mut self.redirects, key, value))
            .or_else(|| put(upstream::KEYS, &mut self.upstream, key, value))
            .or_else(|| put(headers::KEYS, &mut self.headers, key, value))
            .or_else(|| put(tls::KEYS, &mut self.tls, key, value))
            .or_else(|| self.data_plane.put(key, value));
        match outcome {
            Some(outcome) => outcome.map_err(|why| ProblemKind::Invalid { why }),
            None => unread::verdict(key, value)
                .unwrap_or_else(|| Err(ProblemKind::Unknown { nearest: nearest(key, Self::names()) })),
        }
    }
}

/// Takes over one value; none if the key is not among these.
fn put<T>(keys: &[Key<T>], settings: &mut T, key: &str, value: &str) -> Option<Outcome> {
    let (_, set) = keys.iter().find(|(name, _)| *name == key)?;
    Some(set(settings, value))
}

#[cfg(test)]
mod tests;

//! Certificates by id, shared by all workers.
//!
//! The source of manifests writes, handshakes read without a lock. What is bad is refused alone, and what was good before
//! stays in use: a rotation that goes wrong must not end in a handshake that fails. The store does not know which names an id
//! is served for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use ahash::RandomState;
use arc_swap::ArcSwap;
use ingress_core::policy::CertificateId;
use rustls::sign::CertifiedKey;

use super::pair::SELF_SIGNED_LIFE;
use super::{Authorities, BadPair, Pair};

/// Into how many maps the ids are divided, so that a new one does not mean a copy of all.
const SHARDS: usize = 64;

/// How many pairs of an id are kept beside the newest.
const MOST_OLDER: usize = 4;

/// Certificates by id.
pub struct CertStore {
    shards: [ArcSwap<Shard>; SHARDS],
    hasher: RandomState,
    /// Held while something is changed.
    writer: Mutex<()>,
    /// Which entry is the default certificate.
    default: CertificateId,
    /// The default certificate while that entry has none, made for the first handshake that needs it: a tenth of what an idle proxy has in memory
    /// would be the code that makes one.
    self_signed: OnceLock<Pair>,
    /// Since when that is good.
    since: SystemTime,
}

type Shard = HashMap<CertificateId, Arc<Material>, RandomState>;

/// The values of a Secret, or the contents of files in their place.
#[derive(Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct SecretPem<'a> {
    /// `tls.crt`: a chain.
    pub certificate: Option<&'a [u8]>,
    /// `tls.key`: its key.
    pub key: Option<&'a [u8]>,
    /// `ca.crt`: authorities that somebody else's certificate is verified with.
    pub authorities: Option<&'a [u8]>,
    /// `ca.crl`: lists of what these have revoked.
    pub lists: Option<&'a [u8]>,
}

impl fmt::Debug for SecretPem<'_> {
    /// Which values there are, not what they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretPem")
            .field("certificate", &self.certificate.is_some())
            .field("key", &self.key.is_some())
            .field("authorities", &self.authorities.is_some())
            .field("lists", &self.lists.is_some())
            .finish()
    }
}

/// What an id stands for.
#[derive(Clone, Debug, Default)]
pub struct Material {
    pair: Option<Pair>,
    /// Pairs from before it, the newest last, for names that it is not for.
    older: Vec<Pair>,
    /// Whether the source has another pair by now, which cannot be used.
    is_left_over: bool,
    authorities: Option<Arc<Authorities>>,
}

impl Material {
    /// The pair; none where there never was a good one, or where one that was only kept has expired.
    #[must_use]
    pub fn pair(&self) -> Option<&Pair> {
        self.pair.as_ref().filter(|pair| !self.is_left_over || !pair.has_expired())
    }

    /// The pair for a name that somebody asks for: the newest, unless that is not for this name and one from before it is.
    /// A Secret that by mistake gets the pair of another site costs nobody a handshake then.
    #[must_use]
    pub fn pair_for(&self, name: &str) -> Option<&Pair> {
        let newest = self.pair();
        if self.older.is_empty() || newest.is_some_and(|pair| pair.is_for(name)) {
            return newest;
        }
        self.older.iter().rev().find(|pair| pair.is_for(name) && !pair.has_expired()).or(newest)
    }

    /// The names that any of its pairs is for.
    #[must_use]
    pub fn dns_names(&self) -> Option<Vec<Box<str>>> {
        let mut names = self.pair()?.dns_names().to_vec();
        for pair in self.older.iter().filter(|pair| !pair.has_expired()) {
            names.extend(pair.dns_names().iter().cloned());
        }
        Some(names)
    }

    /// The authorities. While they are the same they are the same `Arc`.
    #[must_use]
    pub fn authorities(&self) -> Option<&Arc<Authorities>> {
        self.authorities.as_ref()
    }
}

/// A value that was refused. What was good of the others has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}{}", if *.is_served { "; the one before stays in use" } else { "" })]
#[non_exhaustive]
pub struct Refused {
    /// What is wrong.
    pub why: BadPair,
    /// Whether something that was good before is used in its place.
    pub is_served: bool,
}

impl CertStore {
    /// A store whose default certificate is that of `default`, and one of its own while that has none.
    #[must_use]
    pub fn new(default: CertificateId) -> Self {
        let hasher = RandomState::new();
        let shards = std::array::from_fn(|_| ArcSwap::from_pointee(Shard::with_hasher(hasher.clone())));
        Self {
            shards,
            hasher,
            writer: Mutex::default(),
            default,
            self_signed: OnceLock::new(),
            since: SystemTime::now(),
        }
    }

    /// Takes over what an id stands for. Returned is whether that is anything new.
    ///
    /// # Errors
    ///
    /// [`Refused`] if a value cannot be used. It counts for nothing then; the one before stays. Authorities that are gone are
    /// gone, as nobody is to be verified with what its owner took away.
    pub fn update(&self, id: &CertificateId, pem: SecretPem<'_>) -> Result<bool, Refused> {
        let _writing = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.material(id);
        let before = before.as_deref().cloned().unwrap_or_default();
        let mut now = before.clone();
        let mut refused = None;
        match read_pair(&pem, &before) {
            Ok(Some(pair)) => {
                now.is_left_over = false;
                now.replace(pair);
                if !now.older.is_empty() {
                    refused = Some(Refused { why: BadPair::OtherNames, is_served: true });
                }
            }
            Ok(None) => {}
            Err(why) => {
                now.is_left_over = true;
                refused = Some(Refused { why, is_served: now.pair().is_some() });
            }
        }
        let is_filled = |pem: &&[u8]| !pem.trim_ascii().is_empty();
        let lists = pem.lists.filter(is_filled);
        match pem.authorities.filter(is_filled).map(|pem| Authorities::from_pem(pem, lists)) {
            Some(Ok(authorities)) if before.authorities.as_deref() == Some(&authorities) => {}
            Some(Ok(authorities)) => now.authorities = Some(Arc::new(authorities)),
            Some(Err(why)) => {
                refused.get_or_insert_with(|| Refused { why, is_served: before.authorities.is_some() });
            }
            None => now.authorities = None,
        }
        let changed = !now.is_same(&before);
        if changed {
            self.put(id, (now.pair.is_some() || now.authorities.is_some()).then(|| Arc::new(now)));
        }
        refused.map_or(Ok(changed), Err)
    }

    /// Forgets an id. Returned is whether it was known.
    pub fn remove(&self, id: &CertificateId) -> bool {
        let _writing = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = self.material(id).is_some();
        if is_known {
            self.put(id, None);
        }
        is_known
    }

    /// What an id stands for.
    #[must_use]
    pub fn material(&self, id: &CertificateId) -> Option<Arc<Material>> {
        let id = if *id == CertificateId::Default { &self.default } else { id };
        self.shard(id)?.load().get(id).map(Arc::clone)
    }

    /// The certificate of an id for a handshake with this server name, or else the default one. None if there is none and none can be made.
    #[must_use]
    pub fn certified(&self, id: &CertificateId, name: &str) -> Option<Arc<CertifiedKey>> {
        let pair = self.pair(id, name);
        Some(Arc::clone(pair.as_ref().or_else(|| self.self_signed())?.certified()))
    }

    /// The entry of the default certificate, if it is one that has none.
    #[must_use]
    pub fn missing_default(&self) -> Option<&CertificateId> {
        let has_pair = |id| self.material(id).is_some_and(|material| material.pair().is_some());
        Some(&self.default).filter(|id| **id != CertificateId::Default && !has_pair(id))
    }

    /// The certificate for want of any other. If it cannot be made, the next handshake tries again.
    fn self_signed(&self) -> Option<&Pair> {
        self.self_signed.get().or_else(|| {
            let made = Pair::self_signed(self.since).ok()?;
            Some(self.self_signed.get_or_init(|| made))
        })
    }

    /// The last moment at which the certificate is good that [`certified`](Self::certified) gives.
    #[must_use]
    pub fn not_after(&self, id: &CertificateId, name: &str) -> SystemTime {
        self.pair(id, name).map_or(self.since + SELF_SIGNED_LIFE, |pair| pair.not_after())
    }

    fn pair(&self, id: &CertificateId, name: &str) -> Option<Pair> {
        let find = |id| self.material(id)?.pair_for(name).cloned();
        find(id).or_else(|| find(&CertificateId::Default))
    }

    fn shard(&self, id: &CertificateId) -> Option<&ArcSwap<Shard>> {
        let shards = u64::try_from(SHARDS).ok()?;
        self.shards.get(usize::try_from(self.hasher.hash_one(id) % shards).ok()?)
    }

    /// Puts an entry in place, or takes it away. The writer's lock is held.
    fn put(&self, id: &CertificateId, material: Option<Arc<Material>>) {
        let id = if *id == CertificateId::Default { &self.default } else { id };
        let Some(shard) = self.shard(id) else { return };
        let mut changed = Shard::clone(&shard.load());
        match material {
            Some(material) => changed.insert(id.clone(), material),
            None => changed.remove(id),
        };
        shard.store(Arc::new(changed));
    }
}

impl fmt::Debug for CertStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertStore").field("default", &self.default).finish_non_exhaustive()
    }
}

impl Material {
    /// Takes another pair. One from before it is kept if it has a name that the new one is not for; if it has none, what came
    /// between the two was a mistake that is mended now.
    fn replace(&mut self, pair: Pair) {
        if !self.pair.as_ref().is_some_and(|before| before.is_same(&pair)) {
            self.older.extend(self.pair.replace(pair));
        }
        let is_replaced =
            |old: &Pair| old.dns_names().iter().all(|name| self.pair.as_ref().is_some_and(|pair| pair.is_for(name)));
        let mended = self.older.iter().position(is_replaced).unwrap_or(MOST_OLDER);
        self.older.truncate(mended);
        self.older.retain(|old| !old.has_expired());
    }

    fn is_same(&self, other: &Self) -> bool {
        let same_pair = match (&self.pair, &other.pair) {
            (Some(a), Some(b)) => a.is_same(b),
            (None, None) => true,
            _ => false,
        };
        let same_authorities = match (&self.authorities, &other.authorities) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        let are_same_older =
            self.older.len() == other.older.len() && self.older.iter().zip(&other.older).all(|(a, b)| a.is_same(b));
        same_pair && are_same_older && same_authorities && self.is_left_over == other.is_left_over
    }
}

/// The pair of a Secret. There need be none in one that has authorities, if there never was.
fn read_pair(pem: &SecretPem<'_>, before: &Material) -> Result<Option<Pair>, BadPair> {
    let is_empty = |value: Option<&[u8]>| value.unwrap_or_default().trim_ascii().is_empty();
    let is_for_verification = !is_empty(pem.authorities) && before.pair.is_none();
    if is_for_verification && is_empty(pem.certificate) && is_empty(pem.key) {
        return Ok(None);
    }
    let pair = Pair::from_pem(pem.certificate.unwrap_or_default(), pem.key.unwrap_or_default())?;
    let has_better = before.pair.as_ref().is_some_and(|before| !before.has_expired());
    if pair.has_expired() && has_better { Err(BadPair::Expired) } else { Ok(Some(pair)) }
}

#[cfg(test)]
mod tests;

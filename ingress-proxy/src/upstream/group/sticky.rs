//! The endpoint that a client comes back to.

use std::rc::Rc;

use ingress_core::policy::Affinity;

use super::members::{Asked, Members, is_untried};
use super::{Endpoint, Group};
use crate::upstream::affinity::{Key, key_of};
use crate::upstream::balance::Draws;
use crate::upstream::maglev;

/// How many keys are drawn for one that leads to an endpoint that comes into question.
const ATTEMPTS: usize = 20;

/// Where a client is sent that shall come back to the same endpoint.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Session {
    /// The endpoint.
    pub endpoint: Rc<Endpoint>,
    /// The key for a new cookie; without one the client keeps what it has.
    pub key: Option<Key>,
}

impl Group {
    /// The endpoint for a request of a client that shall come back to it; `cookie` is the value of its affinity cookie.
    ///
    /// A client with a cookie stays with its endpoint, which may fail and be left out by others: only with
    /// `change_on_failure` it leaves it for good. Else a request that was tried there goes elsewhere, and the next one of the
    /// client does not.
    #[must_use]
    pub fn pick_sticky(
        &self,
        affinity: &Affinity,
        cookie: Option<&[u8]>,
        tried: &[Rc<Endpoint>],
        now: u64,
        draw: u64,
    ) -> Option<Session> {
        let members = self.members.borrow();
        let asked = Asked { tried, now };
        let given = cookie.map(key_of);
        let bound = given.and_then(|key| match affinity.persistent {
            true => members.by_key(self, key),
            false => members.table(None).lookup(maglev::hash(key)).next().and_then(|index| members.list.get(index)),
        });
        if let Some(endpoint) = bound {
            let stays = if affinity.change_on_failure { asked.admits(endpoint) } else { is_untried(tried, endpoint) };
            if stays {
                return Some(Session { endpoint: Rc::clone(endpoint), key: None });
            }
        }
        if bound.is_some() && !affinity.change_on_failure {
            let hash = given.map(maglev::hash).filter(|_| !affinity.persistent);
            let endpoint = match hash {
                Some(hash) => members.by_hash(&asked, hash),
                None => members.in_turn(&asked, draw),
            };
            let endpoint = endpoint.or_else(|| members.last_resort(&asked, draw))?;
            return Some(Session { endpoint: Rc::clone(endpoint), key: None });
        }
        if !affinity.persistent
            && let Some(session) = members.new_key(&asked, draw)
        {
            return Some(session);
        }
        let endpoint = members.in_turn(&asked, draw).or_else(|| members.last_resort(&asked, draw))?;
        let key = affinity.persistent.then(|| Key::of_endpoint(&self.name(), &endpoint.target));
        Some(Session { endpoint: Rc::clone(endpoint), key })
    }

    /// The second half of the value of an affinity cookie, by which the engine knows canaries.
    pub fn backend_key(&self) -> &Key {
        self.key.get_or_init(|| Key::of_backend(&self.name()))
    }
}

impl Members {
    /// The endpoint that has a key of its own.
    fn by_key(&self, group: &Group, key: &[u8]) -> Option<&Rc<Endpoint>> {
        let keys = self.keys.get_or_init(|| {
            let name = group.name();
            let of = |endpoint: &Rc<Endpoint>| Key::of_endpoint(&name, &endpoint.target);
            let mut keys: Box<[_]> = self.list.iter().map(of).zip(0..).collect();
            keys.sort_unstable();
            keys
        });
        let at = keys.binary_search_by(|(other, _)| other.as_bytes().cmp(key)).ok()?;
        keys.get(at).and_then(|(_, index)| self.list.get(*index))
    }

    /// A key that leads to an endpoint that comes into question.
    fn new_key(&self, asked: &Asked<'_>, draw: u64) -> Option<Session> {
        let table = self.table(None);
        let mut draws = Draws::new(draw);
        (0..ATTEMPTS).find_map(|_| {
            let key = Key::random(&mut draws);
            let index = table.lookup(maglev::hash(key.as_bytes())).next()?;
            let endpoint = self.list.get(index).filter(|endpoint| asked.admits(endpoint))?;
            Some(Session { endpoint: Rc::clone(endpoint), key: Some(key) })
        })
    }
}

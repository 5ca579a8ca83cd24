//! Which Ingresses have another status than they should. No socket and no clock is in here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use ingress_core::object::ObjectRef;

use super::hold::{Hold, is_same};
use crate::controller::View;
use crate::convert::{Address, IngressRecord};

/// Those that are to be written, in their order.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Arc<ObjectRef>>,
    /// What there is no use in trying again: of which state of an Ingress, and with what.
    tried: BTreeMap<Arc<ObjectRef>, (Arc<IngressRecord>, Vec<Address>)>,
    /// When some of them are to have fewer addresses.
    due: Option<Instant>,
}

/// A status to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) name: Arc<ObjectRef>,
    /// The state of the Ingress that this is for.
    pub(crate) record: Arc<IngressRecord>,
    pub(crate) addresses: Vec<Address>,
}

impl Queue {
    /// Looks through all Ingresses that are ours.
    pub(crate) fn fill(&mut self, view: &View, hold: &Hold, now: Instant) {
        self.waiting.clear();
        self.due = None;
        self.tried.retain(|name, (record, _)| view.ingresses.get(name).is_some_and(|known| is_state(known, record)));
        // Both are in order.
        let mut claimed = view.claimed.iter().peekable();
        for (name, record) in &*view.ingresses {
            while claimed.next_if(|other| *other < name).is_some() {}
            if claimed.peek() != Some(&name) {
                continue;
            }
            let Some(target) = hold.target(&record.addresses, now) else { return };
            self.due = self.due.into_iter().chain(target.until).min();
            if !is_same(&record.addresses, &target.addresses) && !self.is_tried(name, record, &target.addresses) {
                self.waiting.push_back(Arc::clone(name));
            }
        }
    }

    /// When to look again although nothing happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether nothing is to be written, as of the last look.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What is to be written next, as things are now.
    pub(crate) fn next(&mut self, view: &View, hold: &Hold, now: Instant) -> Option<Job> {
        while let Some(name) = self.waiting.pop_front() {
            let record = view.ingresses.get(&name).filter(|_| view.claimed.contains(&name));
            let target = record.and_then(|record| hold.target(&record.addresses, now));
            let (Some(record), Some(target)) = (record, target) else { continue };
            let addresses = target.addresses;
            if !is_same(&record.addresses, &addresses) && !self.is_tried(&name, record, &addresses) {
                return Some(Job { name, record: Arc::clone(record), addresses });
            }
        }
        None
    }

    /// There is no use in trying this again while the Ingress is what it is.
    pub(crate) fn tried(&mut self, job: Job) {
        self.tried.insert(job.name, (job.record, job.addresses));
    }

    /// This is to be tried again, after the others.
    pub(crate) fn again(&mut self, job: Job) {
        self.waiting.push_back(job.name);
    }

    /// Everything may be tried again.
    pub(crate) fn forget(&mut self) {
        self.tried.clear();
    }

    fn is_tried(&self, name: &Arc<ObjectRef>, record: &IngressRecord, addresses: &[Address]) -> bool {
        let tried = self.tried.get(name);
        tried.is_some_and(|(before, with)| is_state(before, record) && with == addresses)
    }
}

fn is_state(one: &IngressRecord, other: &IngressRecord) -> bool {
    one.uid == other.uid && one.resource_version == other.resource_version
}

/// The Ingresses of ours that have any address.
pub(crate) fn with_addresses(view: &View) -> BTreeSet<Arc<ObjectRef>> {
    let has_any = |name: &&Arc<ObjectRef>| view.ingresses.get(*name).is_some_and(|record| !record.addresses.is_empty());
    view.claimed.iter().filter(has_any).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ingress_core::object::Kind;

    use super::*;

    fn all(ips: &[&str]) -> Vec<Address> {
        ips.iter().map(|ip| Address { ip: (*ip).into(), hostname: Box::default() }).collect()
    }

    fn name(name: &str) -> Arc<ObjectRef> {
        ObjectRef::new(Kind::Ingress, "shop", name).into()
    }

    /// Ingresses by name, version and addresses; those whose name begins with `x` are another controller's.
    fn view(ingresses: &[(&str, u64, &[&str])]) -> View {
        let record = |(name_, version, ips): &(&str, u64, &[&str])| {
            let version: Box<str> = version.to_string().into();
            let uid = format!("uid-{name_}").into();
            let content_version = version.clone();
            let record = IngressRecord { uid, resource_version: version, content_version, addresses: all(ips) };
            (name(name_), Arc::new(record))
        };
        let ingresses: BTreeMap<_, _> = ingresses.iter().map(record).collect();
        let claimed = ingresses.keys().filter(|name| !name.name.starts_with('x')).cloned().collect();
        View { ingresses: ingresses.into(), claimed: Arc::new(claimed), ..View::default() }
    }

    fn hold(ips: &[&str], now: Instant) -> Hold {
        let mut hold = Hold::new(Duration::from_secs(30), now);
        hold.found(all(ips).into_iter().collect(), now);
        hold
    }

    fn jobs(queue: &mut Queue, view: &View, hold: &Hold, now: Instant) -> Vec<String> {
        queue.fill(view, hold, now);
        let mut jobs = Vec::new();
        while let Some(job) = queue.next(view, hold, now) {
            jobs.push(job.name.name.to_string());
            queue.tried(job);
        }
        jobs
    }

    #[test]
    fn ours_that_differ_are_written_and_no_others() {
        let now = Instant::now();
        let hold = hold(&["1", "2"], now);
        let view = view(&[("a", 1, &[]), ("b", 1, &["2", "1"]), ("c", 1, &["1"]), ("x", 1, &[]), ("x2", 1, &["9"])]);
        assert_eq!(jobs(&mut Queue::default(), &view, &hold, now), ["a", "c"]);
        let unknown = Hold::new(Duration::ZERO, now);
        assert!(jobs(&mut Queue::default(), &view, &unknown, now).is_empty(), "nothing is known");
    }

    #[test]
    fn what_was_tried_is_tried_again_when_something_is_different() {
        let now = Instant::now();
        let mut queue = Queue::default();
        let first = view(&[("a", 1, &[]), ("b", 1, &[])]);
        assert_eq!(jobs(&mut queue, &first, &hold(&["1"], now), now), ["a", "b"]);
        assert!(jobs(&mut queue, &first, &hold(&["1"], now), now).is_empty(), "the watch has not told of it yet");
        assert_eq!(jobs(&mut queue, &view(&[("a", 2, &[]), ("b", 2, &["1"])]), &hold(&["1"], now), now), ["a"]);
        assert_eq!(
            jobs(&mut queue, &view(&[("a", 2, &[]), ("b", 2, &["1"])]), &hold(&["1", "2"], now), now),
            ["a", "b"]
        );
    }

    #[test]
    fn what_changes_while_it_waits_counts() {
        let now = Instant::now();
        let (mut queue, hold) = (Queue::default(), hold(&["1"], now));
        queue.fill(&view(&[("a", 1, &[]), ("b", 1, &[]), ("c", 1, &[])]), &hold, now);
        let mut later = view(&[("a", 2, &["1"]), ("b", 2, &[])]);
        later.claimed = BTreeSet::from([name("a")]).into();
        assert_eq!(queue.next(&later, &hold, now), None);
    }

    #[test]
    fn addresses_that_are_held_are_looked_at_when_that_is_over() {
        let now = Instant::now();
        let (mut queue, hold) = (Queue::default(), hold(&["1"], now));
        let view = view(&[("a", 1, &["1", "9"]), ("x", 1, &["8"])]);
        assert!(jobs(&mut queue, &view, &hold, now).is_empty());
        let later = now + Duration::from_secs(30);
        assert_eq!(queue.due(), Some(later));
        assert_eq!(jobs(&mut queue, &view, &hold, later), ["a"]);
        assert_eq!(queue.due(), None);
    }
}

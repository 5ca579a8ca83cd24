use super::*;
use crate::convert::Content;

fn name(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new(Kind::Secret, namespace, name)
}

fn revision(version: u64) -> Revision {
    Revision { uid: "u".into(), version: version.to_string().into() }
}

fn item(name: &ObjectRef, version: u64) -> Item {
    let key = Key { namespace: Arc::clone(&name.namespace), name: Arc::clone(&name.name) };
    Item { key, revision: revision(version), content: Content::Metadata }
}

fn set(names: &[&ObjectRef]) -> BTreeSet<ObjectRef> {
    names.iter().copied().cloned().collect()
}

struct Bench {
    references: References,
    now: Instant,
}

impl Bench {
    fn new(names: &[&ObjectRef]) -> Self {
        let (mut references, now) = (References::default(), Instant::now());
        assert!(references.want(&set(names), now).is_empty());
        Self { references, now }
    }

    fn next(&mut self) -> Option<(ObjectRef, Ticket)> {
        self.references.next_fetch(self.now)
    }

    fn watch(&mut self, event: &Event) -> Vec<ObjectRef> {
        self.references.take(Resource::Secrets, &Scope::Cluster, event, self.now)
    }

    fn present(&mut self, (name, ticket): &(ObjectRef, Ticket), version: u64) -> Outcome<u64> {
        self.references.answer(name, *ticket, Answer::Present(revision(version), version), self.now)
    }

    fn failed(&mut self, (name, ticket): &(ObjectRef, Ticket)) -> Outcome<u64> {
        self.references.answer(name, *ticket, Answer::Failed(Failure::new(Reason::Forbidden, "no")), self.now)
    }

    /// Reads what there is to read, which is in this state.
    fn read(&mut self, version: u64) -> Outcome<u64> {
        let fetch = self.next().unwrap();
        self.present(&fetch, version)
    }
}

#[test]
fn what_is_wanted_is_read_once() {
    let a = name("x", "a");
    let mut bench = Bench::new(&[&a]);
    assert!(bench.references.is_waiting());
    assert_eq!(bench.read(5), Outcome::Changed(5));
    assert!(!bench.references.is_waiting());
    assert_eq!((bench.next(), bench.references.due()), (None, None));
    // The watch sees what has been read, and what nobody wants.
    assert_eq!(bench.watch(&Event::Replaced(vec![item(&a, 5), item(&name("x", "b"), 6)])), []);
    assert_eq!(bench.next(), None);
    assert_eq!(bench.references.count(Resource::Secrets, &Scope::Cluster), 1);
    assert_eq!(bench.references.want(&set(&[]), bench.now), std::slice::from_ref(&a));
    assert_eq!(bench.watch(&Event::Applied(item(&a, 7))), []);
    assert_eq!(bench.next(), None);
}

#[test]
fn a_change_is_read_even_if_it_comes_while_reading() {
    let a = name("x", "a");
    let mut bench = Bench::new(&[&a]);
    let first = bench.next().unwrap();
    bench.watch(&Event::Applied(item(&a, 6)));
    assert_eq!(bench.next(), None, "it is being read");
    assert_eq!(bench.present(&first, 5), Outcome::Changed(5));
    assert_eq!(bench.read(6), Outcome::Changed(6), "the watch was ahead");
    bench.watch(&Event::Applied(item(&a, 7)));
    bench.watch(&Event::Applied(item(&a, 8)));
    assert_eq!(bench.read(8), Outcome::Changed(8));
    assert_eq!(bench.next(), None);
    bench.watch(&Event::Applied(item(&a, 8)));
    bench.watch(&Event::Applied(item(&a, 7)));
    assert_eq!(bench.next(), None, "that is known");
}

#[test]
fn what_goes_is_gone_and_comes_back() {
    let (a, b) = (name("x", "a"), name("x", "b"));
    let mut bench = Bench::new(&[&a, &b]);
    assert_eq!(bench.read(5), Outcome::Changed(5));
    let missing = bench.next().unwrap();
    let absent = bench.references.answer(&missing.0, missing.1, Answer::<u64>::Absent, bench.now);
    assert_eq!(absent, Outcome::Gone);
    assert!(!bench.references.is_waiting());
    assert_eq!(bench.watch(&Event::Deleted(item(&a, 4))), [], "that was another one of its name");
    assert_eq!(bench.watch(&Event::Deleted(item(&a, 6))), std::slice::from_ref(&a));
    assert_eq!(bench.watch(&Event::Deleted(item(&a, 6))), []);
    bench.watch(&Event::Applied(item(&b, 9)));
    assert_eq!(bench.read(9), Outcome::Changed(9));
    assert_eq!(bench.watch(&Event::Replaced(vec![item(&a, 10)])), [b], "it is not in the list");
    assert_eq!(bench.read(10), Outcome::Changed(10));
}

#[test]
fn what_is_deleted_while_it_is_read_is_looked_at_again() {
    let a = name("x", "a");
    let mut bench = Bench::new(&[&a]);
    let first = bench.next().unwrap();
    assert_eq!(bench.watch(&Event::Deleted(item(&a, 6))), []);
    assert_eq!(bench.present(&first, 5), Outcome::Changed(5));
    let (again, ticket) = bench.next().unwrap();
    assert_eq!(bench.references.answer(&again, ticket, Answer::<u64>::Absent, bench.now), Outcome::Gone);
}

#[test]
fn a_failure_keeps_what_was_read_and_is_tried_again() {
    let a = name("x", "a");
    let mut bench = Bench::new(&[&a]);
    let first = bench.next().unwrap();
    assert!(matches!(bench.failed(&first), Outcome::Unreadable(why) if &*why == "forbidden: no"));
    assert!(!bench.references.is_waiting(), "that is an answer");
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let due = bench.references.due().unwrap();
        pauses.push((due - bench.now).as_millis());
        assert_eq!(bench.next(), None);
        bench.now = due;
        let again = bench.next().unwrap();
        assert_eq!(bench.failed(&again), Outcome::Same);
    }
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    bench.now = bench.references.due().unwrap();
    assert_eq!(bench.read(3), Outcome::Changed(3));
    bench.watch(&Event::Applied(item(&a, 4)));
    let change = bench.next().unwrap();
    assert_eq!(bench.failed(&change), Outcome::Same, "what was read still counts");
    bench.now = bench.references.due().unwrap();
    assert_eq!(bench.read(4), Outcome::Changed(4));
}

#[test]
fn a_rule_that_is_missing_for_thousands_is_no_storm() {
    let names: Vec<ObjectRef> = (0..1_000).map(|n| name("x", &format!("s{n}"))).collect();
    let mut bench = Bench::new(&names.iter().collect::<Vec<_>>());
    let mut fetches = 0;
    let end = bench.now + Duration::from_secs(60);
    while bench.now < end {
        while let Some(fetch) = bench.next() {
            bench.failed(&fetch);
            fetches += 1;
        }
        // The watch is refused too, again and again.
        bench.watch(&Event::Failed(Failure::new(Reason::Forbidden, "no")));
        bench.now += Duration::from_millis(10);
    }
    assert!((1_000..=1_610).contains(&fetches), "{fetches}: each once, and then ten in a second");
}

#[test]
fn no_more_than_some_are_read_at_one_time() {
    let names: Vec<ObjectRef> = (0..40).map(|n| name("x", &format!("s{n}"))).collect();
    let mut bench = Bench::new(&names.iter().collect::<Vec<_>>());
    let mut running: Vec<_> = std::iter::from_fn(|| bench.next()).collect();
    assert_eq!((running.len(), bench.references.due()), (16, None));
    let done = running.pop().unwrap();
    bench.present(&done, 1);
    assert!(bench.next().is_some() && bench.next().is_none());
}

#[test]
fn the_answer_for_an_earlier_want_is_not_taken_for_the_later() {
    let a = name("x", "a");
    let mut bench = Bench::new(&[&a]);
    let old = bench.next().unwrap();
    bench.references.want(&set(&[]), bench.now);
    bench.references.want(&set(&[&a]), bench.now);
    let new = bench.next().unwrap();
    assert_eq!(bench.present(&old, 1), Outcome::Same);
    assert!(bench.references.is_waiting());
    assert_eq!(bench.present(&new, 2), Outcome::Changed(2));
}

#[test]
fn a_scope_is_one_namespace() {
    let (a, b) = (name("x", "a"), name("y", "b"));
    let mut bench = Bench::new(&[&a, &b]);
    assert_eq!(bench.references.namespaces(Kind::Secret), ["x", "y"].map(Box::from).into());
    assert!(bench.references.namespaces(Kind::ConfigMap).is_empty());
    assert_eq!((bench.read(1), bench.read(1)), (Outcome::Changed(1), Outcome::Changed(1)));
    let x = Scope::Namespace("x".into());
    let gone = bench.references.take(Resource::Secrets, &x, &Event::Replaced(Vec::new()), bench.now);
    assert_eq!(gone, [a]);
}

use ingress_core::object::{FieldPath, Kind};

use super::*;
use crate::convert::Address;

fn name(name: &str) -> Arc<ObjectRef> {
    ObjectRef::new(Kind::Ingress, "shop", name).into()
}

fn finding(of: &str, code: Code, message: &str) -> Diagnostic {
    Diagnostic::new(code, Some(name(of)), FieldPath::named(&"spec"), message)
}

/// Ingresses by name and version; those whose name begins with `x` are another controller's.
fn view(ingresses: &[(&str, u64)], findings: Vec<Diagnostic>) -> View {
    let record = |(name_, version): &(&str, u64)| {
        let version: Box<str> = version.to_string().into();
        let addresses = vec![Address { ip: "192.0.2.1".into(), hostname: Box::default() }];
        let uid = format!("uid-{name_}").into();
        let record = IngressRecord { uid, resource_version: version.clone(), content_version: version, addresses };
        (name(name_), Arc::new(record))
    };
    let ingresses: BTreeMap<_, _> = ingresses.iter().map(record).collect();
    let claimed = ingresses.keys().filter(|name| !name.name.starts_with('x')).cloned().collect();
    View {
        ingresses: ingresses.into(),
        claimed: Arc::new(claimed),
        findings: Arc::new(findings.into_iter().collect()),
        ..View::default()
    }
}

struct Bench {
    journal: Journal,
    start: Instant,
    events: u32,
}

impl Bench {
    fn new() -> Self {
        Self { journal: Journal::new(true), start: Instant::now(), events: 0 }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn take(&mut self, seconds: u64, ingresses: &[(&str, u64)], findings: Vec<Diagnostic>) -> Vec<String> {
        self.journal.take(&view(ingresses, findings), self.at(seconds));
        self.tell(seconds)
    }

    /// Tells all that may be told, and returns it: Ingress, reason, how often, whether it is a new Event, text.
    fn tell(&mut self, seconds: u64) -> Vec<String> {
        let now = self.at(seconds);
        let mut told = Vec::new();
        while let Some(note) = self.journal.next(now) {
            let event = note.event.clone().unwrap_or_else(|| {
                self.events += 1;
                format!("event-{}", self.events).into()
            });
            let new = if note.event.is_some() { "again" } else { "new" };
            told.push(format!("{} {} {} {new}: {}", note.key.0.name, note.key.1, note.count, note.text));
            self.journal.told(&note, &event, now);
        }
        told
    }
}

#[test]
fn what_was_there_when_it_began_is_not_told_unless_it_is_wrong() {
    let mut bench = Bench::new();
    let found = vec![finding("b", Code::PathNeverMatches, "no request has this path")];
    assert_eq!(
        bench.take(0, &[("a", 1), ("b", 1), ("x", 1)], found.clone()),
        ["b ING0317 1 new: no request has this path (spec)"]
    );
    assert!(bench.take(1, &[("a", 1), ("b", 1), ("x", 1)], found.clone()).is_empty(), "that is known");
    assert_eq!(bench.take(2, &[("a", 1), ("b", 1), ("c", 3), ("x", 2)], found), ["c Sync 1 new: accepted"]);
}

#[test]
fn without_a_status_all_of_it_is_new() {
    let mut bench = Bench::new();
    let mut view = view(&[("a", 1), ("x", 1)], Vec::new());
    let ingresses = Arc::make_mut(&mut view.ingresses);
    ingresses.values_mut().for_each(|record| Arc::make_mut(record).addresses.clear());
    bench.journal.take(&view, bench.at(0));
    assert_eq!(bench.tell(0), ["a Sync 1 new: accepted"]);
    bench.journal = Journal::new(false);
    bench.journal.take(&view, bench.at(0));
    assert!(bench.tell(0).is_empty(), "nobody writes a status");
}

#[test]
fn what_happens_often_is_counted() {
    let mut bench = Bench::new();
    bench.take(0, &[], Vec::new());
    assert_eq!(bench.take(1, &[("a", 1)], Vec::new()), ["a Sync 1 new: accepted"]);
    for second in 2..11 {
        assert!(bench.take(second, &[("a", second)], Vec::new()).is_empty());
    }
    assert_eq!(bench.journal.due(), Some(bench.at(11)));
    assert_eq!(bench.tell(11), ["a Sync 10 again: accepted"]);
    assert_eq!(bench.take(60, &[("a", 60)], Vec::new()), ["a Sync 11 again: accepted"]);
}

#[test]
fn findings_of_one_kind_are_one_event() {
    let mut bench = Bench::new();
    bench.take(0, &[], Vec::new());
    let found = |n: usize| -> Vec<Diagnostic> {
        (0..n).map(|n| finding("a", Code::PathNeverMatches, &format!("path {n}"))).collect()
    };
    assert_eq!(
        bench.take(1, &[("a", 1)], found(3)),
        ["a ING0317 1 new: path 0 (spec) (and 2 more of this kind)", "a Sync 1 new: accepted"]
    );
    let told = bench.take(20, &[("a", 1)], found(1));
    assert_eq!(told, ["a ING0317 2 again: path 0 (spec)"], "the Ingress is what it was");
    let long = finding("a", Code::PathNeverMatches, &"é".repeat(4_000));
    bench.take(40, &[("a", 1)], vec![long.clone(), long]);
    assert!(bench.journal.entries.values().all(|entry| entry.note.len() <= MAX_NOTE));
}

#[test]
fn what_is_refused_is_no_sync_and_is_one_when_it_is_mended() {
    let mut bench = Bench::new();
    bench.take(0, &[], Vec::new());
    let refused = finding("a", Code::InvalidHost, "`A` is no host");
    assert_eq!(bench.take(1, &[("a", 1)], vec![refused.clone()]), ["a ING0305 1 new: `A` is no host (spec)"]);
    let part = refused.with_outcome(Severity::Error, Effect::RouteRefused);
    let told = bench.take(20, &[("a", 1)], vec![part]);
    assert_eq!(told, ["a Sync 1 new: accepted, except for what the warnings name"]);
    assert_eq!(bench.take(40, &[("a", 1)], Vec::new()), ["a Sync 2 again: accepted"]);
    let note = finding("a", Code::RemovedApiVersion, "old");
    assert!(bench.take(60, &[("a", 1)], vec![note]).is_empty(), "nobody is told of notes");
}

#[test]
fn what_is_mended_before_anybody_is_told_is_not_told() {
    let mut bench = Bench::new();
    bench.take(0, &[("a", 1)], Vec::new());
    let found = finding("a", Code::PathNeverMatches, "never");
    bench.journal.take(&view(&[("a", 1)], vec![found]), bench.at(1));
    bench.journal.take(&view(&[("a", 1)], Vec::new()), bench.at(1));
    assert!(bench.tell(1).is_empty());
    assert_eq!(bench.journal.due(), None);
}

#[test]
fn what_stays_wrong_is_told_again_before_the_server_forgets_it() {
    let mut bench = Bench::new();
    let found = || vec![finding("a", Code::PathNeverMatches, "never")];
    assert_eq!(bench.take(0, &[("a", 1)], found()).len(), 1);
    for minute in 1..45 {
        assert!(bench.take(minute * 60, &[("a", 1)], found()).is_empty());
    }
    assert_eq!(bench.take(45 * 60, &[("a", 1)], found()), ["a ING0317 2 again: never (spec)"]);
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut bench = Bench::new();
    let found = vec![finding("a", Code::PathNeverMatches, "never")];
    bench.take(0, &[("a", 1)], found.clone());
    bench.journal.take(&view(&[("a", 2)], found.clone()), bench.at(1));
    bench.take(2, &[], found);
    assert!(bench.journal.entries.is_empty() && bench.journal.ingresses.is_empty() && bench.journal.due.is_empty());
}

#[test]
fn another_ones_are_not_told_of() {
    let mut bench = Bench::new();
    bench.take(0, &[], Vec::new());
    let theirs = finding("x", Code::PathNeverMatches, "never");
    assert!(bench.take(1, &[("x", 1)], vec![theirs]).is_empty());
    // Ours by its class, and left out on our own wish.
    let ours = finding("x", Code::CatchAllDisabled, "has a default backend");
    let told = format!("x {} 1 new: has a default backend (spec)", Code::CatchAllDisabled.id());
    assert_eq!(bench.take(2, &[("x", 1)], vec![ours]), [told]);
}

#[test]
fn a_storm_is_thinned_out() {
    let mut bench = Bench::new();
    bench.take(0, &[], Vec::new());
    let names: Vec<String> = (0..200).map(|n| format!("a{n}")).collect();
    let ingresses: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    assert_eq!(bench.take(1, &ingresses, Vec::new()).len(), BURST as usize);
    let told: Vec<usize> = (2..37).map(|second| bench.tell(second).len()).collect();
    assert!(told.iter().all(|told| *told <= 5), "{told:?}");
    assert_eq!(told.iter().sum::<usize>(), 175);
}

#[test]
fn an_event_that_was_lost_is_written_anew() {
    let mut bench = Bench::new();
    bench.take(0, &[], Vec::new());
    bench.take(1, &[("a", 1)], Vec::new());
    bench.journal.take(&view(&[("a", 2)], Vec::new()), bench.at(4_000));
    let note = bench.journal.next(bench.at(4_000)).unwrap();
    assert_eq!(note.event.as_deref(), Some("event-1"));
    bench.journal.failed(&note, true, true, bench.at(4_000));
    assert_eq!(bench.tell(4_000), ["a Sync 1 new: accepted"]);
    bench.journal.take(&view(&[("a", 3)], Vec::new()), bench.at(5_000));
    let note = bench.journal.next(bench.at(5_000)).unwrap();
    bench.journal.failed(&note, false, false, bench.at(5_000));
    assert!(bench.tell(5_000).is_empty(), "the server does not want it");
}

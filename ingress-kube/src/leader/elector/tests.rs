use super::*;

/// An elector called `me` whose lease is 10 s, and the time.
struct Bench {
    elector: Elector,
    start: Instant,
}

impl Bench {
    fn new() -> Self {
        let start = Instant::now();
        Self { elector: Elector::new("me".into(), Timing::of(Duration::from_secs(10)), 7, start), start }
    }

    fn at(&self, seconds: f32) -> Instant {
        self.start + Duration::from_secs_f32(seconds)
    }

    fn ask(&mut self, seconds: f32) -> Option<Ask> {
        self.elector.ask(self.at(seconds), &format!("{seconds}"))
    }

    /// Asks as soon as there is something to ask, and returns when that was.
    fn next(&mut self) -> (f32, Ask) {
        let due = self.elector.due().unwrap();
        let seconds = due.saturating_duration_since(self.start).as_secs_f32();
        let stamp = format!("{seconds}");
        (seconds, self.elector.ask(due, &stamp).unwrap())
    }

    fn answer(&mut self, seconds: f32, answer: Answer) {
        self.elector.answer(answer, self.at(seconds));
    }

    fn leads(&self, seconds: f32) -> bool {
        self.elector.term().is_some_and(|(begin, _)| self.at(seconds) < begin)
    }

    /// Leads from the beginning.
    fn leading() -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.ask(0.0), Some(Ask::Read));
        bench.answer(0.0, Answer::Absent);
        let Some(Ask::Create(claim)) = bench.ask(0.0) else { panic!("it does not create the Lease") };
        bench.answer(0.1, Answer::Lease(claim));
        bench
    }
}

fn held(holder: &str, renewed: &str) -> Claim {
    Claim { holder: holder.into(), seconds: 10, renewed: renewed.into(), ..Claim::default() }
}

#[test]
fn a_lease_that_is_not_there_is_created() {
    let mut bench = Bench::leading();
    let claim = bench.elector.observed.clone().unwrap().0;
    assert_eq!((&*claim.holder, claim.seconds, claim.transitions), ("me", 10, 0));
    assert!(bench.leads(4.9) && !bench.leads(5.0), "it counts from the question, not from the answer");
    let (at, ask) = bench.next();
    assert_eq!(at, 2.5);
    assert!(matches!(&ask, Ask::Update(claim) if &*claim.renewed == "2.5" && &*claim.acquired == "0"), "{ask:?}");
    bench.answer(2.6, Answer::Lease(held("me", "2.5")));
    assert!(bench.leads(7.4) && !bench.leads(7.5));
}

#[test]
fn another_ones_lease_runs_out_by_our_clock_alone() {
    let mut bench = Bench::new();
    bench.ask(0.0);
    // What it says of the time is of no account.
    bench.answer(0.0, Answer::Lease(held("other", "1970-01-01T00:00:00Z")));
    let mut looks = Vec::new();
    loop {
        let (at, ask) = bench.next();
        looks.push(at);
        if ask != Ask::Read {
            assert!(matches!(&ask, Ask::Update(claim) if &*claim.holder == "me" && claim.transitions == 1), "{ask:?}");
            break;
        }
        assert!(at < 10.3, "{looks:?}");
        bench.answer(at, Answer::Lease(held("other", "1970-01-01T00:00:00Z")));
    }
    assert!(looks.iter().zip(looks.iter().skip(1)).all(|(before, after)| after - before <= 3.0), "{looks:?}");
    assert!((10.0..10.3).contains(looks.last().unwrap()), "{looks:?}");

    let mut bench = Bench::new();
    bench.ask(0.0);
    bench.answer(0.0, Answer::Lease(held("other", "0")));
    for turn in 1..100 {
        let (at, ask) = bench.next();
        assert_eq!(ask, Ask::Read, "it is renewed all the time");
        bench.answer(at, Answer::Lease(held("other", &turn.to_string())));
        assert!(!bench.leads(at));
    }
}

#[test]
fn the_time_that_counts_is_that_of_whoever_holds_it() {
    let mut bench = Bench::new();
    bench.ask(0.0);
    bench.answer(0.0, Answer::Lease(Claim { seconds: 60, ..held("other", "0") }));
    let mut last = 0.0;
    loop {
        let (at, ask) = bench.next();
        last = f32::max(at, last);
        if ask != Ask::Read {
            break;
        }
        bench.answer(at, Answer::Lease(Claim { seconds: 60, ..held("other", "0") }));
    }
    assert!((60.0..60.3).contains(&last), "{last}");
}

#[test]
fn a_lease_that_was_given_back_is_free() {
    let mut bench = Bench::new();
    bench.ask(0.0);
    bench.answer(0.0, Answer::Lease(Claim { seconds: 1, ..held("", "0") }));
    assert!(matches!(bench.ask(0.0), Some(Ask::Update(_))));
}

#[test]
fn without_answers_a_leader_stops_and_begins_again() {
    let mut bench = Bench::leading();
    for _ in 0..20 {
        let (at, ask) = bench.next();
        assert!(matches!(ask, Ask::Update(_)));
        bench.answer(at + 0.5, Answer::Failed(Duration::ZERO));
        assert_eq!(bench.leads(at + 0.5), at + 0.5 < 5.0);
    }
    let (at, _) = bench.next();
    assert!(at > 20.0);
    // Nobody has taken it meanwhile: the version was still the same.
    bench.answer(at + 0.5, Answer::Lease(held("me", "20")));
    assert!(bench.leads(at + 4.9));
}

#[test]
fn whoever_finds_another_version_leads_no_longer() {
    for surprise in [Answer::Conflict, Answer::Absent] {
        let mut bench = Bench::leading();
        let (at, _) = bench.next();
        bench.answer(at, surprise);
        assert!(!bench.leads(at));
        let (at, ask) = bench.next();
        assert_eq!(ask, Ask::Read);
        bench.answer(at, Answer::Lease(held("other", "2")));
        let (later, ask) = bench.next();
        assert_eq!(ask, Ask::Read);
        assert!(later >= at + 2.5);
    }
}

#[test]
fn what_was_written_without_an_answer_is_found_again() {
    let mut bench = Bench::new();
    bench.ask(0.0);
    bench.answer(0.0, Answer::Absent);
    bench.ask(0.0);
    bench.answer(2.5, Answer::Failed(Duration::ZERO));
    let (at, ask) = bench.next();
    assert!(matches!(ask, Ask::Create(_)));
    bench.answer(at, Answer::Conflict);
    let (at, _) = bench.next();
    bench.answer(at, Answer::Lease(held("me", "0")));
    let (at, ask) = bench.next();
    assert!(matches!(ask, Ask::Update(_)));
    bench.answer(at, Answer::Lease(held("me", "3")));
    assert!(bench.leads(at));
}

#[test]
fn whoever_may_not_write_it_reads_it() {
    let mut bench = Bench::leading();
    let (at, ask) = bench.next();
    assert!(matches!(ask, Ask::Update(_)));
    bench.answer(at, Answer::Refused(Duration::ZERO));
    assert!(bench.leads(at), "nobody else may have taken it");
    let (at, ask) = bench.next();
    assert_eq!(ask, Ask::Read);
    bench.answer(at, Answer::Refused(Duration::from_secs(20)));
    let (later, ask) = bench.next();
    assert!(ask == Ask::Read && later >= at + 20.0 && !bench.leads(later), "{ask:?} at {later}");
    bench.elector.end();
    bench.answer(later, Answer::Refused(Duration::ZERO));
    assert!(bench.elector.is_over());
}

#[test]
fn a_claim_that_does_not_say_for_how_long_counts_as_long_as_ours() {
    let mut bench = Bench::new();
    bench.ask(0.0);
    bench.answer(0.0, Answer::Lease(Claim { seconds: 0, ..held("other", "0") }));
    let (at, ask) = bench.next();
    assert!(ask == Ask::Read && at >= 2.5, "{ask:?} at {at}");
}

#[test]
fn the_end_gives_the_lease_back() {
    let mut bench = Bench::leading();
    bench.elector.end();
    assert!(!bench.leads(0.2) && !bench.elector.is_over());
    let Some(Ask::Update(claim)) = bench.ask(0.2) else { panic!("it is not given back") };
    assert_eq!((&*claim.holder, claim.seconds), ("", 1));
    bench.answer(0.3, Answer::Lease(claim));
    assert!(bench.elector.is_over() && bench.elector.due().is_none());
}

#[test]
fn the_end_waits_for_what_is_under_way() {
    let mut bench = Bench::leading();
    bench.next();
    bench.elector.end();
    assert!(!bench.elector.is_over() && bench.elector.due().is_none());
    bench.answer(2.6, Answer::Failed(Duration::ZERO));
    bench.next();
    // The renewal had been taken.
    bench.answer(3.5, Answer::Conflict);
    let (at, ask) = bench.next();
    assert_eq!(ask, Ask::Read);
    bench.answer(at, Answer::Lease(held("me", "2.5")));
    let (at, ask) = bench.next();
    assert!(matches!(&ask, Ask::Update(claim) if claim.holder.is_empty()), "{ask:?}");
    bench.answer(at, Answer::Lease(Claim { seconds: 1, ..held("", "4") }));
    assert!(bench.elector.is_over());
}

#[test]
fn whoever_does_not_lead_has_nothing_to_give_back() {
    let mut bench = Bench::new();
    bench.elector.end();
    assert!(bench.elector.is_over());
    let mut bench = Bench::new();
    bench.ask(0.0);
    bench.answer(0.0, Answer::Lease(held("other", "0")));
    bench.elector.end();
    assert!(bench.elector.is_over());
}

#[test]
fn the_default_is_taken_over_in_time() {
    let Timing { lease, deadline, retry } = Timing::of(Duration::from_secs(10));
    assert_eq!((lease, deadline, retry), (10, Duration::from_secs(5), Duration::from_millis(2_500)));
    assert_eq!(Timing::of(Duration::from_millis(1_200)).lease, 2);
    assert_eq!(Timing::of(Duration::ZERO).lease, 1);
}

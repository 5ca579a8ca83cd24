use super::*;

/// A candidate called `me` whose lease is 10 s, and the time.
struct Bench {
    locks: Locks,
    start: Instant,
}

impl Bench {
    fn new() -> Self {
        let start = Instant::now();
        let timing = Timing::of(Duration::from_secs(10));
        Self { locks: Locks::new("me".into(), timing, 7, true, start), start }
    }

    /// Asks as soon as there is something to ask, gives the answer, and returns when that was and what was asked.
    fn turn(&mut self, answer: impl FnOnce(Lock, &Ask) -> Answer) -> (f32, Lock, Ask) {
        let due = self.locks.due().unwrap();
        let at = due.saturating_duration_since(self.start).as_secs_f32();
        let (lock, ask) = self.locks.ask(due, &format!("{at}")).unwrap();
        assert_eq!(self.locks.due(), None, "an answer is awaited");
        self.locks.answer(answer(lock, &ask), due);
        (at, lock, ask)
    }

    fn leads(&self, seconds: f32) -> bool {
        self.locks.term().is_some_and(|(begin, _)| self.start + Duration::from_secs_f32(seconds) < begin)
    }
}

/// Of a lock that is there for whoever asks.
fn granted(ask: &Ask) -> Answer {
    match ask {
        Ask::Read => Answer::Absent,
        Ask::Create(claim) | Ask::Update(claim) => Answer::Lease(claim.clone()),
    }
}

/// Where there is no right to Leases.
fn without_leases(lock: Lock, ask: &Ask) -> Answer {
    if lock == Lock::Lease { Answer::Refused(Duration::ZERO) } else { granted(ask) }
}

fn held(holder: &str, seconds: u32) -> Claim {
    Claim { holder: holder.into(), seconds, renewed: "2021-06-01T08:00:00Z".into(), ..Claim::default() }
}

const READ: bool = true;
const WRITE: bool = false;

#[test]
fn the_lease_decides_where_it_may_be_used() {
    let mut bench = Bench::new();
    for expected in [(Lock::Lease, READ), (Lock::Lease, WRITE), (Lock::ConfigMap, READ)] {
        assert!(!bench.leads(0.0), "the other one has not been looked at");
        let (at, lock, ask) = bench.turn(|_, ask| granted(ask));
        assert_eq!((at, lock, ask == Ask::Read), (0.0, expected.0, expected.1));
    }
    assert!(bench.leads(4.9) && !bench.leads(5.0));
    for _ in 0..20 {
        let (at, lock, ask) = bench.turn(|_, ask| granted(ask));
        assert!(lock == Lock::Lease && matches!(ask, Ask::Update(_)) && bench.leads(at), "{ask:?}");
    }
}

#[test]
fn without_a_config_map_only_the_lease_is_asked() {
    let mut bench = Bench::new();
    let timing = Timing::of(Duration::from_secs(10));
    bench.locks = Locks::new("me".into(), timing, 7, false, bench.start);
    for _ in 0..2 {
        assert_eq!(bench.turn(|_, ask| granted(ask)).1, Lock::Lease);
    }
    assert!(bench.leads(0.0));
    for _ in 0..20 {
        let (_, lock, _) = bench.turn(|_, _| Answer::Refused(Duration::ZERO));
        assert_eq!(lock, Lock::Lease);
    }
}

#[test]
fn whoever_has_no_right_to_leases_leads_by_the_config_map_after_a_lease_time() {
    let mut bench = Bench::new();
    let mut refusals = 0;
    let led = loop {
        let (at, lock, ask) = bench.turn(without_leases);
        refusals += usize::from(lock == Lock::Lease);
        assert!(lock == Lock::ConfigMap || ask == Ask::Read, "{ask:?}");
        if bench.leads(at) {
            break at;
        }
    };
    assert!((10.0..11.0).contains(&led) && refusals <= 6, "at {led} s, after {refusals} refusals");
    assert_eq!(bench.locks.used(), Lock::ConfigMap);
    for _ in 0..20 {
        let (at, lock, _) = bench.turn(without_leases);
        assert!(lock == Lock::ConfigMap && bench.leads(at), "what is refused is asked no more");
    }
    bench.locks.end();
    let (_, lock, ask) = bench.turn(without_leases);
    assert!(lock == Lock::ConfigMap && matches!(&ask, Ask::Update(claim) if claim.holder.is_empty()), "{ask:?}");
    assert!(bench.locks.is_over());
}

#[test]
fn a_server_that_refuses_everybody_for_a_moment_changes_nothing() {
    let mut bench = Bench::new();
    while bench.turn(|_, _| Answer::Refused(Duration::ZERO)).0 < 2.0 {}
    while !bench.leads(0.0) {
        let (at, lock, ask) = bench.turn(|_, ask| granted(ask));
        assert!(lock == Lock::Lease || ask == Ask::Read, "{ask:?} at {at}");
    }
    assert_eq!(bench.locks.used(), Lock::Lease);
}

#[test]
fn a_config_map_that_is_held_is_waited_for() {
    let mut bench = Bench::new();
    for renewal in 0..40_u32 {
        let (at, ..) = bench.turn(|lock, ask| match lock {
            Lock::Lease => granted(ask),
            Lock::ConfigMap => Answer::Lease(Claim { transitions: renewal, ..held("nginx", 30) }),
        });
        assert!(!bench.leads(at));
    }
    assert_eq!(bench.locks.holder(), "nginx");
    // It is given back.
    while !bench.leads(0.0) {
        bench.turn(|lock, ask| if lock == Lock::Lease { granted(ask) } else { Answer::Lease(held("", 1)) });
    }
    assert_eq!(bench.locks.holder(), "me");
}

#[test]
fn a_config_map_that_nobody_renews_runs_out() {
    let answer = |lock: Lock, ask: &Ask| match lock {
        Lock::Lease => granted(ask),
        Lock::ConfigMap => Answer::Lease(held("nginx", 30)),
    };
    let mut bench = Bench::new();
    let led = loop {
        let (at, ..) = bench.turn(answer);
        if bench.leads(at) {
            break at;
        }
    };
    assert!((30.0..31.0).contains(&led), "{led}");
    // Whoever has long been waiting for another one's Lease has seen it run out.
    let mut bench = Bench::new();
    let follow = |lock: Lock, ask: &Ask| match (lock, ask) {
        (Lock::Lease, Ask::Read) => Answer::Lease(held("other", 60)),
        _ => answer(lock, ask),
    };
    let led = loop {
        let (at, ..) = bench.turn(follow);
        if bench.leads(at) {
            break at;
        }
    };
    assert!((60.0..61.0).contains(&led), "{led}");
}

#[test]
fn whoever_holds_the_config_map_gives_it_back_for_a_lease_that_may_be_read() {
    let mut bench = Bench::new();
    while bench.turn(without_leases).1 == Lock::Lease || bench.locks.used() == Lock::Lease {}
    let mut asked = Vec::new();
    while bench.locks.used() == Lock::ConfigMap {
        let (at, lock, ask) = bench.turn(|lock, ask| match (lock, ask) {
            (Lock::Lease, _) => Answer::Lease(held("other", 10)),
            (Lock::ConfigMap, ask) => granted(ask),
        });
        assert!(!bench.leads(at));
        asked.push((lock, ask));
    }
    let Some((Lock::ConfigMap, Ask::Update(claim))) = asked.pop() else { panic!("it keeps it: {asked:?}") };
    assert_eq!(&*claim.holder, "");
    assert!(matches!(asked.pop(), Some((Lock::Lease, Ask::Read))));
    let (_, lock, ask) = bench.turn(|_, _| Answer::Lease(held("other", 10)));
    assert_eq!((lock, ask, bench.locks.holder()), (Lock::Lease, Ask::Read, "other"));
}

#[test]
fn a_lead_that_begins_anew_looks_again() {
    let mut bench = Bench::new();
    while !bench.leads(0.0) {
        bench.turn(|_, ask| granted(ask));
    }
    // There is no right for a while, and somebody else leads by the ConfigMap meanwhile.
    while bench.turn(|_, _| Answer::Failed(Duration::ZERO)).0 < 8.0 {}
    for _ in 0..4 {
        let (at, ..) = bench.turn(|lock, ask| match lock {
            Lock::Lease => granted(ask),
            Lock::ConfigMap => Answer::Lease(held("other", 10)),
        });
        assert!(!bench.leads(at));
    }
    assert_eq!(bench.locks.holder(), "other");
}

#[test]
fn a_refusal_of_long_ago_says_nothing_of_now() {
    let mut bench = Bench::new();
    while !bench.leads(0.0) {
        bench.turn(without_leases);
    }
    let began = loop {
        let (at, ..) = bench.turn(without_leases);
        if at > 60.0 {
            break at;
        }
    };
    let lost = loop {
        let (at, ..) = bench.turn(|_, _| Answer::Failed(Duration::ZERO));
        if at > began + 6.0 {
            break at;
        }
    };
    let led = loop {
        let (at, ..) = bench.turn(without_leases);
        if bench.leads(at) {
            break at;
        }
    };
    assert!((10.0..14.0).contains(&(led - lost)), "lost at {lost} s, led again at {led} s");
}

#[test]
fn whoever_has_neither_right_tries_now_and_then() {
    let mut bench = Bench::new();
    let pause = Duration::from_secs(30);
    let mut asked: Vec<(f32, Lock, Ask)> = Vec::new();
    while asked.last().is_none_or(|(at, ..)| *at < 600.0) {
        asked.push(bench.turn(|_, _| Answer::Refused(pause)));
    }
    assert!(asked.len() < 80, "{}", asked.len());
    assert!(asked.iter().all(|(_, _, ask)| *ask == Ask::Read), "what may not be read is not written");
}

#[test]
fn the_end_waits_for_no_look() {
    let mut bench = Bench::new();
    bench.turn(|_, ask| granted(ask));
    bench.turn(|_, ask| granted(ask));
    assert_eq!(bench.locks.ask(bench.start, "0"), Some((Lock::ConfigMap, Ask::Read)));
    bench.locks.end();
    bench.locks.answer(Answer::Failed(Duration::ZERO), bench.start);
    let (_, lock, ask) = bench.turn(|_, ask| granted(ask));
    assert!(lock == Lock::Lease && matches!(&ask, Ask::Update(claim) if claim.holder.is_empty()), "{ask:?}");
    assert!(bench.locks.is_over() && bench.locks.due().is_none());
}

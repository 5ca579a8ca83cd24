//! Who is left out, and for how long.

use proptest::prelude::*;

use super::*;

fn open(group: &Group, now: u64) -> Vec<bool> {
    group.all().iter().map(|endpoint| endpoint.is_open(now)).collect()
}

#[test]
fn one_that_fails_is_left_out_and_tried_again() {
    let group = group(2);
    let (bad, good) = (group.at(0), group.at(1));
    fail(&bad, 1_000, 1_500);
    assert_eq!(group.count(&ROUND_ROBIN, 11_499, 0..10), [0, 10]);
    // One request after the time, no other one while it is under way.
    let trial = begin(&bad, 11_500);
    assert_eq!(open(&group, 11_501), [false, true]);
    trial.report(Outcome::Success, Duration::from_millis(1), 11_550);
    assert_eq!(open(&group, 11_550), [true, true]);
    assert_eq!(group.count(&ROUND_ROBIN, 11_550, 0..10), [5, 5]);
    assert!(good.is_open(0));
}

#[test]
fn a_trial_of_which_nothing_is_heard_is_repeated() {
    let group = group(2);
    let bad = group.at(0);
    fail(&bad, 0, 0);
    let lost = begin(&bad, 10_000);
    lost.report(Outcome::Abandoned, Duration::from_secs(3), 13_000);
    drop(lost);
    assert!(!bad.is_open(19_999) && bad.is_open(20_000));
}

#[test]
fn the_time_doubles_to_a_limit_and_a_success_ends_it() {
    let group = group(2);
    let bad = group.at(0);
    let mut now = 0;
    for expected in [10_000, 20_000, 40_000, 80_000, 160_000, 160_000] {
        fail(&bad, now, now);
        assert!(!bad.is_open(now + expected - 1), "{expected}");
        now += expected;
        assert!(bad.is_open(now), "{expected}");
    }
    serve(&bad, now, Duration::ZERO, now);
    fail(&bad, now, now);
    assert!(!bad.is_open(now + 9_999) && bad.is_open(now + 10_000));
}

#[test]
fn requests_that_began_before_say_nothing_new() {
    let group = group(2);
    let bad = group.at(0);
    let requests: Vec<_> = (0..5).map(|_| begin(&bad, 0)).collect();
    let late = begin(&bad, 0);
    requests.iter().for_each(|request| _ = request.report(Outcome::Failure, Duration::ZERO, 100));
    // Five failures at once are one reason.
    assert!(bad.is_open(10_100));
    late.report(Outcome::Failure, Duration::from_secs(60), 60_000);
    assert!(bad.is_open(60_000));
    late.report(Outcome::Success, Duration::from_secs(60), 60_000);
    fail(&bad, 60_000, 60_000);
    assert!(!bad.is_open(79_999) && bad.is_open(80_000), "it was not served since");
}

#[test]
fn so_many_failures_within_the_time() {
    let config = config::Upstream { max_fails: 3, ..Default::default() };
    let group = group_with(2, &config);
    let bad = group.at(0);
    fail(&bad, 20_000, 20_000);
    fail(&bad, 25_000, 25_000);
    // Both are forgotten.
    fail(&bad, 35_000, 35_000);
    fail(&bad, 44_999, 44_999);
    assert!(bad.is_open(44_999));
    fail(&bad, 45_000, 45_000);
    assert!(!bad.is_open(45_000));
    // On its trial one is enough.
    fail(&bad, 55_000, 55_000);
    assert!(!bad.is_open(74_999));
}

#[test]
fn nobody_is_left_out_where_that_is_turned_off() {
    let config = config::Upstream { max_fails: 0, ..Default::default() };
    let group = group_with(2, &config);
    (0..100).for_each(|now| fail(&group.at(0), now, now));
    assert_eq!(open(&group, 100), [true, true]);
}

#[test]
fn the_last_half_stays() {
    for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
        let group = group(count);
        group.for_each(|endpoint| fail(endpoint, 0, 0));
        assert_eq!(open(&group, 0).iter().filter(|is_open| !**is_open).count(), most, "{count}");
    }
}

#[test]
fn if_the_others_go_all_count_as_healthy() {
    let group = group(5);
    fail(&group.at(0), 0, 0);
    fail(&group.at(1), 0, 0);
    group.update(&targets(0..4), &config::Upstream::default(), 1);
    assert_eq!(open(&group, 1), [false, false, true, true]);
    group.update(&targets(0..3), &config::Upstream::default(), 2);
    assert_eq!(open(&group, 2), [true, true, true]);
    // What was begun before says nothing new; what fails from now on counts at once.
    fail(&group.at(0), 1, 3);
    assert_eq!(open(&group, 3), [true, true, true]);
    fail(&group.at(0), 3, 3);
    assert_eq!(open(&group, 3), [false, true, true]);
}

#[test]
fn who_is_gone_counts_no_more() {
    let group = group(4);
    let gone = group.at(0);
    let request = begin(&gone, 0);
    group.update(&targets(1..5), &config::Upstream::default(), 1);
    assert!(gone.is_gone() && gone.in_flight() == 1);
    request.report(Outcome::Failure, Duration::ZERO, 2);
    drop(request);
    assert_eq!(gone.in_flight(), 0);
    for number in [1, 2] {
        fail(&group.at(number), 2, 2);
    }
    assert_eq!(open(&group, 2), [false, false, true, true]);
    let last = group.at(4);
    drop(group);
    assert!(last.is_gone());
}

#[derive(Clone, Debug)]
enum Event {
    Begin(usize),
    Report(prop::sample::Index, Outcome),
    End(prop::sample::Index),
    Wait(u64),
    Update(Vec<usize>),
}

fn event() -> impl Strategy<Value = Event> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Failure),
        2 => Just(Outcome::Success),
        1 => Just(Outcome::Abandoned),
    ];
    prop_oneof![
        6 => (0_usize..8).prop_map(Event::Begin),
        6 => (any::<prop::sample::Index>(), outcome).prop_map(|(index, outcome)| Event::Report(index, outcome)),
        3 => any::<prop::sample::Index>().prop_map(Event::End),
        2 => (0_u64..30_000).prop_map(Event::Wait),
        1 => prop::collection::vec(0_usize..8, 1..8).prop_map(Event::Update),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_half_of_them_stay(
        events in prop::collection::vec(event(), 1..120),
        max_fails in 0_u32..3,
        slow_start in prop_oneof![Just(0_u64), 1_u64..20_000],
        seed: u64,
    ) {
        let config =
            config::Upstream { max_fails, slow_start: Duration::from_millis(slow_start), ..Default::default() };
        let group = group_with(4, &config);
        let (mut now, mut draws) = (0, Draws::new(seed));
        let mut requests = Vec::new();
        for event in events {
            match event {
                Event::Begin(number) => {
                    let all = group.all();
                    requests.push(begin(&all[number % all.len()], now));
                }
                Event::Report(index, outcome) if !requests.is_empty() => {
                    index.get(&requests).report(outcome, Duration::from_millis(5), now);
                }
                Event::End(index) if !requests.is_empty() => drop(requests.swap_remove(index.index(requests.len()))),
                Event::Report(..) | Event::End(_) => {}
                Event::Wait(time) => now += time,
                Event::Update(numbers) => group.update(&targets(numbers), &config, now),
            }
            let all = group.all();
            let closed = all.iter().filter(|endpoint| !endpoint.is_open(now)).count();
            prop_assert!(closed * 2 <= all.len(), "{} of {}", closed, all.len());
            let suspects = all.iter().filter(|endpoint| endpoint.health.is_suspected()).count();
            let equal = suspects == 0 && all.iter().all(|endpoint| endpoint.weight(now) == 256);
            prop_assert!(equal || !group.peers.are_equal(now), "the short way must not be taken");
            for choice in [ROUND_ROBIN, LEAST_REQUEST, EWMA, Choice::Hash(b"k")] {
                let picked = group.pick(&choice, &[], now, draws.next());
                prop_assert!(picked.is_some_and(|endpoint| endpoint.is_open(now) && !endpoint.is_gone()));
            }
        }
        drop(requests);
        prop_assert!(group.all().iter().all(|endpoint| endpoint.in_flight() == 0));
    }
}

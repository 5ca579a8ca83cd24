//! Everybody gets his share.

use proptest::prelude::*;

use super::*;

#[test]
fn nobody_is_picked_from_none() {
    let group = empty();
    assert!(group.is_empty());
    for choice in [ROUND_ROBIN, LEAST_REQUEST, EWMA, Choice::Hash(b"a"), Choice::HashSubset { key: b"a", size: 3 }] {
        assert!(group.pick(&choice, &[], 0, 5).is_none());
    }
}

#[test]
fn workers_begin_with_different_endpoints() {
    let first = |draw| group(8).one(&ROUND_ROBIN, draw).target.clone();
    assert!((0..50).any(|draw| first(draw) != first(0)));
}

#[test]
fn the_one_with_fewer_requests_is_taken() {
    let group = group(2);
    let busy = begin(&group.at(0), 0);
    assert!((0..50).all(|draw| group.one(&LEAST_REQUEST, draw).target == target(1)));
    drop(busy);
    assert!((0..50).any(|draw| group.one(&LEAST_REQUEST, draw).target == target(0)));
}

#[test]
fn the_one_that_answers_sooner_is_taken() {
    let group = group(2);
    serve(&group.at(0), 0, Duration::from_millis(300), 0);
    serve(&group.at(1), 0, Duration::from_millis(100), 0);
    assert!((0..50).all(|draw| group.one(&EWMA, draw).target == target(1)));
    // Until it has so much to do that the other would be done sooner.
    let busy: Vec<_> = (0..3).map(|_| begin(&group.at(1), 0)).collect();
    assert!((0..50).all(|draw| group.one(&EWMA, draw).target == target(0)));
    drop(busy);
}

#[test]
fn of_an_endpoint_that_nothing_is_known_of_one_request_finds_out() {
    let group = group(2);
    serve(&group.at(0), 0, Duration::from_millis(50), 0);
    assert!((0..50).all(|draw| group.one(&EWMA, draw).target == target(1)));
    let first = begin(&group.at(1), 0);
    assert!((0..50).all(|draw| group.one(&EWMA, draw).target == target(0)));
    first.report(Outcome::Success, Duration::from_millis(10), 0);
    drop(first);
    assert!((0..50).all(|draw| group.one(&EWMA, draw).target == target(1)));
}

#[test]
fn an_endpoint_that_refuses_at_once_does_not_look_fast() {
    let config = config::Upstream { max_fails: 0, ..Default::default() };
    let group = group_with(2, &config);
    serve(&group.at(0), 0, Duration::from_millis(300), 0);
    fail(&group.at(1), 0, 0);
    assert!((0..50).all(|draw| group.one(&EWMA, draw).target == target(0)));
}

#[test]
fn a_key_has_an_endpoint_of_its_own() {
    let group = group(10);
    let of = |key: u32| group.one(&Choice::Hash(&key.to_le_bytes()), u64::from(key) * 7).target.clone();
    let found: std::collections::BTreeSet<_> = (0..200).map(of).collect();
    assert_eq!(found.len(), 10);
    assert!((0..200).all(|key| group.one(&Choice::Hash(&u32::to_le_bytes(key)), 1).target == of(key)));
}

#[test]
fn a_key_that_loses_its_endpoint_for_a_while_has_it_back() {
    let group = group(10);
    let choice = Choice::Hash(b"key");
    let own = group.one(&choice, 0);
    fail(&own, 0, 0);
    let other = group.pick(&choice, &[], 5, 0).unwrap();
    assert!(!Rc::ptr_eq(&own, &other));
    assert!(Rc::ptr_eq(&other, &group.pick(&choice, &[], 9_999, 3).unwrap()));
    assert!(Rc::ptr_eq(&own, &group.pick(&choice, &[], 10_000, 3).unwrap()));
    let third = group.pick(&choice, &[own, Rc::clone(&other)], 10_000, 3).unwrap();
    assert!(!Rc::ptr_eq(&third, &other));
}

#[test]
fn a_key_has_a_subset_of_its_own() {
    for (count, size) in [(10, 3), (9, 3), (2, 3), (1, 1), (5, 0), (4, u32::MAX)] {
        let group = group(count);
        let expected = count.min(usize::try_from(size).unwrap().max(1));
        for key in ["a", "b", "c", "d"] {
            let choice = Choice::HashSubset { key: key.as_bytes(), size };
            let counts = group.count(&choice, 0, 0..600);
            let used: Vec<_> = counts.iter().filter(|count| **count > 0).collect();
            assert_eq!(used.len(), expected, "{count} {size} {key}");
            assert!(used.iter().all(|count| **count > 400 / expected), "{counts:?}");
        }
    }
}

#[test]
fn where_a_subset_is_used_up_another_endpoint_helps() {
    let group = group(6);
    let choice = Choice::HashSubset { key: b"key", size: 2 };
    let mut tried = Vec::new();
    for draw in 0..6 {
        tried.push(group.pick(&choice, &tried, 0, draw).unwrap());
    }
    assert!(group.pick(&choice, &tried, 0, 7).is_none());
    let own: Vec<_> =
        group.count(&choice, 0, 0..100).iter().enumerate().filter(|(_, it)| **it > 0).map(|it| it.0).collect();
    let first: Vec<_> = tried.iter().take(2).map(|endpoint| endpoint.target.clone()).collect();
    assert!(own.iter().all(|number| first.contains(&target(*number))), "{own:?} {first:?}");
}

/// Of two of which one fails, and may not be left out, that one had nine first attempts in ten.
#[test]
fn a_retry_takes_nobodys_turn() {
    let group = group(3);
    let order: Vec<_> = (0..3).map(|draw| group.one(&ROUND_ROBIN, draw)).collect();
    let mut counts = [0, 0];
    for draw in 0..300 {
        assert!(Rc::ptr_eq(&group.one(&ROUND_ROBIN, 0), &order[draw as usize % 3]), "{draw}");
        let instead = group.pick(&ROUND_ROBIN, &order[..1], 0, draw).unwrap();
        counts[usize::from(Rc::ptr_eq(&instead, &order[1]))] += 1;
    }
    // And no neighbour has it all.
    assert!(counts.iter().all(|count| (100..=200).contains(count)), "{counts:?}");
}

/// A request that had failed was the trial of one suspect after the other, while healthy endpoints were there.
#[test]
fn a_request_that_has_failed_is_nobodys_trial() {
    let choices = [ROUND_ROBIN, LEAST_REQUEST, EWMA, Choice::Hash(b"key"), Choice::HashSubset { key: b"key", size: 2 }];
    for choice in choices {
        let group = group(6);
        (0..3).for_each(|number| fail(&group.at(number), 0, 0));
        let due = 10_000;
        let tried = [group.at(0)];
        for draw in 0..50 {
            let picked = group.pick(&choice, &tried, due, draw).unwrap();
            assert!(!picked.is_suspected(), "{choice:?}");
        }
        // Where no other is left it may be one, and at best one that is due.
        fail(&group.at(1), due, due);
        let tried: Vec<_> = [0, 3, 4, 5].map(|number| group.at(number)).into();
        assert!(Rc::ptr_eq(&group.pick(&choice, &tried, due, 0).unwrap(), &group.at(2)), "{choice:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_turn_everybody_gets_the_same(count in 1_usize..40, rounds in 1_usize..10, draw: u64) {
        let group = group(count);
        let draws = draw >> 1..(draw >> 1) + (count * rounds) as u64;
        prop_assert_eq!(group.count(&ROUND_ROBIN, 0, draws), vec![rounds; count]);
    }

    #[test]
    fn in_turn_the_others_share_what_one_that_is_left_out_had(count in 3_usize..40, rounds in 1_usize..10) {
        let group = group(count);
        fail(&group.at(0), 0, 0);
        let mut expected = vec![rounds; count];
        expected[0] = 0;
        prop_assert_eq!(group.count(&ROUND_ROBIN, 1, 0..((count - 1) * rounds) as u64), expected);
    }

    #[test]
    fn requests_that_never_end_are_spread(count in 2_usize..30, seed: u64, is_ewma: bool) {
        let group = group(count);
        let choice = if is_ewma { EWMA } else { LEAST_REQUEST };
        group.for_each(|endpoint| serve(endpoint, 0, Duration::from_millis(20), 0));
        let mut draws = Draws::new(seed);
        let requests: Vec<_> = (0..count * 20).map(|_| begin(&group.one(&choice, draws.next()), 0)).collect();
        let most = group.all().iter().map(|endpoint| endpoint.in_flight()).max().unwrap();
        // Two choices keep the most within a few of the mean, which is 20.
        prop_assert!(most <= 26, "{}", most);
        drop(requests);
        prop_assert!(group.all().iter().all(|endpoint| endpoint.in_flight() == 0));
    }

    #[test]
    fn who_was_tried_is_not_picked_again(count in 1_usize..12, failed in prop::collection::vec(0_usize..12, 0..6), seed: u64) {
        let group = group(count);
        failed.iter().filter(|number| **number < count).for_each(|number| fail(&group.at(*number), 0, 0));
        for choice in [ROUND_ROBIN, LEAST_REQUEST, EWMA, Choice::Hash(&seed.to_le_bytes()), Choice::HashSubset { key: b"k", size: 3 }] {
            let mut tried: Vec<Rc<Endpoint>> = Vec::new();
            let mut draws = Draws::new(seed);
            while let Some(endpoint) = group.pick(&choice, &tried, 1, draws.next()) {
                prop_assert!(is_untried(&tried, &endpoint));
                // Those that are left out come last.
                prop_assert!(endpoint.is_open(1) || tried.len() >= count - count / 2);
                tried.push(endpoint);
            }
            prop_assert_eq!(tried.len(), count);
        }
    }
}

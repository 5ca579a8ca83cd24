//! What stays when endpoints come and go.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn slow() -> config::Upstream {
    config::Upstream { slow_start: Duration::from_secs(10), ..Default::default() }
}

#[test]
fn the_first_endpoints_do_not_start_slowly_and_later_ones_do() {
    let group = group_with(2, &slow());
    assert_eq!(group.count(&ROUND_ROBIN, 0, 0..100), [50, 50]);
    group.update(&targets(0..3), &slow(), 20_000);
    // A tenth of a share, half of one, a whole one.
    let counts = group.count(&ROUND_ROBIN, 20_000, 0..2_100);
    assert!((95..=105).contains(&counts[2]) && counts[0].abs_diff(counts[1]) <= 1, "{counts:?}");
    let counts = group.count(&ROUND_ROBIN, 25_000, 0..2_500);
    assert!((495..=505).contains(&counts[2]), "{counts:?}");
    assert_eq!(group.count(&ROUND_ROBIN, 30_000, 0..300), [100; 3]);
}

#[test]
fn where_all_start_slowly_they_share_alike() {
    let group = group_with(1, &slow());
    group.update(&targets(0..6), &slow(), 1_000);
    group.update(&targets(1..6), &slow(), 1_000);
    let counts = group.count(&ROUND_ROBIN, 1_000, 0..100);
    assert!(counts.iter().all(|count| (15..=25).contains(count)), "{counts:?}");
}

/// However idle it is: the cheaper of two would be the new one always, or never.
#[test]
fn the_cheaper_of_two_starts_slowly_too() {
    for choice in [LEAST_REQUEST, EWMA] {
        let group = group_with(2, &slow());
        group.update(&targets(0..3), &slow(), 20_000);
        for (now, expected) in [(20_000, 70), (25_000, 350), (30_000, 700)] {
            let counts = group.count(&choice, now, 0..2_100);
            assert!(counts[2].abs_diff(expected) <= 70.min(expected / 2), "{now}: {counts:?}");
        }
    }
}

#[test]
fn a_new_one_is_taken_to_be_as_fast_as_the_others() {
    let group = group(2);
    serve(&group.at(0), 0, Duration::from_millis(100), 0);
    serve(&group.at(1), 0, Duration::from_millis(300), 0);
    group.update(&targets(0..3), &config::Upstream::default(), 0);
    let average = group.at(2).latency.average(0).unwrap();
    assert!((average - 0.2).abs() < 1e-9, "{average}");
}

#[test]
fn order_and_repetitions_do_not_matter() {
    let group = group(3);
    let before = group.all();
    group.update(&targets([2, 0, 1, 1, 0]), &config::Upstream::default(), 5);
    assert!(group.all().iter().zip(&before).all(|(one, other)| Rc::ptr_eq(one, other)));
    assert_eq!(group.len(), 3);
}

#[test]
fn new_settings_count_for_the_same_endpoints() {
    let group = group(2);
    group.update(&targets(0..2), &config::Upstream { max_fails: 0, ..Default::default() }, 0);
    fail(&group.at(0), 0, 0);
    assert!(group.at(0).is_open(0));
}

proptest! {
    #[test]
    fn those_that_stay_are_the_same(updates in prop::collection::vec(prop::collection::btree_set(0_usize..20, 0..12), 1..8)) {
        let group = group(5);
        let mut before = group.all();
        for (now, numbers) in (1..).zip(updates) {
            group.update(&targets(numbers.iter().copied()), &config::Upstream::default(), now);
            let after = group.all();
            let expected: BTreeSet<_> = numbers.into_iter().map(target).collect();
            prop_assert!(after.iter().map(|endpoint| &endpoint.target).eq(&expected));
            for endpoint in &before {
                let same = after.iter().find(|other| other.target == endpoint.target);
                prop_assert_eq!(endpoint.is_gone(), same.is_none());
                prop_assert!(same.is_none_or(|other| Rc::ptr_eq(endpoint, other)));
            }
            prop_assert!(after.iter().all(|endpoint| !endpoint.is_gone()));
            before = after;
        }
    }

    #[test]
    fn a_key_keeps_its_endpoint_when_another_one_goes(count in 2_usize..20, gone in any::<prop::sample::Index>()) {
        let group = group(count);
        let gone = target(gone.index(count));
        let keys: Vec<_> = (0..200_u32).map(u32::to_le_bytes).collect();
        let before: Vec<_> = keys.iter().map(|key| group.one(&Choice::Hash(key), 0)).collect();
        let left: Vec<_> = targets(0..count).into_iter().filter(|it| *it != gone).collect();
        group.update(&left, &config::Upstream::default(), 1);
        let kept = before.iter().filter(|endpoint| !endpoint.is_gone()).count();
        let same = keys.iter().zip(&before).filter(|(key, old)| Rc::ptr_eq(old, &group.one(&Choice::Hash(*key), 0)));
        let moved = kept - same.count();
        prop_assert!(moved <= 12, "{} of {}", moved, kept);
    }
}

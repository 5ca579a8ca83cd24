//! Clients that come back.

use ingress_core::policy::Affinity;
use proptest::prelude::*;

use super::*;

fn affinity(persistent: bool, change_on_failure: bool) -> Affinity {
    Affinity { persistent, change_on_failure, ..affinity::tests::affinity() }
}

fn value(session: &Session, group: &Group) -> Vec<u8> {
    format!("{}|{}", session.key.expect("a new cookie"), group.backend_key()).into_bytes()
}

#[test]
fn a_client_comes_back() {
    for affinity in [(false, false), (false, true), (true, false), (true, true)].map(|(a, b)| affinity(a, b)) {
        let group = group(7);
        let mut used = std::collections::BTreeSet::new();
        for client in 0..100 {
            let first = group.pick_sticky(&affinity, None, &[], 0, client).unwrap();
            used.insert(first.endpoint.target.clone());
            let cookie = value(&first, &group);
            for draw in 0..5 {
                let again = group.pick_sticky(&affinity, Some(&cookie), &[], 0, draw).unwrap();
                assert!(again.key.is_none() && Rc::ptr_eq(&again.endpoint, &first.endpoint), "{affinity:?}");
            }
        }
        assert_eq!(used.len(), 7, "{affinity:?}");
    }
}

#[test]
fn a_client_stays_with_an_endpoint_that_fails_unless_it_may_change() {
    for persistent in [false, true] {
        let group = group(7);
        let stays = affinity(persistent, false);
        let first = group.pick_sticky(&stays, None, &[], 0, 1).unwrap();
        let cookie = value(&first, &group);
        fail(&first.endpoint, 0, 0);
        let again = group.pick_sticky(&stays, Some(&cookie), &[], 1, 2).unwrap();
        assert!(Rc::ptr_eq(&again.endpoint, &first.endpoint) && again.key.is_none());
        let tried = [again.endpoint];
        let elsewhere = group.pick_sticky(&stays, Some(&cookie), &tried, 1, 3).unwrap();
        assert!(!Rc::ptr_eq(&elsewhere.endpoint, &first.endpoint) && elsewhere.key.is_none());

        let changes = affinity(persistent, true);
        let other = group.pick_sticky(&changes, Some(&cookie), &[], 1, 4).unwrap();
        assert!(!Rc::ptr_eq(&other.endpoint, &first.endpoint));
        let cookie = value(&other, &group);
        // Also when the first is well again.
        let again = group.pick_sticky(&changes, Some(&cookie), &[], 20_000, 5).unwrap();
        assert!(Rc::ptr_eq(&again.endpoint, &other.endpoint) && again.key.is_none());
    }
}

#[test]
fn persistent_sessions_stay_when_endpoints_come_and_balanced_ones_are_shared_anew() {
    for persistent in [false, true] {
        let group = group(4);
        let affinity = affinity(persistent, false);
        let sessions: Vec<_> =
            (0..200).map(|client| group.pick_sticky(&affinity, None, &[], 0, client).unwrap()).collect();
        group.update(&targets(0..8), &config::Upstream::default(), 1);
        let moved = sessions.iter().filter(|session| {
            let again = group.pick_sticky(&affinity, Some(&value(session, &group)), &[], 1, 3).unwrap();
            assert!(again.key.is_none());
            !Rc::ptr_eq(&again.endpoint, &session.endpoint)
        });
        let moved = moved.count();
        assert!(if persistent { moved == 0 } else { (70..=130).contains(&moved) }, "{persistent} {moved}");
    }
}

#[test]
fn when_the_endpoint_goes_a_persistent_session_gets_a_new_cookie_and_a_balanced_one_keeps_its_own() {
    for persistent in [false, true] {
        let group = group(3);
        let affinity = affinity(persistent, false);
        let first = group.pick_sticky(&affinity, None, &[], 0, 1).unwrap();
        let left: Vec<_> = targets(0..3).into_iter().filter(|it| *it != first.endpoint.target).collect();
        group.update(&left, &config::Upstream::default(), 1);
        let again = group.pick_sticky(&affinity, Some(&value(&first, &group)), &[], 1, 1).unwrap();
        assert_eq!(again.key.is_some(), persistent);
    }
}

#[test]
fn the_cookie_of_ingress_nginx_is_understood() {
    let group = group(7);
    let affinity = affinity(true, false);
    let cookie = "80e191be8a3ee100da1fa03a9be0d280|whatever";
    let session = group.pick_sticky(&affinity, Some(cookie.as_bytes()), &[], 0, 9).unwrap();
    assert!(session.key.is_none());
    assert_eq!(session.endpoint.target, target(5));
}

#[test]
fn workers_and_replicas_agree() {
    let (one, other) = (group(30), empty());
    other.update(&targets((0..30).rev()), &config::Upstream::default(), 77);
    for persistent in [false, true] {
        let affinity = affinity(persistent, false);
        for client in 0..50 {
            let session = one.pick_sticky(&affinity, None, &[], 0, client).unwrap();
            let cookie = value(&session, &one);
            let again = other.pick_sticky(&affinity, Some(&cookie), &[], 80, 1).unwrap();
            assert_eq!(again.endpoint.target, session.endpoint.target);
        }
    }
}

proptest! {
    #[test]
    fn any_cookie_leads_somewhere_untried(
        cookie in prop::collection::vec(any::<u8>(), 0..40),
        persistent: bool,
        change_on_failure: bool,
        count in 1_usize..6,
        draw: u64,
    ) {
        let group = group(count);
        let affinity = affinity(persistent, change_on_failure);
        fail(&group.at(0), 0, 0);
        let mut tried = Vec::new();
        while let Some(session) = group.pick_sticky(&affinity, Some(&cookie), &tried, 1, draw) {
            prop_assert!(is_untried(&tried, &session.endpoint));
            tried.push(session.endpoint);
        }
        prop_assert_eq!(tried.len(), count);
        prop_assert!(empty().pick_sticky(&affinity, Some(&cookie), &[], 1, draw).is_none());
    }
}

//! Precedence is a total order, hosts are sorted by it, and the order of arrival has no influence.

use std::cmp::Ordering;

use ingress_core::lower::lower;
use ingress_core::model::Inputs;
use ingress_core::policy::{Precedence, Route};
use proptest::prelude::*;

use super::cases;
use super::objects::{options, world};
use super::table::{path_pattern, route_table};
use super::text::host_pattern;

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn precedence_is_a_total_order(rules in prop::array::uniform3((host_pattern(), path_pattern()))) {
        let [a, b, c] = [0, 1, 2].map(|i| Precedence::new(&rules[i].0, &rules[i].1));
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
        prop_assert_eq!(a.partial_cmp(&b), Some(a.cmp(&b)));
        prop_assert!(!(a <= b && b <= c) || a <= c, "not transitive");
        prop_assert_eq!(a.deciding_field(&b).is_none(), a == b);
        // Under one host only the same path has the same precedence.
        let other = Precedence::new(&rules[0].0, &rules[1].1);
        prop_assert_eq!(a == other, rules[0].1 == rules[1].1);
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn hosts_are_sorted_by_precedence(table in route_table()) {
        for host in table.hosts.values() {
            let precedences: Vec<_> =
                host.routes().iter().map(|route| Precedence::new(host.pattern(), &route.path)).collect();
            prop_assert!(precedences.windows(2).all(|pair| pair[0] > pair[1]), "{}", table);
        }
    }

    #[test]
    fn the_order_of_arrival_has_no_influence(
        (world, shuffled) in world(10).prop_flat_map(|world| (Just(world.clone()), Just(world).prop_shuffle())),
        options in options(),
    ) {
        let (one, other): (Inputs, Inputs) = (world.into_iter().collect(), shuffled.into_iter().collect());
        let (one, other) = (lower(&one, &options), lower(&other, &options));
        prop_assert_eq!(&one.0, &other.0);
        prop_assert_eq!(one.1, other.1);
        for host in one.0.hosts.values() {
            // What never meets has no order.
            let meet = |pair: &[Route]| [false, true].iter().any(|tls| pair.iter().all(|it| it.schemes.contains(*tls)));
            let in_order = |pair: &[Route]| {
                let [a, b] = [0, 1].map(|place: usize| Precedence::new(host.pattern(), &pair[place].path));
                !meet(pair) || a > b
            };
            prop_assert!(host.routes().windows(2).all(in_order), "{}", one.0);
        }
    }
}

//! The compiled matcher decides as the reference does, and the explanation says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use ingress_core::decision::{Decision, Matched};
use ingress_core::explain::{Explanation, Outcome};
use ingress_core::host::HostPattern;
use ingress_core::object::{FieldPath, Kind, ObjectRef, Origin};
use ingress_core::path::{PathPattern, PathPolicy};
use ingress_core::policy::{Route, RouteTable, Target, VirtualHost};
use ingress_core::reference;
use ingress_core::request::RequestView;
use ingress_core::snapshot::Snapshot;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::cases;
use super::request::{Request, seeds};
use super::table::route_table;

/// Every way to decide this request comes to the same end.
pub(super) fn agree(table: &RouteTable, snapshot: &Snapshot, request: &Request) -> Result<(), TestCaseError> {
    request.view(|view| {
        let Ok(view) = view else { return Ok(()) };
        let expected = reference::decide(table, &view);
        // A hint, which changes nothing.
        snapshot.prefetch(|| view.authority());
        prop_assert_eq!(snapshot.decide(&view), expected.clone());
        let explanation = snapshot.explain(&view);
        prop_assert_eq!(&explanation, &reference::explain(table, &view));
        prop_assert_eq!(&explanation.decision, &expected);
        Ok(())
    })
}

/// Each step of an explanation is true.
fn consistent(explanation: &Explanation<'_>, view: &RequestView<'_>) -> Result<(), TestCaseError> {
    let matched = explanation.decision.matched();
    let chosen: Vec<_> = explanation.steps.iter().filter(|step| step.outcome == Outcome::Chosen).collect();
    match matched {
        Some(Matched::Route { host, place, .. }) => {
            prop_assert_eq!(chosen.len(), 1, "{}", explanation);
            prop_assert_eq!(chosen[0].route, &host.routes()[place]);
            prop_assert_eq!(chosen[0].host, host);
        }
        _ => prop_assert_eq!(chosen.len(), 0, "{}", explanation),
    }
    for step in &explanation.steps {
        let path = view.path(step.host.path_policy());
        let takes = step.host.pattern().matches(view.host())
            && !view.is_asterisk()
            && path.is_ok_and(|path| step.route.path.matches(path));
        match step.outcome {
            Outcome::Chosen | Outcome::Outranked { .. } => prop_assert!(takes, "{}", step),
            Outcome::NotMatched(_) => prop_assert!(!takes, "{}", step),
            _ => {}
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn compiled_decides_as_the_reference(table in route_table(), seeds in seeds()) {
        let snapshot = Snapshot::new(table.clone());
        prop_assert_eq!(&snapshot.table(), &table);
        for seed in &seeds {
            agree(&table, &snapshot, &seed.request(&table))?;
        }
    }

    #[test]
    fn every_step_of_an_explanation_is_true(table in route_table(), seeds in seeds()) {
        let snapshot = Snapshot::new(table.clone());
        for seed in &seeds {
            seed.request(&table).view(|view| match view {
                Ok(view) => consistent(&snapshot.explain(&view), &view),
                Err(_) => Ok(()),
            })?;
        }
    }
}

/// A length that takes more than 16 bits is a length like any other: a rule must not be lost to a shorter one.
#[test]
fn a_path_of_64_kib_is_a_path() {
    let long = format!("/{}", "a".repeat(u16::MAX.into()));
    let route = |place, path| {
        let object = ObjectRef::new(Kind::Ingress, "ns", "i").into();
        let origin = Origin { object, field: FieldPath::rule_path(0, place) };
        Route::new(path, Target::respond(200, "here"), origin)
    };
    let routes = vec![route(0, PathPattern::Prefix("/".into())), route(1, PathPattern::Exact(long.as_str().into()))];
    let host = VirtualHost::new(HostPattern::Any, PathPolicy::Rfc3986, routes, Vec::new());
    let hosts = BTreeMap::from([(HostPattern::Any, Arc::new(host))]);
    let table = RouteTable { hosts, ..RouteTable::default() };
    let snapshot = Snapshot::new(table.clone());
    Request::get("a.example", long).view(|view| {
        let view = view.unwrap();
        let (expected, decided) = (reference::decide(&table, &view), snapshot.decide(&view));
        let place = |decision: &Decision<'_>| Some(decision.matched()?.route()?.origin.field.clone());
        assert_eq!(place(&decided), place(&expected));
    });
}

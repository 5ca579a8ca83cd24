//! The compiled matcher decides as the reference does, and the explanation says so.

use ingress_core::decision::Matched;
use ingress_core::explain::{Explanation, Outcome};
use ingress_core::policy::RouteTable;
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
        Some(Matched::Route { host, route }) => {
            prop_assert_eq!(chosen.len(), 1, "{}", explanation);
            prop_assert_eq!(chosen[0].route, route);
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

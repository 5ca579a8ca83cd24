//! Hosts whose rules are prefixes only, against a router that somebody else wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ingress_core::host::HostPattern;
use ingress_core::object::{FieldPath, Kind, ObjectRef, Origin};
use ingress_core::path::{PathPattern, PathPolicy};
use ingress_core::policy::{Route, RouteTable, Target, VirtualHost};
use ingress_core::snapshot::Snapshot;
use matchit::Router;
use proptest::collection::vec;
use proptest::prelude::*;

use super::cases;
use super::request::{Request, seeds};
use super::text::{request_path, valid_rule_path};

/// The prefixes as matchit's routes, the value the text of the rule.
fn router(routes: &[Route]) -> Router<String> {
    let mut router = Router::new();
    let mut known = BTreeSet::new();
    for route in routes {
        let text = route.path.significant();
        // Of two prefixes that differ in their final slash only, the first one counts.
        if !known.insert(text) {
            continue;
        }
        let escaped = text.replace('{', "{{").replace('}', "}}");
        let paths = [escaped.clone(), format!("{escaped}/"), format!("{escaped}/{{*rest}}")];
        for path in paths.into_iter().filter(|path| !path.is_empty()) {
            router.insert(path, route.path.as_str().to_owned()).unwrap();
        }
    }
    router
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn prefixes_are_chosen_as_by_matchit(
        paths in vec(valid_rule_path(), 1..30),
        free in vec(request_path(), 1..10),
        seeds in seeds(),
    ) {
        let object = Arc::new(ObjectRef::new(Kind::Ingress, "ns", "i"));
        let routes = paths.iter().enumerate().map(|(i, path)| {
            let path = PathPattern::Prefix(PathPolicy::Rfc3986.canonical_escapes(path));
            let origin = Origin { object: Arc::clone(&object), field: FieldPath::rule_path(0, i) };
            Route::new(path, Target::respond(200, "here"), origin)
        });
        let host = VirtualHost::new(HostPattern::Any, PathPolicy::Rfc3986, routes.collect(), Vec::new());
        let router = router(host.routes());
        let hosts = BTreeMap::from([(HostPattern::Any, Arc::new(host))]);
        let table = RouteTable { hosts, ..RouteTable::default() };
        let snapshot = Snapshot::new(table.clone());
        let requests = seeds.iter().map(|seed| seed.request(&table));
        for request in requests.chain(free.into_iter().map(|path| Request::get("a.example", path))) {
            request.view(|view| {
                let Ok(view) = view else { return Ok(()) };
                if view.is_asterisk() {
                    return Ok(());
                }
                let Ok(path) = view.path(PathPolicy::Rfc3986) else { return Ok(()) };
                let theirs = router.at(std::str::from_utf8(path).unwrap()).ok().map(|found| found.value.clone());
                let matched = snapshot.decide(&view).matched();
                let ours = matched.and_then(|matched| matched.route()).map(|route| route.path.as_str().to_owned());
                prop_assert_eq!(ours, theirs, "{}", path.escape_ascii());
                Ok(())
            })?;
        }
    }
}

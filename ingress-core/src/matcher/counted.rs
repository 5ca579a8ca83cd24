//! Which hosts have their requests counted by route, where there are too many routes to count all.
//!
//! It is settled once for all who decide by a snapshot, so that their counts of a route add up to all of its requests, and a
//! request for a route without counts is known for one without a look at anything that is its host's own.

use super::Bound;
use crate::policy::VirtualHost;

/// The routes that are counted.
#[derive(Debug)]
pub(crate) struct Counted {
    routes: usize,
    most: usize,
}

impl Counted {
    pub(crate) fn new(most: usize) -> Self {
        Self { routes: 0, most }
    }

    /// Whether a host is counted that comes in the place of another, or of none. What goes makes room for the next that comes.
    pub(crate) fn replace(&mut self, before: Option<&Bound>, after: Option<&VirtualHost>) -> bool {
        let before = before.filter(|bound| bound.shape.is_counted);
        if let Some(bound) = before {
            self.routes = self.routes.saturating_sub(bound.host.routes().len());
        }
        let Some(host) = after else { return false };
        let is_counted = before.is_some() || self.routes < self.most;
        if is_counted {
            self.routes = self.routes.saturating_add(host.routes().len());
        }
        is_counted
    }
}

#[cfg(test)]
mod tests {
    use crate::compiler::Compiler;
    use crate::decision::Matched;
    use crate::lower::Options;
    use crate::model::{Inputs, WireKind, decode};
    use crate::request::{ConnInfo, RequestView};

    /// A host is an Ingress of its own with so many paths.
    struct Hosts {
        compiler: Compiler,
        inputs: Inputs,
    }

    impl Hosts {
        fn set(&mut self, host: &str, paths: usize) {
            let backend = serde_json::json!({"service": {"name": "tea", "port": {"number": 80}}});
            let path =
                |number| serde_json::json!({"path": format!("/{number}"), "pathType": "Prefix", "backend": backend});
            let paths: Vec<_> = (0..paths).map(path).collect();
            let ingress = serde_json::json!({
                "metadata": {"name": host, "namespace": "shop"},
                "spec": {"rules": if paths.is_empty() { vec![] } else { vec![serde_json::json!({"host": host, "http": {"paths": paths}})] }},
            });
            self.inputs.insert(decode(WireKind::Ingress, &ingress).unwrap());
        }

        /// Which of the hosts are counted.
        fn counted(&mut self, hosts: &[&str]) -> String {
            let snapshot = self.compiler.compile(&self.inputs).snapshot;
            let conn = ConnInfo::default();
            let is_counted = |host: &&&str| {
                let (parts, ()) = http::Request::get(format!("http://{host}/0")).body(()).unwrap().into_parts();
                let decision = snapshot.decide(&RequestView::new(&parts, &conn, 0).unwrap());
                matches!(decision.matched(), Some(Matched::Route { is_counted: true, .. }))
            };
            hosts.iter().filter(is_counted).copied().collect()
        }
    }

    #[test]
    fn hosts_are_counted_while_there_is_room_and_for_as_long_as_they_are_there() {
        let options = Options { counted_routes: 4, ..Options::default() };
        let mut hosts = Hosts { compiler: Compiler::new(options), inputs: Inputs::default() };
        let all = ["a", "b", "c", "d"];
        for (host, paths) in [("a", 2), ("b", 1), ("c", 3), ("d", 1)] {
            hosts.set(host, paths);
        }
        assert_eq!(hosts.counted(&all), "abc", "taken whole: four are reached within the third");
        hosts.set("b", 9);
        hosts.set("d", 2);
        assert_eq!(hosts.counted(&all), "abc", "what is changed stays what it is");
        hosts.set("b", 0);
        hosts.set("c", 0);
        assert_eq!(hosts.counted(&all), "a", "nobody is counted that was not, although there is room");
        hosts.set("b", 5);
        hosts.set("c", 1);
        assert_eq!(hosts.counted(&all), "ab", "who comes is");
    }
}

//! A scan over all rules in order of precedence, as gateways do that keep one list.

use crate::matcher::Matcher;
use crate::workload::{RouteId, Workload};

/// All rules, longest prefix first.
#[derive(Debug)]
pub struct Linear(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    host: Box<str>,
    /// Without final slash.
    prefix: Box<str>,
    route: RouteId,
}

impl Linear {
    /// The rules of a workload.
    #[must_use]
    pub fn new(workload: &Workload) -> Self {
        let rules = workload.hosts().flat_map(|host| {
            let name = host.name();
            let rule = move |(prefix, route): (&str, RouteId)| Rule {
                host: name.as_str().into(),
                prefix: prefix.trim_end_matches('/').into(),
                route,
            };
            host.routes().map(rule)
        });
        let mut rules: Vec<Rule> = rules.collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.prefix.len()));
        Self(rules)
    }
}

impl Matcher for Linear {
    fn find(&self, host: &str, path: &str) -> Option<RouteId> {
        let takes = |rule: &&Rule| {
            let rest = path.strip_prefix(&*rule.prefix);
            *rule.host == *host && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.0.iter().find(takes).map(|rule| rule.route)
    }
}

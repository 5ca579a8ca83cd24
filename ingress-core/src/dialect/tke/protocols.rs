//! Which rules are for plain text and which for TLS (`spec.tls`, `rule-mix`, `rule-mix-both`).

use std::collections::{BTreeMap, BTreeSet};

use super::json::Refused;
use super::rules::{self, Listed, Lists, What};
use super::{keys, switch};
use crate::diagnostic::Code;
use crate::dialect::ExtraRoute;
use crate::dialect::annotations::{Annotations, shown};
use crate::model::Ingress;
use crate::path::{PathKind, PathPattern};
use crate::policy::Schemes;

/// The protocol of each rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Protocols {
    /// That of most.
    pub(super) usual: Schemes,
    /// Those of others, by the index of the rule and of the path in it.
    pub(super) placed: BTreeMap<(usize, usize), Schemes>,
}

impl Protocols {
    /// Finds the protocol of each rule.
    pub(super) fn read(
        a: &mut Annotations<'_>,
        ingress: &Ingress,
        lists: &Result<Option<Lists>, Refused>,
        has_tls: bool,
    ) -> Self {
        let both = both(a);
        let usual = match lists {
            // What was to be closed in which protocol is not known.
            Err(Refused) => Schemes::All,
            Ok(Some(lists)) => return Self::listed(a, ingress, lists, has_tls),
            Ok(None) if both => Schemes::All,
            Ok(None) if has_tls => Schemes::Https,
            Ok(None) => Schemes::Http,
        };
        Self { usual, placed: BTreeMap::new() }
    }

    fn listed(a: &mut Annotations<'_>, ingress: &Ingress, lists: &Lists, has_tls: bool) -> Self {
        // Without a word on TLS, and with a certificate, the list for plain text adds a protocol and takes none away.
        let keeps_tls = has_tls && !lists.speak_of_tls();
        let mut rules: BTreeMap<_, Vec<(usize, usize)>> = BTreeMap::new();
        for rule in rules::of(ingress) {
            if let Some((host, path, service, port)) = rule.name() {
                rules.entry((host, path, service, port)).or_default().push(rule.place);
            }
        }
        let (mut http, mut https) = (BTreeSet::new(), BTreeSet::new());
        for Listed { key, tls, index, entry } in lists.entries() {
            let What::Rule { service, port } = &entry.what else { continue };
            let Some(found) = rules.get(&(&*entry.host, &*entry.path, &**service, port.to_string())) else {
                let message = format!(
                    "no rule has what entry [{index}] names: host `{}`, path `{}`, backend `{}:{}`",
                    shown(&entry.host),
                    shown(&entry.path),
                    shown(service),
                    shown(port),
                );
                a.report(Code::RuleListUnmatched, key, message);
                continue;
            };
            if tls { &mut https } else { &mut http }.extend(found.iter().copied());
        }
        let placed = http.iter().map(|place| {
            let schemes = if keeps_tls || https.contains(place) { Schemes::All } else { Schemes::Http };
            (*place, schemes)
        });
        Self { usual: Schemes::Https, placed: placed.collect() }
    }

    /// The protocol of a rule.
    pub(super) fn of(&self, rule: (usize, usize)) -> Schemes {
        self.placed.get(&rule).copied().unwrap_or(self.usual)
    }

    /// Puts a rule in both protocols.
    pub(super) fn open(&mut self, rule: (usize, usize)) {
        self.placed.insert(rule, Schemes::All);
    }

    /// Takes rules of both protocols out of that in which a redirect has the same host and path.
    pub(super) fn give_way(&mut self, ingress: &Ingress, redirects: &[ExtraRoute]) {
        let taken: BTreeSet<_> =
            redirects.iter().map(|extra| (&extra.host, identity(&extra.path), extra.schemes)).collect();
        if taken.is_empty() {
            return;
        }
        for rule in rules::of(ingress).filter(|rule| self.of(rule.place) == Schemes::All).collect::<Vec<_>>() {
            let (Some(host), pattern) = (rules::host(rule.host), rule.pattern()) else { continue };
            let is_taken = |schemes| taken.contains(&(&host, identity(&pattern), schemes));
            match (is_taken(Schemes::Http), is_taken(Schemes::Https)) {
                (true, _) => _ = self.placed.insert(rule.place, Schemes::Https),
                (false, true) => _ = self.placed.insert(rule.place, Schemes::Http),
                (false, false) => {}
            }
        }
    }
}

/// What makes two paths of one host the same.
fn identity(path: &PathPattern) -> (PathKind, &str) {
    (path.kind(), path.significant())
}

/// Whether all rules are for both protocols.
fn both(a: &mut Annotations<'_>) -> bool {
    if !switch(a, keys::RULE_MIX_BOTH) {
        return false;
    }
    // A malformed one excludes nothing, and is reported where it is read.
    let others = [keys::RULE_MIX, keys::AUTO_REWRITE, keys::REWRITE_SUPPORT];
    let set: Vec<&str> = others.into_iter().filter(|key| a.text(key) == Some("true")).collect();
    if set.is_empty() {
        return true;
    }
    let message = format!("`rule-mix-both` has no effect beside `{}`", set.join("` and `"));
    a.report(Code::AnnotationsExclusive, keys::RULE_MIX_BOTH, message);
    false
}

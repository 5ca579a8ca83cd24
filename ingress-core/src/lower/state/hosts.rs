//! Hosts: those that rules name, and those that are other names for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Changes, HostState, Reading, Source, State};
use crate::diagnostic::{Code, Diagnostic};
use crate::host::HostPattern;
use crate::lower::merge::{self, Member, Merged};
use crate::lower::read;
use crate::model::Inputs;
use crate::object::{FieldPath, Origin};
use crate::path::PathPattern;
use crate::policy::{Location, Redirect, Route, Target, VirtualHost};

impl State {
    /// Merges hosts again, and the other names of those that differ after them.
    pub(super) fn merge_hosts(&mut self, dirty: Vec<HostPattern>, inputs: &Inputs, changes: &mut Changes) {
        let mut derived = BTreeSet::new();
        for pattern in dirty {
            let merged = self.merge_host(&pattern, inputs);
            if !self.aliases.is_empty() {
                let from = (pattern.clone(), HostPattern::Any, Arc::clone(&self.first_object));
                let aliases = self.aliases.range(from..).take_while(|(host, ..)| *host == pattern);
                derived.extend(aliases.map(|(_, alias, _)| alias.clone()));
            }
            if let HostPattern::Wildcard(name) = &pattern {
                // An alias for the same names, at any depth, gives way to the host.
                let alias = HostPattern::Suffix(name.clone());
                derived.extend(self.hosts.contains_key(&alias).then_some(alias));
            }
            match merged {
                Some(merged) => self.set_host(&pattern, Some(merged), changes),
                None => {
                    derived.insert(pattern);
                }
            }
        }
        for pattern in derived {
            let is_own = self.hosts.get(&pattern).is_some_and(|state| self.makes_host(state, &pattern));
            if is_own {
                self.report(Source::Derived(pattern), Vec::new());
            } else {
                let merged = self.derive_host(&pattern);
                self.set_host(&pattern, merged, changes);
            }
        }
    }

    fn merge_host(&mut self, pattern: &HostPattern, inputs: &Inputs) -> Option<Merged> {
        let state = self.hosts.get_mut(pattern)?;
        state.is_dirty = false;
        let mut out = Vec::new();
        let state = self.hosts.get(pattern)?;
        let members: Vec<Member<'_>> = state
            .members
            .iter()
            .filter_map(|key| {
                let contribution = &self.readings.get(&key.object)?.contribution;
                let part = contribution.part(pattern)?;
                let draft = contribution.member(key, read::ingress_of(inputs, key)?, part, &self.nothing);
                Some(Member { key, dialect: contribution.dialect.as_ref()?, part, draft })
            })
            .collect();
        // Those that only have another name for some host take no part once the name is a host of its own.
        let taking_part = |member: &&Member<'_>| !member.draft.rules.is_empty() || member.part.makes_host();
        let (ours, others): (Vec<Member<'_>>, Vec<Member<'_>>) =
            members.into_iter().partition(|member| taking_part(&member));
        let merged = merge::host(pattern, &ours, self.fallback.as_ref(), &mut out);
        if merged.is_some() {
            out.extend(others.iter().map(|member| name_taken(pattern, member)));
        }
        self.report(Source::Host(pattern.clone()), out);
        merged
    }

    /// Whether some object makes this a host of its own.
    pub(super) fn makes_host(&self, state: &HostState, pattern: &HostPattern) -> bool {
        let readings = state.members.iter().filter_map(|key| self.readings.get(&key.object));
        let mut parts = readings.filter(|it| is_ordinary(it)).filter_map(|it| it.contribution.part(pattern));
        parts.any(read::Part::makes_host)
    }

    /// The host that this is another name for, under this name.
    fn derive_host(&mut self, pattern: &HostPattern) -> Option<Merged> {
        let state = self.hosts.get(pattern)?;
        let mut out = Vec::new();
        if let HostPattern::Suffix(name) = pattern
            && self.hosts.get(&HostPattern::Wildcard(name.clone())).is_some_and(|host| host.merged.is_some())
        {
            let readings = state.members.iter().filter_map(|key| self.readings.get(&key.object));
            out.extend(readings.map(|reading| {
                let Origin { object, field } = alias_field(reading);
                let message = format!("alias `{pattern}` has no effect: the name is a host of its own");
                Diagnostic::new(Code::AliasConflict, Some(object), field, message)
            }));
            self.report(Source::Derived(pattern.clone()), out);
            return None;
        }
        // The first by the name of the host, as in the order of the server blocks.
        let mut chosen: Option<(&HostPattern, &Reading)> = None;
        let mut lost = Vec::new();
        let mut www = None;
        for reading in state.members.iter().filter_map(|key| self.readings.get(&key.object)) {
            let Some(other) = reading.contribution.part(pattern).and_then(|part| part.other.as_deref()) else {
                continue;
            };
            for host in other.alias_of.iter().filter(|host| self.supplies_aliases(host, reading)) {
                let is_first = chosen.is_none_or(|(best, _)| server_name(host) < server_name(best));
                if is_first {
                    lost.extend(chosen.replace((host, reading)));
                } else {
                    lost.push((host, reading));
                }
            }
            let is_there = |host: &&HostPattern| self.hosts.get(host).is_some_and(|state| state.merged.is_some());
            let redirects = other.www_of.as_ref().filter(is_there);
            www = www.or_else(|| redirects.map(|host| (host.clone(), reading)));
        }
        let merged = match (chosen, www) {
            (Some((host, _)), _) => {
                let original = self.hosts.get(host)?.merged.as_ref()?;
                // The backends are the original's, and so is what is said of them.
                Some(Merged { host: Arc::new(original.host.alias(pattern.clone())), claims: Box::default() })
            }
            (None, Some((host, reading))) => www_host(pattern, &host, reading),
            (None, None) => None,
        };
        for (host, reading) in lost {
            if let Some((winner, by)) = chosen {
                out.push(alias_lost(pattern, host, reading, winner, by));
            }
        }
        self.report(Source::Derived(pattern.clone()), out);
        merged
    }

    /// Whether the aliases of a host are this object's: they are those of the first object that has any.
    fn supplies_aliases(&self, host: &HostPattern, reading: &Reading) -> bool {
        let Some(state) = self.hosts.get(host).filter(|state| state.merged.is_some()) else { return false };
        let wants = |reading: &Reading| {
            let intent = reading.contribution.intent.as_deref();
            intent.is_some_and(|intent| intent.aliases.is_some())
        };
        let mut readings = state.members.iter().filter_map(|key| self.readings.get(&key.object));
        let names = |other: &&Reading| other.contribution.part(host).is_some_and(|part| !part.rules.is_empty());
        let first = readings.find(|other| is_ordinary(other) && names(other) && wants(other));
        first.is_some_and(|first| first.key == reading.key)
    }

    /// Puts a merged host in force, or takes one away.
    fn set_host(&mut self, pattern: &HostPattern, mut merged: Option<Merged>, changes: &mut Changes) {
        let Some(state) = self.hosts.get_mut(pattern) else { return };
        let before = state.merged.take();
        if before == merged {
            state.merged = before;
        } else {
            self.backends.replace_host(pattern, before.as_ref(), merged.as_mut());
            let host = merged.as_ref().map(|merged| Arc::clone(&merged.host));
            state.merged = merged;
            if before.map(|before| before.host) != host {
                changes.hosts.push((pattern.clone(), host));
            }
        }
        if self.hosts.get(pattern).is_some_and(|state| state.members.is_empty()) {
            self.report(Source::Host(pattern.clone()), Vec::new());
            self.report(Source::Derived(pattern.clone()), Vec::new());
            self.hosts.remove(pattern);
        }
    }
}

/// The name by which the controller sorts servers; that of unknown names is `_`.
fn server_name(host: &HostPattern) -> String {
    if *host == HostPattern::Any { "_".to_owned() } else { host.to_string() }
}

fn is_ordinary(reading: &Reading) -> bool {
    reading.contribution.intent.as_deref().is_none_or(|intent| intent.is_ordinary())
}

/// Where an object says that its hosts have another name.
fn alias_field(reading: &Reading) -> Origin {
    let aliases = reading.contribution.intent.as_deref().and_then(|intent| intent.aliases.as_ref());
    let field = aliases.map_or(FieldPath::named(&"metadata"), |aliases| aliases.field.clone());
    Origin { object: Arc::clone(&reading.key.object), field }
}

/// The host that sends everything to its other form.
fn www_host(pattern: &HostPattern, host: &HostPattern, reading: &Reading) -> Option<Merged> {
    let policy = reading.contribution.dialect.as_ref()?.semantics().path_policy;
    let www = reading.contribution.intent.as_deref()?.www_redirect.as_ref()?;
    let redirect =
        Redirect { status: www.status, location: Location::OtherHost(host.to_string().into()), reason: "www-redirect" };
    let target = Target::Redirect(Box::new(redirect));
    let origin = Origin { object: Arc::clone(&reading.key.object), field: www.field.clone() };
    let route = Route::new(PathPattern::Prefix("/".into()), target, origin);
    let host = VirtualHost::new(pattern.clone(), policy, vec![route], Vec::new());
    Some(Merged { host: Arc::new(host), claims: Box::default() })
}

fn name_taken(pattern: &HostPattern, member: &Member<'_>) -> Diagnostic {
    let is_alias = member.part.other.as_deref().is_some_and(|other| !other.alias_of.is_empty());
    let intent = member.draft.intent;
    let aliases = intent.aliases.as_ref().filter(|_| is_alias).map(|aliases| &aliases.field);
    let (code, what, field) = match aliases {
        Some(field) => (Code::AliasConflict, "alias", Some(field)),
        None => (Code::WwwRedirectSkipped, "redirect from", intent.www_redirect.as_ref().map(|www| &www.field)),
    };
    let message = format!("{what} `{pattern}` has no effect: the name is a host of its own");
    let field = field.cloned().unwrap_or(FieldPath::named(&"metadata"));
    Diagnostic::new(code, Some(Arc::clone(&member.key.object)), field, message)
}

fn alias_lost(
    pattern: &HostPattern,
    host: &HostPattern,
    reading: &Reading,
    winner: &HostPattern,
    by: &Reading,
) -> Diagnostic {
    let message = format!("alias `{pattern}` of host `{host}` is already one of host `{winner}`");
    let Origin { object, field } = alias_field(reading);
    Diagnostic::new(Code::AliasConflict, Some(object), field, message).with_related(alias_field(by), "this one counts")
}

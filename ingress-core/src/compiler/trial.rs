//! What would be if an Ingress were different: compiled, looked at, and taken back.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Compiler, Step};
use crate::diagnostic::Diagnostic;
use crate::host::{HostName, HostPattern};
use crate::model::{Ingress, Inputs, Object};
use crate::object::{Kind, ObjectRef};
use crate::snapshot::Snapshot;

/// What would come of an Ingress.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trial {
    /// Whether this controller would serve it.
    pub is_claimed: bool,
    /// Whether its class is this controller's, which would serve it if it were valid.
    pub is_ours: bool,
    /// The Ingress as it is now; none if there is none of its name.
    pub current: Option<Arc<Ingress>>,
    /// The hosts that it would have a part in, and who else has.
    pub hosts: Vec<TriedHost>,
    /// What is wrong with it.
    pub findings: Vec<Diagnostic>,
    /// What would then be wrong with others, and is not now.
    pub others: Vec<Diagnostic>,
    /// The Secrets and ConfigMaps that it refers to and nothing does now. Where only those are read that are referred to,
    /// these are not, so findings that they are missing mean nothing.
    pub unread: BTreeSet<ObjectRef>,
    /// The hosts whose routes would be others.
    pub changed: BTreeSet<HostPattern>,
    /// What would be in force.
    pub snapshot: Arc<Snapshot>,
}

/// A host that an Ingress would have a part in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TriedHost {
    /// The host.
    pub host: HostPattern,
    /// Whether the Ingress has no part in it now.
    pub is_new: bool,
    /// The other Ingresses that have a part in it, whoever comes first first.
    pub others: Vec<Arc<Ingress>>,
    /// The other Ingresses that take requests for this host now, because they have a wildcard for it.
    pub wildcards: Vec<Arc<ObjectRef>>,
}

impl Compiler {
    /// Says what would come of an Ingress if it were created, or were changed to this. Before and after, the inputs are what
    /// has been [compiled](Self::compile) last; what had changed in between would be blamed on the Ingress.
    ///
    /// The cost is that of what the Ingress touches: its own rules, and whoever shares its hosts and backends.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ingress_core::compiler::Compiler;
    /// use ingress_core::lower::Options;
    /// use ingress_core::model::{Inputs, Object, WireKind, decode};
    ///
    /// let text = r#"{"metadata": {"name": "cafe", "namespace": "shop"}, "spec": {"rules": [{"host": "cafe.example"}]}}"#;
    /// let Object::Ingress(cafe) = decode(WireKind::Ingress, &mut serde_json::Deserializer::from_str(text))? else {
    ///     unreachable!()
    /// };
    /// let (mut compiler, mut inputs) = (Compiler::new(Options::default()), Inputs::default());
    /// compiler.compile(&inputs);
    /// let trial = compiler.try_ingress(&mut inputs, Arc::unwrap_or_clone(cafe));
    /// assert!(trial.is_claimed && trial.findings.is_empty());
    /// assert!(inputs.is_empty());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn try_ingress(&mut self, inputs: &mut Inputs, ingress: Ingress) -> Trial {
        let were_claims_new = self.state.are_claims_new();
        let name = Arc::new(ingress.metadata.reference(Kind::Ingress));
        let current = inputs.ingress(&name).cloned();
        let is_ours = self.is_of_our_class(&ingress);
        let hosts: BTreeSet<HostPattern> = self.hosts_of(&name).cloned().collect();
        let references = self.references_of(&name);
        inputs.insert(Object::Ingress(Arc::new(ingress)));
        let Step { changed, .. } = self.step(inputs);
        let mut unread = self.references_of(&name);
        unread.retain(|reference| !references.contains(reference) && !self.state.is_asked_for(reference, &name));
        let is_own = |finding: &&Diagnostic| finding.object.as_deref() == Some(&*name);
        let trial = Trial {
            is_claimed: self.is_claimed(&name),
            is_ours,
            current: current.clone(),
            hosts: self.hosts_of(&name).map(|host| self.tried(host, &name, &hosts, inputs)).collect(),
            findings: self.state.findings_about(&name).cloned().collect(),
            others: self.state.new_findings().filter(|it| !is_own(it)).cloned().collect(),
            unread,
            changed,
            snapshot: Arc::clone(&self.snapshot),
        };
        match current {
            Some(current) => inputs.insert(Object::Ingress(current)),
            None => inputs.remove(&name),
        };
        self.step(inputs);
        self.state.set_claims_new(were_claims_new);
        trial
    }

    fn tried(
        &self,
        host: &HostPattern,
        name: &ObjectRef,
        before: &BTreeSet<HostPattern>,
        inputs: &Inputs,
    ) -> TriedHost {
        let is_other = |other: &&Arc<ObjectRef>| ***other != *name;
        let others = self.ingresses_at(host).filter(is_other);
        let mut wildcards_of_others = Vec::new();
        for wildcard in wildcards(host) {
            wildcards_of_others.extend(self.ingresses_at(&wildcard).filter(is_other).cloned());
        }
        TriedHost {
            host: host.clone(),
            is_new: !before.contains(host),
            others: others.filter_map(|other| inputs.ingress(other).cloned()).collect(),
            wildcards: wildcards_of_others,
        }
    }
}

/// The wildcards that take a host where it has no rules of its own.
fn wildcards(host: &HostPattern) -> impl Iterator<Item = HostPattern> {
    let (name, is_exact) = match host {
        HostPattern::Exact(name) => (name.as_str(), true),
        HostPattern::Wildcard(name) | HostPattern::Deep(name) => (name.as_str(), false),
        _ => ("", false),
    };
    let mut rest = name;
    let parents = std::iter::from_fn(move || {
        rest = rest.split_once('.')?.1;
        HostName::new(rest).ok()
    });
    parents.enumerate().flat_map(move |(place, parent)| {
        let one_label = (is_exact && place == 0).then(|| HostPattern::Wildcard(parent.clone()));
        one_label.into_iter().chain([HostPattern::Deep(parent)])
    })
}

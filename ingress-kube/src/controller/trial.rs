//! What would be if an Ingress were different: compiled beside what is in force, which stays as it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use ingress_core::diagnostic::Diagnostic;
use ingress_core::host::HostPattern;
use ingress_core::model::{Ingress, Object};
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::snapshot::Snapshot;

use super::report::new_findings;
use super::{Controller, Sink};

/// What would come of an Ingress.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trial {
    /// Whether this controller would serve it.
    pub is_claimed: bool,
    /// What is wrong with it.
    pub findings: Vec<Diagnostic>,
    /// What would then be wrong with others, and is not now.
    pub others: Vec<Diagnostic>,
    /// The Secrets and ConfigMaps that it refers to and no accepted Ingress does. Those are not read for a trial, so findings
    /// that they are missing mean nothing.
    pub unread: BTreeSet<ObjectRef>,
    /// The hosts whose routes would be others.
    pub changed: BTreeSet<HostPattern>,
    /// What would be in force.
    pub snapshot: Arc<Snapshot>,
}

impl<S: Sink> Controller<S> {
    /// Compiles as if an Ingress were this, and then as it is again, which costs what the Ingress touches. None before anything
    /// is in force: then nobody knows what it would meet.
    pub(super) fn try_ingress(&mut self, ingress: Ingress) -> Option<Trial> {
        self.in_force.as_ref()?;
        // What has changed meanwhile must be neither blamed on the Ingress nor lost.
        self.compile();
        let name = ingress.metadata.reference(Kind::Ingress);
        let inputs = self.store.inputs_mut();
        let current = inputs.ingress(&name).cloned();
        inputs.insert(Object::Ingress(Arc::new(ingress)));
        let compiled = self.compiler.compile(inputs);
        let is_claimed = self.compiler.is_claimed(&name);
        let mut unread = self.compiler.references_of(&name);
        unread.retain(|reference| !self.references.is_wanted(reference));
        match current {
            Some(current) => inputs.insert(Object::Ingress(current)),
            None => inputs.remove(&name),
        };
        self.compiler.compile(inputs);
        let is_own = |finding: &&Diagnostic| finding.object.as_deref() == Some(&name);
        let before = self.held.as_ref().map_or(&*self.findings, |held| &held.findings);
        Some(Trial {
            is_claimed,
            findings: compiled.diagnostics.iter().filter(is_own).cloned().collect(),
            others: new_findings(before, &compiled.diagnostics).filter(|finding| !is_own(finding)).cloned().collect(),
            unread,
            changed: compiled.changed,
            snapshot: compiled.snapshot,
        })
    }
}

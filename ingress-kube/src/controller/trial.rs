//! What would be if an Ingress were different: compiled beside what is in force, which stays as it is.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ingress_core::compiler::Compiler;
use ingress_core::diagnostic::Diagnostic;
use ingress_core::host::{HostName, HostPattern};
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
    /// The Secrets and ConfigMaps that it refers to and no accepted Ingress does. Those are not read for a trial, so findings
    /// that they are missing mean nothing.
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

/// Why an Ingress cannot be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoTrial {
    /// Nothing is in force, so nobody knows what it would meet.
    #[error("the controller is not ready: it has not read the cluster yet")]
    NotReady,
    /// The controller has ended.
    #[error("the controller has ended")]
    Ended,
    /// The compiler has a bug, and this Ingress brings it about. What is in force is as it was.
    #[error("this Ingress cannot be compiled, which is a bug of the controller")]
    Panicked,
}

impl<S: Sink> Controller<S> {
    /// Compiles as if an Ingress were this, and then as it is again, which costs what the Ingress touches.
    pub(super) fn try_ingress(&mut self, ingress: Ingress) -> Result<Trial, NoTrial> {
        if self.in_force.is_none() {
            return Err(NoTrial::NotReady);
        }
        // What has changed meanwhile must be neither blamed on the Ingress nor lost.
        self.compile();
        let name = ingress.metadata.reference(Kind::Ingress);
        let hosts_now: BTreeSet<HostPattern> = self.compiler.hosts_of(&name).cloned().collect();
        let current = self.store.inputs().ingress(&name).cloned();
        let is_ours = self.compiler.is_of_our_class(&ingress);
        self.store.inputs_mut().insert(Object::Ingress(Arc::new(ingress)));
        // Whoever asks is a stranger, who must not be able to end the controller by asking.
        let trial = catch_unwind(AssertUnwindSafe(|| {
            let inputs = self.store.inputs();
            let compiled = self.compiler.compile(inputs);
            let mut unread = self.compiler.references_of(&name);
            unread.retain(|reference| !self.references.is_wanted(reference));
            let hosts = self.compiler.hosts_of(&name).map(|host| {
                let wildcards = wildcards(host).flat_map(|wildcard| {
                    self.compiler.ingresses_at(&wildcard).filter(|other| ***other != name).cloned().collect::<Vec<_>>()
                });
                let others = self.compiler.ingresses_at(host).filter(|other| ***other != name);
                TriedHost {
                    host: host.clone(),
                    is_new: !hosts_now.contains(host),
                    others: others.filter_map(|other| inputs.ingress(other).cloned()).collect(),
                    wildcards: wildcards.collect(),
                }
            });
            let is_own = |finding: &&Diagnostic| finding.object.as_deref() == Some(&name);
            let before = self.held.as_ref().map_or(&*self.findings, |held| &held.findings);
            Trial {
                is_claimed: self.compiler.is_claimed(&name),
                is_ours,
                current: current.clone(),
                hosts: hosts.collect(),
                findings: compiled.diagnostics.iter().filter(is_own).cloned().collect(),
                others: new_findings(before, &compiled.diagnostics).filter(|it| !is_own(it)).cloned().collect(),
                unread,
                changed: compiled.changed,
                snapshot: compiled.snapshot,
            }
        }));
        let inputs = self.store.inputs_mut();
        match current {
            Some(current) => inputs.insert(Object::Ingress(current)),
            None => inputs.remove(&name),
        };
        if trial.is_err() {
            // Nobody knows in which state it was left.
            self.compiler = Compiler::new(self.settings.engine.clone());
        }
        self.compiler.compile(self.store.inputs());
        trial.map_err(|_| NoTrial::Panicked)
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

//! Compiling again and again: each time only what changed.

mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use self::trial::{Trial, TriedHost};
use crate::diagnostic::Diagnostics;
use crate::host::HostPattern;
use crate::lower::{Options, State};
use crate::matcher::{Counted, Programs, Shapes};
use crate::model::{Ingress, Inputs};
use crate::object::ObjectRef;
use crate::snapshot::{Snapshot, bind, bind_default};

/// Turns inputs into snapshots and remembers enough to do the next one quickly.
///
/// What it gives is what compiling from scratch would give, whatever was compiled before, but for which routes are
/// counted where there are too many ([`Options::counted_routes`]).
///
/// ```
/// use ingress_core::compiler::Compiler;
/// use ingress_core::lower::Options;
/// use ingress_core::model::Inputs;
///
/// let mut compiler = Compiler::new(Options::default());
/// let inputs = Inputs::default();
/// assert!(compiler.compile(&inputs).changed.is_empty());
/// ```
#[derive(Debug)]
pub struct Compiler {
    state: State,
    programs: Programs,
    shapes: Shapes,
    counted: Counted,
    snapshot: Arc<Snapshot>,
}

/// The result of compiling.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Compiled {
    /// The new snapshot; the previous one, shared, if nothing changed.
    pub snapshot: Arc<Snapshot>,
    /// All findings, old and new.
    pub diagnostics: Diagnostics,
    /// The hosts whose routes differ from the previous snapshot's.
    pub changed: BTreeSet<HostPattern>,
    /// Whether anything differs from the previous snapshot, be it routes, endpoints or certificates.
    pub is_new: bool,
}

/// What compiling did to the snapshot.
struct Step {
    changed: BTreeSet<HostPattern>,
    is_new: bool,
}

/// The claimed Ingresses, and what they refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// The Ingresses that this controller serves, as far as they are valid.
    pub ingresses: BTreeSet<Arc<ObjectRef>>,
    /// The Secrets and ConfigMaps that they or the controller's settings name, whether those exist or not.
    pub references: BTreeSet<ObjectRef>,
}

impl Compiler {
    /// A compiler that has compiled nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let seed = options.hash_seed;
        Self {
            counted: Counted::new(options.counted_routes),
            state: State::new(options),
            programs: Programs::new(seed),
            shapes: Shapes::new(seed),
            snapshot: Arc::new(Snapshot::empty(seed)),
        }
    }

    /// The load balancers that Ingresses name in annotations, as far as their dialect has such.
    #[must_use]
    pub fn load_balancers(&self) -> &BTreeMap<Arc<ObjectRef>, Box<str>> {
        self.state.load_balancers()
    }

    /// Whose Ingresses there are and what they refer to, as of the last [`compile`](Self::compile); none if that cannot
    /// differ from what the last call gave.
    ///
    /// An adapter that reads only the Secrets and ConfigMaps that are needed reads these, and compiles again.
    pub fn take_claims(&mut self) -> Option<Claims> {
        self.state.take_claims().map(|(ingresses, references)| Claims { ingresses, references })
    }

    /// Whether an Ingress is claimed, as of the last [`compile`](Self::compile).
    #[must_use]
    pub fn is_claimed(&self, ingress: &ObjectRef) -> bool {
        self.state.is_claimed(ingress)
    }

    /// Whether the class that an Ingress names, or that it names none, makes it this controller's. It need not be among the
    /// inputs, and need not be valid.
    #[must_use]
    pub fn is_of_our_class(&self, ingress: &Ingress) -> bool {
        self.state.is_of_our_class(ingress)
    }

    /// The hosts that an Ingress has a part in, as of the last [`compile`](Self::compile): those of its rules, and those that
    /// its annotations name.
    pub fn hosts_of(&self, ingress: &ObjectRef) -> impl Iterator<Item = &HostPattern> {
        self.state.hosts_of(ingress)
    }

    /// The Ingresses that have a part in a host, as of the last [`compile`](Self::compile). Where they want the same the first
    /// gets it.
    pub fn ingresses_at(&self, host: &HostPattern) -> impl Iterator<Item = &Arc<ObjectRef>> {
        self.state.ingresses_at(host)
    }

    /// The Secrets and ConfigMaps that an Ingress refers to, there or not, as of the last [`compile`](Self::compile).
    #[must_use]
    pub fn references_of(&self, ingress: &ObjectRef) -> BTreeSet<ObjectRef> {
        self.state.references_of(ingress)
    }

    /// Brings the snapshot up to date with the inputs. The cost is that of what changed in the same `inputs` since the last
    /// call; other inputs, a clone included, are compared as a whole.
    pub fn compile(&mut self, inputs: &Inputs) -> Compiled {
        let Step { changed, is_new } = self.step(inputs);
        Compiled { snapshot: Arc::clone(&self.snapshot), diagnostics: self.state.diagnostics(), changed, is_new }
    }

    /// The same without the list of all findings.
    fn step(&mut self, inputs: &Inputs) -> Step {
        let changes = self.state.update(inputs);
        let changed = changes.hosts.iter().map(|(pattern, _)| pattern.clone()).collect();
        let path_policy = self.state.path_policy();
        let is_new = !changes.is_empty() || self.snapshot.path_policy != path_policy;
        if is_new {
            let backends = self.state.backends();
            let number_of = |reference: &Arc<_>| backends.id(reference);
            let hosts = changes.hosts.into_iter().map(|(pattern, host)| {
                let is_counted = self.counted.replace(self.snapshot.hosts.get(&pattern), host.as_deref());
                let bind = |host| bind(&host, is_counted, &mut self.programs, &mut self.shapes, &number_of);
                (pattern, host.map(bind))
            });
            let bound = hosts.collect();
            let default_backend = if changes.default_backend {
                let default = self.state.default_backend().cloned();
                default.map(|default| Arc::new(bind_default(default, &number_of)))
            } else {
                self.snapshot.default_backend.clone()
            };
            self.snapshot = Arc::new(Snapshot {
                hosts: self.snapshot.hosts.with(bound),
                default_backend,
                certificates: self.snapshot.certificates.with(changes.certificates.into_iter().collect()),
                backends: self.snapshot.backends.with(changes.backends),
                path_policy,
                side: if changes.side_backends { Arc::new(backends.side()) } else { Arc::clone(&self.snapshot.side) },
            });
        }
        Step { changed, is_new }
    }
}

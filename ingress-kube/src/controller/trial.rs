//! What would be if an Ingress were different: compiled beside what is in force, which stays as it is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ingress_core::compiler::{Compiler, Trial};
use ingress_core::model::{Ingress, Object};
use ingress_core::object::Kind;

use super::{Controller, Sink};

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
        if self.debounce.due().is_some() {
            self.compile();
        }
        let name = ingress.metadata.reference(Kind::Ingress);
        let current = self.store.inputs().ingress(&name).cloned();
        // Whoever asks is a stranger, who must not be able to end the controller by asking.
        let trial = catch_unwind(AssertUnwindSafe(|| self.compiler.try_ingress(self.store.inputs_mut(), ingress)));
        let Ok(mut trial) = trial else {
            // Nobody knows in which state it was left.
            let inputs = self.store.inputs_mut();
            match current {
                Some(current) => inputs.insert(Object::Ingress(current)),
                None => inputs.remove(&name),
            };
            self.compiler = Compiler::new(self.settings.engine.clone());
            self.compiler.compile(inputs);
            return Err(NoTrial::Panicked);
        };
        trial.unread.retain(|reference| !self.references.is_wanted(reference));
        Ok(trial)
    }
}

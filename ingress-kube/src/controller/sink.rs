//! Whom a controller tells what it finds, and what others may ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ingress_core::compiler::Trial;
use ingress_core::diagnostic::Diagnostics;
use ingress_core::model::{Ingress, SecretState};
use ingress_core::object::ObjectRef;
use ingress_core::snapshot::Snapshot;
use tokio::sync::{mpsc, oneshot, watch};

use super::trial::NoTrial;
use crate::api::Failure;
use crate::convert::{IngressRecord, SecretData};
use crate::resource::{Resource, Scope};
use crate::store::ResourceStatus;

/// Whom a controller tells what it finds. The methods are called by one task, one after the other, and must not wait for
/// anything.
pub trait Sink: Send {
    /// A Secret is there, or has other bytes now. Routes that need it are in force afterwards. Returned is what the engine is to
    /// make of it; where these bytes are no good and those before still serve, what those are good for.
    fn secret(&mut self, name: &ObjectRef, data: &SecretData) -> SecretState;

    /// A Secret is gone, or nobody refers to it any more. Routes that needed it are out of force already.
    fn secret_gone(&mut self, name: &ObjectRef);

    /// The snapshot, the findings, the Secrets or the state of the watches are others now.
    fn in_force(&mut self, state: State<'_>);

    /// A line for the log.
    fn say(&mut self, line: &str);
}

/// What is in force.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct State<'a> {
    /// The snapshot, which readers have already; none before the first.
    pub snapshot: Option<&'a Arc<Snapshot>>,
    /// Whether it is another one than before.
    pub is_new: bool,
    /// All that is wrong with the objects.
    pub findings: &'a Diagnostics,
    /// How it stands with everything that is watched.
    pub resources: &'a BTreeMap<(Resource, Scope), ResourceStatus>,
}

impl<'a> State<'a> {
    /// What cannot be read now; what it gave before is in force.
    pub fn failing(&self) -> impl Iterator<Item = (Resource, &'a Failure)> {
        self.resources.iter().filter_map(|((resource, _), status)| Some((*resource, status.failure.as_ref()?)))
    }
}

/// What a controller knows, for whoever follows it: the status writer, the Events, pages for people.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct View {
    /// The snapshot in force; none before the first.
    pub snapshot: Option<Arc<Snapshot>>,
    /// All that is wrong with the objects.
    pub findings: Arc<Diagnostics>,
    /// The Ingresses that are watched, with what only their status needs, as they were when it was found out whose they are.
    pub ingresses: Arc<BTreeMap<Arc<ObjectRef>, Arc<IngressRecord>>>,
    /// Those of them that this controller serves.
    pub claimed: Arc<BTreeSet<Arc<ObjectRef>>>,
    /// How it stands with everything that is watched.
    pub resources: Arc<BTreeMap<(Resource, Scope), ResourceStatus>>,
}

impl View {
    /// Whether requests can be decided. Once true it stays so.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.snapshot.is_some()
    }
}

/// Follows a controller. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) views: watch::Receiver<Arc<View>>,
    pub(super) trials: mpsc::Sender<Question>,
}

/// An Ingress to try, and where the answer goes.
pub(super) type Question = (Ingress, oneshot::Sender<Result<Trial, NoTrial>>);

impl Handle {
    /// What the controller knows; whoever waits for changes sees the newest, not each.
    #[must_use]
    pub fn views(&self) -> watch::Receiver<Arc<View>> {
        self.views.clone()
    }

    /// What would come of an Ingress if it were created, or were changed to this. Nothing in force is touched.
    ///
    /// # Errors
    ///
    /// [`NoTrial`] before anything is in force, and when the controller has ended.
    pub async fn try_ingress(&self, ingress: Ingress) -> Result<Trial, NoTrial> {
        let (answer, answered) = oneshot::channel();
        self.trials.send((ingress, answer)).await.map_err(|_| NoTrial::Ended)?;
        answered.await.map_err(|_| NoTrial::Ended).flatten()
    }
}

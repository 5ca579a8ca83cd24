//! Everything together: watches feed the store, what changed is compiled, and what differs is published.
//!
//! One task does it all, so there is at most one compile at a time, and the next one takes the newest state.

mod settings;
mod sink;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use ingress_core::compiler::Compiler;
use ingress_core::diagnostic::Diagnostics;
use ingress_core::model::{CertificateState, Inputs, Object, Secret};
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::publish::{Publisher, Reader};
use ingress_core::snapshot::Snapshot;
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use self::settings::{SecretAccess, Settings};
pub use self::sink::{Handle, Sink, State, View};
use crate::api::{self, Failure, Reason, WHOLE};
use crate::convert::{self, Revision, WireSecret};
use crate::debounce::Debounce;
use crate::references::{Answer, Outcome, References, Ticket};
use crate::resource::{Resource, Scope};
use crate::store::{ResourceStatus, Store};
use crate::watch::{Event, Reach, Subject, Watch};

/// How many events may wait for the task; the watches then wait too.
const EVENTS: usize = 1_024;

/// Watches a cluster and keeps a snapshot of it in force.
#[derive(Debug)]
pub struct Controller<S> {
    settings: Settings,
    sink: S,
    store: Store,
    references: References,
    /// How it stands with the watches that depend on what is referred to.
    by_reference: BTreeMap<(Resource, Scope), ByReference>,
    compiler: Compiler,
    claimed: Arc<BTreeSet<Arc<ObjectRef>>>,
    publisher: Publisher,
    debounce: Debounce,
    /// What was compiled last and is not in force yet, and since when it waits.
    waiting: Option<(Arc<Snapshot>, Diagnostics, Instant)>,
    in_force: Option<Arc<Snapshot>>,
    findings: Arc<Diagnostics>,
    /// Secrets that nothing in force needs as soon as the next snapshot is.
    leaving: BTreeSet<ObjectRef>,
    views: watch::Sender<Arc<View>>,
    is_status_new: bool,
    api: Api,
}

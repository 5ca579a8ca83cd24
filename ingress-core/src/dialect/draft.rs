//! A host while it is put together.

use std::sync::Arc;

use super::Intent;
use crate::host::HostPattern;
use crate::model::Ingress;
use crate::object::{ObjectRef, Origin};
use crate::policy::{BackendRef, CanaryRule, HostSettings, Route, Shadowed, Target};

/// A host of which all objects that name it are known.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by the engine, and by a dialect's own tests")]
pub struct HostDraft<'a> {
    /// The host.
    pub pattern: &'a HostPattern,
    /// The objects that name it, in conflict order.
    pub members: &'a [DraftMember<'a>],
    /// What takes the requests that no route takes; none answers 404.
    pub default_backend: Option<&'a Arc<BackendRef>>,
    /// The rules, as they are written; of those that are the same only the first. A dialect may change and add to them.
    pub routes: Vec<Route>,
    /// The rules that lost to one that is the same.
    pub shadowed: Vec<Shadowed>,
    /// What the host has beside its routes.
    pub settings: HostSettings,
    /// Canaries and the backends that they take requests from.
    pub attachments: Vec<Attachment>,
}

/// An object's part in a host.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by the engine, and by a dialect's own tests")]
pub struct DraftMember<'a> {
    /// The identity of the object.
    pub object: &'a Arc<ObjectRef>,
    /// The object.
    pub ingress: &'a Ingress,
    /// What it wants.
    pub intent: &'a Intent,
    /// Its rules that name the host.
    pub rules: &'a [usize],
    /// Whether its default backend is for names that no host has.
    pub is_catch_all: bool,
    /// What its default backend leads to.
    pub default: Option<&'a Target>,
}

/// A canary that takes a part of a backend's requests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Attachment {
    /// The backend whose requests it takes.
    pub primary: Arc<BackendRef>,
    /// Where they go.
    pub canary: Arc<BackendRef>,
    /// Which of them.
    pub rule: Arc<CanaryRule>,
    /// The path that says so.
    pub origin: Origin,
}

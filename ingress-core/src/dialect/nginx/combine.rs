//! What the annotations of one Ingress do to a host as a whole.

mod canaries;
mod implicit;
mod locations;
mod regex;
mod server;

use std::collections::BTreeMap;

use super::settings::Settings;
use crate::diagnostic::Diagnostic;
use crate::dialect::{DraftMember, HostDraft, Intent};
use crate::object::{FieldPath, ObjectRef};
use crate::path::PathPattern;
use crate::policy::Route;

/// Finishes a host as ingress-nginx's server block would be.
pub(super) fn host(
    draft: &mut HostDraft<'_>,
    settings: &Settings,
    of_controller: &dyn Fn() -> Intent,
    out: &mut Vec<Diagnostic>,
) {
    let members = Members::new(draft.members);
    implicit::add(draft, out);
    locations::exempt(draft, settings);
    canaries::attach(draft, out);
    server::settings(draft, &members, out);
    if !regex::apply(draft, &members, out) {
        locations::with_slash(draft, &members, out);
    }
    implicit::guard(draft, of_controller);
}

/// The objects of a host, to be found by name.
pub(super) struct Members<'d> {
    by_object: BTreeMap<&'d ObjectRef, (usize, &'d DraftMember<'d>)>,
}

/// Whether it is anything but the server's `/`, the age of the object, and the place in it.
type Order = (bool, usize, FieldPath);

impl<'d> Members<'d> {
    fn new(members: &'d [DraftMember<'d>]) -> Self {
        let numbered = members.iter().enumerate();
        Self { by_object: numbered.map(|(age, member)| (&**member.object, (age, member))).collect() }
    }

    /// The object that a route was written in, and its age among those of the host.
    fn of(&self, route: &Route) -> Option<(usize, &'d DraftMember<'d>)> {
        self.by_object.get(&*route.origin.object).copied()
    }

    /// The order in which the controller puts locations together: a server's `/` first, then object by object.
    fn order(&self, route: &Route) -> Order {
        let is_root = matches!(&route.path, PathPattern::Prefix(path) if &**path == "/");
        (!is_root, self.of(route).map_or(usize::MAX, |(age, _)| age), route.origin.field.clone())
    }
}

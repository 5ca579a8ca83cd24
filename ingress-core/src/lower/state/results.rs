//! What can be asked of the state: the table, the findings, whose Ingresses there are and what they refer to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Backends, Reading, State};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::host::HostPattern;
use crate::lower::class;
use crate::model::Ingress;
use crate::object::{Kind, ObjectRef};
use crate::path::PathPolicy;
use crate::policy::{DefaultBackend, RouteTable};

impl State {
    /// The whole table, in a form to print and compare.
    pub(crate) fn table(&self) -> RouteTable {
        let merged = self
            .hosts
            .iter()
            .filter_map(|(pattern, host)| Some((pattern.clone(), Arc::clone(&host.merged.as_ref()?.host))));
        let chosen = self
            .certificates
            .iter()
            .filter_map(|(name, state)| Some((name.clone(), Arc::clone(state.chosen.as_ref()?))));
        RouteTable {
            hosts: merged.collect(),
            default_backend: self.default_backend.clone(),
            certificates: chosen.collect(),
            backends: self.backends.all(),
            path_policy: self.path_policy(),
        }
    }

    /// All findings.
    pub(crate) fn diagnostics(&mut self) -> Diagnostics {
        self.findings.all()
    }

    /// The findings about an object.
    pub(crate) fn findings_about(&self, object: &Arc<ObjectRef>) -> impl Iterator<Item = &Diagnostic> {
        self.findings.about(object)
    }

    /// The findings that were not among all when those were asked for last.
    pub(crate) fn new_findings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.findings.new_ones()
    }

    pub(crate) fn default_backend(&self) -> Option<&Arc<DefaultBackend>> {
        self.default_backend.as_ref()
    }

    /// How the paths of requests for unknown hosts are made canonical.
    pub(crate) fn path_policy(&self) -> PathPolicy {
        self.dialects.of(None, None).semantics().path_policy
    }

    pub(crate) fn load_balancers(&self) -> &BTreeMap<Arc<ObjectRef>, Box<str>> {
        &self.load_balancers
    }

    pub(crate) fn backends(&self) -> &Backends {
        &self.backends
    }

    /// Whether an Ingress is claimed.
    pub(crate) fn is_claimed(&self, ingress: &ObjectRef) -> bool {
        self.readings.get(ingress).is_some_and(|reading| reading.contribution.dialect.is_some())
    }

    /// Whether the class of an Ingress is this controller's.
    pub(crate) fn is_of_our_class(&self, ingress: &Ingress) -> bool {
        let object = Arc::new(ingress.metadata.reference(Kind::Ingress));
        class::claim(&object, ingress, &self.classes, &self.options, &self.dialects, &mut Vec::new()).is_some()
    }

    /// The hosts that an Ingress has a part in.
    pub(crate) fn hosts_of(&self, ingress: &ObjectRef) -> impl Iterator<Item = &HostPattern> {
        let contribution = self.readings.get(ingress).map(|reading| &reading.contribution);
        contribution.into_iter().flat_map(|contribution| &contribution.hosts).map(|(pattern, _)| pattern)
    }

    /// The Ingresses that have a part in a host, in conflict order.
    pub(crate) fn ingresses_at(&self, host: &HostPattern) -> impl Iterator<Item = &Arc<ObjectRef>> {
        self.hosts.get(host).into_iter().flat_map(|host| &host.members).map(|member| &member.object)
    }

    /// The Secrets and ConfigMaps that an Ingress refers to, there or not.
    pub(crate) fn references_of(&self, ingress: &ObjectRef) -> BTreeSet<ObjectRef> {
        let Some(Reading { contribution, .. }) = self.readings.get(ingress) else { return BTreeSet::new() };
        let asked = contribution.asked.iter().filter(|object| matches!(object.kind, Kind::Secret | Kind::ConfigMap));
        contribution.secrets.iter().map(|(secret, _)| secret).chain(asked).cloned().collect()
    }

    /// Whether the controller's settings or any other Ingress refer to a Secret or ConfigMap.
    pub(crate) fn is_asked_for(&self, reference: &ObjectRef, but_by: &ObjectRef) -> bool {
        let users = self.secret_users.get(reference).into_iter().flatten().map(|(_, object)| object);
        let askers = self.askers.get(reference).into_iter().flatten();
        self.named_by_settings.contains(reference) || users.chain(askers).any(|object| **object != *but_by)
    }

    /// Whether Ingresses or settings have been read since the last [`take_claims`](Self::take_claims).
    pub(crate) fn are_claims_new(&self) -> bool {
        self.are_readings_new
    }

    /// Makes that what it was, after what was read has been taken back.
    pub(crate) fn set_claims_new(&mut self, are_new: bool) {
        self.are_readings_new = are_new;
    }

    /// The Ingresses that are claimed and the Secrets and ConfigMaps that they refer to, there or not; none if
    /// nothing has been read since the last call.
    pub(crate) fn take_claims(&mut self) -> Option<(BTreeSet<Arc<ObjectRef>>, BTreeSet<ObjectRef>)> {
        if !std::mem::take(&mut self.are_readings_new) {
            return None;
        }
        let claimed = self.readings.iter().filter(|(_, reading)| reading.contribution.dialect.is_some());
        let asked = self.askers.keys().chain(&self.named_by_settings);
        let asked = asked.filter(|object| matches!(object.kind, Kind::Secret | Kind::ConfigMap));
        let referred = self.secret_users.keys().chain(asked).cloned();
        Some((claimed.map(|(object, _)| Arc::clone(object)).collect(), referred.collect()))
    }
}

//! Certificates by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Changes, Source, State};
use crate::diagnostic::Diagnostic;
use crate::host::HostPattern;
use crate::lower::read;
use crate::lower::tls::{self, TlsClaim, TlsMember};
use crate::model::Inputs;
use crate::policy::CertificateEntry;

impl State {
    /// Chooses certificates again, and those of the other names of their hosts.
    pub(super) fn choose_certificates(
        &mut self,
        dirty: &BTreeSet<HostPattern>,
        inputs: &Inputs,
        changes: &mut Changes,
    ) {
        let mut all = dirty.clone();
        for pattern in dirty {
            let from = (pattern.clone(), HostPattern::Any, Arc::clone(&self.first_object));
            let aliases = self.aliases.range(from..).take_while(|(host, ..)| host == pattern);
            all.extend(aliases.map(|(_, alias, _)| alias.clone()));
        }
        for pattern in all {
            self.choose_certificate(pattern, inputs, changes);
        }
    }

    fn choose_certificate(&mut self, pattern: HostPattern, inputs: &Inputs, changes: &mut Changes) {
        let Some(state) = self.certificates.get(&pattern) else { return };
        let mut out = Vec::new();
        let before = state.chosen.clone();
        let is_wanted = !state.members.is_empty();
        // A name that no object asks for any more has no certificate, as if none ever had.
        let chosen = is_wanted.then(|| {
            let own = self.certificate_for(&pattern, inputs, &mut out);
            own.or_else(|| self.alias_certificate(&pattern, inputs))
        });
        let chosen = chosen.flatten();
        self.report(Source::Certificate(pattern.clone()), out);
        if !is_wanted {
            self.certificates.remove(&pattern);
        }
        if before.as_deref() == chosen.as_ref() {
            return;
        }
        let chosen = chosen.map(Arc::new);
        if let Some(state) = self.certificates.get_mut(&pattern) {
            state.chosen.clone_from(&chosen);
        }
        changes.certificates.insert(pattern, chosen);
    }

    /// The certificate that objects ask for under this name.
    fn certificate_for(
        &self,
        pattern: &HostPattern,
        inputs: &Inputs,
        out: &mut Vec<Diagnostic>,
    ) -> Option<CertificateEntry> {
        let members: Vec<TlsMember<'_>> = self
            .certificates
            .get(pattern)?
            .members
            .iter()
            .filter_map(|key| {
                let contribution = &self.readings.get(&key.object)?.contribution;
                let claim = contribution.tls.get(pattern)?;
                let intent = contribution.intent.as_deref();
                Some(TlsMember { key, ingress: read::ingress_of(inputs, key)?, intent, claim })
            })
            .collect();
        tls::certificate(pattern, &members, inputs, out)
    }

    /// The certificate of the host that this is another name for, if it is good for this name too.
    fn alias_certificate(&self, pattern: &HostPattern, inputs: &Inputs) -> Option<CertificateEntry> {
        let state = self.hosts.get(pattern)?;
        let host = state.merged.as_ref()?;
        // A name that is a host of its own has its own certificate or none.
        if self.makes_host(state, pattern) {
            return None;
        }
        let original = match host.host.settings().and_then(|settings| settings.alias_of.as_ref()) {
            Some(original) => original.clone(),
            None => self.redirected_from(pattern)?,
        };
        let entry = self.certificate_for(&original, inputs, &mut Vec::new())?;
        tls::covers_alias(&entry.certificate, pattern, inputs).then_some(entry)
    }

    /// The host that a redirecting name belongs to.
    fn redirected_from(&self, pattern: &HostPattern) -> Option<HostPattern> {
        let members = &self.certificates.get(pattern)?.members;
        members.iter().find_map(|key| match self.readings.get(&key.object)?.contribution.tls.get(pattern)? {
            TlsClaim::SameAs(host) => Some(host.clone()),
            _ => None,
        })
    }
}

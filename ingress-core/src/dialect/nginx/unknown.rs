//! What is said of annotations and ConfigMap keys that do not do what their author may expect.

mod process;

use std::sync::Arc;

use super::super::Subject;
use super::super::annotations::{Annotations, Bad, shown};
use super::super::nearest::nearest;
use super::keys::{self, Standing};
use super::settings::{Problem, ProblemKind, Settings};
use super::trust::Trust;
use super::{PREFIX, auth};
use crate::diagnostic::{Code, Diagnostic, Effect, Severity};
use crate::model::ConfigMap;
use crate::object::{FieldPath, Kind};
use crate::policy::FixedResponse;

/// What the annotations of ingress-nginx began with before its version 0.9.
const OLD_PREFIX: &str = "ingress.kubernetes.io/";

/// Unknown annotations of one object that are compared with all known ones. Others are reported all the same.
const MAX_HINTS: usize = 16;

/// Reports annotations that are unknown, removed or without effect, and closes the routes for those that are refused.
pub(super) fn report(a: &mut Annotations<'_>) {
    let mut hints = 0;
    for key in a.keys() {
        let value = a.text(key).filter(|value| !is_off(value));
        match keys::standing(key) {
            None => unknown(a, key, &mut hints),
            Some(Standing::Honoured) => {}
            Some(Standing::HonouredInPart(what) | Standing::NotDone(what)) if value.is_some() => {
                a.report(Code::AnnotationNotImplemented, key, what.to_owned());
            }
            Some(Standing::Refused(instead)) => refuse(a, key, instead),
            Some(Standing::HonouredInPart(_) | Standing::NotDone(_)) => {}
        }
    }
}

/// Reports annotations with the old prefix, which ingress-nginx has not read for years.
pub(super) fn old_prefix(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    let annotations = &subject.ingress.metadata.annotations;
    for (key, name) in annotations.keys().filter_map(|key| Some((key, key.strip_prefix(OLD_PREFIX)?))) {
        let field = FieldPath::text(format!("metadata.annotations[{key}]"));
        let message = format!("the prefix `{OLD_PREFIX}` is no longer read");
        let finding = Diagnostic::new(Code::AnnotationRemoved, Some(Arc::clone(subject.object)), field, message);
        out.push(finding.with_help(format!("write `{PREFIX}{}`", shown(name))));
    }
}

fn unknown(a: &mut Annotations<'_>, key: &str, hints: &mut usize) {
    if let Some(instead) = keys::removed(key) {
        let message = format!("ingress-nginx has no annotation `{}` any more", shown(key));
        return a.report_with_help(Code::AnnotationRemoved, key, message, instead);
    }
    let message = format!("ingress-nginx has no annotation `{}`", shown(key));
    *hints += 1;
    match nearest(key, keys::names().take_while(|_| *hints <= MAX_HINTS)) {
        Some(near) => a.report_with_help(Code::AnnotationUnknown, key, message, &format!("did you mean `{near}`?")),
        None => a.report(Code::AnnotationUnknown, key, message),
    }
}

fn refuse(a: &mut Annotations<'_>, key: &str, instead: &str) {
    let Some(value) = a.text(key) else { return };
    let is_switch = matches!(key, "enable-modsecurity" | "enable-owasp-core-rules");
    // What is no boolean may have been meant as `true`.
    if is_switch && is_false(value) {
        return;
    }
    // The others are in a language or a place of their own.
    let is_body = matches!(key, "configuration-snippet" | "server-snippet");
    let typed = if is_body { keys::snippet_replacement(value) } else { None };
    let help = typed.map_or_else(|| instead.to_owned(), |typed| format!("use {typed} instead"));
    a.refused.get_or_insert(FixedResponse { status: 503, reason: "snippet-refused" });
    let message = format!("`{key}` cannot be honoured and may restrict access; requests get 503");
    a.report_with_help(Code::SnippetRefused, key, message, &help);
}

/// Whether Go reads this as `false`.
pub(super) fn is_false(value: &str) -> bool {
    matches!(value, "0" | "f" | "F" | "FALSE" | "false" | "False")
}

fn is_off(value: &str) -> bool {
    is_false(value) || value == "off"
}

/// Reads the ConfigMap of the controller and reports what is wrong with it.
pub(super) fn settings(map: &ConfigMap, trust: &Trust, out: &mut Vec<Diagnostic>) -> Settings {
    let (settings, problems) = Settings::read(&map.data);
    let object = Arc::new(map.metadata.reference(Kind::ConfigMap));
    let value = |key: &str| map.data.get(key).map(|value| shown(value)).unwrap_or_default();
    let variables = auth::problems(&settings.auth);
    out.extend(problems.into_iter().chain(variables).map(|Problem { key, what }| {
        let field = FieldPath::text(format!("data[{key}]"));
        let finding = |code, message| Diagnostic::new(code, Some(Arc::clone(&object)), field, message);
        match what {
            ProblemKind::Unknown { nearest } => {
                let message = format!("ingress-nginx has no key `{}` in its ConfigMap", shown(&key));
                let finding = finding(Code::ConfigmapKeyUnknown, message);
                match nearest {
                    Some(near) => finding.with_help(format!("did you mean `{near}`?")),
                    None => finding,
                }
            }
            ProblemKind::Invalid { why } => finding(Code::ConfigmapValueInvalid, format!("`{}` {why}", value(&key))),
            ProblemKind::NotDone { what } => finding(Code::ConfigmapKeyNotImplemented, what.to_owned()),
            ProblemKind::Refused { instead } => {
                let finding = finding(Code::SnippetRefused, format!("`{key}` cannot be honoured"));
                // The routes of all Ingresses are not closed for it.
                let severity = finding.severity;
                finding.with_outcome(severity, Effect::ValueIgnored).with_help(instead)
            }
        }
    }));
    if trust.is_boundless(&settings.client) {
        let key = if trust.takes_over(&settings.client) { "use-forwarded-headers" } else { "enable-real-ip" };
        let message =
            format!("`{key}` without `proxy-real-ip-cidr` lets everybody with an IPv4 address say who the client is");
        let field = FieldPath::text(format!("data[{key}]"));
        out.push(Diagnostic::new(Code::ForwardedHeadersOfAnybody, Some(Arc::clone(&object)), field, message));
    }
    for (key, what) in WITHOUT_READER.iter().filter(|(key, _)| map.data.contains_key(*key)) {
        let field = FieldPath::text(format!("data[{key}]"));
        out.push(Diagnostic::new(Code::ConfigmapKeyNotImplemented, Some(Arc::clone(&object)), field, *what));
    }
    for (key, value) in &map.data {
        let Some((message, is_warning)) = process::verdict(key, is_off(value)) else { continue };
        let field = FieldPath::text(format!("data[{key}]"));
        let finding = Diagnostic::new(Code::ConfigmapKeyNotImplemented, Some(Arc::clone(&object)), field, message);
        let severity = if is_warning { Severity::Warning } else { finding.severity };
        let effect = finding.effect;
        out.push(finding.with_outcome(severity, effect));
    }
    settings
}

/// Keys of the ConfigMap that are checked and that nothing reads.
const WITHOUT_READER: [(&str, &str); 6] = [
    ("annotations-risk-level", "snippets are refused whatever level is set, and no other annotation is"),
    ("compute-full-forwarded-for", "backends are told the client's address alone"),
    ("forwarded-host-header", "the host that a trusted proxy names is that of `X-Forwarded-Host`"),
    ("limit-conn-zone-variable", "clients are told apart by their addresses"),
    ("proxy-ssl-location-only", "TLS towards a backend is always as the path's own Ingress says"),
    ("strict-validate-path-type", "it is a check of the admission webhook"),
];

/// Gives up an Ingress that has a word which the controller does not want in annotations.
pub(super) fn words(a: &mut Annotations<'_>, settings: &Settings) {
    let words = &settings.access.annotation_value_word_blocklist;
    let keys: Vec<&str> = if words.is_empty() { Vec::new() } else { a.keys().collect() };
    for key in keys {
        let value = a.raw(key).unwrap_or_default();
        if let Some(word) = words.iter().find(|word| !word.is_empty() && value.contains(&***word)) {
            a.bad(key, Bad::Drop, format_args!("it has `{}`, a word on the controller's blocklist", shown(word)));
        }
    }
}

#[cfg(test)]
mod tests;

//! One decision, as the report shows it.

use std::borrow::Cow;

use ingress_core::decision::{Decision, Header, Matched};
use ingress_core::explain::{Explanation, Outcome, Step};
use ingress_core::policy::{Backend, Endpoint, PortRef, RouteTable};
use ingress_core::request::RequestView;
use serde_json::{Map, Value, json};

use super::effects;
use crate::question::Question;
use crate::report::{BackendReport, DecisionReport, MatchedReport, StepReport, UpstreamReport};

pub(super) fn report(
    question: &Question,
    decision: &Decision<'_>,
    view: Option<&RequestView<'_>>,
    certificate: Option<String>,
    table: &RouteTable,
) -> DecisionReport {
    let mut report = DecisionReport {
        request: question.given.clone(),
        decision: "respond",
        backend: None,
        endpoints: None,
        upstream: None,
        status: decision.status(),
        reason: None,
        location: None,
        certificate,
        matched: decision.matched().map(matched),
        effects: Map::new(),
        explanation: None,
        notes: Vec::new(),
    };
    match decision {
        Decision::Forward(forward) => {
            report.decision = "forward";
            report.backend = Some(backend(forward.backend));
            report.endpoints = forward.endpoints().map(endpoints);
            report.upstream = view.map(|view| UpstreamReport {
                target: text(&forward.upstream_target(view)).into_owned(),
                host: text(&forward.upstream_host(view)).into_owned(),
                headers: headers(&forward.upstream_headers(view)),
                removed_headers: forward.removed_headers(view).into_iter().map(Into::into).collect(),
            });
            if let Some(view) = view {
                report.effects = effects::of(forward, view, table);
            }
        }
        Decision::Redirect(redirected) => {
            report.decision = "redirect";
            report.reason = Some(redirected.redirect.reason);
            report.location = view.map(|view| text(&redirected.location(view)).into_owned());
        }
        Decision::Respond(response) | Decision::Refuse(response) => report.reason = Some(response.reason),
    }
    if let Some(view) = view {
        let set = headers(&decision.response_headers(view));
        if !set.is_empty() {
            report.effects.insert("response_headers".to_owned(), Value::Object(set));
        }
    }
    report
}

/// Headers as a mapping; a later one of the same name replaces the earlier.
fn headers(list: &[Header]) -> Map<String, Value> {
    list.iter().map(|(name, value)| (name.to_string(), Value::String(text(value).into_owned()))).collect()
}

/// Bytes that are not UTF-8 are shown as `\xNN`: JSON has no bytes.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.escape_ascii().to_string()),
    }
}

fn matched(matched: Matched<'_>) -> MatchedReport {
    let (origin, route) = (matched.origin(), matched.route());
    let field = origin.map(|origin| origin.field.to_string());
    MatchedReport {
        ingress: origin.map(|origin| origin.object.path()),
        // The one rule that no object has.
        field: field.unwrap_or_else(|| "--default-backend-service".to_owned()),
        host: matched.host().map(ToString::to_string),
        path: route.map(|route| route.path.as_str().to_owned()),
        path_type: route.map(|route| route.path.kind().as_str()),
    }
}

pub(super) fn backend(backend: &Backend) -> BackendReport {
    let port = match &backend.port {
        PortRef::Number(number) => json!(number),
        PortRef::Name(name) => json!(&**name),
        PortRef::First => Value::Null,
    };
    BackendReport {
        namespace: backend.reference.namespace.to_string(),
        service: backend.reference.service.to_string(),
        port,
    }
}

pub(super) fn endpoints(endpoints: &[Endpoint]) -> Vec<String> {
    endpoints.iter().map(ToString::to_string).collect()
}

pub(super) fn steps(explanation: &Explanation<'_>) -> Vec<StepReport> {
    explanation.steps.iter().map(step).collect()
}

fn step(step: &Step<'_>) -> StepReport {
    let (because, by) = match step.outcome {
        Outcome::Outranked { by, because, .. } => {
            let by = by.map(|by| format!("{} {}", by.object.path(), by.field));
            (Some(because.as_str()), by)
        }
        _ => (None, None),
    };
    StepReport {
        ingress: step.route.origin.object.path(),
        field: step.route.origin.field.to_string(),
        host: step.host.pattern().to_string(),
        path: step.route.path.as_str().to_owned(),
        path_type: step.route.path.kind().as_str(),
        outcome: step.outcome.as_str(),
        because,
        by,
        text: step.outcome.to_string(),
    }
}

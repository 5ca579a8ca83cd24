//! Decisions: a line for the request, a line for what becomes of it, and with `--explain` a line for each candidate.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use crate::report::{DecisionReport, StepReport};

const REQUEST: Style = AnsiColor::Cyan.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Writes all decisions, with an empty line between them.
pub(super) fn render(decisions: &[DecisionReport], out: &mut String) {
    for (i, decision) in decisions.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let _ = one(decision, out);
    }
}

fn one(decision: &DecisionReport, out: &mut String) -> std::fmt::Result {
    let given = |key: &str| decision.request.get(key).and_then(Value::as_str);
    let (method, url) = (given("method").unwrap_or("GET"), given("url").unwrap_or_default());
    writeln!(out, "{REQUEST}{method} {url}{REQUEST:#}")?;
    let backend = decision.backend.as_ref().map(ToString::to_string).unwrap_or_default();
    match (decision.decision, decision.status) {
        ("forward", _) => {
            write!(out, "  {GOOD}forward{GOOD:#} to {backend}")?;
            if let Some(endpoints) = &decision.endpoints {
                write!(out, " at {}", endpoints.join(" "))?;
            }
            writeln!(out)?;
            if let Some(upstream) = &decision.upstream {
                writeln!(out, "  {DIM}sends{DIM:#}    {} {DIM}with Host{DIM:#} {}", upstream.target, upstream.host)?;
            }
        }
        ("redirect", Some(status)) => {
            let location = decision.location.as_deref().unwrap_or_default();
            let reason = decision.reason.unwrap_or_default();
            writeln!(out, "  {GOOD}redirect{GOOD:#} {status} to {location}  {DIM}{reason}{DIM:#}")?;
        }
        (other, status) => {
            let style = if status.is_some_and(|status| status < 400) { GOOD } else { BAD };
            let status = status.map(|status| status.to_string()).unwrap_or_default();
            writeln!(out, "  {style}{other} {status}{style:#} {}", decision.reason.unwrap_or_default())?;
        }
    }
    if let Some(matched) = &decision.matched {
        write!(out, "  {DIM}by{DIM:#}       ")?;
        if let Some(ingress) = &matched.ingress {
            write!(out, "Ingress {ingress} ")?;
        }
        write!(out, "{}", matched.field)?;
        if let (Some(host), Some(path), Some(kind)) = (&matched.host, &matched.path, matched.path_type) {
            write!(out, "  {DIM}{host} {kind} {path}{DIM:#}")?;
        }
        writeln!(out)?;
    }
    if let Some(certificate) = &decision.certificate {
        writeln!(out, "  {DIM}TLS{DIM:#}      certificate {certificate}")?;
    }
    // What everybody has is in the JSON; here stands what somebody asked for.
    for (key, value) in &decision.effects {
        let usual = ["timeouts", "retries", "buffering", "body_limit", "hidden_headers", "response_headers"];
        let is_usual = usual.contains(&key.as_str());
        if !is_usual && value.as_str() != Some("HTTP") {
            writeln!(out, "  {DIM}with{DIM:#}     {key} {value}")?;
        }
    }
    for note in &decision.notes {
        writeln!(out, "  {DIM}note{DIM:#}     {note}")?;
    }
    if let Some(steps) = &decision.explanation {
        for step in steps {
            explain(step, out)?;
        }
    }
    Ok(())
}

fn explain(step: &StepReport, out: &mut String) -> std::fmt::Result {
    let (mark, style) = match step.outcome {
        "chosen" => ("*", GOOD),
        "outranked" => ("-", Style::new()),
        _ => ("x", DIM),
    };
    let StepReport { host, path, path_type, ingress, field, text, .. } = step;
    writeln!(out, "    {style}{mark} {host} {path_type} {path}{style:#}  {DIM}{ingress} {field}{DIM:#}")?;
    writeln!(out, "        {text}")
}

//! Findings as compilers show them: the place, the line, the mark, the advice.

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet};
use ingress_core::diagnostic::Severity;

use super::Width;
use crate::input::{Manifests, Place, Source};
use crate::simulate::Located;

/// Width where the terminal's is not known.
const DEFAULT_WIDTH: usize = 140;

/// Writes all findings and a line that counts them.
pub(super) fn render(findings: &[Located], manifests: &Manifests, width: Width, out: &mut String) {
    if findings.is_empty() {
        return;
    }
    let Width(columns) = width;
    let renderer = Renderer::styled().term_width(columns.unwrap_or(DEFAULT_WIDTH));
    for located in findings {
        out.push('\n');
        out.push_str(&renderer.render(&[group(located, manifests)]));
        out.push('\n');
    }
    let count = |severity, one: &str| {
        let count = findings.iter().filter(|located| located.diagnostic.severity == severity).count();
        (count > 0).then(|| format!("{count} {one}{}", if count == 1 { "" } else { "s" }))
    };
    let counts = [count(Severity::Error, "error"), count(Severity::Warning, "warning"), count(Severity::Note, "note")];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    out.push_str(&format!("\n{}; `ingress-cli code CODE` explains one\n", counts.join(", ")));
}

fn group<'a>(located: &'a Located, manifests: &'a Manifests) -> Group<'a> {
    let diagnostic = &located.diagnostic;
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        _ => Level::NOTE,
    };
    let title = level.primary_title(&*diagnostic.message).id(diagnostic.code.id());
    let mut elements: Vec<Element<'a>> = Vec::new();
    // A label at the mark would repeat the title; the object's name is what the line does not say.
    let owner = diagnostic.object.as_ref().map(ToString::to_string);
    if let Some(place) = located.place {
        elements.extend(snippet(manifests, place, AnnotationKind::Primary, owner).map(Element::from));
    } else if let Some(owner) = owner {
        elements.push(Level::NOTE.message(format!("in {owner} {}", diagnostic.field)).into());
    }
    for (place, origin, message) in &located.related {
        let found = place.and_then(|place| snippet(manifests, place, AnnotationKind::Context, Some(message.clone())));
        match (found, origin) {
            (Some(snippet), _) => elements.push(snippet.into()),
            (None, Some(origin)) => elements.push(Level::NOTE.message(format!("{origin}: {message}")).into()),
            (None, None) => elements.push(Level::NOTE.message(message.as_str()).into()),
        }
    }
    if let Some(help) = &diagnostic.help {
        elements.push(Level::HELP.message(&**help).into());
    }
    title.elements(elements)
}

/// The line of a place with a mark. Only that line is handed on: a dump may have millions.
fn snippet(
    manifests: &Manifests,
    place: Place,
    kind: AnnotationKind,
    label: Option<String>,
) -> Option<Snippet<'_, annotate_snippets::Annotation<'_>>> {
    let Source { name, text } = manifests.sources.get(place.source)?;
    let start = text.get(..place.span.start)?.rfind('\n').map_or(0, |newline| newline + 1);
    let end = text.get(place.span.start..)?.find('\n').map_or(text.len(), |newline| place.span.start + newline);
    let line = text.get(start..end)?.trim_end_matches('\r');
    let from = place.span.start - start;
    let to = (place.span.end.max(place.span.start + 1) - start).min(line.len()).max(from);
    let annotation = kind.span(from..to).label(label);
    Some(Snippet::source(line).line_start(place.span.line as usize).path(name.as_str()).annotation(annotation))
}

//! From a field path to its place in the source.

use super::tree::{Node, Span};

/// The place of the value at `path`, such as `spec.rules[0].host`. Where the value is absent, that of the last key that is
/// there. Fields of `networking.k8s.io/v1` are found under their older names too.
pub(super) fn field(root: &Node, path: &str) -> Span {
    let mut node = root;
    let mut key_span = None;
    for segment in segments(path) {
        let next = match segment {
            Segment::Key(key) => {
                let entries = node.entries().unwrap_or_default();
                let entry = entries.iter().find(|entry| &*entry.key == key);
                let entry = entry.or_else(|| entries.iter().find(|entry| older_names(key).contains(&&*entry.key)));
                entry.map(|entry| {
                    key_span = Some(entry.key_span);
                    &entry.node
                })
            }
            Segment::Index(index) => node.items().and_then(|items| items.get(index)).inspect(|_| key_span = None),
        };
        match next {
            Some(next) => node = next,
            // `backend.service.port.number` of an older object is `backend.servicePort`: go on with what is there.
            None if matches!(segment, Segment::Key("service" | "port")) => {}
            None => break,
        }
    }
    match key_span {
        // A whole mapping or list is too much to point at; its key says it better.
        Some(key) if node.entries().is_some() || node.items().is_some() => key,
        _ => first_line(node),
    }
}

/// The beginning of a value: all of a scalar, the first key of a mapping.
fn first_line(node: &Node) -> Span {
    if let Some(entry) = node.entries().and_then(<[_]>::first) {
        return entry.key_span;
    }
    match node.items().and_then(<[_]>::first) {
        Some(item) => first_line(item),
        None => node.span,
    }
}

fn older_names(key: &str) -> &'static [&'static str] {
    match key {
        "defaultBackend" => &["backend"],
        "name" => &["serviceName"],
        "number" | "port" => &["servicePort"],
        _ => &[],
    }
}

enum Segment<'p> {
    Key(&'p str),
    Index(usize),
}

/// `a.b[0].c[key/with.dots]`: a bracket holds an index or, behind a map of free keys, a key.
fn segments(path: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (inside, after) = inner.split_once(']').unwrap_or((inner, ""));
            segments.push(inside.parse().map_or(Segment::Key(inside), Segment::Index));
            rest = after;
        } else {
            let trimmed = rest.strip_prefix('.').unwrap_or(rest);
            let end = trimmed.find(['.', '[']).unwrap_or(trimmed.len());
            let (key, after) = trimmed.split_at_checked(end).unwrap_or((trimmed, ""));
            if !key.is_empty() {
                segments.push(Segment::Key(key));
            }
            rest = after;
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Limits, parse};

    #[test]
    fn finds_fields_under_new_and_old_names() {
        let text = "metadata:\n  annotations:\n    a.b/c: x\nspec:\n  rules:\n  - host: h\n    http:\n      paths:\n      \
                    - path: p\n        backend:\n          serviceName: s\n          servicePort: 0\n";
        let stream = parse(text, &Limits::default());
        let root = stream.documents.first().expect("one document");
        let table = [
            ("metadata.annotations[a.b/c]", (3, 12)),
            ("spec.rules[0].host", (6, 11)),
            ("spec.rules[0].http.paths[0].path", (9, 15)),
            ("spec.rules[0].http.paths[0].pathType", (9, 9)),
            ("spec.rules[0].http.paths[0].backend", (10, 9)),
            ("spec.rules[0].http.paths[0].backend.service.name", (11, 24)),
            ("spec.rules[0].http.paths[0].backend.service.port.number", (12, 24)),
            ("spec.tls[0].hosts[1]", (4, 1)),
            ("spec", (4, 1)),
        ];
        for (path, place) in table {
            let span = field(root, path);
            assert_eq!((span.line, span.column), place, "{path}");
        }
    }
}

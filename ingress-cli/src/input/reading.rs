//! One text by itself, for programs that keep texts apart and read one again without the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use ingress_core::model::Object;
use ingress_core::object::ObjectRef;

use super::objects::{self, Taker};
use super::{Finding, Limits, Node, ProblemKind, SecretData, Span, locate, parse};

/// What one text gives.
///
/// ```
/// use ingress_cli::input::Reading;
///
/// let reading = Reading::of("{apiVersion: v1, kind: Service, metadata: {name: tea}}", "shop", "1-");
/// let names: Vec<String> = reading.objects.keys().map(ToString::to_string).collect();
/// assert_eq!(names, ["Service shop/tea"]);
/// assert!(reading.is_complete);
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Reading {
    /// The objects; of two documents for one object the later.
    pub objects: BTreeMap<ObjectRef, Given>,
    /// What could not be read. Every place is in source 0.
    pub findings: Vec<Finding>,
    /// Whether all of the text is YAML: a text that was cut off, or is being written, often is not.
    pub is_complete: bool,
    label: Box<str>,
}

/// An object as a text gives it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Given {
    /// The object.
    pub object: Object,
    /// The bytes, if it is a Secret.
    pub secret: Option<SecretData>,
    node: Arc<Node>,
}

impl Reading {
    /// Reads a text. Objects without a namespace are put into `namespace`; names that the API server is to make up get
    /// `label` and a number.
    #[must_use]
    pub fn of(text: &str, namespace: &str, label: &str) -> Self {
        let stream = parse(text, &Limits::default());
        let is_cut = |kind| matches!(kind, ProblemKind::Syntax | ProblemKind::TooLarge);
        let is_complete = !stream.problems.iter().any(|problem| is_cut(problem.kind));
        let mut reading = Self { is_complete, label: label.into(), ..Self::default() };
        reading.findings.extend(stream.problems.into_iter().map(|problem| objects::unreadable(problem, 0)));
        for document in stream.documents {
            objects::read_document(&mut reading, 0, &document, namespace);
        }
        reading
    }
}

impl Given {
    /// Where a field of the object was written; the nearest enclosing value where the field itself is absent.
    #[must_use]
    pub fn place(&self, field: &str) -> Span {
        locate::field(&self.node, field)
    }
}

impl Taker for Reading {
    fn random_part(&self) -> String {
        format!("{}{}", self.label, self.objects.len())
    }

    fn finding(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn object(&mut self, object: Object, secret: Option<SecretData>, source: usize, node: &Arc<Node>) {
        let reference = object.reference();
        if let Some(earlier) = self.objects.get(&reference) {
            self.findings.push(objects::duplicate(&reference, (source, &earlier.node), (source, node)));
        }
        self.objects.insert(reference, Given { object, secret, node: Arc::clone(node) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWICE: &str = "{apiVersion: v1, kind: Service, metadata: {name: tea}}\n---\n\
                         {apiVersion: v1, kind: Service, metadata: {name: tea}, spec: {clusterIP: None}}\n";

    #[test]
    fn the_later_document_counts() {
        let reading = Reading::of(TWICE, "shop", "");
        let given = reading.objects.values().next().expect("one object");
        assert_eq!((reading.objects.len(), given.place("spec.clusterIP").line), (1, 3));
        let codes: Vec<&str> = reading.findings.iter().map(|finding| finding.diagnostic.code.slug()).collect();
        assert_eq!(codes, ["duplicate-object"]);
    }

    #[test]
    fn a_bad_document_is_not_a_text_that_was_cut_off() {
        let table = [
            ("", true, 0),
            ("# nothing\n", true, 0),
            (TWICE, true, 1),
            ("{apiVersion: v1, kind: Service, metadata: {name: tea}}\n---\n{apiVersion: v1, ki", false, 1),
            ("{apiVersion: v1, kind: Service, metadata: {name: tea}}\n---\n{a: 1, a: 2}\n", true, 1),
            ("{apiVersion: v1, kind: Service, metadata: {name: tea}}\n---\nkind: Ingress\n", true, 1),
        ];
        for (text, is_complete, objects) in table {
            let reading = Reading::of(text, "shop", "");
            assert_eq!((reading.is_complete, reading.objects.len()), (is_complete, objects), "{text}");
        }
    }

    #[test]
    fn names_to_be_made_up_differ() {
        let text = "{apiVersion: v1, kind: Service, metadata: {generateName: tea-}}\n---\n\
                    {apiVersion: v1, kind: Service, metadata: {generateName: tea-}}\n";
        let names: Vec<String> = Reading::of(text, "shop", "7-").objects.keys().map(ObjectRef::path).collect();
        assert_eq!(names, ["shop/tea-7-0", "shop/tea-7-1"]);
    }

    #[test]
    fn the_bytes_of_a_secret_are_there() {
        let text = "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {tls.key: k}}";
        let reading = Reading::of(text, "shop", "");
        let secret = reading.objects.values().next().and_then(|given| given.secret.as_ref()).expect("a Secret");
        assert_eq!(secret.get("tls.key"), Some(&b"k"[..]));
    }
}

//! From text to objects, with the place of everything that was read.
//!
//! A document that cannot be read costs itself only. Order does not matter, except that of two documents for one object the
//! later counts, as it would with `kubectl apply`.

mod certificate;
mod deserialize;
mod locate;
mod objects;
mod parse;
mod reading;
mod scalar;
mod secret;
mod sources;
mod tree;

use std::collections::HashMap;
use std::sync::Arc;

use ingress_core::diagnostic::Diagnostic;
use ingress_core::model::{Inputs, Object};
use ingress_core::object::ObjectRef;

pub use self::parse::{Limits, Problem, ProblemKind, Stream, parse};
pub use self::reading::{Given, Reading};
pub use self::secret::SecretData;
pub use self::sources::{ReadError, is_manifest, manifest_files, read_path, read_stdin};
pub use self::tree::{Entry, Node, Span, Value};

/// A text that was read.
#[derive(Debug)]
pub struct Source {
    /// The file's name, `-` for standard input.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A place in a [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which of the sources.
    pub source: usize,
    /// Where in it.
    pub span: Span,
}

/// A finding of the reader, with the place that is at fault.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What is wrong.
    pub diagnostic: Diagnostic,
    /// Where.
    pub place: Place,
    /// Other places that take part, with a word on each.
    pub related: Vec<(Place, String)>,
}

/// Where an object was written.
#[derive(Debug)]
struct Written {
    source: usize,
    node: Arc<Node>,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Manifests {
    /// The objects.
    pub inputs: Inputs,
    /// The texts.
    pub sources: Vec<Source>,
    /// What could not be read.
    pub findings: Vec<Finding>,
    written: HashMap<ObjectRef, Written>,
}

impl Manifests {
    /// Reads one text. Objects without a namespace are put into `namespace`.
    ///
    /// ```
    /// use ingress_cli::input::Manifests;
    ///
    /// let mut manifests = Manifests::default();
    /// manifests.read("tea.yaml", "{apiVersion: v1, kind: Service, metadata: {name: tea}}".into(), "shop");
    /// assert_eq!(manifests.inputs.len(), 1);
    /// assert!(manifests.findings.is_empty());
    /// ```
    pub fn read(&mut self, name: &str, text: String, namespace: &str) {
        let source = self.sources.len();
        let stream = parse(&text, &Limits::default());
        self.sources.push(Source { name: name.to_owned(), text });
        for problem in stream.problems {
            self.findings.push(objects::unreadable(problem, source));
        }
        for document in stream.documents {
            objects::read_document(self, source, &document, namespace);
        }
    }

    /// Where a field of an object was written; the nearest enclosing value where the field itself is absent.
    #[must_use]
    pub fn place(&self, object: &ObjectRef, field: &str) -> Option<Place> {
        let written = self.written.get(object)?;
        Some(Place { source: written.source, span: locate::field(&written.node, field) })
    }
}

impl objects::Taker for Manifests {
    fn random_part(&self) -> String {
        self.inputs.len().to_string()
    }

    fn finding(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn object(&mut self, mut object: Object, secret: Option<SecretData>, source: usize, node: &Arc<Node>) {
        if let (Object::Secret(record), Some(data)) = (&mut object, secret) {
            Arc::make_mut(record).state = data.state();
        }
        let reference = object.reference();
        if let Some(earlier) = self.written.get(&reference) {
            self.findings.push(objects::duplicate(&reference, (earlier.source, &earlier.node), (source, node)));
        }
        self.inputs.insert(object);
        self.written.insert(reference, Written { source, node: Arc::clone(node) });
    }
}

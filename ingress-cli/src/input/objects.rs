//! From a document to objects: lists are flattened, known kinds decoded, the others left alone.

use std::sync::Arc;

use ingress_core::diagnostic::{Code, Diagnostic};
use ingress_core::model::{Object, Recognition, WireKind, decode, recognise};
use ingress_core::object::{FieldPath, Kind, ObjectRef};
use serde::Deserializer;
use serde_path_to_error::{Path, Segment};

use super::parse::{Problem, ProblemKind};
use super::tree::{Node, Span};
use super::{Finding, Place, SecretData, locate, secret};

/// Who takes what a text gives.
pub(super) trait Taker {
    /// Stands in for the random part of a name that the API server is to make up; another one after each object.
    fn random_part(&self) -> String;

    /// Takes a finding.
    fn finding(&mut self, finding: Finding);

    /// Takes an object, with the bytes of a Secret.
    fn object(&mut self, object: Object, secret: Option<SecretData>, source: usize, node: &Arc<Node>);
}

/// The finding for a document that is not a tree.
pub(super) fn unreadable(problem: Problem, source: usize) -> Finding {
    let code = match problem.kind {
        ProblemKind::Syntax => Code::YamlSyntax,
        ProblemKind::DuplicateKey => Code::DuplicateKey,
        ProblemKind::TooLarge => Code::InputTooLarge,
    };
    let mut diagnostic = Diagnostic::new(code, None, FieldPath::named(&""), problem.message);
    diagnostic.help = problem.help.map(Into::into);
    let related = problem.related.into_iter();
    Finding {
        diagnostic,
        place: Place { source, span: problem.span },
        related: related.map(|(span, message)| (Place { source, span }, message)).collect(),
    }
}

/// Reads a document, or an item of a list. Lists may be nested; how deep is bounded by the depth of the tree.
pub(super) fn read_document(taker: &mut impl Taker, source: usize, node: &Arc<Node>, namespace: &str) {
    let text = |key| node.get(key).and_then(|value| value.as_str());
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        let message = "not a Kubernetes object: it has no `apiVersion` and `kind`";
        let diagnostic = Diagnostic::new(Code::NotAnObject, None, FieldPath::named(&""), message);
        let span = locate::field(node, "");
        taker.finding(Finding { diagnostic, place: Place { source, span }, related: Vec::new() });
        return;
    };
    if let Some(item_kind) = kind.strip_suffix("List")
        && let Some(items) = node.get("items").and_then(|items| items.items())
    {
        for item in items {
            // Items of a typed list need not repeat its kind.
            if item.get("kind").is_none() && !item_kind.is_empty() {
                read_object(taker, source, item, api_version, item_kind, namespace);
            } else {
                read_document(taker, source, item, namespace);
            }
        }
        return;
    }
    read_object(taker, source, node, api_version, kind, namespace);
}

fn read_object(
    taker: &mut impl Taker,
    source: usize,
    node: &Arc<Node>,
    api_version: &str,
    kind: &str,
    namespace: &str,
) {
    let wire = match recognise(api_version, kind) {
        Recognition::Known(wire) => wire,
        Recognition::UnknownVersion(kind) => {
            let message = format!("{kind} has no version `{api_version}`; the object is ignored");
            let object = named(node, kind, namespace);
            report(taker, source, node, Code::UnknownApiVersion, object, "apiVersion", message, None);
            return;
        }
        _ => return,
    };
    let (mut object, secret) = match decode_node(wire, node) {
        Ok(decoded) => decoded,
        Err(Malformed { field, message, help }) => {
            let object = named(node, wire.kind(), namespace);
            report(taker, source, node, Code::WrongType, object, &field, message, help);
            return;
        }
    };
    let metadata = object.metadata_mut();
    if metadata.namespace.is_empty() && wire.kind().is_namespaced() {
        metadata.namespace = namespace.into();
    }
    // Each object that is still to be named gets a name of its own from the API server.
    let generates = metadata.name.is_empty() && !metadata.generate_name.is_empty();
    if generates {
        metadata.name = format!("{}{}", metadata.generate_name, taker.random_part()).into();
    }
    if wire == WireKind::LegacyIngress {
        let message = format!("no server since Kubernetes 1.22 serves Ingress `{api_version}`");
        let help = Some("write it as networking.k8s.io/v1".to_owned());
        report(taker, source, node, Code::RemovedApiVersion, object.reference(), "apiVersion", message, help);
    }
    taker.object(object, secret, source, node);
}

/// The finding for a document that a later one for the same object replaces.
pub(super) fn duplicate(
    reference: &ObjectRef,
    (earlier, earlier_node): (usize, &Node),
    (later, node): (usize, &Node),
) -> Finding {
    let place = |source, node| Place { source, span: locate::field(node, "metadata.name") };
    let message = format!("{reference} is given again later, and the later one counts");
    let object = Some(Arc::new(reference.clone()));
    let diagnostic = Diagnostic::new(Code::DuplicateObject, object, FieldPath::named(&"metadata.name"), message);
    Finding {
        diagnostic,
        place: place(earlier, earlier_node),
        related: vec![(place(later, node), "this one counts".to_owned())],
    }
}

#[expect(clippy::too_many_arguments, reason = "a finding has that many parts, and naming them again would say no more")]
fn report(
    taker: &mut impl Taker,
    source: usize,
    node: &Node,
    code: Code,
    object: ObjectRef,
    field: &str,
    message: String,
    help: Option<String>,
) {
    let mut diagnostic = Diagnostic::new(code, Some(Arc::new(object)), FieldPath::text(field), message);
    diagnostic.help = help.map(Into::into);
    let span = locate::field(node, field);
    taker.finding(Finding { diagnostic, place: Place { source, span }, related: Vec::new() });
}

/// The identity of an object that could not be decoded, as far as it can be seen.
fn named(node: &Node, kind: Kind, namespace: &str) -> ObjectRef {
    let metadata = node.get("metadata");
    let text = |key| metadata.and_then(|metadata| metadata.get(key)).and_then(|value| value.as_str());
    let namespace = if kind.is_namespaced() { text("namespace").unwrap_or(namespace) } else { "" };
    ObjectRef::new(kind, namespace, text("name").unwrap_or_default())
}

/// A value of the wrong type, and where.
struct Malformed {
    field: String,
    message: String,
    help: Option<String>,
}

fn decode_node(wire: WireKind, node: &Node) -> Result<(Object, Option<SecretData>), Malformed> {
    read_as(wire, node).or_else(|_| {
        // Nearly all are well formed, so the way to a value is noted only where it leads to an error.
        let mut track = serde_path_to_error::Track::new();
        read_as(wire, serde_path_to_error::Deserializer::new(node, &mut track)).map_err(|error| {
            let field = field_path(&track.path());
            let span = locate::field(node, &field);
            let help = quoting_help(node, &field, span);
            Malformed { field, message: tidy(&error.to_string()), help }
        })
    })
}

fn read_as<'de, D: Deserializer<'de>>(wire: WireKind, from: D) -> Result<(Object, Option<SecretData>), D::Error> {
    match wire {
        WireKind::Secret => secret::decode(from).map(|(secret, data)| (Object::Secret(Arc::new(secret)), Some(data))),
        wire => decode(wire, from).map(|object| (object, None)),
    }
}

/// A path as the API server writes it: the free keys of annotations and labels stand in brackets.
fn field_path(path: &Path) -> String {
    let mut text = String::new();
    let mut free_keys = false;
    for segment in path {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("[{index}]")),
            Segment::Map { key } if free_keys => text.push_str(&format!("[{key}]")),
            Segment::Map { key } => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
                free_keys = matches!(key.as_str(), "annotations" | "labels" | "data" | "stringData");
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    text
}

/// serde's words, without its Rust names.
fn tidy(message: &str) -> String {
    message
        .replace("invalid type: ", "wrong type: found ")
        .replace("map,", "a mapping,")
        .replace("sequence,", "a list,")
        .replace("expected a sequence", "expected a list")
        .replace("expected a map", "expected a mapping")
        .replace("expected i32", "expected an integer")
        .split(", expected struct ")
        .next()
        .map_or_else(String::new, |head| {
            if head.len() < message.len() && message.contains(", expected struct ") {
                format!("{head}, expected a mapping")
            } else {
                head.to_owned()
            }
        })
}

/// A scalar that should have been a string was probably meant as one.
fn quoting_help(node: &Node, field: &str, span: Span) -> Option<String> {
    let mut value = node;
    for key in ["metadata", "spec"] {
        if field.starts_with(key)
            && let Some(next) = node.get(key)
        {
            value = next;
        }
    }
    let scalar = find_scalar(value, span)?;
    matches!(scalar.value, super::Value::Bool(_) | super::Value::Number(_)).then(|| {
        "without quotes YAML reads this as a boolean or a number; put it in quotes if a string is meant".to_owned()
    })
}

fn find_scalar(node: &Node, span: Span) -> Option<&Node> {
    if node.span == span {
        return Some(node);
    }
    let children = node.entries().unwrap_or_default().iter().map(|entry| &entry.node);
    children.chain(node.items().unwrap_or_default()).find_map(|child| find_scalar(child, span))
}

//! An AdmissionReview as it is sent.

use ingress_core::model::{Ingress, Metadata, Object, Recognition, WireKind, recognise};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::Verdict;
use crate::convert::{self, Content, Item};
use crate::resource::Form;

/// How deep objects and lists may be nested. The objects of the API are not nested half as deep.
const MAX_DEPTH: usize = 100;

/// The most that the annotations of an object may take together, which is the API's own limit.
const MAX_ANNOTATIONS: usize = 256 << 10;

/// A question of the API server.
#[derive(Clone, Debug)]
pub struct Review {
    pub(super) uid: Box<str>,
    pub(super) version: Version,
    /// What it is about.
    pub subject: Subject,
}

/// What a question is about.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever answers has to answer each")]
pub enum Subject {
    /// An Ingress that would be created, or would be this after a change.
    Ingress(Box<Ingress>),
    /// Something that can be answered without trying anything.
    Settled(Verdict),
}

/// What is no question.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadReview {
    /// More levels than any object has.
    #[error("it is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// Not the JSON that it should be.
    #[error("it is no AdmissionReview: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A kind or a version that is not known.
    #[error("it is no AdmissionReview of v1 or v1beta1")]
    UnknownVersion,
    /// There is no question in it.
    #[error("it has no request")]
    NoRequest,
    /// There is nothing to judge.
    #[error("its request has no object")]
    NoObject,
}

/// The versions of AdmissionReview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V1beta1,
}

impl Version {
    pub(super) fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "admission.k8s.io/v1",
            Self::V1beta1 => "admission.k8s.io/v1beta1",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    api_version: Box<str>,
    kind: Box<str>,
    #[serde(default, borrow)]
    request: Option<Request<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    uid: Box<str>,
    kind: GroupVersionKind,
    operation: Box<str>,
    #[serde(default)]
    sub_resource: Option<Box<str>>,
    #[serde(default)]
    name: Option<Box<str>>,
    #[serde(default)]
    namespace: Option<Box<str>>,
    #[serde(default, borrow)]
    object: Option<&'a RawValue>,
    #[serde(default, borrow)]
    old_object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct GroupVersionKind {
    #[serde(default)]
    group: Box<str>,
    version: Box<str>,
    kind: Box<str>,
}

#[derive(Default, Deserialize)]
struct Head {
    #[serde(default)]
    metadata: HeadMetadata,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadMetadata {
    #[serde(default)]
    deletion_timestamp: Option<Box<str>>,
}

impl Review {
    /// Reads a question.
    ///
    /// # Errors
    ///
    /// [`BadReview`] for what the API server does not send. An object that cannot be read is an answer, not an error.
    pub fn read(body: &[u8]) -> Result<Self, BadReview> {
        if is_deep(body) {
            return Err(BadReview::TooDeep);
        }
        let Envelope { api_version, kind, request } = serde_json::from_slice(body)?;
        let version = match (&*kind, &*api_version) {
            ("AdmissionReview", "admission.k8s.io/v1") => Version::V1,
            ("AdmissionReview", "admission.k8s.io/v1beta1") => Version::V1beta1,
            _ => return Err(BadReview::UnknownVersion),
        };
        let request = request.ok_or(BadReview::NoRequest)?;
        let subject = subject(&request)?;
        Ok(Self { uid: request.uid, version, subject })
    }
}

fn subject(request: &Request<'_>) -> Result<Subject, BadReview> {
    let allowed = || Ok(Subject::Settled(Verdict::allowed()));
    let is_write = matches!(&*request.operation, "CREATE" | "UPDATE");
    if !is_write || request.sub_resource.as_deref().is_some_and(|sub_resource| !sub_resource.is_empty()) {
        return allowed();
    }
    let GroupVersionKind { group, version, kind } = &request.kind;
    let api_version = format!("{group}/{version}");
    let Recognition::Known(wire @ (WireKind::Ingress | WireKind::LegacyIngress)) = recognise(&api_version, kind) else {
        let mut verdict = Verdict::allowed();
        let kind: String = format!("{kind} of {api_version}").chars().filter(|c| !c.is_control()).take(100).collect();
        verdict.warnings.push(format!("{kind} is not checked: only Ingresses of v1 and v1beta1 are"));
        return Ok(Subject::Settled(verdict));
    };
    let raw = request.object.filter(|raw| raw.get() != "null").ok_or(BadReview::NoObject)?;
    // Whatever is still to be done before it may go must not be held up.
    if serde_json::from_str::<Head>(raw.get()).is_ok_and(|head| head.metadata.deletion_timestamp.is_some()) {
        return allowed();
    }
    let mut ingress = match decoded(wire, raw) {
        Ok(ingress) => ingress,
        Err(why) => return Ok(Subject::Settled(Verdict::invalid(&why))),
    };
    let Metadata { name, namespace, generate_name, annotations, .. } = &mut ingress.metadata;
    if annotations.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_ANNOTATIONS {
        let why = format!("annotations are larger than {MAX_ANNOTATIONS} bytes together (metadata.annotations)");
        return Ok(Subject::Settled(Verdict::invalid(&why)));
    }
    fill(namespace, request.namespace.as_deref());
    fill(name, request.name.as_deref());
    if name.is_empty() && !generate_name.is_empty() {
        *name = format!("{generate_name}new").into();
    }
    let before = request.old_object.filter(|_| &*request.operation == "UPDATE");
    let before = before.and_then(|raw| decoded(wire, raw).ok());
    let is_same =
        |before: &Ingress| before.spec == ingress.spec && before.metadata.annotations == ingress.metadata.annotations;
    if before.as_ref().is_some_and(is_same) {
        // Labels, owners and such are nothing to us.
        return allowed();
    }
    Ok(Subject::Ingress(Box::new(ingress)))
}

fn decoded(wire: WireKind, raw: &RawValue) -> Result<Ingress, String> {
    let Item { content, .. } = convert::item(Form::Whole(wire), raw);
    match content {
        Content::Ingress(Object::Ingress(ingress), _) => Ok(std::sync::Arc::unwrap_or_clone(ingress)),
        Content::Undecodable(why) => Err(format!("{} ({})", why.message, why.field)),
        Content::Ingress(..) | Content::Object(_) | Content::Metadata => Err("it is no Ingress".to_owned()),
    }
}

fn fill(field: &mut Box<str>, value: Option<&str>) {
    if let Some(value) = value.filter(|_| field.is_empty()) {
        *field = value.into();
    }
}

/// Whether brackets are nested deeper than anybody reads: what skips a value that it does not need would not notice.
fn is_deep(json: &[u8]) -> bool {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => depth += 1,
            b'}' | b']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

//! Builds the tree of one document from the events of the parser, within limits.

use super::pieces::Piece;
use super::{Limits, Problem, ProblemKind, too_large};
use crate::input::scalar::{self, Demand};
use crate::input::tree::{Entries, Entry, Node, Span, Value};
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StructureStyle, Tag};
use std::borrow::Cow;
use std::sync::Arc;

/// So many problems of one document are enough to start mending it.
const PROBLEMS_PER_DOCUMENT: usize = 20;

/// What a document weighs with its aliases written out.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
}

/// A finished node that aliases may refer to, with what one more mention of it costs.
struct Anchored {
    node: Arc<Node>,
    weight: Weight,
    height: usize,
}

/// A list or mapping whose end has not been seen.
struct Open {
    span: Span,
    anchor: usize,
    /// The weight of the document before it.
    before: Weight,
    /// How many collections are nested in it.
    height: usize,
    content: Content,
}

enum Content {
    List(Vec<Arc<Node>>),
    Mapping { entries: Entries, merges: Vec<Arc<Node>>, key: Option<Key> },
}

/// The key whose value comes next.
enum Key {
    Name(Box<str>, Span),
    Merge,
    /// It was reported already.
    Invalid,
}

/// Builds the tree of one document from the parser's events.
pub(super) struct Reader<'a> {
    pub(super) piece: Piece<'a>,
    limits: &'a Limits,
    pub(super) roots: Vec<Arc<Node>>,
    pub(super) problems: Vec<Problem>,
    open: Vec<Open>,
    /// Indexed by the parser's anchor numbers, which count up from 1.
    anchors: Vec<Option<Anchored>>,
    weight: Weight,
    /// The end of the last scalar, alias or bracket, where a block collection that ends now ends too.
    last_end: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn read(piece: Piece<'a>, limits: &'a Limits) -> Self {
        let mut reader = Self {
            piece,
            limits,
            roots: Vec::new(),
            problems: Vec::new(),
            open: Vec::new(),
            anchors: Vec::new(),
            weight: Weight::default(),
            last_end: piece.start,
        };
        let options = granit_parser::options! {
            emit_comments: false,
            emit_unresolved_aliases: true,
            flow_nesting_limit: limits.depth,
            block_nesting_limit: limits.depth,
        };
        for event in Parser::new_from_str_with_options(piece.text, options) {
            let fits = match event {
                Ok((event, place)) => reader.event(event, place),
                Err(error) => {
                    reader.scan_error(&error);
                    false
                }
            };
            if !fits || reader.problems.len() >= PROBLEMS_PER_DOCUMENT {
                break;
            }
        }
        reader.roots.retain(|root| root.value != Value::Null);
        reader
    }

    /// Takes one event; false if the document is too large to go on.
    fn event(&mut self, event: Event<'_>, place: granit_parser::Span) -> bool {
        let span = self.piece.locate_span(&place);
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(text, style, anchor, tag.as_deref(), span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(name) => {
                self.syntax(span, format!("alias {} has no anchor before it", quoted(&format!("*{name}"))));
                self.place(Arc::new(Node { span, value: Value::Null }), 0, span);
                true
            }
            Event::SequenceStart(style, anchor, _) => {
                let in_mapping = matches!(self.open.last(), Some(Open { content: Content::Mapping { .. }, .. }));
                let dash_lost = style == StructureStyle::Block && in_mapping;
                let span = if dash_lost { self.piece.with_dash(span) } else { span };
                self.start(span, anchor, Content::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, _) => {
                let content = Content::Mapping { entries: Entries::default(), merges: Vec::new(), key: None };
                self.start(span, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                // the end of a block collection is noticed only at what follows it and has no width
                if span.end > span.start {
                    self.last_end = span.end;
                }
                self.end();
                true
            }
            // stream and document events; anchors and comments are not asked for
            _ => true,
        }
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, anchor: usize, tag: Option<&Tag>, span: Span) -> bool {
        let span = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => self.piece.trimmed(span),
            ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => span,
        };
        self.last_end = self.last_end.max(span.end);
        let is_key = matches!(self.open.last(), Some(Open { content: Content::Mapping { key: None, .. }, .. }));
        let before = self.weight;
        if !self.grow(Weight { nodes: usize::from(!is_key), bytes: text.len() }, span) {
            return false;
        }
        let plain = style == ScalarStyle::Plain;
        if is_key && plain && text == "<<" && tag.is_none_or(|tag| core_type(tag).as_deref() == Some("merge")) {
            self.expect(Key::Merge);
            return true;
        }
        let value = scalar::resolve(text, plain, tag.and_then(demand)).unwrap_or_else(|message| {
            self.syntax(span, message);
            Value::Null
        });
        if is_key && anchor == 0 {
            let kind = value.kind();
            self.name_key(scalar::key(value), kind, span);
        } else {
            self.finish(Node { span, value }, anchor, before, 0);
        }
        true
    }

    fn alias(&mut self, anchor: usize, span: Span) -> bool {
        self.last_end = self.last_end.max(span.end);
        let Some(Some(Anchored { node, weight, height })) = self.anchors.get(anchor) else {
            let name = quoted(self.piece.slice(span));
            self.syntax(span, format!("alias {name} stands inside the value it refers to"));
            self.place(Arc::new(Node { span, value: Value::Null }), 0, span);
            return true;
        };
        let (node, weight, height) = (Arc::clone(node), *weight, *height);
        if self.open.len().saturating_add(height) > self.limits.depth {
            return self.too_deep(span);
        }
        let fits = self.grow(weight, span);
        if fits {
            self.place(node, height, span);
        }
        fits
    }

    fn start(&mut self, span: Span, anchor: usize, content: Content) -> bool {
        if self.open.len() >= self.limits.depth {
            return self.too_deep(span);
        }
        let before = self.weight;
        self.open.push(Open { span, anchor, before, height: 0, content });
        self.grow(Weight { nodes: 1, bytes: 0 }, span)
    }

    fn end(&mut self) {
        let Some(Open { span, anchor, before, height, content }) = self.open.pop() else { return };
        let value = match content {
            Content::List(items) => Value::Sequence(items),
            Content::Mapping { mut entries, merges, key: _ } => {
                for merged in &merges {
                    entries.merge(merged.entries().unwrap_or_default());
                }
                entries.into_value()
            }
        };
        let span = Span { end: self.last_end.max(span.start), ..span };
        self.finish(Node { span, value }, anchor, before, height.saturating_add(1));
    }

    /// Puts a finished value where it belongs, and remembers it if aliases may refer to it.
    fn finish(&mut self, node: Node, anchor: usize, before: Weight, height: usize) {
        let span = node.span;
        let node = Arc::new(node);
        if anchor != 0 {
            let weight = Weight {
                nodes: self.weight.nodes.saturating_sub(before.nodes),
                bytes: self.weight.bytes.saturating_sub(before.bytes),
            };
            if self.anchors.len() <= anchor {
                self.anchors.resize_with(anchor.saturating_add(1), || None);
            }
            if let Some(place) = self.anchors.get_mut(anchor) {
                *place = Some(Anchored { node: Arc::clone(&node), weight, height });
            }
        }
        self.place(node, height, span);
    }

    /// Puts a value into the innermost open collection. `span` is where it is mentioned.
    fn place(&mut self, node: Arc<Node>, height: usize, span: Span) {
        let Some(open) = self.open.last_mut() else {
            self.roots.push(node);
            return;
        };
        open.height = open.height.max(height);
        let (entries, merges, key) = match &mut open.content {
            Content::List(items) => return items.push(node),
            Content::Mapping { entries, merges, key } => (entries, merges, key),
        };
        match key.take() {
            None => {
                let name = match &node.value {
                    Value::Sequence(_) | Value::Mapping(_) => None,
                    value => scalar::key(value.clone()),
                };
                self.name_key(name, node.kind(), span);
            }
            Some(Key::Name(key, key_span)) => {
                if let Err((Entry { key, .. }, first)) = entries.insert(Entry { key, key_span, node }) {
                    self.problems.push(Problem {
                        kind: ProblemKind::DuplicateKey,
                        span: key_span,
                        message: format!("the key {} is there twice in one mapping", quoted(&key)),
                        related: Some((first, "it is here first".to_owned())),
                        help: Some("remove or rename one of them".to_owned()),
                    });
                }
            }
            Some(Key::Merge) => match &node.value {
                Value::Mapping(_) => merges.push(node),
                Value::Sequence(items) if items.iter().all(|item| item.entries().is_some()) => {
                    merges.extend(items.iter().cloned());
                }
                _ => self.syntax(span, "the value of `<<` must be a mapping or a list of mappings".to_owned()),
            },
            Some(Key::Invalid) => {}
        }
    }

    /// Makes `name` the key of the value that comes next.
    fn name_key(&mut self, name: Option<Box<str>>, kind: &str, span: Span) {
        if name.is_none() {
            self.syntax(span, format!("{kind} cannot be a key"));
        }
        self.expect(name.map_or(Key::Invalid, |name| Key::Name(name, span)));
    }

    fn expect(&mut self, next: Key) {
        if let Some(Open { content: Content::Mapping { key, .. }, .. }) = self.open.last_mut() {
            *key = Some(next);
        }
    }

    /// Adds to the weight of the document; false if it is over the limit then.
    fn grow(&mut self, more: Weight, span: Span) -> bool {
        self.weight.nodes = self.weight.nodes.saturating_add(more.nodes);
        self.weight.bytes = self.weight.bytes.saturating_add(more.bytes);
        let (limit, unit) = match self.weight {
            Weight { nodes, .. } if nodes > self.limits.nodes => (self.limits.nodes, "values"),
            Weight { bytes, .. } if bytes > self.limits.bytes => (self.limits.bytes, "bytes of text"),
            _ => return true,
        };
        let message = format!("the document has more than {limit} {unit} when its aliases are written out");
        self.problems.push(too_large(span, message));
        false
    }

    fn too_deep(&mut self, span: Span) -> bool {
        let message = format!("the document is nested more than {} levels deep", self.limits.depth);
        self.problems.push(too_large(span, message));
        false
    }

    fn syntax(&mut self, span: Span, message: String) {
        let template = self.piece.line_of(span).contains("{{");
        let help = template.then(|| "this looks like a template: render it first, as with `helm template`".to_owned());
        self.problems.push(Problem { kind: ProblemKind::Syntax, span, message, related: None, help });
    }

    fn scan_error(&mut self, error: &ScanError) {
        let span = self.piece.locate_error(error.marker());
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            self.too_deep(span);
            return;
        }
        self.syntax(span, error.info());
        let help = match error.kind() {
            ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation | ErrorKind::TabNotAllowed => {
                "indent with spaces"
            }
            ErrorKind::UnexpectedCharacter { character: '@' | '`' | '%' } | ErrorKind::MappingValueNotAllowed => {
                "put the value in quotes if this character belongs to it"
            }
            _ => return,
        };
        if let Some(problem) = self.problems.last_mut() {
            problem.help.get_or_insert_with(|| help.to_owned());
        }
    }
}

/// The type that a tag of the YAML repository demands; other tags are ignored.
fn demand(tag: &Tag) -> Option<Demand> {
    match core_type(tag)?.as_ref() {
        "str" | "binary" | "timestamp" => Some(Demand::Str),
        "int" => Some(Demand::Int),
        "float" => Some(Demand::Float),
        "bool" => Some(Demand::Bool),
        "null" => Some(Demand::Null),
        _ => None,
    }
}

fn core_type(tag: &Tag) -> Option<Cow<'_, str>> {
    tag.suffix_in_namespace("tag:yaml.org,2002:")
}

/// Text from the source as messages show it: on one line, harmless to a terminal, and not too long.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    let shown = text.chars().take(SHOWN).map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char });
    let more = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("`{}{more}`", shown.collect::<String>())
}

//! The located tree: what a manifest says and where in the source it says it.
//!
//! Values are JSON values, as the API server would see them. How scalars get their type is in `scalar`, how
//! text becomes a tree in `parse`. Comments, styles and anchors are not kept.

use serde_json::Number;
use std::collections::HashMap;
use std::sync::Arc;

/// Where a piece of text stands in the source it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The line of the first character, counted from 1.
    pub line: u32,
    /// The column of the first character, counted in characters from 1.
    pub column: u32,
    /// The byte offset of the first character.
    pub start: usize,
    /// The byte offset just after the last character.
    pub end: usize,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value stands; for a value reached through an alias, where its anchor stands.
    pub span: Span,
    /// The value itself.
    pub value: Value,
}

/// A JSON value whose children know where they stand.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: `null`, `~` or an empty value.
    Null,
    /// True or false, in any of the YAML 1.1 spellings.
    Bool(bool),
    /// An integer or a finite float.
    Number(Number),
    /// Text, whether it was quoted or not.
    String(Box<str>),
    /// A list.
    Sequence(Vec<Arc<Node>>),
    /// A mapping in source order, with unique keys; merged entries come last.
    Mapping(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as JSON would spell it.
    pub key: Box<str>,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub node: Arc<Node>,
}

impl Node {
    /// The value under `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Arc<Self>> {
        self.entries()?.iter().find(|entry| &*entry.key == key).map(|entry| &entry.node)
    }

    /// The entries, if this is a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if this is a list.
    pub fn items(&self) -> Option<&[Arc<Self>]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// What kind of value this is, in words for a message: `a string`, `a list`.
    pub fn kind(&self) -> &'static str {
        self.value.kind()
    }

    /// The same value as JSON, with aliases written out.
    ///
    /// Size and depth were bounded when the tree was read. A float without a fraction becomes an integer, as it
    /// does when `kubectl` writes JSON: `80.0` reaches the API server as `80`.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => serde_json::Value::Bool(*value),
            Value::Number(number) => serde_json::Value::Number(json_number(number)),
            Value::String(text) => serde_json::Value::String(text.to_string()),
            Value::Sequence(items) => serde_json::Value::Array(items.iter().map(|item| item.to_json()).collect()),
            Value::Mapping(entries) => serde_json::Value::Object(
                entries.iter().map(|entry| (entry.key.to_string(), entry.node.to_json())).collect(),
            ),
        }
    }
}

impl Value {
    /// What kind of value this is, in words for a message: `a string`, `a list`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

/// The number as `kubectl` writes it in JSON.
pub(super) fn json_number(number: &Number) -> Number {
    let whole = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0);
    match whole {
        // the bounds are 2^64 and -2^63, so neither cast can lose anything
        Some(float) if (0.0..18_446_744_073_709_551_616.0).contains(&float) => Number::from(float as u64),
        Some(float) if (-9_223_372_036_854_775_808.0..0.0).contains(&float) => Number::from(float as i64),
        _ => number.clone(),
    }
}

/// From this size on a mapping under construction is searched through an index.
const INDEXED: usize = 16;

/// The entries of a mapping under construction: keeps keys unique without comparing each with each.
#[derive(Debug, Default)]
pub(super) struct Entries {
    list: Vec<Entry>,
    index: HashMap<Box<str>, usize>,
}

impl Entries {
    /// Adds an entry, unless its key is there already: then gives the entry back with the span of the first.
    pub(super) fn insert(&mut self, entry: Entry) -> Result<(), (Entry, Span)> {
        if let Some(first) = self.find(&entry.key) {
            let first = first.key_span;
            return Err((entry, first));
        }
        if self.list.len() == INDEXED {
            self.index = self.list.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at)).collect();
        }
        if self.list.len() >= INDEXED {
            self.index.insert(entry.key.clone(), self.list.len());
        }
        self.list.push(entry);
        Ok(())
    }

    /// Adds those entries of `other` whose keys are not there yet.
    pub(super) fn merge(&mut self, other: &[Entry]) {
        for entry in other {
            // a key that is already there wins over the merged one: that is the rule, not a mistake
            let _ = self.insert(entry.clone());
        }
    }

    /// The finished mapping.
    pub(super) fn into_value(self) -> Value {
        Value::Mapping(self.list)
    }

    fn find(&self, key: &str) -> Option<&Entry> {
        if self.list.len() <= INDEXED {
            return self.list.iter().find(|entry| &*entry.key == key);
        }
        self.list.get(*self.index.get(key)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span { line: 1, column: 1, start: 0, end: 0 };

    fn node(value: Value) -> Arc<Node> {
        Arc::new(Node { span: SPAN, value })
    }

    #[test]
    fn floats_without_a_fraction_are_written_as_integers() {
        let cases = [
            (8.0, "8"),
            (-8.0, "-8"),
            (-0.0, "0"),
            (0.5, "0.5"),
            (1e20, "1e20"),
            (1e300, "1e300"),
            (18_446_744_073_709_551_616.0, "1.8446744073709552e19"),
            (-9_223_372_036_854_775_808.0, "-9223372036854775808"),
        ];
        for (float, written) in cases {
            let value = Value::Number(Number::from_f64(float).unwrap());
            assert_eq!(node(value).to_json(), serde_json::from_str::<serde_json::Value>(written).unwrap(), "{float}");
        }
    }

    #[test]
    fn large_mappings_stay_unique() {
        for size in [1, 15, 16, 17, 18, 1000] {
            let mut entries = Entries::default();
            for at in 0..size {
                let span = Span { start: at, ..SPAN };
                let entry = Entry { key: at.to_string().into(), key_span: span, node: node(Value::Null) };
                assert_eq!(entries.insert(entry.clone()), Ok(()));
                assert_eq!(entries.insert(entry.clone()), Err((entry, span)));
            }
            for at in 0..size {
                assert_eq!(entries.find(&at.to_string()).map(|entry| entry.key_span.start), Some(at));
            }
            assert!(entries.find("x").is_none());
            assert!(matches!(entries.into_value(), Value::Mapping(list) if list.len() == size));
        }
    }
}

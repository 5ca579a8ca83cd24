//! Annotations whose values are JSON, read with the place of whatever is wrong in them.

use serde_json::{Map, Value};

use crate::diagnostic::Code;
use crate::dialect::annotations::Annotations;

/// A value could not be read, and the routes of the object are closed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// Reads the value of an annotation; none if it is absent. A value that cannot be read closes the routes of the object:
/// what it was to keep closed is not known.
pub(super) fn read<T>(
    a: &mut Annotations<'_>,
    key: &str,
    reader: impl FnOnce(&Value) -> Result<T, String>,
) -> Result<Option<T>, Refused> {
    let Some(text) = a.text(key) else { return Ok(None) };
    let value = serde_json::from_str(text).map_err(|error| format!("the value is not JSON: {error}"));
    value.and_then(|value: Value| reader(&value)).map(Some).map_err(|why| {
        a.refuse(Code::RuleListInvalid, "annotation-invalid", key, why);
        Refused
    })
}

/// The items of a list; `null` is an empty one.
pub(super) fn items(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Null => Ok(&[]),
        Value::Array(items) => Ok(items),
        other => Err(format!("the value is {}, not a list", kind(other))),
    }
}

/// A mapping, and where it stands in the value.
#[derive(Debug)]
pub(super) struct Object<'v> {
    entries: &'v Map<String, Value>,
    place: String,
}

impl<'v> Object<'v> {
    /// The mapping that stands here.
    pub(super) fn new(value: &'v Value, place: String) -> Result<Self, String> {
        match value {
            Value::Object(entries) => Ok(Self { entries, place }),
            other => Err(format!("{} is {}, not a mapping", named(&place), kind(other))),
        }
    }

    /// All keys with their values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'v str, &'v Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// A value; none if it is absent or `null`.
    pub(super) fn get(&self, key: &str) -> Option<&'v Value> {
        self.entries.get(key).filter(|value| !value.is_null())
    }

    /// A text.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'v str>, String> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("`{}` is {}, not a text", self.place(key), kind(other))),
        }
    }

    /// A mapping in this one.
    pub(super) fn object(&self, key: &str) -> Result<Option<Self>, String> {
        self.get(key).map(|value| Self::new(value, self.place(key))).transpose()
    }

    /// Where the value of a key stands.
    pub(super) fn place(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    /// The message for a key that has to be there.
    pub(super) fn missing(&self, key: &str) -> String {
        format!("{} has no `{key}`", named(&self.place))
    }
}

/// A port, which may be written as a number or as text.
pub(super) fn port(value: &Value, place: &str) -> Result<u16, String> {
    let port = match value {
        Value::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    port.filter(|port| *port > 0).ok_or_else(|| format!("`{place}` is not a port from 1 to 65535"))
}

/// What kind of value this is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn named(place: &str) -> String {
    if place.is_empty() { "the value".to_owned() } else { format!("`{place}`") }
}

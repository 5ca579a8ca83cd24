//! The located tree as serde reads it: as its JSON, which is not written for that.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::tree::{Node, Value, json_number};

impl<'de> IntoDeserializer<'de, serde_json::Error> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => json_number(number).deserialize_any(visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Sequence(items) => {
                let mut items = SeqDeserializer::new(items.iter().map(|item| &**item));
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Value::Mapping(entries) => {
                let mut entries = MapDeserializer::new(entries.iter().map(|entry| (&*entry.key, &*entry.node)));
                let value = visitor.visit_map(&mut entries)?;
                entries.end().map(|()| value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match &self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::{Limits, parse};

    #[derive(Debug, PartialEq, Deserialize)]
    struct Name(String);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Record {
        name: Name,
        port: Option<i32>,
        #[serde(default)]
        tags: Vec<Option<String>>,
    }

    #[test]
    fn a_tree_and_its_json_are_read_alike() {
        let texts = [
            "{name: a, port: 80.0, tags: [x, null], other: {deep: [1, 2.5, -3, true, ~]}}",
            "{name: a, port: null}",
            "{name: a, port: 80.5}",
            "{name: 1}",
            "{name: [a]}",
            "{name: {a: b}}",
            "{name: a, port: '80'}",
            "{name: a, port: true}",
            "{name: a, port: 3000000000}",
            "{name: a, tags: {x: y}}",
            "{name: a, tags: null}",
            "{port: 1}",
            "{}",
            "[a, 1, [t]]",
            "[a]",
            "text",
        ];
        for text in texts {
            let stream = parse(text, &Limits::default());
            let node = stream.documents.first().expect(text);
            let by_tree = Record::deserialize(&**node).map_err(|error| error.to_string());
            let by_json = Record::deserialize(&node.to_json()).map_err(|error| error.to_string());
            assert_eq!(by_tree, by_json, "{text}");
        }
    }
}

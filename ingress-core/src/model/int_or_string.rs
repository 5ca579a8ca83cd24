//! How a port is written that may be given by number or by name.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// Kubernetes' `IntOrString`: the type of the scalar decides, so `80` and `"80"` are two things.
pub(super) enum IntOrString {
    Int(i32),
    String(Box<str>),
}

impl<'de> Deserialize<'de> for IntOrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntOrStringVisitor)
    }
}

struct IntOrStringVisitor;

impl de::Visitor<'_> for IntOrStringVisitor {
    type Value = IntOrString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer or a string")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<IntOrString, E> {
        let out_of_range = |_| E::invalid_value(de::Unexpected::Signed(number), &"a 32-bit integer");
        i32::try_from(number).map(IntOrString::Int).map_err(out_of_range)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<IntOrString, E> {
        let out_of_range = |_| E::invalid_value(de::Unexpected::Unsigned(number), &"a 32-bit integer");
        i32::try_from(number).map(IntOrString::Int).map_err(out_of_range)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<IntOrString, E> {
        Ok(IntOrString::String(text.into()))
    }
}

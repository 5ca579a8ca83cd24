//! ConfigMap: settings as texts under keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Metadata;
use super::metadata::{null_default, null_values};

/// A core/v1 ConfigMap; `binaryData` is left unread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct ConfigMap {
    /// `metadata`.
    #[serde(default, deserialize_with = "null_default")]
    pub metadata: Metadata,
    /// `data`.
    #[serde(default, deserialize_with = "null_values", skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<Box<str>, Box<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_empty() {
        let none: ConfigMap = serde_json::from_str(r#"{"metadata": null, "data": null}"#).unwrap();
        assert_eq!(none, ConfigMap::default());
        let empty: ConfigMap = serde_json::from_str(r#"{"data": {"hsts": null, "retries": "3"}}"#).unwrap();
        let expected = [("hsts", ""), ("retries", "3")].map(|(key, value)| (key.into(), value.into()));
        assert_eq!(empty.data, BTreeMap::from(expected));
    }

    #[test]
    fn a_value_is_a_string() {
        for value in ["3", "true", "[]", "{}"] {
            let text = format!(r#"{{"data": {{"retries": {value}}}}}"#);
            assert!(serde_json::from_str::<ConfigMap>(&text).is_err(), "{value}");
        }
    }
}

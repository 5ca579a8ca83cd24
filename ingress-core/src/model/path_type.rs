//! `pathType`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `pathType` of a path, as it is spelt: of those that exist there are many in a cluster, and they take no memory each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whatever else there may be is the last")]
pub enum PathType {
    /// `Exact`.
    Exact,
    /// `Prefix`.
    Prefix,
    /// `ImplementationSpecific`.
    ImplementationSpecific,
    /// A text that is no path type.
    Unknown(Box<str>),
}

impl PathType {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact => "Exact",
            Self::Prefix => "Prefix",
            Self::ImplementationSpecific => "ImplementationSpecific",
            Self::Unknown(text) => text,
        }
    }
}

impl From<&str> for PathType {
    fn from(text: &str) -> Self {
        match text {
            "Exact" => Self::Exact,
            "Prefix" => Self::Prefix,
            "ImplementationSpecific" => Self::ImplementationSpecific,
            _ => Self::Unknown(text.into()),
        }
    }
}

impl<'de> Deserialize<'de> for PathType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(&*Box::<str>::deserialize(deserializer)?))
    }
}

impl Serialize for PathType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

//! The two objects that can say who leads: a Lease, and the ConfigMap that ingress-nginx had before there were Leases.

mod config_map;
mod lease;

use serde_json::{Value, json};

use crate::resource::escaped;

/// What kind of object says who leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    Lease,
    ConfigMap,
}

/// Who leads, as such an object has it.
///
/// Times are texts here: they are for people. Whoever waits for a lease to run out looks at whether this changes, and at no
/// clock but its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Empty if nobody leads.
    pub(crate) holder: Box<str>,
    /// For how long nobody else may take it after it has last changed.
    pub(crate) seconds: u32,
    pub(crate) acquired: Box<str>,
    pub(crate) renewed: Box<str>,
    /// How often another one has taken it.
    pub(crate) transitions: u32,
}

impl Lock {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Lease => Self::ConfigMap,
            Self::ConfigMap => Self::Lease,
        }
    }

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Lease => "Lease",
            Self::ConfigMap => "ConfigMap",
        }
    }

    /// Where such objects are.
    pub(crate) fn collection(self, namespace: &str) -> String {
        match self {
            Self::Lease => format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", escaped(namespace)),
            Self::ConfigMap => format!("/api/v1/namespaces/{}/configmaps", escaped(namespace)),
        }
    }

    /// An object that does not exist yet.
    pub(crate) fn blank(self, namespace: &str, name: &str) -> Value {
        let version = match self {
            Self::Lease => "coordination.k8s.io/v1",
            Self::ConfigMap => "v1",
        };
        json!({"apiVersion": version, "kind": self.kind(), "metadata": {"namespace": namespace, "name": name}})
    }

    /// What an object says; what it does not say is nothing.
    pub(crate) fn read(self, object: &Value) -> Claim {
        match self {
            Self::Lease => lease::read(object),
            Self::ConfigMap => config_map::read(object),
        }
    }

    /// Writes it into an object, of which all else stays as it is.
    pub(crate) fn write(self, claim: &Claim, object: &mut Value) {
        match self {
            Self::Lease => lease::write(claim, object),
            Self::ConfigMap => config_map::write(claim, object),
        }
    }
}

impl Claim {
    /// The fields of an object; in the API's words all but the last are the same everywhere.
    fn of(fields: &Value, transitions: &str) -> Self {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().into();
        let number = |name: &str| fields.get(name).and_then(|number| number.as_u64()?.try_into().ok());
        Self {
            holder: text("holderIdentity"),
            seconds: number("leaseDurationSeconds").unwrap_or_default(),
            acquired: text("acquireTime"),
            renewed: text("renewTime"),
            transitions: number(transitions).unwrap_or_default(),
        }
    }

    fn fields(&self, transitions: &str) -> impl Iterator<Item = (String, Value)> {
        // An empty text is no time, and whoever reads one as a time reads nothing at all.
        let time = |time: &str| if time.is_empty() { Value::Null } else { json!(time) };
        let fields = [
            ("holderIdentity", json!(self.holder)),
            ("leaseDurationSeconds", json!(self.seconds)),
            ("acquireTime", time(&self.acquired)),
            ("renewTime", time(&self.renewed)),
            (transitions, json!(self.transitions)),
        ];
        fields.map(|(field, value)| (field.to_owned(), value)).into_iter()
    }
}

//! What a Lease says of who leads, and how that is written into one.

use serde_json::{Value, json};

/// Who leads, as the Lease has it.
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

impl Claim {
    /// What a Lease says; what it does not say is nothing.
    pub(crate) fn read(lease: &Value) -> Self {
        let field = |field: &str| lease.get("spec")?.get(field);
        let text = |name: &str| field(name).and_then(Value::as_str).unwrap_or_default().into();
        let number = |name: &str| field(name).and_then(|number| number.as_u64()?.try_into().ok()).unwrap_or_default();
        Self {
            holder: text("holderIdentity"),
            seconds: number("leaseDurationSeconds"),
            acquired: text("acquireTime"),
            renewed: text("renewTime"),
            transitions: number("leaseTransitions"),
        }
    }

    /// Writes it into a Lease, of which all else stays as it is.
    pub(crate) fn write(&self, lease: &mut Value) {
        let Self { holder, seconds, acquired, renewed, transitions } = self;
        let claim = [
            ("holderIdentity", json!(holder)),
            ("leaseDurationSeconds", json!(seconds)),
            ("acquireTime", json!(acquired)),
            ("renewTime", json!(renewed)),
            ("leaseTransitions", json!(transitions)),
        ];
        let claim = claim.map(|(field, value)| (field.to_owned(), value));
        let Value::Object(lease) = lease else { return };
        match lease.get_mut("spec") {
            Some(Value::Object(spec)) => spec.extend(claim),
            _ => {
                lease.insert("spec".to_owned(), claim.into_iter().collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_written_stays() {
        let mut lease = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"holderIdentity": "x", "strategy": "y"}});
        assert_eq!(Claim::read(&lease), Claim { holder: "x".into(), ..Claim::default() });
        let claim = Claim {
            holder: "z".into(),
            seconds: 10,
            acquired: "2026-11-28T10:00:00.000000Z".into(),
            renewed: "2026-11-28T10:00:01.000000Z".into(),
            transitions: 3,
        };
        claim.write(&mut lease);
        assert_eq!(Claim::read(&lease), claim);
        assert_eq!((&lease["metadata"]["labels"]["a"], &lease["spec"]["strategy"]), (&json!("b"), &json!("y")));
    }

    #[test]
    fn a_lease_without_a_holder_says_nothing() {
        for text in ["{}", r#"{"spec": null}"#, r#"{"spec": 3}"#, r#"{"spec": {"leaseDurationSeconds": -1}}"#] {
            let mut lease: Value = serde_json::from_str(text).unwrap();
            assert_eq!(Claim::read(&lease), Claim::default(), "{text}");
            let claim = Claim { holder: "z".into(), seconds: 1, ..Claim::default() };
            claim.write(&mut lease);
            assert_eq!(Claim::read(&lease), claim, "{text}");
        }
    }
}

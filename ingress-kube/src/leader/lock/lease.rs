//! What a Lease says of who leads, and how that is written into one.

use serde_json::Value;

use super::Claim;

const TRANSITIONS: &str = "leaseTransitions";

pub(super) fn read(lease: &Value) -> Claim {
    lease.get("spec").map(|spec| Claim::of(spec, TRANSITIONS)).unwrap_or_default()
}

pub(super) fn write(claim: &Claim, lease: &mut Value) {
    let Value::Object(lease) = lease else { return };
    match lease.get_mut("spec") {
        Some(Value::Object(spec)) => spec.extend(claim.fields(TRANSITIONS)),
        _ => {
            lease.insert("spec".to_owned(), claim.fields(TRANSITIONS).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_have_written_stays() {
        let mut lease = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"holderIdentity": "x", "strategy": "y"}});
        assert_eq!(read(&lease), Claim { holder: "x".into(), ..Claim::default() });
        let claim = Claim {
            holder: "z".into(),
            seconds: 10,
            acquired: "2026-11-28T10:00:00.000000Z".into(),
            renewed: "2026-11-28T10:00:01.000000Z".into(),
            transitions: 3,
        };
        write(&claim, &mut lease);
        assert_eq!(read(&lease), claim);
        assert_eq!((&lease["metadata"]["labels"]["a"], &lease["spec"]["strategy"]), (&json!("b"), &json!("y")));
    }

    #[test]
    fn a_lease_without_a_holder_says_nothing() {
        for text in ["{}", r#"{"spec": null}"#, r#"{"spec": 3}"#, r#"{"spec": {"leaseDurationSeconds": -1}}"#] {
            let mut lease: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read(&lease), Claim::default(), "{text}");
            let claim = Claim { holder: "z".into(), seconds: 1, ..Claim::default() };
            write(&claim, &mut lease);
            assert_eq!(read(&lease), claim, "{text}");
        }
    }
}

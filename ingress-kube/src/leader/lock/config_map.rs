//! What a ConfigMap says of who leads: client-go's record, as JSON in an annotation. Its data is nobody's.

use serde_json::{Value, json};

use super::Claim;

const ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";
const TRANSITIONS: &str = "leaderTransitions";

/// The record, as far as there is one.
fn record(config_map: &Value) -> Option<Value> {
    let text = config_map.get("metadata")?.get("annotations")?.get(ANNOTATION)?.as_str()?;
    serde_json::from_str(text).ok().filter(Value::is_object)
}

pub(super) fn read(config_map: &Value) -> Claim {
    record(config_map).map(|record| Claim::of(&record, TRANSITIONS)).unwrap_or_default()
}

pub(super) fn write(claim: &Claim, config_map: &mut Value) {
    // Newer versions of the record have more fields than these.
    let mut record = record(config_map).unwrap_or_else(|| json!({}));
    if let Value::Object(record) = &mut record {
        record.extend(claim.fields(TRANSITIONS));
    }
    let Some(Value::Object(metadata)) = config_map.get_mut("metadata") else { return };
    let annotation = (ANNOTATION.to_owned(), Value::from(record.to_string()));
    match metadata.get_mut("annotations") {
        Some(Value::Object(annotations)) => annotations.extend([annotation]),
        _ => {
            metadata.insert("annotations".to_owned(), [annotation].into_iter().collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_map(record: &str) -> Value {
        json!({"metadata": {"name": "x", "annotations": {ANNOTATION: record, "a": "b"}}, "data": {"k": "v"}})
    }

    #[test]
    fn what_client_go_has_written_is_read() {
        let config_map = config_map(
            r#"{"holderIdentity":"ingress-nginx-controller-7f-x","leaseDurationSeconds":30,
                "acquireTime":"2021-06-01T08:00:00Z","renewTime":"2021-06-01T08:00:07Z","leaderTransitions":4}"#,
        );
        let claim = Claim {
            holder: "ingress-nginx-controller-7f-x".into(),
            seconds: 30,
            acquired: "2021-06-01T08:00:00Z".into(),
            renewed: "2021-06-01T08:00:07Z".into(),
            transitions: 4,
        };
        assert_eq!(read(&config_map), claim);
    }

    #[test]
    fn what_others_have_written_stays() {
        let mut config_map = config_map(r#"{"holderIdentity":"x","preferredHolder":"p"}"#);
        let claim = Claim {
            holder: "z".into(),
            seconds: 10,
            acquired: "2026-11-28T10:00:00.000000Z".into(),
            renewed: "2026-11-28T10:00:01.000000Z".into(),
            transitions: 3,
        };
        write(&claim, &mut config_map);
        assert_eq!(read(&config_map), claim);
        let annotations = &config_map["metadata"]["annotations"];
        assert_eq!((&annotations["a"], &config_map["data"]["k"]), (&json!("b"), &json!("v")));
        let record: Value = serde_json::from_str(annotations[ANNOTATION].as_str().unwrap()).unwrap();
        let expected = json!({
            "holderIdentity": "z", "leaseDurationSeconds": 10, "acquireTime": "2026-11-28T10:00:00.000000Z",
            "renewTime": "2026-11-28T10:00:01.000000Z", "leaderTransitions": 3, "preferredHolder": "p",
        });
        assert_eq!(record, expected);
    }

    #[test]
    fn a_config_map_without_a_record_says_nothing() {
        let bare = [json!({"metadata": {}}), json!({"metadata": {"annotations": null}})];
        let strange = ["", "[]", "7", "{", r#"{"leaseDurationSeconds":"10"}"#].map(config_map);
        for mut config_map in bare.into_iter().chain(strange) {
            assert_eq!(read(&config_map), Claim::default(), "{config_map}");
            let claim = Claim { holder: "z".into(), seconds: 1, ..Claim::default() };
            write(&claim, &mut config_map);
            assert_eq!(read(&config_map), claim, "{config_map}");
            // A time that is none would keep client-go from reading any of it.
            assert!(config_map.to_string().contains(r#"\"acquireTime\":null"#), "{config_map}");
        }
    }
}

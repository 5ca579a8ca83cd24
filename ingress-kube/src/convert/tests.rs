use ingress_core::model::{CertificateState, SecretState, Timestamp};

use super::*;

fn read(form: Form, text: &str) -> Item {
    item(form, serde_json::from_str(text).unwrap())
}

fn name(kind: Kind) -> ObjectRef {
    ObjectRef::new(kind, "shop", "a")
}

fn ingress(text: &str) -> Item {
    read(Form::Whole(WireKind::Ingress), text)
}

#[test]
fn an_ingress_keeps_what_routing_and_status_need() {
    let item = ingress(
        r#"{"kind": "Ingress", "metadata": {"name": "cafe", "namespace": "shop", "uid": "u1", "resourceVersion": "7",
        "creationTimestamp": "1970-01-01T00:00:05Z", "generation": 3,
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
        "annotations": {"a": "b", "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
        "spec": {"rules": [{"host": "a.example"}], "unknown": true},
        "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1", "ports": []}, {"hostname": "lb.example"}]}}}"#,
    );
    assert_eq!((&*item.key.namespace, &*item.key.name), ("shop", "cafe"));
    assert_eq!((&*item.revision.uid, &*item.revision.version), ("u1", "7"));
    let Content::Ingress(Object::Ingress(ingress), addresses) = item.content else { panic!("{:?}", item.content) };
    assert_eq!(ingress.metadata.annotations.keys().map(|key| &**key).collect::<Vec<_>>(), ["a"]);
    assert_eq!(ingress.metadata.creation_timestamp, Some(Timestamp(5)));
    assert_eq!(&*ingress.spec.rules[0].host, "a.example");
    let address = |ip: &str, hostname: &str| Address { ip: ip.into(), hostname: hostname.into() };
    assert_eq!(addresses, [address("10.0.0.1", ""), address("", "lb.example")]);
}

#[test]
fn an_object_that_cannot_be_read_is_still_known() {
    let item = ingress(
        r#"{"metadata": {"name": "bad", "namespace": "shop", "uid": "u", "resourceVersion": "9"},
        "spec": {"rules": [{"host": 5}]}}"#,
    );
    assert_eq!((&*item.key.name, &*item.revision.version), ("bad", "9"));
    let Content::Undecodable(why) = item.content else { panic!("{:?}", item.content) };
    assert_eq!(why.field.to_string(), "spec.rules[0].host");
    assert!(why.message.starts_with("invalid type: integer `5`"), "{}", why.message);
    assert!(!why.message.contains("line"), "{}", why.message);
}

#[test]
fn nonsense_in_one_part_does_not_hide_another() {
    for status in ["3", r#"{"loadBalancer": []}"#, r#"{"loadBalancer": {"ingress": "x"}}"#, "null"] {
        let item = ingress(&format!(r#"{{"metadata": {{"name": "a"}}, "spec": {{}}, "status": {status}}}"#));
        let Content::Ingress(_, addresses) = item.content else { panic!("{status}") };
        assert_eq!(addresses, []);
    }
    for text in ["3", "null", r#"{"metadata": 3}"#, r#"{"metadata": {"name": 3}}"#] {
        let item = ingress(text);
        assert_eq!(&*item.key.name, "");
        assert!(matches!(item.content, Content::Undecodable(_)), "{text}");
    }
}

#[test]
fn a_slice_keeps_one_label() {
    let item = read(
        Form::Whole(WireKind::EndpointSlice),
        r#"{"metadata": {"name": "a", "labels": {"kubernetes.io/service-name": "tea", "x": "y"},
        "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "z"}}, "addressType": "IPv4",
        "endpoints": null}"#,
    );
    let Content::Object(object) = item.content else { panic!() };
    assert_eq!(object.metadata().labels.len(), 1);
    assert!(object.metadata().annotations.is_empty());
}

#[test]
fn revisions_are_compared_as_numbers() {
    let revision = |version: &str| Revision { version: version.into(), ..Revision::default() };
    assert!(revision("9").is_before(&revision("10")));
    assert!(!revision("10").is_before(&revision("9")));
    assert!(!revision("a").is_before(&revision("b")), "nobody can know");
}

#[test]
fn a_secret_gives_its_bytes_once() {
    let text = r#"{"metadata": {"name": "cert", "namespace": "shop", "uid": "u", "resourceVersion": "3",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "private"}, "labels": {"a": "b"}},
        "data": {"tls.crt": "eHk=", "tls.key": "***", "none": null,
        "qcloud_cert_id": "cnNhMSwgZWNjMiw="}, "type": "kubernetes.io/tls"}"#;
    let secret = WireSecret::read(&name(Kind::Secret), text).unwrap();
    assert_eq!(&*secret.revision.version, "3");
    assert_eq!((secret.data.get("tls.crt"), secret.data.get("tls.key")), (Some(&b"xy"[..]), None));
    assert_eq!(format!("{:?}", secret.data), r#"{"none", "qcloud_cert_id", "tls.crt"}"#);
    let record = secret.into_record(SecretState {
        certificate: CertificateState::Usable { dns_names: vec!["a.example".into()] },
        ..SecretState::default()
    });
    assert!(record.metadata.annotations.is_empty() && record.metadata.labels.is_empty());
    assert_eq!(record.keys.len(), 3);
    let certificates: Vec<&str> = record.cloud.as_ref().unwrap().certificates.iter().map(|id| &**id).collect();
    assert_eq!(certificates, ["rsa1", "ecc2"]);
    assert!(WireSecret::read(&name(Kind::Secret), "[3]").is_err());
}

#[test]
fn a_config_map_is_texts() {
    let (revision, map) = config_map(
        &name(Kind::ConfigMap),
        r#"{"metadata": {"name": "a", "resourceVersion": "4"}, "data": {"k": "v"}}"#,
    )
    .unwrap();
    assert_eq!((&*revision.version, map.data.len()), ("4", 1));
    let error = config_map(&name(Kind::ConfigMap), r#"{"data": {"k": 3}}"#).unwrap_err();
    assert_eq!((error.kind, error.field.to_string()), (Kind::ConfigMap, "data.k".to_owned()));
    assert!(config_map(&name(Kind::ConfigMap), "{").is_err());
}

//! Address lists and the client's address, and the means by which the other tests of annotations read an Ingress.

use std::collections::BTreeMap;

use super::super::super::{Dialect, Intent, Subject};
use super::super::Nginx;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{AuthoritiesState, ConfigMap, Ingress, Inputs, Metadata, Object, Secret, SecretState};
use crate::object::{Kind, ObjectRef};

use super::*;

/// Keys and values.
pub(in super::super) type Texts<'t> = &'t [(&'t str, &'t str)];

fn texts(texts: Texts<'_>, prefix: &str) -> BTreeMap<Box<str>, Box<str>> {
    texts.iter().map(|(key, value)| (format!("{prefix}{key}").into(), (*value).into())).collect()
}

fn named(name: &str) -> Metadata {
    let (namespace, name) = name.split_once('/').expect("namespace/name");
    Metadata { namespace: namespace.into(), name: name.into(), ..Metadata::default() }
}

/// A Secret with these keys.
pub(in super::super) fn secret(name: &str, keys: &[&str]) -> Object {
    Object::Secret(
        Secret {
            metadata: named(name),
            state: SecretState {
                authorities: if keys.contains(&"ca.crt") {
                    AuthoritiesState::Usable
                } else {
                    AuthoritiesState::default()
                },
                ..SecretState::default()
            },
            keys: keys.iter().map(|key| (*key).into()).collect(),
            cloud: None,
        }
        .into(),
    )
}

/// A ConfigMap with this data.
pub(in super::super) fn config_map(name: &str, data: Texts<'_>) -> ConfigMap {
    ConfigMap { metadata: named(name), data: texts(data, "") }
}

/// Reads an Ingress `shop/cafe` with these annotations.
pub(in super::super) fn read(annotations: Texts<'_>) -> (Intent, Vec<Diagnostic>) {
    read_with(&[], annotations, [])
}

/// The same with a ConfigMap of the controller and other objects.
pub(in super::super) fn read_with<const N: usize>(
    settings: Texts<'_>,
    annotations: Texts<'_>,
    objects: [Object; N],
) -> (Intent, Vec<Diagnostic>) {
    let mut inputs = Inputs::default();
    objects.into_iter().for_each(|object| assert!(!inputs.insert(object)));
    let settings = config_map("ingress-nginx/controller", settings);
    let cluster = Cluster::new(&inputs);
    let dialect = Nginx::default().configured(&settings, &cluster, &mut Vec::new()).expect("it has settings");
    let metadata = Metadata { annotations: texts(annotations, super::super::PREFIX), ..named("shop/cafe") };
    let ingress = Ingress { metadata, ..Ingress::default() };
    let object = Arc::new(ObjectRef::new(Kind::Ingress, "shop", "cafe"));
    let mut out = Vec::new();
    let intent = dialect.interpret(&Subject { object: &object, ingress: &ingress, cluster: &cluster }, &mut out);
    (intent, out)
}

/// The codes with the names of the annotations.
pub(in super::super) fn findings(out: &[Diagnostic]) -> Vec<(Code, String)> {
    let name = |field: &str| field.rsplit('/').next().unwrap_or_default().trim_end_matches(']').to_owned();
    out.iter().map(|finding| (finding.code, name(&finding.field.to_string()))).collect()
}

/// What access the Ingress gives.
pub(in super::super) fn access(intent: &Intent) -> &Access {
    &intent.filters.as_ref().expect("there are filters").access
}

fn shown_list(ranges: &[AddressRange]) -> Vec<String> {
    ranges.iter().map(ToString::to_string).collect()
}

#[test]
fn lists_of_addresses() {
    for (annotations, allow, deny) in [
        (&[(ALLOW, "10.0.0.0/8, 2001:db8::1")][..], &["10.0.0.0/8", "2001:db8::1/128"][..], &[][..]),
        (&[(ALLOW, " "), ("whitelist-source-range", "10.0.0.1")], &["10.0.0.1/32"], &[]),
        (&[(ALLOW, "10.0.0.1"), ("whitelist-source-range", "nonsense")], &["10.0.0.1/32"], &[]),
        (&[(DENY, "192.0.2.0/24")], &[], &["192.0.2.0/24"]),
        (&[], &[], &[]),
    ] {
        let (intent, out) = read(annotations);
        assert_eq!((intent.refused, findings(&out)), (None, vec![]), "{annotations:?}");
        assert_eq!(shown_list(&access(&intent).allow), allow, "{annotations:?}");
        assert_eq!(shown_list(&access(&intent).deny), deny, "{annotations:?}");
    }
}

#[test]
fn unreadable_lists_close() {
    for (key, value) in [
        (ALLOW, ""),
        (ALLOW, "10.0.0.0/8, nonsense"),
        (ALLOW, "10.0.0.0/33"),
        (ALLOW, "10.0.0.0/8,"),
        (ALLOW, "10.0.0.0/8\n10.0.0.1"),
        ("whitelist-source-range", ""),
        (DENY, ""),
        (DENY, "a.example"),
    ] {
        let (intent, out) = read(&[(key, value)]);
        assert_eq!(intent.refused.map(|it| (it.status, it.reason)), Some((503, "annotation-invalid")), "{key} {value}");
        assert_eq!(findings(&out), [(Code::AnnotationRefusesRoute, key.to_owned())], "{key} {value}");
    }
}

#[test]
fn lists_of_the_controller_stand_in() {
    let settings = [("whitelist-source-range", "10.0.0.0/8"), ("denylist-source-range", "10.1.0.0/16")];
    let (intent, _) = read_with(&settings, &[], []);
    assert_eq!(shown_list(&access(&intent).allow), ["10.0.0.0/8"]);
    assert_eq!(shown_list(&access(&intent).deny), ["10.1.0.0/16"]);
    let blocked = [settings[0], settings[1], ("block-cidrs", "192.0.2.1")];
    let (intent, _) = read_with(&blocked, &[(ALLOW, "172.16.0.1"), (DENY, "172.16.0.2")], []);
    assert_eq!(shown_list(&access(&intent).allow), ["172.16.0.1/32"]);
    assert_eq!(shown_list(&access(&intent).deny), ["172.16.0.2/32", "192.0.2.1/32"]);
}

#[test]
fn unreadable_lists_of_the_controller_never_open() {
    for (setting, annotations, is_closed) in [
        (("whitelist-source-range", "nonsense"), &[][..], true),
        (("whitelist-source-range", "nonsense, 10.0.0.1"), &[], false),
        (("whitelist-source-range", "nonsense"), &[(ALLOW, "10.0.0.1")], false),
        (("whitelist-source-range", ""), &[], false),
        (("denylist-source-range", "nonsense, 10.0.0.1"), &[], true),
        (("denylist-source-range", "nonsense"), &[(DENY, "10.0.0.1")], false),
        (("block-cidrs", "nonsense"), &[(DENY, "10.0.0.1")], true),
    ] {
        let (intent, _) = read_with(&[setting], annotations, []);
        assert_eq!(intent.refused.is_some(), is_closed, "{setting:?} {annotations:?}");
    }
}

#[test]
fn where_the_address_is_found() {
    let client = |settings: Texts<'_>| ClientAddress::clone(&access(&read_with(settings, &[], []).0).client);
    assert_eq!(client(&[]), ClientAddress::Peer);
    assert_eq!(client(&[("use-forwarded-headers", "true"), ("use-proxy-protocol", "true")]), ClientAddress::Peer);
    let header = |forwarded, name: &str, trusted: &str| {
        let trusted = [AddressRange::parse(trusted).expect("a range")].into();
        ClientAddress::Header(TrustedHeader { name: name.into(), trusted, forwarded })
    };
    assert_eq!(client(&[("use-forwarded-headers", "true")]), header(true, "X-Forwarded-For", "0.0.0.0/0"));
    let settings =
        [("enable-real-ip", "true"), ("forwarded-for-header", "X-A"), ("proxy-real-ip-cidr", "10.0.0.0/8,x")];
    assert_eq!(client(&settings), header(false, "X-A", "10.0.0.0/8"));
}

#[test]
fn one_of_list_and_password_is_enough_only_if_that_is_said() {
    for (value, satisfy, count) in
        [("any", Satisfy::Any, 0), ("all", Satisfy::All, 0), ("Any", Satisfy::All, 1), ("", Satisfy::All, 0)]
    {
        let (intent, out) = read(&[("satisfy", value)]);
        assert_eq!((access(&intent).satisfy, out.len()), (satisfy, count), "{value}");
    }
}

//! What an adapter asks of the compiler that reads only what is needed: which Ingresses are claimed, and what they refer to.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use ingress_core::compiler::{Claims, Compiled, Compiler};
use ingress_core::diagnostic::Code;
use ingress_core::host::HostPattern;
use ingress_core::lower::{ClassSelection, ControllerClass, Options};
use ingress_core::model::{Inputs, Object, Timestamp, WireKind, decode};
use ingress_core::object::{Kind, ObjectRef};

/// An Ingress of class annotation `nginx`, or another one, with a certificate and a password file.
fn ingress(name: &str, class: &str) -> Object {
    let text = format!(
        r#"{{"metadata": {{"namespace": "shop", "name": "{name}", "annotations": {{
            "kubernetes.io/ingress.class": "{class}",
            "nginx.ingress.kubernetes.io/auth-type": "basic",
            "nginx.ingress.kubernetes.io/auth-secret": "{name}-users"}}}},
        "spec": {{"tls": [{{"hosts": ["{name}.example"], "secretName": "{name}-cert"}}],
            "rules": [{{"host": "{name}.example", "http": {{"paths": [{{"path": "/", "pathType": "Prefix",
                "backend": {{"service": {{"name": "s", "port": {{"number": 80}}}}}}}}]}}}}]}}}}"#
    );
    decode(WireKind::Ingress, &mut serde_json::Deserializer::from_str(&text)).unwrap()
}

fn controller() -> Compiler {
    let mut options = Options::default();
    options.classes = ClassSelection::Controller(ControllerClass::default());
    Compiler::new(options)
}

fn codes(compiled: &Compiled) -> Vec<Code> {
    compiled.diagnostics.iter().map(|finding| finding.code).collect()
}

#[test]
fn what_is_given_completely_can_be_missed() {
    let (mut compiler, mut inputs) = (controller(), Inputs::default());
    inputs.insert(ingress("tea", "nginx"));
    let before = compiler.compile(&inputs);
    assert!(!codes(&before).contains(&Code::SecretNotFound), "nobody knows whether there are Secrets");
    for kind in [Kind::Secret, Kind::ConfigMap, Kind::Service, Kind::EndpointSlice] {
        inputs.set_complete(kind);
        let compiled = compiler.compile(&inputs);
        let fresh = controller().compile(&inputs);
        assert_eq!(compiled.diagnostics, fresh.diagnostics, "{kind}");
        assert_eq!(compiled.snapshot.table(), fresh.snapshot.table(), "{kind}");
    }
    let after = codes(&compiler.compile(&inputs));
    assert!(after.contains(&Code::SecretNotFound) && after.contains(&Code::ReferenceMissing), "{after:?}");
}

#[test]
fn claims_are_what_accepted_objects_refer_to() {
    let (mut compiler, mut inputs) = (controller(), Inputs::default());
    inputs.extend([ingress("tea", "nginx"), ingress("theirs", "other")]);
    compiler.compile(&inputs);
    let names = |claims: &Claims| -> Vec<String> { claims.references.iter().map(ObjectRef::path).collect() };
    let claims = compiler.take_claims().unwrap();
    assert_eq!(claims.ingresses.iter().map(|object| object.path()).collect::<Vec<_>>(), ["shop/tea"]);
    assert_eq!(names(&claims), ["shop/tea-cert", "shop/tea-users"]);
    assert_eq!(compiler.take_claims(), None, "nothing has been read since");
    let tea = ObjectRef::new(Kind::Ingress, "shop", "tea");
    let theirs = ObjectRef::new(Kind::Ingress, "shop", "theirs");
    assert_eq!((compiler.is_claimed(&tea), compiler.is_claimed(&theirs)), (true, false));
    assert_eq!(compiler.references_of(&tea), claims.references);
    assert!(compiler.references_of(&theirs).is_empty());

    inputs.insert(ingress("theirs", "nginx"));
    compiler.compile(&inputs);
    assert_eq!(names(&compiler.take_claims().unwrap()).len(), 4);
    inputs.remove(&tea);
    inputs.remove(&theirs);
    compiler.compile(&inputs);
    assert_eq!(compiler.take_claims(), Some(Claims::default()));
    assert!(!compiler.is_claimed(&tea));
}

#[test]
fn whose_class_it_is_and_who_shares_a_host() {
    let (mut compiler, mut inputs) = (controller(), Inputs::default());
    inputs.extend([ingress("tea", "nginx"), ingress("theirs", "other")]);
    compiler.compile(&inputs);
    for (class, is_ours) in [("nginx", true), ("other", false)] {
        let Object::Ingress(invalid) = ingress("No Name", class) else { unreachable!() };
        assert_eq!(compiler.is_of_our_class(&invalid), is_ours, "{class}");
    }
    let name = |name: &str| ObjectRef::new(Kind::Ingress, "shop", name);
    let hosts: Vec<_> = compiler.hosts_of(&name("tea")).cloned().collect();
    assert_eq!(hosts, [HostPattern::new("tea.example").unwrap()]);
    assert_eq!(compiler.hosts_of(&name("theirs")).count(), 0, "what is not ours has no part in anything");
    let Object::Ingress(mut older) = ingress("tea", "nginx") else { unreachable!() };
    let older_metadata = &mut Arc::make_mut(&mut older).metadata;
    older_metadata.name = "a-rival".into();
    older_metadata.creation_timestamp = Some(Timestamp(1));
    inputs.insert(Object::Ingress(older));
    compiler.compile(&inputs);
    let at: Vec<String> = compiler.ingresses_at(&hosts[0]).map(|object| object.path()).collect();
    assert_eq!(at, ["shop/a-rival", "shop/tea"]);
}

/// An Ingress of one host, with another name for it unless that is empty.
fn aliased(name: &str, host: &str, alias: &str, tls: &str) -> Object {
    let text = format!(
        r#"{{"metadata": {{"namespace": "shop", "name": "{name}", "annotations": {{
            "nginx.ingress.kubernetes.io/server-alias": "{alias}"}}}},
        "spec": {{"ingressClassName": "nginx", "tls": [{tls}], "rules": [{{"host": "{host}"}}]}}}}"#
    );
    decode(WireKind::Ingress, &mut serde_json::Deserializer::from_str(&text)).unwrap()
}

#[test]
fn a_name_that_no_object_asks_a_certificate_for_any_more_has_none() {
    let (mut compiler, mut inputs) = (Compiler::new(Options::default()), Inputs::default());
    inputs.insert(aliased("a", "cafe.example", "alias.example", ""));
    inputs.insert(aliased("b", "bar.example", "alias.example", "{}"));
    let alias = HostPattern::new("alias.example").unwrap();
    assert!(compiler.compile(&inputs).snapshot.table().certificates.contains_key(&alias));
    inputs.insert(aliased("b", "cafe.example", "", "{}"));
    let (compiled, fresh) = (compiler.compile(&inputs), Compiler::new(Options::default()).compile(&inputs));
    assert!(!fresh.snapshot.table().certificates.contains_key(&alias));
    assert_eq!(compiled.snapshot.table(), fresh.snapshot.table());
}

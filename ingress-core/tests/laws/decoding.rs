//! Printing then decoding is the identity, and the older Ingress shapes decode to the same objects.

use ingress_core::model::{
    HttpIngressPath, Ingress, IngressBackend, IngressRule, Object, PathType, Timestamp, WireKind, decode,
};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Deserializer, Value, json};

use super::cases;
use super::objects::{class, config_map, endpoints, ingress, node, service, slice};

fn decoded(wire: WireKind, text: &str) -> Object {
    decode(wire, &mut Deserializer::from_str(text)).unwrap()
}

fn printed(object: &impl Serialize) -> String {
    serde_json::to_string(object).unwrap()
}

/// The same object as `extensions/v1beta1` writes it.
fn legacy(ingress: &Ingress) -> Value {
    let mut value = json!({ "metadata": ingress.metadata });
    let spec = &ingress.spec;
    value["spec"] = json!({
        "ingressClassName": spec.ingress_class_name,
        "backend": spec.default_backend.as_ref().map(legacy_backend),
        "rules": spec.rules.iter().map(legacy_rule).collect::<Vec<_>>(),
        "tls": spec.tls,
    });
    value
}

fn legacy_rule(rule: &IngressRule) -> Value {
    let path = |path: &HttpIngressPath| {
        // What is not written is `ImplementationSpecific`.
        let path_type = path.path_type.as_ref().filter(|it| **it != PathType::ImplementationSpecific);
        json!({ "path": path.path, "pathType": path_type, "backend": legacy_backend(&path.backend) })
    };
    let http = rule.http.as_ref().map(|http| json!({ "paths": http.paths.iter().map(path).collect::<Vec<_>>() }));
    json!({ "host": rule.host, "http": http })
}

fn legacy_backend(backend: &IngressBackend) -> Value {
    let Some(service) = &backend.service else { return json!({ "resource": backend.resource }) };
    let port = if service.port.name.is_empty() { json!(service.port.number) } else { json!(service.port.name) };
    json!({ "serviceName": service.name, "servicePort": port, "resource": backend.resource })
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn printing_then_decoding_is_the_identity(
        ingress in ingress(),
        class in class(),
        service in service(),
        slice in slice(),
        endpoints in endpoints(),
        config_map in config_map(),
        node in node(),
    ) {
        prop_assert_eq!(decoded(WireKind::Ingress, &printed(&ingress)), Object::Ingress(ingress.clone().into()));
        prop_assert_eq!(decoded(WireKind::LegacyIngress, &legacy(&ingress).to_string()), Object::Ingress(ingress.into()));
        prop_assert_eq!(decoded(WireKind::IngressClass, &printed(&class)), Object::IngressClass(class.into()));
        prop_assert_eq!(decoded(WireKind::Service, &printed(&service)), Object::Service(service.into()));
        prop_assert_eq!(decoded(WireKind::EndpointSlice, &printed(&slice)), Object::EndpointSlice(slice.into()));
        prop_assert_eq!(decoded(WireKind::Endpoints, &printed(&endpoints)), Object::Endpoints(endpoints.into()));
        prop_assert_eq!(decoded(WireKind::ConfigMap, &printed(&config_map)), Object::ConfigMap(config_map.into()));
        prop_assert_eq!(decoded(WireKind::Node, &printed(&node)), Object::Node(node.into()));
    }

    /// The years that RFC 3339 can write.
    #[test]
    fn a_time_is_read_as_it_is_printed(seconds in -62_167_219_200_i64..253_402_300_800) {
        prop_assert_eq!(Timestamp(seconds).to_string().parse(), Ok(Timestamp(seconds)));
    }

    #[test]
    fn a_time_that_can_be_read_can_be_printed(
        year in prop_oneof![Just(0), Just(1970), Just(9_999)],
        month in prop_oneof![Just(1), Just(12)],
        day in prop_oneof![Just(1), Just(31)],
        hour in 0..24,
        zone in prop_oneof![Just("Z"), Just("+23:59"), Just("-23:59"), Just("+00:01")],
    ) {
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:30:00{zone}");
        // A time that an offset carries out of the years that can be written may be refused, but not half understood.
        if let Ok(time) = text.parse::<Timestamp>() {
            prop_assert_eq!(time.to_string().parse(), Ok(time), "{}", text);
        }
    }
}

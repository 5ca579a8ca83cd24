//! Whatever somebody writes into an Ingress of their own, other hosts do not notice.

use ingress_core::decision::{Decision, Matched};
use ingress_core::host::HostPattern;
use ingress_core::lower::{Options, lower};
use ingress_core::model::{
    HttpIngressPath, HttpIngressRule, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTls, Inputs, Metadata, Object, PathType, ResourceRef, ServiceBackendPort, Timestamp,
};
use ingress_core::object::Kind;
use ingress_core::policy::VirtualHost;
use ingress_core::snapshot::Snapshot;
use proptest::collection::{btree_map, vec};
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::select;

use super::cases;
use super::objects::{options, world};
use super::request::seeds;

/// Text that somebody may hope breaks something.
fn hostile() -> impl Strategy<Value = Box<str>> {
    let pool = select(
        &[
            "",
            "\"",
            "'; drop",
            "a\r\nb",
            "\n",
            "\0",
            "..",
            "/../",
            "\u{2028}",
            "\u{202e}",
            "\u{1f980}",
            "*",
            "*.",
            "%",
            "{}",
            "${x}",
            "`",
            "\u{7f}",
            "\x1b[31m",
            "a",
            "ok",
            "null",
            "-",
            "0",
            "99999999999999999999",
        ][..],
    );
    prop_oneof![
        16 => pool.prop_map(Into::into),
        1 => Just("x".repeat(64 << 10).into()),
        1 => any::<String>().prop_map(Into::into),
    ]
}

fn mostly(text: &'static str) -> impl Strategy<Value = Box<str>> {
    prop_oneof![4 => Just(text.into()), 1 => hostile()]
}

fn backend() -> impl Strategy<Value = IngressBackend> {
    let port = (prop_oneof![6 => Just("".into()), 1 => hostile()], prop_oneof![6 => Just(80), 1 => any::<i32>()])
        .prop_map(|(name, number)| ServiceBackendPort { name, number });
    let service = (mostly("s1"), port).prop_map(|(name, port)| IngressServiceBackend { name, port });
    let resource = (of(hostile()), mostly("Bucket"), mostly("b"))
        .prop_map(|(api_group, kind, name)| Box::new(ResourceRef { api_group, kind, name }));
    (weighted(0.9, service), weighted(0.1, resource))
        .prop_map(|(service, resource)| IngressBackend { service, resource })
}

/// A host that is not one of the world's: its own, or text that is no host.
fn own_host() -> impl Strategy<Value = Box<str>> {
    let own = select(&["hostile.test", "*.hostile.test"][..]).prop_map(Into::into);
    prop_oneof![6 => own, 1 => hostile()]
        .prop_map(|host: Box<str>| if host.is_empty() { "hostile.test".into() } else { host })
        // These are names of the world too.
        .prop_filter("somebody else's host", |host| !matches!(&**host, "a" | "example"))
}

fn rule() -> impl Strategy<Value = IngressRule> {
    let path =
        prop_oneof![4 => Just("/".into()), 2 => hostile().prop_map(|it| format!("/{it}").into()), 1 => hostile()];
    let path_type = prop_oneof![4 => Just(Some("Prefix".into())), 2 => Just(Some("ImplementationSpecific".into())), 1 => of(hostile().prop_map(|it| PathType::from(&*it)))];
    let path = (path, path_type, backend()).prop_map(|(path, path_type, backend)| HttpIngressPath {
        path,
        path_type,
        backend,
    });
    let http = weighted(0.9, vec(path, 0..4).prop_map(|paths| HttpIngressRule { paths }));
    (own_host(), http).prop_map(|(host, http)| IngressRule { host, http })
}

fn ingress() -> impl Strategy<Value = Ingress> {
    let key =
        prop_oneof![Just("kubernetes.io/ingress.class".into()), Just("x.ingress.kubernetes.io/\n".into()), hostile(),];
    let metadata = (mostly("hostile"), hostile(), of(any::<i64>()), hostile(), btree_map(key, hostile(), 0..3))
        .prop_map(|(name, generate_name, time, uid, annotations)| Metadata {
            name,
            generate_name,
            // A namespace of its own, so that the object replaces nobody else's.
            namespace: "hostile".into(),
            uid,
            creation_timestamp: time.map(Timestamp),
            labels: annotations.clone(),
            annotations,
        });
    let tls = (vec(own_host(), 0..3), mostly("t1")).prop_map(|(hosts, secret_name)| IngressTls { hosts, secret_name });
    (metadata, weighted(0.1, hostile()), weighted(0.1, backend()), vec(rule(), 0..4), vec(tls, 0..2)).prop_map(
        |(metadata, ingress_class_name, default_backend, rules, tls)| Ingress {
            metadata,
            spec: IngressSpec { ingress_class_name, default_backend, rules, tls },
        },
    )
}

/// A decision as text, because the two come from two snapshots.
fn told(decision: &Decision<'_>) -> String {
    format!("{decision:?}")
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn other_hosts_do_not_notice(world in world(8), hostile in ingress(), options in options(), seeds in seeds()) {
        let brings_default = hostile.spec.default_backend.is_some();
        let alone: Inputs = world.into_iter().collect();
        let mut together = alone.clone();
        together.insert(Object::Ingress(hostile.into()));
        let (before, said_before) = lower(&alone, &options);
        let (after, said_after) = lower(&together, &options);
        let (before, after) = (Snapshot::new(before), Snapshot::new(after));
        let table = before.table();
        for seed in &seeds {
            seed.request(&table).view(|view| {
                let Ok(view) = view else { return Ok(()) };
                let (one, other) = (before.decide(&view), after.decide(&view));
                // A default backend is for everybody who has no host.
                let has_host = |host: &VirtualHost| *host.pattern() != HostPattern::Any;
                let is_at_home = matches!(one.matched(), Some(Matched::Route { host, .. }) if has_host(host));
                if brings_default && !is_at_home {
                    return Ok(());
                }
                prop_assert_eq!(told(&one), told(&other));
                Ok(())
            })?;
        }
        for name in table.certificates.keys() {
            let sni = name.to_string().replace('*', "w");
            prop_assert_eq!(before.certificate(Some(&sni)), after.certificate(Some(&sni)));
        }
        if !brings_default {
            let others = said_after.iter().filter(|it| it.object.as_ref().is_none_or(|object| &*object.namespace != "hostile"));
            prop_assert!(said_before.iter().eq(others));
        }
    }

    #[test]
    fn a_finding_is_about_the_object_and_has_a_page(hostile in ingress()) {
        let inputs: Inputs = [Object::Ingress(hostile.into())].into_iter().collect();
        let (table, findings) = lower(&inputs, &Options::default());
        let _ = table.to_string();
        for finding in findings.iter() {
            let _ = finding.to_string();
            prop_assert!(finding.object.as_ref().is_some_and(|object| object.kind == Kind::Ingress));
            prop_assert!(!finding.code.page().is_empty());
        }
    }

    /// [`Diagnostic::message`](ingress_core::diagnostic::Diagnostic) promises one line.
    #[test]
    fn a_message_is_one_line(hostile in ingress()) {
        let inputs: Inputs = [Object::Ingress(hostile.into())].into_iter().collect();
        for finding in &lower(&inputs, &Options::default()).1 {
            prop_assert!(!finding.message.contains(char::is_control), "{:?}", finding.message);
        }
    }
}

//! Secrets as files give them, good and bad, and what is served and said.

use std::io::Write;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ingress_cli::input::Reading;
use ingress_core::compiler::Compiler;
use ingress_core::diagnostic::Diagnostics;
use ingress_core::lower::Options;
use ingress_core::model::{Inputs, Object};
use ingress_core::object::Kind;
use ingress_proxy::observe::metrics;

use super::*;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct World {
    plane: Plane,
    said: Memory,
    name: ObjectRef,
}

impl World {
    fn new() -> Self {
        Self::with(None)
    }

    fn with(cloud: Option<Arc<DirectorySource>>) -> Self {
        let said = Memory::default();
        let certs = Arc::new(CertStore::new(CertificateId::Default));
        let metrics = Metrics::new(1, metrics::Options::default());
        let errors = ErrorLog::new(Box::new(said.clone()));
        let plane = Plane::new(Certificates { store: certs, cloud }, metrics, Arc::default(), errors);
        Self { plane, said, name: ObjectRef::new(Kind::Secret, "shop", "tls") }
    }

    /// Gives the Secret these values, as they are written. Returned is what is made of it.
    fn give(&mut self, values: &[(&str, &str)]) -> SecretState {
        let data: Vec<_> = values.iter().map(|(key, value)| format!("{key}: \"{value}\"")).collect();
        let text = format!("{{apiVersion: v1, kind: Secret, metadata: {{name: tls}}, data: {{{}}}}}", data.join(", "));
        let reading = Reading::of(&text, "shop", "");
        let secret = reading.objects.values().next().and_then(|given| given.secret.clone()).unwrap();
        self.plane.secret(&self.name, &secret)
    }

    fn has_pair(&self) -> bool {
        self.plane.certs.store.material(&certificate_id(&self.name)).is_some_and(|material| material.pair().is_some())
    }

    fn said(&self) -> Vec<String> {
        assert!(self.plane.errors.flush(std::time::Duration::from_secs(60)));
        let text = String::from_utf8(std::mem::take(&mut *self.said.0.lock().unwrap())).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

fn pair() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    (STANDARD.encode(certificate.pem()), STANDARD.encode(key.serialize_pem()))
}

#[test]
fn what_is_not_base64_does_not_take_the_pair_away() {
    let mut world = World::new();
    let (certificate, key) = pair();
    let good = [("tls.crt", &*certificate), ("tls.key", &*key)];
    let served = CertificateState::Usable { dns_names: vec!["a.example".into()] };
    assert_eq!(world.give(&good).certificate, served);
    for bad in [
        &[("tls.crt", "***"), ("tls.key", "***")][..],
        &[("tls.crt", "***"), ("tls.key", &key)],
        &[("tls.crt", &certificate), ("tls.key", "***")],
        &[("tls.crt", ""), ("tls.key", "***")],
    ] {
        for _ in 0..2 {
            assert_eq!(world.give(bad).certificate, served, "{bad:?}");
            assert!(world.has_pair());
        }
        let said = world.said();
        assert!(said.len() == 1 && said[0].contains("is not base64; the one before stays in use"), "{said:?}");
        assert_eq!(world.give(&good).certificate, served);
        assert_eq!(world.said(), ["info Secret shop/tls can be used again"]);
    }
}

/// What routing is told of authorities is what verifying has, also where what there is now is worse than what there was.
#[test]
fn authorities_are_good_for_what_is_made_of_them() {
    let mut world = World::new();
    let (authority, key) = pair();
    let fault = |world: &mut World, pem: &str| {
        let state = world.give(&[("ca.crt", pem)]);
        assert_eq!(state.certificate, CertificateState::default());
        state.authorities.fault().map(str::to_owned)
    };
    assert_eq!(fault(&mut world, &key).as_deref(), Some("has a `ca.crt` that is not PEM certificates"));
    assert_eq!(fault(&mut world, "***").as_deref(), Some("has a `ca.crt` that is not base64"));
    assert_eq!(fault(&mut world, &authority), None);
    assert_eq!(fault(&mut world, "***"), None);
    assert_eq!(fault(&mut world, "").as_deref(), Some("has no `ca.crt`"));
}

#[test]
fn authorities_beside_a_list_that_cannot_be_read_are_none() {
    let mut world = World::new();
    let (authority, _) = pair();
    for (list, why) in [
        ("***", "has a `ca.crl` that is not base64"),
        (&authority, "has a `ca.crl` that is not PEM lists of revoked certificates"),
    ] {
        let state = world.give(&[("ca.crt", &authority), ("ca.crl", list)]);
        assert_eq!(state.authorities.fault(), Some(why));
    }
    assert_eq!(world.give(&[("ca.crt", &authority), ("ca.crl", "")]).authorities.fault(), None);
}

/// Of a pair and authorities in one Secret each says what is wrong with itself, and what is served of both is what was good last.
#[test]
fn a_pair_and_authorities_are_good_or_bad_by_themselves() {
    let mut world = World::new();
    let ((certificate, key), (authority, _)) = (pair(), pair());
    let good = [("tls.crt", &*certificate), ("tls.key", &*key), ("ca.crt", &*authority)];
    let bad = world.give(&[("tls.crt", ""), ("tls.key", ""), ("ca.crt", &authority)]);
    assert_eq!((bad.certificate, bad.authorities), (CertificateState::default(), AuthoritiesState::Usable));
    world.give(&[("password", "***")]);
    let bad = world.give(&[("tls.crt", "***"), ("tls.key", &key), ("ca.crt", &key)]);
    assert_eq!(bad.certificate, CertificateState::Unusable { reason: "has a `tls.crt` that is not base64".into() });
    assert_eq!(bad.authorities.fault(), Some("has a `ca.crt` that is not PEM certificates"));
    let before = world.give(&good);
    assert!(matches!(before.certificate, CertificateState::Usable { .. }) && before.authorities.fault().is_none());
    // The pair is taken away, in one way or the other: it stays in use.
    for without in [&[("ca.crt", &*authority)][..], &[("tls.crt", ""), ("tls.key", ""), ("ca.crt", &authority)]] {
        assert_eq!(world.give(without), before, "{without:?}");
        assert!(world.has_pair());
    }
}

#[test]
fn a_secret_that_is_not_about_tls_any_more_is_forgotten() {
    let mut world = World::new();
    let (certificate, key) = pair();
    world.give(&[("tls.crt", &certificate), ("tls.key", &key)]);
    world.give(&[("tls.crt", "***"), ("tls.key", "***")]);
    assert_eq!(world.said().len(), 1);
    assert_eq!(world.give(&[("password", "***")]), SecretState::default());
    assert!(!world.has_pair());
    world.give(&[("tls.crt", "***"), ("tls.key", "***")]);
    assert_eq!(world.said(), [r#"warning Secret shop/tls cannot be used reason="`tls.crt` is not base64""#]);
    world.plane.secret_gone(&world.name.clone());
    assert_eq!(world.said(), [""; 0]);
}

#[test]
fn certificates_expire_under_the_names_of_tls_entries() {
    let mut world = World::new();
    let (certificate, key) = pair();
    let lines = |world: &World| {
        let text = world.plane.metrics.expose();
        let lines = text.lines().filter(|line| line.starts_with("nginx_ingress_controller_ssl_expire_time_seconds{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    world.give(&[("tls.crt", &certificate), ("tls.key", &key)]);
    assert_eq!(lines(&world), [""; 0], "figures are made once for all Secrets, not for each");
    let text = r#"
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i}, spec: {
  tls: [{hosts: [a.example, "*.a.example"], secretName: tls}],
  rules: [{host: a.example, http: {paths: [{path: /, pathType: Exact, backend: {service: {name: s, port: {number: 1}}}}]}}]}}
---
{apiVersion: v1, kind: Secret, metadata: {name: tls}}
"#;
    let objects = Reading::of(text, "shop", "").objects.into_values().map(|given| match given.object {
        Object::Secret(mut secret) => {
            let dns_names = vec!["a.example".into(), "*.a.example".into()];
            Arc::make_mut(&mut secret).state.certificate = CertificateState::Usable { dns_names };
            Object::Secret(secret)
        }
        other => other,
    });
    let mut inputs = Inputs::default();
    inputs.extend(objects);
    let snapshot = Compiler::new(Options::default()).compile(&inputs).snapshot;
    let findings = Diagnostics::default();
    let state = State { snapshot: &snapshot, is_new: false, findings: &findings, stale_files: 0, newly_stale: 0 };
    world.plane.in_force(state);
    let lines = lines(&world);
    let hosts = ["*.a.example", "_", "a.example"].map(|host| format!("host=\"{host}\""));
    assert!(lines.len() == 3 && lines.iter().zip(&hosts).all(|(line, host)| line.contains(host)), "{lines:?}");
}

#[test]
fn a_source_that_is_lost_makes_the_proxy_unready() {
    let mut world = World::new();
    world.plane.health.ready();
    world.plane.lost();
    assert_eq!(world.plane.health.obstacle().as_deref(), Some("files are no longer followed"));
}

#[test]
fn a_secret_may_name_a_certificate_of_the_cloud() {
    let (certificate, key) = pair();
    let decoded = |text: &str| STANDARD.decode(text).unwrap();
    let folder = std::env::temp_dir().join(format!("ingress-proxy-cloud-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("known.crt"), decoded(&certificate)).unwrap();
    std::fs::write(folder.join("known.key"), decoded(&key)).unwrap();
    let source = DirectorySource::open(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    let mut world = World::with(Some(Arc::new(source.unwrap())));
    let state = world.give(&[("qcloud_cert_id", &STANDARD.encode("other, known"))]);
    // Whether the Secret's controller would look there is the dialect's to know.
    assert_eq!((world.has_pair(), state), (true, SecretState::default()));
    world.give(&[("qcloud_cert_id", &STANDARD.encode("other"))]);
    assert!(!world.has_pair());
    assert_eq!(world.said(), [""; 0]);
}

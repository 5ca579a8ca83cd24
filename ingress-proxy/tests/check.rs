//! `--check` finds what serving would refuse.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::process::Command;

use ingress_cli::input::Manifests;
use ingress_core::model::CertificateState;
use ingress_core::object::{Kind, ObjectRef};
use rcgen::{CertificateParams, KeyPair};

/// Exit status and standard error for one manifest.
fn check(name: &str, manifest: &str, more: &[&str]) -> (Option<i32>, String) {
    let path = std::env::temp_dir().join(format!("ingress-proxy-check-{name}-{}.yaml", std::process::id()));
    std::fs::write(&path, manifest).expect("a file");
    let program =
        Command::new(env!("CARGO_BIN_EXE_ingress-proxy")).arg("--check").arg("--file").arg(&path).args(more).output();
    std::fs::remove_file(&path).expect("to clean up");
    let output = program.expect("the program");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn secret(certificate: &str, key: &str) -> String {
    let block = |text: &str| text.lines().map(|line| format!("\n    {line}")).collect::<String>();
    let (certificate, key) = (block(certificate), block(key));
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: tls}}\nstringData:\n  tls.crt: |{certificate}\n  tls.key: |{key}\n"
    )
}

#[test]
fn a_key_has_to_belong_to_its_certificate() {
    let (key, other) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let params = CertificateParams::new(["a.example".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate").pem();
    let (status, said) = check("good", &secret(&certificate, &key.serialize_pem()), &[]);
    assert!(status == Some(0) && said.contains("the configuration is valid"), "{said}");
    let (status, said) =
        check("default", &secret(&certificate, &key.serialize_pem()), &["--default-ssl-certificate", "default/tls"]);
    assert!(status == Some(0), "{said}");
    let (status, said) = check("mismatch", &secret(&certificate, &other.serialize_pem()), &[]);
    let expected = "error: Secret default/tls cannot be used: `tls.key` does not belong to the first certificate";
    assert!(status == Some(1) && said.contains(expected), "{said}");
}

/// A Secret that the simulator takes for good is one that the proxy takes, and the other way round.
#[test]
fn a_secret_is_to_the_simulator_what_it_is_to_the_proxy() {
    let cases = [
        ("pairs", include_str!("../../testdata/cases/tls/keys-beside-certificates.yaml"), 11, 8),
        (
            "clients",
            include_str!("../../testdata/cases/nginx/auth/client-certificate-authorities-unreadable-closes.yaml"),
            2,
            0,
        ),
        (
            "backends",
            include_str!("../../testdata/cases/nginx/backends/tls-towards-the-backend-that-cannot-be-had-closes.yaml"),
            2,
            1,
        ),
    ];
    for (case, text, bad, good) in cases {
        let (_, manifest) = text.split_once("\n---\n").expect("a case before the manifest");
        let (status, said) = check(case, manifest, &[]);
        let named = |line: &str| {
            line.strip_prefix("error: Secret default/").and_then(|rest| rest.split(' ').next()).map(str::to_owned)
        };
        let refused: BTreeSet<String> = said.lines().filter_map(named).collect();
        let mut manifests = Manifests::default();
        manifests.read("case.yaml", manifest.to_owned(), "default");
        let names: Vec<&str> = manifest
            .split("kind: Secret\nmetadata: {name: ")
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .collect();
        let is_unusable = |name: &&&str| {
            let secret = manifests.inputs.secret(&ObjectRef::new(Kind::Secret, "default", **name)).expect("the Secret");
            let has_bad_pair = secret.keys.contains("tls.crt")
                && matches!(secret.state.certificate, CertificateState::Unusable { .. });
            has_bad_pair || secret.keys.contains("ca.crt") && secret.state.authorities.fault().is_some()
        };
        let unusable: BTreeSet<String> = names.iter().filter(is_unusable).map(|name| (*name).to_owned()).collect();
        assert_eq!((status, &refused), (Some(1), &unusable), "{case}: {said}");
        assert_eq!((refused.len(), names.len() - refused.len()), (bad, good), "{case}: {said}");
    }
}

#[test]
fn the_default_certificate_has_to_be_there() {
    let (status, said) = check("missing", "", &["--default-ssl-certificate", "default/none"]);
    let expected = "error: --default-ssl-certificate: default/none has no certificate";
    assert!(status == Some(1) && said.contains(expected), "{said}");
}

#[test]
fn a_log_format_is_read() {
    let (status, said) = check("format", "", &["--log-format", "$nosuch"]);
    assert!(status == Some(2) && said.contains("--log-format") && said.contains("`$nosuch`"), "{said}");
}

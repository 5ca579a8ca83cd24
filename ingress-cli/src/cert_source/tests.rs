//! Directories and mapping files, written and read.

use super::*;

/// For `shop.example` and `*.wild.example`.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBnDCCAUKgAwIBAgIUds+sbi8BSFoZIw8sQBf7QPqqR0EwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMjEwOTM2NTZaFw0zNjExMTgwOTM2NTZa
MA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS6ABpC
S6+WmIuco2EJmNdYMie1KqSDvjfulU2QPoR4VFuSFOX2k9PBO0Ez3EccnebpBsue
+4F7Tl1sjcIBOj92o3wwejAdBgNVHQ4EFgQUSuI3gnsS0k3Nnbe0qkVKWnA+Rd8w
HwYDVR0jBBgwFoAUSuI3gnsS0k3Nnbe0qkVKWnA+Rd8wDwYDVR0TAQH/BAUwAwEB
/zAnBgNVHREEIDAeggxzaG9wLmV4YW1wbGWCDioud2lsZC5leGFtcGxlMAoGCCqG
SM49BAMCA0gAMEUCIQC4U7DZBBH8VihdYBFN9fTmsRfXii71Eaj42GQMsJhWIwIg
HqS83ITtbe9PBDDhtIQN8YRwF44BjQ967vOAx2AKd3E=
-----END CERTIFICATE-----
";

const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgLAnYLuTkivvUiX6n
GYwjv8pMlG4Hj7NeNlc/4QHS2iOhRANCAAS6ABpCS6+WmIuco2EJmNdYMie1KqSD
vjfulU2QPoR4VFuSFOX2k9PBO0Ez3EccnebpBsue+4F7Tl1sjcIBOj92
-----END PRIVATE KEY-----
";

/// A directory with these files, which goes away with the value.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("ingress-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("below")).expect("a directory");
        for (file, text) in files {
            fs::write(path.join(file), text).expect("a file");
        }
        Self(path)
    }

    fn open(&self, file: &str) -> Result<DirectorySource, String> {
        DirectorySource::open(&self.0.join(file))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn ids(source: &DirectorySource) -> Vec<&str> {
    source.names.keys().map(|id| &**id).collect()
}

#[test]
fn a_directory_names_certificates_by_its_files() {
    let both = format!("{KEY}{CERTIFICATE}");
    let files = [
        ("apart.crt", CERTIFICATE),
        ("apart.key", KEY),
        ("together.pem", both.as_str()),
        ("twice.crt", both.as_str()),
        ("twice.pem", "not looked at"),
        ("notes.txt", "not looked at"),
        ("below/deep.pem", "not looked at"),
    ];
    let source = Directory::new("directory", &files).open("").expect("a source");
    assert_eq!(ids(&source), ["apart", "together", "twice"]);
    let names = Some(vec!["shop.example".into(), "*.wild.example".into()]);
    for id in ids(&source) {
        assert_eq!(source.dns_names(id), names, "{id}");
    }
    assert_eq!(source.dns_names("deep"), None);
}

#[test]
fn a_mapping_names_files_and_names() {
    let mapping = "TKPmsWb3: below/a.pem\nm2VxW0pa: [pay.example, '*.pay.example']\nnone: []\n";
    let json = r#"{"TKPmsWb3": ["shop.example"]}"#;
    let both = format!("{CERTIFICATE}{KEY}");
    let directory = Directory::new("mapping", &[("a.yaml", mapping), ("a.json", json), ("below/a.pem", &both)]);
    let source = directory.open("a.yaml").expect("a source");
    assert_eq!(ids(&source), ["TKPmsWb3", "m2VxW0pa", "none"]);
    assert_eq!(source.dns_names("TKPmsWb3"), Some(vec!["shop.example".into(), "*.wild.example".into()]));
    assert_eq!(source.dns_names("m2VxW0pa"), Some(vec!["pay.example".into(), "*.pay.example".into()]));
    assert_eq!(source.dns_names("none"), Some(Vec::new()));
    assert_eq!(directory.open("a.json").expect("a source").dns_names("TKPmsWb3"), Some(vec!["shop.example".into()]));
}

#[test]
fn what_is_no_certificate_is_said() {
    let files = [
        ("list.yaml", "[a, b]"),
        ("number.yaml", "good: [a]\nid: 7"),
        ("names.yaml", "id: [7]"),
        ("syntax.yaml", "id: [a"),
        ("missing.yaml", "id: no-such.pem"),
        ("keyless.yaml", "id: below/keyless.pem"),
        ("below/keyless.pem", CERTIFICATE),
        ("garbage.yaml", "id: below/garbage.pem"),
        ("below/garbage.pem", "garbage"),
    ];
    let directory = Directory::new("wrong", &files);
    for (file, what) in [
        ("list.yaml", "is not a mapping"),
        ("number.yaml", "line 2: `id` is neither"),
        ("names.yaml", "line 1: `id` is neither"),
        ("syntax.yaml", "line 1"),
        ("missing.yaml", "no-such.pem`: "),
        ("keyless.yaml", "keyless.pem` has a key that is not a PEM private key"),
        ("garbage.yaml", "garbage.pem` has a certificate that is not a PEM certificate"),
        ("no-such.yaml", "cannot read `"),
        ("below", "garbage.pem` has"),
    ] {
        let error = directory.open(file).expect_err(file);
        assert!(error.contains(what), "{file}: {error}");
    }
}

#[test]
fn pem_is_there_for_whoever_serves_and_is_not_printed() {
    let files = [("apart.crt", CERTIFICATE), ("apart.key", KEY), ("ids.yaml", "file: apart.crt\nnames: [a.example]\n")];
    let directory = Directory::new("pem", &files);
    for (source, id) in [(directory.open("").unwrap(), "apart"), (directory.open("ids.yaml").unwrap(), "file")] {
        let pem = source.pem(["unknown", id].into_iter()).expect("PEM");
        assert_eq!((&*pem.certificate, &*pem.key), (CERTIFICATE, KEY));
        assert_eq!(source.pem(["unknown", "names"].into_iter()), None);
        assert!(!format!("{source:?}").contains("BEGIN"));
    }
}

//! Who vouches for the server, and for whoever may do everything.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// Certificates and keys.
pub struct Credentials {
    authority: String,
    server: (String, String),
    admin: (String, String),
    /// Tokens of service accounts are signed with it.
    accounts: KeyPair,
}

impl Credentials {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().expect("a key");
        let authority = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        let issue = |names: &[&str], organization: &str, usage| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(names).expect("names");
            params.distinguished_name.push(DnType::CommonName, "test");
            params.distinguished_name.push(DnType::OrganizationName, organization);
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate().expect("a key");
            (params.signed_by(&key, &issuer).expect("a certificate").pem(), key.serialize_pem())
        };
        let server = issue(&["127.0.0.1", "localhost"], "servers", ExtendedKeyUsagePurpose::ServerAuth);
        let admin = issue(&[], "system:masters", ExtendedKeyUsagePurpose::ClientAuth);
        Self { authority, server, admin, accounts: KeyPair::generate().expect("a key") }
    }

    /// Puts into a folder what the server needs.
    pub fn write(&self, folder: &Path) {
        let files = [
            ("ca.crt", self.authority.clone()),
            ("server.crt", self.server.0.clone()),
            ("server.key", self.server.1.clone()),
            ("accounts.key", self.accounts.serialize_pem()),
            ("accounts.pub", self.accounts.public_key_pem()),
        ];
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("a file");
        }
    }

    /// For whoever may do everything.
    pub fn kubeconfig(&self, url: &str) -> String {
        let [certificate, key] = [&self.admin.0, &self.admin.1].map(|pem| STANDARD.encode(pem));
        let user = format!("client-certificate-data: {certificate}, client-key-data: {key}");
        kubeconfig(url, &self.authority, &user)
    }
}

/// A kubeconfig of one cluster and one user, the latter written as in a flow mapping.
pub fn kubeconfig(url: &str, authority: &str, user: &str) -> String {
    let authority = STANDARD.encode(authority);
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters: [{{name: test, cluster: {{server: '{url}', certificate-authority-data: {authority}}}}}]\n\
         contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n\
         users: [{{name: test, user: {{{user}}}}}]\n"
    )
}

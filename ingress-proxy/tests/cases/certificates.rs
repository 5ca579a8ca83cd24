//! Real certificates for everything that a case names, and the way back from a certificate to its name.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ingress_core::policy::{CertificateId, RouteTable};
use ingress_core::request::PeerCertificate;
use ingress_proxy::certs::{CertStore, SecretPem};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::crypto::aws_lc_rs::{default_provider, sign};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig};

use crate::support::authority::Authority;

/// The certificates of all cases. One authority is in every Secret, as `ca.crt`.
pub(crate) struct Certificates {
    good: Arc<Authority>,
    /// Nobody knows this one.
    bad: Authority,
    names: RefCell<HashMap<Vec<u8>, String>>,
    known: RefCell<HashMap<CertificateId, (String, String)>>,
    of_endpoints: Arc<OfEndpoints>,
}

/// What endpoints show.
#[derive(Debug)]
struct OfEndpoints {
    authority: Arc<Authority>,
    /// The name that they have at present, for connections that ask for none.
    name: Mutex<String>,
}

impl Default for Certificates {
    fn default() -> Self {
        let good = Arc::new(Authority::new("good"));
        let name = Mutex::new("endpoint.example".to_owned());
        Self {
            of_endpoints: Arc::new(OfEndpoints { authority: Arc::clone(&good), name }),
            good,
            bad: Authority::new("bad"),
            names: RefCell::default(),
            known: RefCell::default(),
        }
    }
}

impl Certificates {
    /// Gives the store what the table names.
    pub(crate) fn provide(&self, table: &RouteTable, store: &CertStore) {
        let secret = |namespace: &Arc<str>, name: &str| CertificateId::Secret {
            namespace: Arc::clone(namespace),
            name: name.into(),
        };
        let served = table.certificates.values().map(|entry| entry.certificate.clone());
        let hosts = table.hosts.values();
        let of_clients = hosts.filter_map(|host| host.settings()?.client_certificate.as_ref());
        let of_clients = of_clients.map(|setting| secret(&setting.namespace, &setting.secret));
        let filters = table.routes().filter_map(|(_, route)| Some(&route.policy.as_ref()?.filters));
        let of_upstreams = filters.filter_map(|filters| filters.upstream.tls.as_deref()?.certificate.as_ref());
        let of_upstreams = of_upstreams.map(|certificate| secret(&certificate.namespace, &certificate.name));
        for id in served.chain(of_clients).chain(of_upstreams) {
            let mut known = self.known.borrow_mut();
            let (chain, key) = known.entry(id.clone()).or_insert_with(|| {
                let made = rcgen::generate_simple_self_signed(vec!["case.example".to_owned()]).expect("a certificate");
                self.names.borrow_mut().insert(made.cert.der().to_vec(), id.to_string());
                (made.cert.pem(), made.signing_key.serialize_pem())
            });
            let authorities = Some(self.good.pem.as_bytes());
            let pem =
                SecretPem { certificate: Some(chain.as_bytes()), key: Some(key.as_bytes()), authorities, lists: None };
            store.update(&id, pem).expect("a good pair");
        }
    }

    /// What a certificate is called.
    pub(crate) fn name(&self, der: &[u8]) -> String {
        self.names.borrow().get(der).cloned().unwrap_or_else(|| "default".to_owned())
    }

    /// A client that shows the certificate which the question says that it has.
    pub(crate) fn show(&self, config: &mut ClientConfig, certificate: &PeerCertificate) {
        let authority = if certificate.is_verified { &*self.good } else { &self.bad };
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name(&certificate.subject);
        let pair = Arc::new(issue(authority, &params));
        config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(pair));
    }

    /// How endpoints speak TLS.
    pub(crate) fn of_endpoints(&self) -> ServerConfig {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.of_endpoints) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }

    /// Endpoints have this name from now on.
    pub(crate) fn name_endpoints(&self, name: &str) {
        name.clone_into(&mut self.of_endpoints.name.lock().expect("the name"));
    }

    /// Whether it is one of the endpoints' certificates.
    pub(crate) fn is_of_endpoint(&self, der: &[u8]) -> bool {
        let text = b"of an endpoint";
        der.windows(text.len()).any(|bytes| bytes == text)
    }
}

/// A certificate and its key, ready to be shown.
fn issue(authority: &Authority, params: &CertificateParams) -> CertifiedKey {
    let key = KeyPair::generate().expect("a key");
    let leaf: CertificateDer<'static> = authority.sign(params, &key).into();
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    CertifiedKey::new(vec![leaf], sign::any_supported_type(&key).expect("a key"))
}

impl ResolvesServerCert for OfEndpoints {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = self.name.lock().expect("the name").clone();
        let mut names = vec![name];
        names.extend(hello.server_name().map(str::to_owned));
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "of an endpoint");
        Some(Arc::new(issue(&self.authority, &params)))
    }
}

/// A name as it is written in RFC 2253: the last part first.
fn distinguished_name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for part in text.rsplit(',') {
        let (kind, value) = part.trim().split_once('=').expect("an attribute");
        let kind = match kind {
            "CN" => DnType::CommonName,
            "O" => DnType::OrganizationName,
            "OU" => DnType::OrganizationalUnitName,
            "C" => DnType::CountryName,
            other => panic!("attribute `{other}`"),
        };
        name.push(kind, value);
    }
    name
}

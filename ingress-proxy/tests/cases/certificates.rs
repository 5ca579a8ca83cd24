//! A real certificate for each Secret that a case names, and the way back from the one to the other.

use std::cell::RefCell;
use std::collections::HashMap;

use ingress_core::policy::{CertificateId, RouteTable};
use ingress_proxy::certs::{CertStore, SecretPem};

/// The certificates of all cases.
#[derive(Default)]
pub(crate) struct Certificates {
    names: RefCell<HashMap<Vec<u8>, String>>,
    known: RefCell<HashMap<CertificateId, (String, String)>>,
}

impl Certificates {
    /// Gives the store what the table names.
    pub(crate) fn provide(&self, table: &RouteTable, store: &CertStore) {
        for entry in table.certificates.values() {
            let id = &entry.certificate;
            if *id == CertificateId::Default {
                continue;
            }
            let mut known = self.known.borrow_mut();
            let (chain, key) = known.entry(id.clone()).or_insert_with(|| {
                let made = rcgen::generate_simple_self_signed(vec!["case.example".to_owned()]).expect("a certificate");
                self.names.borrow_mut().insert(made.cert.der().to_vec(), id.to_string());
                (made.cert.pem(), made.signing_key.serialize_pem())
            });
            let pem = SecretPem { certificate: Some(chain.as_bytes()), key: Some(key.as_bytes()), authorities: None };
            store.update(id, pem).expect("a good pair");
        }
    }

    /// What a certificate is called.
    pub(crate) fn name(&self, der: &[u8]) -> String {
        self.names.borrow().get(der).cloned().unwrap_or_else(|| "default".to_owned())
    }
}

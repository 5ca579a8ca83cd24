//! Which certificate is served: the snapshot says which, the store has it.

use std::sync::Arc;

use ingress_core::host::HostPattern;
use ingress_core::publish::Reader;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::server_name;
use crate::certs::CertStore;

#[derive(Debug)]
pub(super) struct Resolver {
    reader: Reader,
    store: Arc<CertStore>,
    reject_unknown: bool,
}

impl Resolver {
    pub(super) fn new(reader: Reader, store: Arc<CertStore>, reject_unknown: bool) -> Self {
        Self { reader, store, reject_unknown }
    }

    /// The certificate for a server name in the form of rules; none if the handshake is to be refused or there is none.
    pub(super) fn find(&self, sni: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let snapshot = self.reader.load();
        if self.reject_unknown {
            // Rules without a host are for names that nobody gave a certificate for, just as with nginx.
            snapshot.host_of_handshake(sni).filter(|host| *host.pattern() != HostPattern::Any)?;
        }
        self.store.certified(snapshot.certificate(sni), sni.unwrap_or_default())
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(server_name(&hello).as_deref())
    }
}

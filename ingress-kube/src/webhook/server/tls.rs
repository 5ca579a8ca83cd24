//! How TLS is spoken with the API server: with the newest certificate there is, and with whom.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;

use crate::webhook::StartError;

/// The certificate to show; none before there is one.
pub(in crate::webhook) type Certificates = watch::Receiver<Option<Arc<CertifiedKey>>>;

#[derive(Debug)]
struct Newest(Certificates);

impl ResolvesServerCert for Newest {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.borrow().clone()
    }
}

/// The settings, in which certificates change by themselves.
pub(in crate::webhook) fn tls(
    certificates: Certificates,
    client_authorities: Option<&[u8]>,
) -> Result<ServerConfig, StartError> {
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match client_authorities {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(pem)?), provider).build();
            let verifier = verifier.map_err(|error| StartError::ClientAuthorities(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(Newest(certificates)));
    // The API server speaks no other with webhooks, so that its requests are spread over their pods.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A session that is resumed would outlive the certificate that it began with.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn roots(pem: &[u8]) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    let mut rest = pem;
    for certificate in rustls_pemfile::certs(&mut rest) {
        let added = certificate.map_err(|_| "malformed PEM".to_owned());
        let added = added.and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        added.map_err(StartError::ClientAuthorities)?;
    }
    if roots.is_empty() { Err(StartError::ClientAuthorities("no certificate in them".to_owned())) } else { Ok(roots) }
}

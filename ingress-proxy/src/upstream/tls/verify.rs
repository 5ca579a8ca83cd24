//! Whether an endpoint is who it should be.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::Unusable;
use crate::certs;

/// Nobody asks. The signature of the handshake is not looked at either: whoever may show any certificate may show one of his
/// own, and certificates that cannot be parsed here should not matter.
#[derive(Debug)]
pub(super) struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        certs::provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A chain to one of some authorities, with so many certificates between.
#[derive(Debug)]
pub(super) struct UpToDepth {
    inner: Arc<WebPkiServerVerifier>,
    depth: usize,
}

impl UpToDepth {
    pub(super) fn new(authorities: &Arc<RootCertStore>, depth: u32) -> Result<Self, Unusable> {
        let provider = Arc::clone(certs::provider());
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::clone(authorities), provider);
        let inner = builder.build().map_err(|_| Unusable::Authorities)?;
        Ok(Self { inner, depth: usize::try_from(depth).unwrap_or(usize::MAX) })
    }
}

impl ServerCertVerifier for UpToDepth {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Each certificate of a chain is certified by the next, so a path that uses more of them is too deep.
        let chain = chain.get(..self.depth).unwrap_or(chain);
        self.inner.verify_server_cert(leaf, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

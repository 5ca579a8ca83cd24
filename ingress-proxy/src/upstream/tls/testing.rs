//! Clients for tests that take any certificate.

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use super::*;
use crate::certs::Pair;

pub(crate) fn trusting_anybody() -> ClientConfig {
    trusting_anybody_with(&[&TLS13, &TLS12])
}

pub(crate) fn trusting_anybody_with(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    ClientConfig::builder_with_provider(Suites::default().provider())
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth()
}

/// The same with a certificate of its own.
pub(crate) fn trusting_anybody_as(versions: &[&'static SupportedProtocolVersion], pair: &Pair) -> ClientConfig {
    let mut config = trusting_anybody_with(versions);
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(Arc::clone(pair.certified())));
    config
}

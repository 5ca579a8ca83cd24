//! TLS with endpoints: what their routes say of it, made into configurations of rustls.
//!
//! As with nginx an endpoint's certificate is not looked at unless its route says so: then its chain must lead to the
//! authorities of the Secret and it must be for the name. What a route asks for and what cannot be done is an error, after
//! which nothing may be sent. Compared with OpenSSL that concerns lists of cipher suites that forbid something unknown,
//! certificates that have their name in the subject only, and authorities that are used as servers' certificates.
//!
//! Connecting is the caller's.

mod verify;

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ahash::RandomState;
use ingress_core::policy::{CertificateId, InvalidCiphers, UpstreamTls};
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, Error};

use self::verify::{Anybody, UpToDepth};
use crate::certs::{CertStore, Material, Suites, Versions};
use crate::server::tls::Alpn;

/// How many configurations are remembered; some more than there are settings in any sane cluster.
const MAX_KNOWN: usize = 4_096;

/// Makes configurations and remembers them. Each worker has its own.
#[derive(Debug)]
pub struct ClientConfigs {
    store: Arc<CertStore>,
    known: RefCell<HashMap<Key, Known, RandomState>>,
}

/// What a connection to an endpoint is made with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Terms {
    /// The configuration. It is the same `Arc` while settings and Secret are the same, so that a connection may be shared by
    /// those who have the same.
    pub config: Arc<ClientConfig>,
    /// The name that is verified and sent, as far as either is done; else the address.
    pub name: ServerName<'static>,
}

/// Why an endpoint cannot be spoken to as its route asks for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// The Secret is not there, or has nothing in it that can be used.
    #[error("there is no usable Secret `{0}`")]
    Secret(CertificateId),
    /// Nobody to verify with.
    #[error("no authorities are known to verify the endpoint with")]
    Authorities,
    /// What is to be verified or sent is no name.
    #[error("`{0}` is not the name of a server")]
    Name(Box<str>),
    /// No version that can be spoken.
    #[error("none of the TLS versions `{0}` can be spoken")]
    Versions(Box<str>),
    /// A list of suites that cannot be honoured.
    #[error("{0}")]
    Suites(#[from] InvalidCiphers),
    /// Anything else that rustls refuses.
    #[error("{0}")]
    Tls(#[from] Error),
}

/// Everything that makes configurations differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    secret: Option<CertificateId>,
    server_name: bool,
    /// How deep a chain may be; none if it is not looked at.
    depth: Option<u32>,
    protocols: Option<Box<str>>,
    ciphers: Option<Box<str>>,
    alpn: Alpn,
}

#[derive(Debug)]
struct Known {
    /// What the Secret was when the configuration was made.
    material: Option<Arc<Material>>,
    config: Arc<ClientConfig>,
}

impl ClientConfigs {
    /// Configurations with the certificates of a store.
    #[must_use]
    pub fn new(store: Arc<CertStore>) -> Self {
        Self { store, known: RefCell::default() }
    }

    /// What a connection is made with. `host` is the name that the request is for, without a port; `endpoint` is the address
    /// that is dialled. A route without settings has its endpoints neither verified nor told a name.
    ///
    /// # Errors
    ///
    /// [`Unusable`] if that cannot be had; the request must not be sent in another way.
    pub fn terms(
        &self,
        settings: Option<&UpstreamTls>,
        host: &str,
        endpoint: IpAddr,
        alpn: Alpn,
    ) -> Result<Terms, Unusable> {
        Ok(Terms { config: self.config(Key::new(settings, alpn))?, name: name(settings, host, endpoint)? })
    }

    fn config(&self, key: Key) -> Result<Arc<ClientConfig>, Unusable> {
        let material =
            key.secret.as_ref().map(|id| self.store.material(id).ok_or_else(|| Unusable::Secret(id.clone())));
        let material = material.transpose()?;
        let mut known = self.known.borrow_mut();
        if let Some(known) = known.get(&key)
            && known.material.as_ref().map(Arc::as_ptr) == material.as_ref().map(Arc::as_ptr)
        {
            return Ok(Arc::clone(&known.config));
        }
        let config = Arc::new(key.config(material.as_deref())?);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(key, Known { material, config: Arc::clone(&config) });
        Ok(config)
    }
}

impl Key {
    fn new(settings: Option<&UpstreamTls>, alpn: Alpn) -> Self {
        let Some(settings) = settings else {
            return Self { secret: None, server_name: false, depth: None, protocols: None, ciphers: None, alpn };
        };
        let secret = settings.certificate.as_ref().map(|it| {
            let (namespace, name) = (Arc::clone(&it.namespace), Arc::from(&*it.name));
            CertificateId::Secret { namespace, name }
        });
        Self {
            secret,
            server_name: settings.server_name,
            depth: settings.verify.then_some(settings.verify_depth),
            protocols: Some(settings.protocols.clone()),
            ciphers: Some(settings.ciphers.clone()),
            alpn,
        }
    }

    fn config(&self, material: Option<&Material>) -> Result<ClientConfig, Unusable> {
        let read = |list: &str| Versions::read(list).ok_or_else(|| Unusable::Versions(list.into()));
        let versions = self.protocols.as_deref().map_or(Ok(Versions::default()), read)?;
        let suites = match self.ciphers.as_deref() {
            Some(list) if versions != Versions::Only13 => Suites::read(list)?,
            _ => Suites::default(),
        };
        let verifier: Arc<dyn ServerCertVerifier> = match self.depth {
            None => Arc::new(Anybody),
            Some(depth) => {
                let authorities = material.and_then(Material::authorities).ok_or(Unusable::Authorities)?;
                Arc::new(UpToDepth::new(authorities, depth))
            }
        };
        let builder = ClientConfig::builder_with_provider(suites.provider())
            .with_protocol_versions(versions.list())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match material.and_then(Material::pair) {
            Some(pair) => {
                let resolver = SingleCertAndKey::from(Arc::clone(pair.certified()));
                builder.with_client_cert_resolver(Arc::new(resolver))
            }
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = self.server_name;
        config.alpn_protocols = vec![self.alpn.as_bytes().to_vec()];
        Ok(config)
    }
}

/// A configuration that sends a name and looks at no certificate, as for an endpoint whose route says no more than that.
///
/// # Errors
///
/// When rustls refuses.
pub(crate) fn unverified() -> Result<ClientConfig, Error> {
    let key = Key { server_name: true, ..Key::new(None, Alpn::Http1) };
    key.config(None).map_err(|error| match error {
        Unusable::Tls(error) => error,
        other => Error::General(other.to_string()),
    })
}

fn name(settings: Option<&UpstreamTls>, host: &str, endpoint: IpAddr) -> Result<ServerName<'static>, Unusable> {
    let Some(settings) = settings.filter(|settings| settings.verify || settings.server_name) else {
        // Sessions are remembered by this name, and tickets are good at the endpoint that gave them.
        return Ok(ServerName::IpAddress(endpoint.into()));
    };
    let name = settings.name.as_deref().unwrap_or(host);
    ServerName::try_from(name.to_owned()).map_err(|_| Unusable::Name(name.into()))
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

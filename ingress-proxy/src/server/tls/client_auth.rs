//! Certificates of clients, for the hosts that ask for them.
//!
//! A client without a good certificate gets through the handshake, as with nginx: what it may not do is answered in HTTP,
//! where it can be told why. So here a certificate is asked for, it is checked that the client has its key, and what is
//! thought of it is handed to the engine.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ahash::RandomState;
use ingress_core::policy::{CertificateId, ClientCertificate, HostSettings, VerifyClient};
use ingress_core::request::{PeerCertificate, TlsInfo};
use ingress_core::snapshot::Snapshot;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

use super::{Recipe, names};
use crate::certs::{self, Authorities, CertStore, Purpose};
use crate::io::Io;

/// The configurations of hosts that ask for certificates, by the Secret with the authorities.
#[derive(Clone, Debug)]
pub(super) struct ClientAuth {
    recipe: Recipe,
    store: Arc<CertStore>,
    known: RefCell<HashMap<CertificateId, Asking, RandomState>>,
}

/// How to ask for certificates of some authorities, and how to judge them.
#[derive(Clone)]
struct Asking {
    config: Arc<ServerConfig>,
    /// Without any nobody is good.
    authorities: Option<Arc<Authorities>>,
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").field("authorities", &self.authorities).finish_non_exhaustive()
    }
}

/// What one handshake asks for.
pub(super) struct Wanted {
    asking: Asking,
    setting: ClientCertificate,
    store: Arc<CertStore>,
}

/// What a client's certificate was checked against. A session may outlive it.
#[derive(Debug)]
pub struct Checked {
    setting: ClientCertificate,
    authorities: RefCell<Option<Arc<Authorities>>>,
    store: Arc<CertStore>,
    shown: Shown,
}

/// What a client has shown.
#[derive(Debug)]
enum Shown {
    Nothing,
    /// It shall not take the memory.
    Bad,
    Good(Vec<CertificateDer<'static>>),
}

impl Checked {
    /// Whether the host of the handshake still asks for the same, and thinks the same of what was shown: authorities and their lists of
    /// what is revoked are renewed all the time. Once it does not, what was found out about the client counts for nothing: answer
    /// 421 and close.
    #[must_use]
    pub fn is_current(&self, snapshot: &Snapshot, info: &TlsInfo) -> bool {
        let settings = snapshot.host_of_handshake(info.sni.as_deref()).and_then(|host| host.settings());
        let setting = settings.and_then(|settings| settings.client_certificate.as_ref());
        if !setting.is_some_and(|setting| setting.asks_the_same(&self.setting)) {
            return false;
        }
        let material = self.store.material(&id(&self.setting));
        let authorities = material.as_ref().and_then(|material| material.authorities());
        let mut known = self.authorities.borrow_mut();
        if authorities.map(Arc::as_ptr) == known.as_ref().map(Arc::as_ptr) {
            return true;
        }
        let is_as_before = match &self.shown {
            Shown::Nothing => true,
            Shown::Bad => false,
            Shown::Good(shown) => is_good(authorities, &self.setting, shown),
        };
        if is_as_before {
            *known = authorities.map(Arc::clone);
        }
        is_as_before
    }
}

impl ClientAuth {
    pub(super) fn new(recipe: Recipe, store: Arc<CertStore>) -> Self {
        Self { recipe, store, known: RefCell::default() }
    }

    /// What a host asks for; none if it asks for nothing.
    pub(super) fn wanted(&self, settings: &HostSettings) -> Option<Result<Wanted, Error>> {
        let setting = settings.client_certificate.as_ref()?;
        // The engine closes a host whose setting is unusable whatever the client shows.
        if setting.verify == VerifyClient::Off || setting.unusable {
            return None;
        }
        let (setting, store) = (setting.clone(), Arc::clone(&self.store));
        Some(self.asking(id(&setting)).map(|asking| Wanted { asking, setting, store }))
    }

    fn asking(&self, id: CertificateId) -> Result<Asking, Error> {
        let material = self.store.material(&id);
        let authorities = material.as_ref().and_then(|material| material.authorities());
        let mut known = self.known.borrow_mut();
        if let Some(asking) = known.get(&id)
            && asking.authorities.as_ref().map(Arc::as_ptr) == authorities.map(Arc::as_ptr)
        {
            return Ok(asking.clone());
        }
        let asking = self.ask(authorities)?;
        if authorities.is_some() {
            known.insert(id, asking.clone());
        } else {
            known.remove(&id);
        }
        Ok(asking)
    }

    fn ask(&self, authorities: Option<&Arc<Authorities>>) -> Result<Asking, Error> {
        let hints = authorities.map(|authorities| authorities.subjects().to_vec()).unwrap_or_default();
        let config = Arc::new(self.recipe.config(Arc::new(AnyCertificate { hints }))?);
        Ok(Asking { config, authorities: authorities.map(Arc::clone) })
    }
}

impl Wanted {
    pub(super) fn config(&self) -> &Arc<ServerConfig> {
        &self.asking.config
    }

    /// What the client has shown, and whether it is good.
    pub(super) fn judge(self, io: &Io) -> (Option<PeerCertificate>, Checked) {
        let Self { asking: Asking { authorities, .. }, setting, store } = self;
        let certificates = match io {
            Io::Tls(stream) => stream.get_ref().1.peer_certificates().unwrap_or_default(),
            Io::Plain(_) => &[],
        };
        let Some(leaf) = certificates.first() else {
            return (None, Checked { setting, authorities: RefCell::new(authorities), store, shown: Shown::Nothing });
        };
        let is_verified = is_good(authorities.as_ref(), &setting, certificates);
        let (subject, issuer) = names(leaf).unwrap_or_default();
        // Others get to no backend that could be given it, and shall not take the memory.
        let may_pass = is_verified || setting.verify == VerifyClient::OptionalNoCa;
        let pem = if may_pass { certs::pem_of(leaf) } else { Box::default() };
        let owned = || certificates.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let shown = if is_verified { Shown::Good(owned()) } else { Shown::Bad };
        let peer = PeerCertificate { subject, issuer, pem, is_verified };
        (Some(peer), Checked { setting, authorities: RefCell::new(authorities), store, shown })
    }
}

/// Whether authorities vouch for the first certificate, with the help of those behind it.
fn is_good(authorities: Option<&Arc<Authorities>>, setting: &ClientCertificate, shown: &[CertificateDer<'_>]) -> bool {
    let (Some(authorities), Some((leaf, chain))) = (authorities, shown.split_first()) else { return false };
    authorities.vouch_for(leaf, chain, Purpose::Client, setting.depth, UnixTime::now()).is_ok()
}

/// The Secret with the authorities.
fn id(setting: &ClientCertificate) -> CertificateId {
    CertificateId::Secret { namespace: Arc::clone(&setting.namespace), name: Arc::from(&*setting.secret) }
}

/// The subject and the issuer, as nginx writes them.
fn names(leaf: &CertificateDer<'_>) -> Option<(Box<str>, Box<str>)> {
    let leaf = Certificate::from_der(leaf).ok()?;
    let leaf = leaf.tbs_certificate();
    Some((names::written(leaf.subject()).into(), names::written(leaf.issuer()).into()))
}

/// The key of a certificate that the library does not read, such as one of version 1.
fn public_key(leaf: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, CertificateError> {
    let read = Certificate::from_der(leaf).map_err(|_| CertificateError::BadEncoding)?;
    let key = read.tbs_certificate().subject_public_key_info().to_der();
    Ok(key.map_err(|_| CertificateError::BadEncoding)?.into())
}

/// Asks for a certificate and takes any whose key the client has.
#[derive(Debug)]
struct AnyCertificate {
    /// The authorities that the client may choose its certificate by.
    hints: Vec<DistinguishedName>,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &certs::provider().signature_verification_algorithms;
        match verify_tls12_signature(message, leaf, signed, algorithms) {
            Err(Error::InvalidCertificate(CertificateError::Other(_) | CertificateError::BadEncoding)) => {
                let (key, signature) = (public_key(leaf)?, signed.signature());
                let key = webpki::RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
                let by = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
                let mut by = by.into_iter().flat_map(|(_, algorithms)| algorithms.iter());
                let is_good = by.any(|algorithm| key.verify_signature(*algorithm, message, signature).is_ok());
                if is_good {
                    Ok(HandshakeSignatureValid::assertion())
                } else {
                    Err(CertificateError::BadSignature.into())
                }
            }
            result => result,
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &certs::provider().signature_verification_algorithms;
        match verify_tls13_signature(message, leaf, signed, algorithms) {
            Err(Error::InvalidCertificate(CertificateError::Other(_) | CertificateError::BadEncoding)) => {
                verify_tls13_signature_with_raw_key(message, &public_key(leaf)?, signed, algorithms)
            }
            result => result,
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        certs::provider().signature_verification_algorithms.supported_schemes()
    }
}

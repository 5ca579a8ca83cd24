//! Whether a proxy can serve with a private key and the certificate beside it. Nothing is computed: nearly all keys carry their
//! public half.

use std::ops::RangeInclusive;

use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use rustls_pki_types::PrivateKeyDer;
use sec1::EcPrivateKey;
use x509_cert::der::Decode;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// The RSA moduli in bits with which TLS libraries of today sign.
const RSA: RangeInclusive<u32> = 2048..=8192;

/// Ed25519 (RFC 8410 3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The curves of TLS 1.3 for ECDSA (RFC 8446 4.2.3): P-256, P-384 and P-521 (RFC 5480 2.1.1.1).
const CURVES: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
    ObjectIdentifier::new_unwrap("1.3.132.0.34"),
    ObjectIdentifier::new_unwrap("1.3.132.0.35"),
];

const MALFORMED: &str = "has a `tls.key` that is not a private key";
const OTHER: &str = "has a `tls.key` that is not the key of its `tls.crt`";
const SIZE: &str = "has an RSA key of less than 2048 or more than 8192 bits, with which no TLS is spoken";
const KIND: &str = "has a key of a kind with which no TLS is spoken";

/// What is wrong with a private key beside the public key of its certificate, if that can be seen.
pub(super) fn check(key: &PrivateKeyDer<'_>, certified: &SubjectPublicKeyInfoOwned) -> Result<(), &'static str> {
    match key {
        PrivateKeyDer::Pkcs1(key) => rsa(key.secret_pkcs1_der(), certified),
        PrivateKeyDer::Sec1(key) => elliptic(key.secret_sec1_der(), certified),
        PrivateKeyDer::Pkcs8(key) => {
            let key = PrivateKeyInfoRef::from_der(key.secret_pkcs8_der()).map_err(|_| MALFORMED)?;
            match key.algorithm.oid {
                pkcs1::ALGORITHM_OID => rsa(key.private_key.as_bytes(), certified),
                sec1::ALGORITHM_OID => elliptic(key.private_key.as_bytes(), certified),
                ED25519 if certified.algorithm.oid != ED25519 => Err(OTHER),
                ED25519 => same(key.public_key.as_ref().map(|key| key.raw_bytes()), certified),
                _ => Err(KIND),
            }
        }
        _ => Err(KIND),
    }
}

fn rsa(der: &[u8], certified: &SubjectPublicKeyInfoOwned) -> Result<(), &'static str> {
    let private = RsaPrivateKeyRef::from_der(der).map_err(|_| MALFORMED)?;
    let public = RsaPublicKeyRef::from_der(certified.subject_public_key.raw_bytes()).map_err(|_| OTHER)?;
    if (private.modulus, private.public_exponent) != (public.modulus, public.public_exponent) {
        return Err(OTHER);
    }
    let [first, rest @ ..] = public.modulus.as_bytes() else { return Err(MALFORMED) };
    let bits = u32::try_from(rest.len()).unwrap_or(u32::MAX).saturating_mul(8) + u8::BITS - first.leading_zeros();
    RSA.contains(&bits).then_some(()).ok_or(SIZE)
}

fn elliptic(der: &[u8], certified: &SubjectPublicKeyInfoOwned) -> Result<(), &'static str> {
    let private = EcPrivateKey::from_der(der).map_err(|_| MALFORMED)?;
    let curve = certified.algorithm.parameters.as_ref().and_then(|curve| curve.decode_as().ok());
    if !CURVES.contains(&curve.ok_or(OTHER)?) {
        return Err(KIND);
    }
    same(private.public_key, certified)
}

/// Both halves are the same, or the key does not have its public one, as most of Ed25519 do not.
fn same(public: Option<&[u8]>, certified: &SubjectPublicKeyInfoOwned) -> Result<(), &'static str> {
    public.is_none_or(|public| public == certified.subject_public_key.raw_bytes()).then_some(()).ok_or(OTHER)
}

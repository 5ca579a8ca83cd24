//! Whether a client may pass.

use super::{client, reason};
use crate::policy::{Access, ClientCertificate, Satisfy, VerifyClient};
use crate::request::RequestView;

/// A status and why.
type Refusal = (u16, &'static str);

/// Why a request is refused by address or for want of credentials; none if it may pass as far as can be told without
/// asking anybody.
pub(super) fn refuse(access: &Access, request: &RequestView<'_>) -> Option<Refusal> {
    let by_address = if access.has_lists() { by_address(access, request) } else { Verdict::NoOpinion };
    let needs_auth = access.basic.is_some() || access.external.is_some();
    match (access.satisfy, by_address) {
        (Satisfy::Any, Verdict::Allowed) => None,
        (Satisfy::Any, _) if needs_auth => credentials(access, request),
        (_, Verdict::Refused(why)) => Some((403, why)),
        (_, _) => credentials(access, request),
    }
}

/// Whether a header has a value that is not served.
pub(super) fn is_blocked(access: &Access, request: &RequestView<'_>) -> bool {
    access.blocked.iter().any(|(name, value)| request.header(name).any(|given| value.matches(given)))
}

/// Whether the address alone lets a client pass.
pub(super) fn is_satisfied_by_address(access: &Access, request: &RequestView<'_>) -> bool {
    access.satisfy == Satisfy::Any && access.has_lists() && matches!(by_address(access, request), Verdict::Allowed)
}

enum Verdict {
    Allowed,
    Refused(&'static str),
    NoOpinion,
}

fn by_address(access: &Access, request: &RequestView<'_>) -> Verdict {
    let Some(address) = client::address(&access.client, request) else {
        return Verdict::Refused(reason::ADDRESS_UNKNOWN);
    };
    if access.deny.iter().any(|range| range.contains(address)) {
        Verdict::Refused(reason::ADDRESS_DENIED)
    } else if access.allow.iter().any(|range| range.contains(address)) {
        Verdict::Allowed
    } else if access.allow.is_empty() {
        Verdict::NoOpinion
    } else {
        Verdict::Refused(reason::ADDRESS_NOT_ALLOWED)
    }
}

/// Credentials that are not there need not be checked. With `satisfy: any` another service may still let the client in.
fn credentials(access: &Access, request: &RequestView<'_>) -> Option<Refusal> {
    let basic = access.basic.as_ref()?;
    if access.satisfy == Satisfy::Any && access.external.is_some() {
        return None;
    }
    let scheme: &[u8] = if basic.digest { b"digest " } else { b"basic " };
    let mut values = request.header("authorization");
    let value = values.next().filter(|_| values.next().is_none());
    let has_scheme =
        value.and_then(|value| value.get(..scheme.len())).is_some_and(|it| it.eq_ignore_ascii_case(scheme));
    (!has_scheme).then_some((401, reason::CREDENTIALS_MISSING))
}

/// What is wrong with a client's certificate on a TLS connection.
///
/// It has been checked as this host asks for, since requests of other handshakes do not get here.
pub(super) fn client_certificate(wanted: &ClientCertificate, request: &RequestView<'_>) -> Option<Refusal> {
    let tls = request.conn().tls.as_ref()?;
    if wanted.unusable {
        return Some((403, reason::CERTIFICATE_UNAUTHORIZED));
    }
    if wanted.verify == VerifyClient::Off {
        return None;
    }
    match (&tls.client_certificate, wanted.verify) {
        (None, VerifyClient::On) => Some((400, reason::CERTIFICATE_MISSING)),
        (Some(certificate), VerifyClient::On | VerifyClient::Optional) if !certificate.is_verified => {
            Some((400, reason::CERTIFICATE_INVALID))
        }
        (certificate, _) => {
            let subject = certificate.as_ref().map_or(&b""[..], |certificate| certificate.subject.as_bytes());
            let is_good = wanted.match_cn.as_ref().is_none_or(|pattern| pattern.is_match(subject));
            (!is_good).then_some((403, reason::CERTIFICATE_UNAUTHORIZED))
        }
    }
}

/// A connection without TLS cannot show a certificate, so a route that asks for one is closed to it.
pub(super) fn without_tls(wanted: &ClientCertificate, request: &RequestView<'_>) -> Option<Refusal> {
    let asks = wanted.unusable || wanted.verify == VerifyClient::On || wanted.match_cn.is_some();
    (asks && !request.is_tls()).then_some((403, reason::CERTIFICATE_MISSING))
}

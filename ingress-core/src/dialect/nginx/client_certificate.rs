//! What is asked of clients' certificates (`auth-tls-*`). It holds for whole hosts.

use std::sync::Arc;

use super::super::annotations::{Annotations, Bad, shown};
use super::super::cluster::{Cluster, Lookup};
use super::{grammar, unknown};
use crate::diagnostic::Code;
use crate::object::Origin;
use crate::path::Search;
use crate::policy::{ClientCertificate, Location, Redirect, VerifyClient};

const SECRET: &str = "auth-tls-secret";
const ERROR_PAGE: &str = "auth-tls-error-page";
const MATCH_CN: &str = "auth-tls-match-cn";

/// `auth-tls-secret`, which turns it on, and what belongs to it.
pub(super) fn read(a: &mut Annotations<'_>, cluster: &Cluster<'_>) -> Option<ClientCertificate> {
    let text = a.checked(SECRET, is_secret, "the `namespace/name` of a Secret", Bad::Drop)?;
    let (namespace, secret) = text.split_once('/')?;
    let fault = fault(a, cluster, namespace, secret);
    if let Some(fault) = fault {
        let why = format_args!("Secret `{}` {fault}", shown(text));
        a.refuse(Code::ReferenceMissing, "reference-missing", SECRET, why);
    }
    let words = [VerifyClient::On, VerifyClient::Off, VerifyClient::Optional, VerifyClient::OptionalNoCa];
    let word = a.word("auth-tls-verify-client", &words.map(VerifyClient::as_str), Bad::Default);
    let verify = words.into_iter().find(|verify| Some(verify.as_str()) == word).unwrap_or_default();
    let match_cn = match_cn(a);
    if verify == VerifyClient::On || match_cn.is_some() {
        note_plain_text(a);
    }
    Some(ClientCertificate {
        namespace: namespace.into(),
        secret: secret.into(),
        verify,
        depth: a.count("auth-tls-verify-depth", Bad::Default).map_or(1, |depth| depth.max(1)),
        error_page: error_page(a),
        pass_to_upstream: a.flag("auth-tls-pass-certificate-to-upstream", Bad::Drop).unwrap_or(false),
        match_cn,
        unusable: fault.is_some(),
        origin: Origin { object: Arc::clone(a.object), field: a.field(SECRET) },
    })
}

/// Why no certificate can be checked against the Secret, fit to follow its name in a sentence.
fn fault<'a>(a: &Annotations<'_>, cluster: &Cluster<'a>, namespace: &str, name: &str) -> Option<&'a str> {
    if namespace != &*a.object.namespace {
        return Some("is in another namespace");
    }
    match cluster.secret(namespace, name) {
        Lookup::Missing => Some("is not there"),
        Lookup::Found(secret) => secret.state.authorities.fault(),
        Lookup::NotGiven => None,
    }
}

/// `CN=` and an expression, which is searched for in the whole subject with the `CN=` in front.
fn match_cn(a: &mut Annotations<'_>) -> Option<Search> {
    let text = a.checked(MATCH_CN, is_match, "`CN=` and a regular expression", Bad::Drop)?;
    let search = Search::new(text, false);
    search.map_err(|error| a.bad(MATCH_CN, Bad::Drop, format_args!("`{}`: {error}", shown(text)))).ok()
}

/// A URL. What else nginx takes is a place within the server, which would be open to clients without a certificate, or a
/// relative reference that leads to where the client comes from.
fn error_page(a: &mut Annotations<'_>) -> Option<Box<Redirect>> {
    let form = "a URL, a host with or without a path, or `@name`";
    let page = a.checked(ERROR_PAGE, is_page, form, Bad::Drop)?;
    if !page.starts_with("https://") && !page.starts_with("http://") {
        let message = format!("`{}` is no URL with a scheme; clients get the error itself", shown(page));
        a.report(Code::AnnotationNotImplemented, ERROR_PAGE, message);
        return None;
    }
    Some(Redirect { status: 302, location: Location::Constant(page.into()), reason: ERROR_PAGE }.into())
}

/// Notes that routes are closed to plain text that ingress-nginx would serve there, without a certificate.
fn note_plain_text(a: &mut Annotations<'_>) {
    let is_off = |key: &str| a.text(key).is_some_and(unknown::is_false);
    let is_forced = a.text("force-ssl-redirect").is_some_and(|value| !unknown::is_false(value));
    if is_off("ssl-redirect") && !is_forced {
        let message = "ingress-nginx serves plain-text requests without a client certificate; here they are refused";
        a.report(Code::DiffersFromIngressNginx, "ssl-redirect", message.to_owned());
    }
}

fn is_secret(text: &str) -> bool {
    let parts = text.split_once('/').filter(|_| grammar::basic(text));
    parts.is_some_and(|(namespace, name)| !namespace.is_empty() && !name.is_empty() && !name.contains('/'))
}

fn is_match(text: &str) -> bool {
    text.len() > "CN=".len() && text.starts_with("CN=") && !text.contains(char::is_control)
}

/// `@name`, or `http://`, `https://` or neither, host, port and path, most of which may be missing.
fn is_page(text: &str) -> bool {
    let is_word = |text: &str, extra: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c));
    if let Some(name) = text.strip_prefix('@') {
        return !name.is_empty() && is_word(name, "_-");
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let (authority, path) = match rest.unwrap_or(text).split_once('/') {
        Some((authority, path)) => (authority, path),
        None => (rest.unwrap_or(text), ""),
    };
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_port = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let has_host = !host.is_empty() || rest.is_none() && port.is_none();
    let is_path = is_word(path, "-_./") && !path.starts_with('/') && !path.contains("//");
    has_host && is_word(host, "-.") && is_port && is_path
}

#[cfg(test)]
mod tests;

//! TLS towards a backend (`proxy-ssl-*`).

use std::net::IpAddr;
use std::sync::Arc;

use super::grammar;
use super::settings::Settings;
use crate::diagnostic::Code;
use crate::dialect::annotations::{Annotations, Bad, shown};
use crate::dialect::cluster::{Cluster, Lookup};
use crate::model::{CertificateState, Secret};
use crate::policy::{Certificate, CipherSuite, UpstreamTls};

const SECRET: &str = "proxy-ssl-secret";
const NAME: &str = "proxy-ssl-name";
const CIPHERS: &str = "proxy-ssl-ciphers";

/// TLS as the annotations want it. Without a Secret the others mean nothing.
pub(super) fn read(a: &mut Annotations<'_>, s: &Settings, cluster: &Cluster<'_>) -> Option<Arc<UpstreamTls>> {
    let (namespace, name) = secret(a, s)?;
    // Whoever writes something here wants the backend to prove itself, which must not be passed over.
    let verify = a.switch("proxy-ssl-verify", Bad::Refuse).unwrap_or(false);
    let found = match cluster.secret(namespace, name) {
        Lookup::Found(secret) => usable(secret, verify),
        Lookup::Missing => Err("is not there".to_owned()),
        Lookup::NotGiven => Ok(()),
    };
    if let Err(fault) = found {
        let why = format!("the Secret `{namespace}/{name}` {fault}");
        a.refuse(Code::ReferenceMissing, "reference-missing", SECRET, why);
    }
    let depth = a.count("proxy-ssl-verify-depth", Bad::Default).filter(|depth| *depth > 0);
    let is_sent = a.switch("proxy-ssl-server-name", Bad::Default).unwrap_or(false);
    let protocols = protocols(a);
    let ciphers = ciphers(a, &protocols);
    Some(Arc::new(UpstreamTls {
        certificate: Some(Certificate { namespace: namespace.into(), name: name.into() }),
        name: server_name(a, verify || is_sent),
        server_name: is_sent,
        verify,
        verify_depth: depth.unwrap_or(1),
        protocols,
        ciphers,
    }))
}

/// Namespace and name of the Secret.
fn secret<'a>(a: &mut Annotations<'a>, s: &Settings) -> Option<(&'a str, &'a str)> {
    let value = a.checked(SECRET, grammar::basic, "the `namespace/name` of a Secret", Bad::Drop)?;
    let parts = value.split_once('/').filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty());
    let Some((namespace, name)) = parts.filter(|(_, name)| !name.contains('/')) else {
        a.bad(SECRET, Bad::Refuse, format_args!("`{}` is not the `namespace/name` of a Secret", shown(value)));
        return None;
    };
    if namespace != &*a.object.namespace && !s.access.allow_cross_namespace_resources {
        a.bad(SECRET, Bad::Refuse, format_args!("`{}` is in another namespace", shown(value)));
        return None;
    }
    Some((namespace, name))
}

/// Whether there is something in the Secret for the purpose; the error follows its name in a sentence.
fn usable(secret: &Secret, verify: bool) -> Result<(), String> {
    let has_pair = matches!(secret.state.certificate, CertificateState::Usable { .. });
    match secret.state.authorities.fault() {
        Some(fault) if verify => Err(format!("{fault}, which the backend is to be verified with")),
        Some(_) if !has_pair => Err("has neither a usable certificate nor a usable `ca.crt`".to_owned()),
        _ => Ok(()),
    }
}

/// The name that is verified and sent. What could be neither is no reason to do without.
fn server_name(a: &mut Annotations<'_>, is_used: bool) -> Option<Box<str>> {
    let name = a.checked(NAME, is_name, "the name of a server", Bad::Default)?;
    if is_used && !is_server_name(name) {
        a.bad(NAME, Bad::Refuse, format_args!("`{}` is neither a DNS name nor an IP address", shown(name)));
    }
    Some(name.into())
}

/// The list of suites, which TLS 1.2 alone asks for. One that forbids all or something unknown is no reason to offer any.
fn ciphers(a: &mut Annotations<'_>, protocols: &str) -> Box<str> {
    let Some(list) = a.checked(CIPHERS, is_ciphers, "a list of cipher suites", Bad::Default) else {
        return "DEFAULT".into();
    };
    if protocols != "TLSv1.3"
        && let Err(error) = CipherSuite::list(list)
    {
        a.bad(CIPHERS, Bad::Refuse, format_args!("`{}`: {error}", shown(list)));
    }
    list.into()
}

/// Versions in order, each once.
fn protocols(a: &mut Annotations<'_>) -> Box<str> {
    let value = a.checked("proxy-ssl-protocols", is_protocols, "a list of `TLSv1.2` and `TLSv1.3`", Bad::Default);
    let has = |version: &str| value.unwrap_or("TLSv1.2").split(' ').any(|word| word == version);
    match (has("TLSv1.2"), has("TLSv1.3")) {
        (true, true) => "TLSv1.2 TLSv1.3",
        (false, true) => "TLSv1.3",
        _ => "TLSv1.2",
    }
    .into()
}

fn is_protocols(text: &str) -> bool {
    text.split(' ').all(|word| matches!(word, "" | "TLSv1.2" | "TLSv1.3"))
}

fn is_ciphers(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "+:_-!".contains(c))
}

/// The name of a server without variables, which are not filled in here.
fn is_name(text: &str) -> bool {
    grammar::regex(text) && !text.contains('$')
}

/// Whether it can stand in a ClientHello or a certificate: an address, or letters, digits, hyphens and underscores in labels of
/// which the last is no number (RFC 1123 2.1).
fn is_server_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len())
            && label.bytes().all(is_allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let ends_in_number = name.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    let is_name = text.len() <= 253 && name.split('.').all(is_label) && !ends_in_number;
    is_name || text.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::limits::probe::{Reading, read, read_in, secret};

    fn tls(keys: &[&str], annotations: &[(&str, &str)]) -> Reading {
        read_in(&[], vec![secret("pair", keys)], &[annotations, &[("proxy-ssl-secret", "shop/pair")]].concat())
    }

    #[test]
    fn nothing_without_a_secret() {
        let reading =
            read(&[("proxy-ssl-verify", "true"), ("proxy-ssl-name", "<a>"), ("proxy-ssl-protocols", "SSLv3")]);
        assert_eq!((reading.filters().upstream.tls.clone(), reading.findings.len()), (None, 0));
    }

    #[test]
    fn settings_and_their_defaults() {
        let all = [
            ("proxy-ssl-name", "inner.example"),
            ("proxy-ssl-server-name", "on"),
            ("proxy-ssl-verify", "on"),
            ("proxy-ssl-verify-depth", "2"),
            ("proxy-ssl-protocols", "TLSv1.3  TLSv1.2"),
            ("proxy-ssl-ciphers", "HIGH:!aNULL"),
        ];
        let reading = tls(&["ca.crt"], &all);
        let tls_of = |reading: &Reading| reading.filters().upstream.tls.clone().expect("a Secret");
        let given = tls_of(&reading);
        assert!(!reading.findings.iter().any(|(slug, _)| *slug == "annotation-invalid"));
        assert_eq!(given.certificate.as_ref().map(|it| (&*it.namespace, &*it.name)), Some(("shop", "pair")));
        assert_eq!((given.name.as_deref(), given.server_name), (Some("inner.example"), true));
        assert_eq!((given.verify, given.verify_depth), (true, 2));
        assert_eq!((&*given.protocols, &*given.ciphers), ("TLSv1.2 TLSv1.3", "HIGH:!aNULL"));
        let bad = [
            ("proxy-ssl-name", "$host"),
            ("proxy-ssl-server-name", "yes"),
            ("proxy-ssl-verify-depth", "deep"),
            ("proxy-ssl-protocols", "SSLv3"),
            ("proxy-ssl-ciphers", "HIGH;"),
        ];
        let reading = tls(&["ca.crt"], &bad);
        assert_eq!(tls_of(&reading), tls_of(&tls(&["ca.crt"], &[("proxy-ssl-verify-depth", "0")])));
        assert_eq!(reading.findings.iter().filter(|(slug, _)| *slug == "annotation-invalid").count(), bad.len());
        assert_eq!((&*tls_of(&reading).protocols, &*tls_of(&reading).ciphers), ("TLSv1.2", "DEFAULT"));
        assert_eq!((tls_of(&reading).verify, tls_of(&reading).verify_depth), (false, 1));
    }

    #[test]
    fn what_cannot_be_honoured_closes() {
        const SECRET: &str = "proxy-ssl-secret";
        let refused = |reading: &Reading| reading.intent.refused.as_ref().map(|answer| answer.reason);
        let table = [
            (tls(&["ca.crt"], &[("proxy-ssl-verify", "true")]), "annotation-refuses-route", Some("annotation-invalid")),
            (tls(&["tls.key"], &[]), "reference-missing", Some("reference-missing")),
            (tls(&[], &[("proxy-ssl-verify", "on")]), "reference-missing", Some("reference-missing")),
            (
                read_in(&[], vec![secret("a", &[])], &[(SECRET, "shop/pair")]),
                "reference-missing",
                Some("reference-missing"),
            ),
            (read(&[(SECRET, "shop/pair")]), "", None),
            (read(&[(SECRET, "pair")]), "annotation-refuses-route", Some("annotation-invalid")),
            (read(&[(SECRET, "shop/a/b")]), "annotation-refuses-route", Some("annotation-invalid")),
            (read(&[(SECRET, "other/pair")]), "annotation-refuses-route", Some("annotation-invalid")),
            (read_in(&[("allow-cross-namespace-resources", "true")], Vec::new(), &[(SECRET, "other/pair")]), "", None),
        ];
        for (number, (reading, finding, reason)) in table.iter().enumerate() {
            assert_eq!((reading.finding(), refused(reading)), (*finding, *reason), "{number}");
        }
        let reading = read(&[(SECRET, "shop/<pair>")]);
        assert_eq!((reading.finding(), reading.intent.is_dropped), ("annotation-drops-ingress", true));
    }
}

//! Certificates that the cloud keeps, which Secrets and annotations know by identifier only.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::json::Object;
use super::{CERTIFICATE_ID, CertificateSource, json, keys};
use crate::diagnostic::{Code, Diagnostic};
use crate::dialect::annotations::{Annotations, shown};
use crate::dialect::{Lookup, Subject};
use crate::model::{CertificateState, CloudCertificate, Ingress, Secret};
use crate::object::{FieldPath, ObjectRef, Origin};
use crate::policy::{ClientCertificate, VerifyClient};

/// What became of the certificates of an object.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    /// Whether it asks for TLS at all.
    pub(super) has_tls: bool,
    /// Why the default certificate is served, by TLS entry.
    pub(super) unresolved: BTreeMap<usize, Box<str>>,
    /// The names of certificates that were found elsewhere, by TLS entry.
    pub(super) resolved: BTreeMap<usize, Vec<Box<str>>>,
    /// What is asked of clients.
    pub(super) client: Option<ClientCertificate>,
    /// The identifiers in Secrets.
    ids: Vec<Box<str>>,
}

/// Looks up the certificates that the Secrets of an object name.
pub(super) fn of_secrets(
    subject: &Subject<'_>,
    source: Option<&dyn CertificateSource>,
    out: &mut Vec<Diagnostic>,
) -> Certificates {
    let Subject { object, ingress, cluster } = *subject;
    let mut certificates = Certificates { has_tls: !ingress.spec.tls.is_empty(), ..Certificates::default() };
    for (i, entry) in ingress.spec.tls.iter().enumerate().filter(|(_, entry)| !entry.secret_name.is_empty()) {
        // What is wrong with other Secrets is found where certificates are chosen.
        let Lookup::Found(secret) = cluster.secret(&object.namespace, &entry.secret_name) else { continue };
        let Some(cloud) = secret.cloud.as_ref().filter(|_| secret.keys.contains(CERTIFICATE_ID)) else { continue };
        certificates.ids.extend(cloud.certificates.iter().cloned());
        if let Some(authority) = &cloud.ca {
            let client = client_certificate(object, i, secret);
            if client.unusable {
                let message = format!(
                    "asks for client certificates of `{}`, an authority that is not here; TLS requests get 403",
                    shown(authority)
                );
                out.push(
                    Diagnostic::new(
                        Code::ReferenceMissing,
                        Some(Arc::clone(object)),
                        client.origin.field.clone(),
                        message,
                    )
                    .with_help("put the certificate of the authority into the Secret as `ca.crt`"),
                );
            }
            certificates.client.get_or_insert(client);
        }
        if matches!(secret.state.certificate, CertificateState::Usable { .. }) {
            continue;
        }
        match cloud.certificates.iter().find_map(|id| source?.dns_names(id)) {
            Some(names) => _ = certificates.resolved.insert(i, names),
            None => {
                let why = unresolved(secret, cloud);
                let field = FieldPath::text(format!("spec.tls[{i}].secretName"));
                let message = format!("{why}; the default certificate is served");
                out.push(
                    Diagnostic::new(Code::CertificateUnresolved, Some(Arc::clone(object)), field, message)
                        .with_help("put the certificate and its key into the Secret as `tls.crt` and `tls.key`"),
                );
                certificates.unresolved.insert(i, why.into());
            }
        }
    }
    certificates
}

/// What a Secret asks of clients, which only its own `ca.crt` lets anybody check.
fn client_certificate(object: &Arc<ObjectRef>, entry: usize, secret: &Secret) -> ClientCertificate {
    ClientCertificate {
        namespace: Arc::clone(&object.namespace),
        secret: secret.metadata.name.clone(),
        verify: VerifyClient::On,
        depth: 1,
        error_page: None,
        pass_to_upstream: false,
        match_cn: None,
        unusable: secret.state.authorities.fault().is_some(),
        origin: Origin { object: Arc::clone(object), field: FieldPath::text(format!("spec.tls[{entry}].secretName")) },
    }
}

impl Certificates {
    /// Reads the annotations that name certificates.
    pub(super) fn read_annotations(&mut self, a: &mut Annotations<'_>, ingress: &Ingress) {
        old_annotation(a, ingress, &self.ids);
        self.has_tls |= annotation(a, ingress);
    }
}

fn unresolved(secret: &Secret, cloud: &CloudCertificate) -> String {
    let path = format!("{}/{}", secret.metadata.namespace, secret.metadata.name);
    let ids: Vec<String> = cloud.certificates.iter().map(|id| shown(id)).collect();
    if ids.is_empty() {
        return format!("Secret `{path}` has a `{CERTIFICATE_ID}` that names no certificate");
    }
    format!("Secret `{path}` has no certificate, only the name of one that is not here: `{}`", ids.join("`, `"))
}

/// Reads the annotation that came before Secrets.
fn old_annotation(a: &mut Annotations<'_>, ingress: &Ingress, ids: &[Box<str>]) {
    let Some(value) = a.text(CERTIFICATE_ID) else { return };
    let named: Vec<&str> = value.split(',').map(str::trim).collect();
    let message = if ids.is_empty() || named.iter().all(|id| ids.iter().any(|known| **known == **id)) {
        format!("annotation `{CERTIFICATE_ID}` has no effect; the Secrets of `spec.tls` name the certificates")
    } else {
        let (named, ids) = (shown(value), ids.iter().map(|id| shown(id)).collect::<Vec<_>>().join("`, `"));
        format!(
            "annotation `{CERTIFICATE_ID}` names `{named}`, the Secrets of `spec.tls` name `{ids}`; the Secrets count"
        )
    };
    a.report(Code::CertificateAnnotation, CERTIFICATE_ID, message);
    if ingress.spec.tls.iter().any(|entry| entry.secret_name.is_empty()) {
        let message = format!("certificate `{}` has no Secret; the default certificate is served", shown(value));
        let help = format!("put the identifier into a Secret under `{CERTIFICATE_ID}`, with `tls.crt` and `tls.key`");
        a.report_with_help(Code::CertificateUnresolved, CERTIFICATE_ID, message, &help);
    }
}

/// Reads the annotation that stands for `spec.tls`: whether it asks for TLS.
fn annotation(a: &mut Annotations<'_>, ingress: &Ingress) -> bool {
    if a.text(keys::CERTIFICATE).is_some() && !ingress.spec.tls.is_empty() {
        let message = "has no effect beside `spec.tls`".to_owned();
        a.report(Code::AnnotationsExclusive, keys::CERTIFICATE, message);
        return false;
    }
    let ids = match json::read(a, keys::CERTIFICATE, identifiers) {
        Ok(Some(ids)) => ids,
        Ok(None) => return false,
        // The routes are closed where they would have been open.
        Err(json::Refused) => return true,
    };
    if !ids.is_empty() {
        let message = format!("certificates `{}` have no Secret; the default certificate is served", ids.join("`, `"));
        let help = "list a Secret with `tls.crt` and `tls.key` under `spec.tls` instead";
        a.report_with_help(Code::CertificateUnresolved, keys::CERTIFICATE, message, help);
    }
    !ids.is_empty()
}

/// The identifiers in a list such as `[{"hosts":["a.example"],"qcloud_cert_id":["x"]}]`.
fn identifiers(value: &Value) -> Result<Vec<String>, String> {
    let mut ids = Vec::new();
    for (i, item) in json::items(value)?.iter().enumerate() {
        let item = Object::new(item, format!("[{i}]"))?;
        match item.get(CERTIFICATE_ID) {
            None => return Err(item.missing(CERTIFICATE_ID)),
            Some(Value::String(id)) => ids.push(shown(id)),
            Some(list) => {
                for id in json::items(list)? {
                    let id =
                        id.as_str().ok_or_else(|| format!("`{}` is no list of texts", item.place(CERTIFICATE_ID)))?;
                    ids.push(shown(id));
                }
            }
        }
    }
    Ok(ids)
}

//! What the API server refuses, with the field path that it would report.
//!
//! Source: Kubernetes pkg/apis/networking/validation. An object with any error is ignored as a whole, as the API server
//! would not have let it in.

mod names;
mod paths;

use std::sync::Arc;

use super::options::CLASS_ANNOTATION;
use crate::diagnostic::{Code, Diagnostic, Effect, Severity};
use crate::host::{HostPattern, check_subdomain};
use crate::model::{Ingress, IngressBackend, IngressClass, ServiceBackendPort};
use crate::object::{FieldPath, ObjectRef};

/// Collects the findings of one object.
struct Check<'a> {
    object: &'a Arc<ObjectRef>,
    out: &'a mut Vec<Diagnostic>,
    valid: bool,
}

impl Check<'_> {
    fn error(&mut self, code: Code, field: impl Into<Box<str>>, message: impl Into<Box<str>>, help: Option<&str>) {
        self.valid = false;
        let mut finding = Diagnostic::new(code, Some(Arc::clone(self.object)), FieldPath::text(field), message);
        if let Some(help) = help {
            finding = finding.with_help(help);
        }
        self.out.push(finding);
    }
}

/// Checks an Ingress and says whether it is valid.
pub(super) fn ingress(object: &Arc<ObjectRef>, ingress: &Ingress, out: &mut Vec<Diagnostic>) -> bool {
    let mut check = Check { object, out, valid: true };
    let Ingress { metadata, spec } = ingress;
    if metadata.name.is_empty() && metadata.generate_name.is_empty() {
        check.error(Code::InvalidName, "metadata.name", "has neither a name nor a `generateName`", None);
    } else if let Err(error) = check_subdomain(&metadata.name)
        && !metadata.name.is_empty()
    {
        check.error(Code::InvalidName, "metadata.name", format!("name `{}` {error}", metadata.name), None);
    }
    if let Some(class) = &spec.ingress_class_name {
        if let Err(error) = check_subdomain(class) {
            let message =
                if class.is_empty() { "class name is empty".into() } else { format!("class name `{class}` {error}") };
            check.error(Code::InvalidClassName, "spec.ingressClassName", message, None);
        }
        if let Some(annotation) = metadata.annotations.get(CLASS_ANNOTATION)
            && annotation != class
        {
            class_conflict(&mut check, class, annotation, metadata.exists());
        }
    }
    if spec.rules.is_empty() && spec.default_backend.is_none() {
        let help = "in networking.k8s.io/v1 the field of a fallback is `defaultBackend`";
        check.error(Code::NoRules, "spec", "has neither `rules` nor `defaultBackend`", Some(help));
    }
    if let Some(default) = &spec.default_backend {
        backend(&mut check, default, &|| "spec.defaultBackend".into());
    }
    for (i, rule) in spec.rules.iter().enumerate() {
        if let Err(error) = HostPattern::check(&rule.host) {
            let help = error_help(&rule.host);
            check.error(
                Code::InvalidHost,
                format!("spec.rules[{i}].host"),
                format!("host `{}` {error}", rule.host),
                help.as_deref(),
            );
        }
        let Some(http) = &rule.http else { continue };
        if http.paths.is_empty() {
            check.error(Code::NoPaths, format!("spec.rules[{i}].http.paths"), "has no paths", None);
        }
        for (j, path) in http.paths.iter().enumerate() {
            paths::check(&mut check, path, &|| format!("spec.rules[{i}].http.paths[{j}]"));
            backend(&mut check, &path.backend, &|| format!("spec.rules[{i}].http.paths[{j}].backend"));
        }
    }
    for (i, tls) in spec.tls.iter().enumerate() {
        for (j, host) in tls.hosts.iter().enumerate() {
            // Unlike a rule's host, an IPv4 address passes here: it is made of digits and dots.
            let name = host.strip_prefix("*.").unwrap_or(host);
            if let Err(error) = check_subdomain(name) {
                let message = format!("host `{host}` {error}");
                check.error(
                    Code::InvalidTlsHost,
                    format!("spec.tls[{i}].hosts[{j}]"),
                    message,
                    error_help(host).as_deref(),
                );
            }
        }
        if !tls.secret_name.is_empty()
            && let Err(error) = check_subdomain(&tls.secret_name)
        {
            let message = format!("secret name `{}` {error}", tls.secret_name);
            let help =
                tls.secret_name.contains('/').then_some("a Secret is always looked up in the Ingress's own namespace");
            check.error(Code::InvalidSecretName, format!("spec.tls[{i}].secretName"), message, help);
        }
    }
    check.valid
}

/// At creation the API server refuses two classes; of an object that exists already the field decides.
fn class_conflict(check: &mut Check<'_>, class: &str, annotation: &str, exists: bool) {
    let field = format!("metadata.annotations[{CLASS_ANNOTATION}]");
    let message = format!("class annotation is `{annotation}`, but `spec.ingressClassName` is `{class}`");
    if exists {
        let finding =
            Diagnostic::new(Code::ClassConflict, Some(Arc::clone(check.object)), FieldPath::text(field), message);
        let finding = finding.with_outcome(Severity::Warning, Effect::ValueIgnored);
        check.out.push(finding.with_help("the field decides; remove the deprecated annotation"));
    } else {
        check.error(Code::ClassConflict, field, message, Some("remove the deprecated annotation"));
    }
}

fn error_help(host: &str) -> Option<String> {
    host.chars().any(|c| c.is_ascii_uppercase()).then(|| format!("write `{}`", host.to_ascii_lowercase()))
}

fn backend(check: &mut Check<'_>, backend: &IngressBackend, field: &dyn Fn() -> String) {
    match (&backend.service, &backend.resource) {
        (None, None) => {
            let help = "in networking.k8s.io/v1 a backend is `service: {name: …, port: {number: …}}`, no longer \
                        `serviceName` and `servicePort`";
            check.error(Code::BackendNotOne, field(), "backend names neither a `service` nor a `resource`", Some(help));
        }
        (Some(_), Some(_)) => {
            check.error(Code::BackendNotOne, field(), "backend names both a `service` and a `resource`", None);
        }
        (Some(service), None) => {
            if let Some(problem) = names::service_name(&service.name) {
                let message = format!("service name `{}` {problem}", service.name);
                check.error(Code::InvalidServiceName, format!("{}.service.name", field()), message, None);
            }
            port(check, &service.port, field);
        }
        (None, Some(resource)) => {
            if resource.kind.is_empty() {
                let field = format!("{}.resource.kind", field());
                check.error(Code::InvalidResource, field, "resource has no `kind`", None);
            }
            if let Some(problem) = names::path_segment(&resource.name) {
                let message = format!("resource name `{}` {problem}", resource.name);
                check.error(Code::InvalidResource, format!("{}.resource.name", field()), message, None);
            }
        }
    }
}

fn port(check: &mut Check<'_>, port: &ServiceBackendPort, field: &dyn Fn() -> String) {
    match (&*port.name, port.number) {
        ("", 0) => check.error(Code::PortNotOne, field(), "service port has neither a `name` nor a `number`", None),
        ("", 1..=65_535) => {}
        ("", number) => {
            let message = format!("port number `{number}` is not in 1 to 65535");
            check.error(Code::InvalidPortNumber, format!("{}.service.port.number", field()), message, None);
        }
        (name, 0) => {
            if let Some(problem) = names::port_name(name) {
                let help = name.bytes().all(|b| b.is_ascii_digit()).then_some("write a number without quotes");
                let message = format!("port name `{name}` {problem}");
                check.error(Code::InvalidPortName, format!("{}.service.port.name", field()), message, help);
            }
        }
        _ => check.error(Code::PortNotOne, field(), "service port has both a `name` and a `number`", None),
    }
}

/// Checks an IngressClass and says whether it is valid.
pub(super) fn ingress_class(object: &Arc<ObjectRef>, class: &IngressClass, out: &mut Vec<Diagnostic>) -> bool {
    let mut check = Check { object, out, valid: true };
    let IngressClass { metadata, spec } = class;
    if let Err(error) = check_subdomain(&metadata.name) {
        check.error(Code::InvalidName, "metadata.name", format!("name `{}` {error}", metadata.name), None);
    }
    if let Some(problem) = names::controller(&spec.controller) {
        let message = format!("controller `{}` {problem}", spec.controller);
        check.error(Code::InvalidController, "spec.controller", message, Some("such as `k8s.io/ingress-nginx`"));
    }
    let Some(parameters) = &spec.parameters else { return check.valid };
    let mut wrong = |field: &str, message: &str| {
        check.error(Code::InvalidParameters, format!("spec.parameters.{field}"), message, None);
    };
    if parameters.kind.is_empty() {
        wrong("kind", "parameters have no `kind`");
    }
    if let Some(problem) = names::path_segment(&parameters.name) {
        wrong("name", &format!("parameters name `{}` {problem}", parameters.name));
    }
    match (parameters.scope.as_deref(), parameters.namespace.as_deref()) {
        (None | Some("Cluster"), None) | (Some("Namespace"), Some(_)) => {}
        (None | Some("Cluster"), Some(_)) => {
            wrong("namespace", "parameters of scope `Cluster` must not have a `namespace`")
        }
        (Some("Namespace"), None) => wrong("namespace", "parameters of scope `Namespace` need a `namespace`"),
        (Some(scope), _) => wrong("scope", &format!("scope `{scope}` is neither `Cluster` nor `Namespace`")),
    }
    check.valid
}

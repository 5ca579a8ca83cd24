//! From manifests and questions to a report.
//!
//! Every question is put to the compiled matcher and to the reference evaluator; if the two ever differed, the report would
//! be worthless, so that is an error and not a report.

mod decisions;
mod effects;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ingress_core::compiler::Compiler;
use ingress_core::decision::Decision;
use ingress_core::diagnostic::{Code, Diagnostic, Severity};
use ingress_core::host::HostPattern;
use ingress_core::lower::Options;
use ingress_core::model::{CertificateState, Inputs};
use ingress_core::object::{FieldPath, Kind, ObjectRef, Origin};
use ingress_core::policy::{CertificateId, Route, RouteTable, Schemes, Target, VirtualHost};
use ingress_core::reference;
use ingress_core::snapshot::Snapshot;
use serde_json::Value;

use crate::input::{Finding, Manifests, Place};
use crate::question::Question;
use crate::report::{
    DecisionReport, DefaultBackendReport, DiagnosticReport, ObjectReport, RedirectReport, RelatedReport, Report,
    RespondReport, RouteReport, SourceReport, TargetReport,
};

/// A finding with the places that it points at, as far as they are in a text.
#[derive(Clone, Debug)]
pub struct Located {
    /// The finding.
    pub diagnostic: Diagnostic,
    /// Its place.
    pub place: Option<Place>,
    /// Other places, with a word on each.
    pub related: Vec<(Option<Place>, Option<Origin>, String)>,
}

/// The manifests, compiled.
#[derive(Debug)]
pub struct Simulation {
    snapshot: Arc<Snapshot>,
    table: RouteTable,
    load_balancers: BTreeMap<Arc<ObjectRef>, Box<str>>,
    default_certificate: Option<String>,
    /// Findings of the reader and of the engine, in order of their places.
    pub findings: Vec<Located>,
}

/// Why nobody could serve with a Secret, fit to follow its name in a sentence.
fn default_certificate_fault<'i>(inputs: &'i Inputs, name: &str) -> Option<&'i str> {
    if !inputs.has_secrets() {
        return None;
    }
    let (namespace, name) = name.split_once('/')?;
    let Some(secret) = inputs.secret(&ObjectRef::new(Kind::Secret, namespace, name)) else {
        return Some("is not in the input");
    };
    match &secret.state.certificate {
        // A certificate of the cloud is elsewhere.
        CertificateState::Unusable { reason } if secret.cloud.is_none() => Some(reason),
        _ => None,
    }
}

/// The two evaluators gave different answers: a defect of the engine.
#[derive(Debug)]
pub struct Disagreement {
    request: Value,
    matcher: String,
    reference: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, matcher, reference } = self;
        writeln!(
            f,
            "this is a defect of the engine, please report it: the matcher and the reference differ on {request}"
        )?;
        write!(f, "matcher:   {matcher}\nreference: {reference}")
    }
}

impl std::error::Error for Disagreement {}

impl Simulation {
    /// Compiles what was read.
    #[must_use]
    pub fn new(manifests: &Manifests, options: Options) -> Self {
        let mut compiler = Compiler::new(options);
        let compiled = compiler.compile(&manifests.inputs);
        let from_reader = manifests.findings.iter().map(|Finding { diagnostic, place, related }| Located {
            diagnostic: diagnostic.clone(),
            place: Some(*place),
            related: related.iter().map(|(place, text)| (Some(*place), None, text.clone())).collect(),
        });
        let from_engine = compiled.diagnostics.iter().cloned().map(|diagnostic| {
            let place =
                diagnostic.object.as_deref().and_then(|object| manifests.place(object, &diagnostic.field.to_string()));
            let related = diagnostic.related.iter().map(|related| {
                let Origin { object, field } = &related.origin;
                let place = manifests.place(object, &field.to_string());
                (place, Some(related.origin.clone()), related.message.to_string())
            });
            Located { related: related.collect(), diagnostic, place }
        });
        let mut findings: Vec<Located> = from_reader.chain(from_engine).collect();
        findings.sort_by_key(|located| located.place.map(|place| (place.source, place.span.start)));
        let table = compiled.snapshot.table();
        let load_balancers = compiler.load_balancers().clone();
        Self { snapshot: compiled.snapshot, table, load_balancers, default_certificate: None, findings }
    }

    /// A snapshot that is there already. What it was compiled from is not known, so there are no findings.
    #[must_use]
    pub fn of(snapshot: Arc<Snapshot>) -> Self {
        let table = snapshot.table();
        Self { snapshot, table, load_balancers: BTreeMap::new(), default_certificate: None, findings: Vec::new() }
    }

    /// Shows this certificate, `namespace/secret`, in place of `default`; where there are Secrets, and nobody could serve with this
    /// one, that is a finding instead.
    #[must_use]
    pub fn with_default_certificate(mut self, inputs: &Inputs, name: Option<&str>) -> Self {
        let Some(name) = name else { return self };
        match default_certificate_fault(inputs, name) {
            None => self.default_certificate = Some(name.to_owned()),
            Some(fault) => {
                let message = format!(
                    "`--default-ssl-certificate`: Secret `{name}` {fault}; a certificate that nobody knows is served"
                );
                let diagnostic = Diagnostic::new(Code::SecretUnusable, None, FieldPath::named(&""), message);
                self.findings.push(Located { diagnostic, place: None, related: Vec::new() });
            }
        }
        self
    }

    fn certificate(&self, id: &CertificateId) -> String {
        match (id, &self.default_certificate) {
            (CertificateId::Default, Some(name)) => name.clone(),
            (id, _) => id.to_string(),
        }
    }

    /// The compiled table.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The table that the reference evaluator reads.
    #[must_use]
    pub fn table(&self) -> &RouteTable {
        &self.table
    }

    /// Whether any finding is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|located| located.diagnostic.severity == Severity::Error)
    }

    /// The whole answer.
    ///
    /// # Errors
    ///
    /// [`Disagreement`], which is a defect of the engine.
    pub fn report(&self, manifests: &Manifests, questions: &[Question], explain: bool) -> Result<Report, Disagreement> {
        Ok(Report {
            diagnostics: self.findings.iter().map(|located| diagnostic(located, manifests)).collect(),
            routes: self.routes(&|object| class_of(object, manifests)).collect(),
            default_backend: self.default_backend(),
            decisions: questions.iter().map(|question| self.answer(question, explain)).collect::<Result<_, _>>()?,
        })
    }

    /// Decides one request.
    ///
    /// # Errors
    ///
    /// [`Disagreement`], which is a defect of the engine.
    pub fn answer(&self, question: &Question, explain: bool) -> Result<DecisionReport, Disagreement> {
        let is_for_a_path = || question.with_view(|view| view.is_ok_and(|view| !view.is_asterisk()));
        if self.hands_on(question) && !is_for_a_path() {
            let mut report = self.answer_read(&question.of_its_connection(), explain)?;
            report.upstream = None;
            return Ok(report);
        }
        self.answer_read(question, explain)
    }

    /// Whether the connection of a question is handed on to an endpoint as it is, so that nobody else reads what comes on it.
    fn hands_on(&self, question: &Question) -> bool {
        let host = question.conn().tls.as_ref().and_then(|tls| self.snapshot.host_of_handshake(tls.sni.as_deref()));
        host.and_then(|host| host.settings()).is_some_and(|settings| settings.passthrough.is_some())
    }

    fn answer_read(&self, question: &Question, explain: bool) -> Result<DecisionReport, Disagreement> {
        let tls = question.conn().tls.as_ref();
        let certificate = tls.map(|tls| self.certificate(self.snapshot.certificate(tls.sni.as_deref())));
        question.with_view(|view| {
            let view = match view {
                Ok(view) => view,
                Err(bad) => {
                    let mut report =
                        decisions::report(question, &Decision::bad_request(bad), None, certificate, &self.table);
                    report.explanation = explain.then(Vec::new);
                    return Ok(report);
                }
            };
            let decision = self.snapshot.decide(&view);
            let expected = reference::decide(&self.table, &view);
            if decision != expected {
                return Err(Disagreement {
                    request: question.given.clone(),
                    matcher: format!("{decision:?}"),
                    reference: format!("{expected:?}"),
                });
            }
            let mut report = decisions::report(question, &decision, Some(&view), certificate, &self.table);
            if explain {
                let explanation = reference::explain(&self.table, &view);
                report.notes = explanation.notes.iter().map(ToString::to_string).collect();
                report.explanation = Some(decisions::steps(&explanation));
            }
            Ok(report)
        })
    }

    /// The routing table, row by row; `class_of` says which class an Ingress names.
    pub fn routes<'s>(
        &'s self,
        class_of: &'s dyn Fn(&ObjectRef) -> Option<String>,
    ) -> impl Iterator<Item = RouteReport> + 's {
        // Most specific first would scatter names; alphabetical is where people look.
        let mut hosts: Vec<_> = self.table.hosts.values().collect();
        hosts.sort_by_cached_key(|host| (host.pattern() == &HostPattern::Any, host.pattern().to_string()));
        hosts.into_iter().flat_map(move |host| self.rows(host, class_of))
    }

    fn rows(&self, host: &VirtualHost, class_of: &dyn Fn(&ObjectRef) -> Option<String>) -> Vec<RouteReport> {
        let tls = self.table.certificates.get(host.pattern()).map(|entry| self.certificate(&entry.certificate));
        let alias_of = host.settings().and_then(|settings| settings.alias_of.as_ref()).map(ToString::to_string);
        let row = RouteReport {
            host: host.pattern().to_string(),
            path: None,
            path_type: None,
            target: TargetReport::default(),
            tls,
            ingress: None,
            field: None,
            class: None,
            alias_of,
            load_balancer: None,
        };
        if host.routes().is_empty() {
            let default = self.table.default_backend.as_deref();
            let none = || TargetReport {
                respond: Some(RespondReport { status: 404, reason: "no-path" }),
                ..TargetReport::default()
            };
            let target = default.map_or_else(none, |default| self.target(&default.target));
            return vec![RouteReport { target, ..row }];
        }
        let routes = host.routes().iter().map(|route| RouteReport {
            path: Some(route.path.as_str().to_owned()),
            path_type: Some(route.path.kind().as_str()),
            target: self.route_target(route),
            ingress: Some(route.origin.object.path()),
            field: Some(route.origin.field.to_string()),
            class: class_of(&route.origin.object),
            load_balancer: self.load_balancers.get(&*route.origin.object).map(ToString::to_string),
            ..row.clone()
        });
        routes.collect()
    }

    /// What takes the requests that no route takes.
    #[must_use]
    pub fn default_backend(&self) -> Option<DefaultBackendReport> {
        let default = self.table.default_backend.as_deref()?;
        let (ingress, field) = match &default.origin {
            Some(origin) => (Some(origin.object.path()), origin.field.to_string()),
            None => (None, "--default-backend-service".to_owned()),
        };
        Some(DefaultBackendReport { target: self.target(&default.target), ingress, field })
    }

    fn route_target(&self, route: &Route) -> TargetReport {
        let scheme = match route.schemes {
            Schemes::All => None,
            Schemes::Http => Some("http"),
            Schemes::Https => Some("https"),
        };
        let rewrite = route.policy.as_deref().and_then(|policy| policy.rewrite.as_ref());
        let rewrite = rewrite.map(|rewrite| rewrite.target().to_owned());
        TargetReport { scheme, rewrite, ..self.target(&route.target) }
    }

    fn target(&self, target: &Target) -> TargetReport {
        let mut report = TargetReport::default();
        match target {
            Target::Backend(reference) => {
                let found = self.table.backend(reference);
                report.backend = Some(decisions::backend(&found));
                report.endpoints = found.availability.endpoints().map(decisions::endpoints);
                report.down = (!found.availability.is_up()).then(|| found.availability.to_string());
            }
            Target::Redirect(redirect) => {
                report.redirect =
                    Some(RedirectReport { status: redirect.status, location: redirect.location.to_string() });
            }
            Target::Respond(response) | Target::Invalid(response) => {
                report.respond = Some(RespondReport { status: response.status, reason: response.reason });
            }
        }
        report
    }
}

fn class_of(object: &ObjectRef, manifests: &Manifests) -> Option<String> {
    let ingress = manifests.inputs.ingress(object)?;
    let annotation = || ingress.metadata.annotations.get("kubernetes.io/ingress.class");
    ingress.spec.ingress_class_name.as_ref().or_else(annotation).map(ToString::to_string)
}

fn diagnostic(located: &Located, manifests: &Manifests) -> DiagnosticReport {
    let Diagnostic { object, field, code, effect, severity, message, help, .. } = &located.diagnostic;
    let related = located.related.iter().map(|(place, origin, message)| RelatedReport {
        message: message.clone(),
        object: origin.as_ref().map(|origin| object_report(&origin.object)),
        field: origin.as_ref().map(|origin| origin.field.to_string()).unwrap_or_default(),
        source: place.and_then(|place| source(place, manifests)),
    });
    DiagnosticReport {
        code: code.id(),
        slug: code.slug(),
        severity: severity.as_str(),
        effect: effect.as_str(),
        message: message.to_string(),
        help: help.as_ref().map(ToString::to_string),
        object: object.as_deref().map(object_report),
        field: field.to_string(),
        source: located.place.and_then(|place| source(place, manifests)),
        related: related.collect(),
    }
}

fn object_report(object: &ObjectRef) -> ObjectReport {
    ObjectReport { kind: object.kind.as_str(), namespace: object.namespace.to_string(), name: object.name.to_string() }
}

fn source(place: Place, manifests: &Manifests) -> Option<SourceReport> {
    let file = manifests.sources.get(place.source)?.name.clone();
    Some(SourceReport { file, line: place.span.line, column: place.span.column })
}

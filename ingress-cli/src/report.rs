//! The answer in the form that JSON output has. The contract is in `docs/json.md`; keys that do not apply are absent.

use serde::Serialize;
use serde_json::{Map, Value};

/// Everything that `simulate` says.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// What is wrong with the input, in order of its place.
    pub diagnostics: Vec<DiagnosticReport>,
    /// The routing table, host by host, most preferred route first.
    pub routes: Vec<RouteReport>,
    /// What takes the requests that no route takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_backend: Option<DefaultBackendReport>,
    /// One decision per request, in the order of the requests.
    pub decisions: Vec<DecisionReport>,
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct DiagnosticReport {
    /// The stable code, such as `ING0304`.
    pub code: &'static str,
    /// The code's name.
    pub slug: &'static str,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// What the engine did.
    pub effect: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The object at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectReport>,
    /// The field at fault.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceReport>,
    /// Other places that take part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<RelatedReport>,
}

/// A second place.
#[derive(Clone, Debug, Serialize)]
pub struct RelatedReport {
    /// What it has to do with the finding.
    pub message: String,
    /// The object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectReport>,
    /// The field.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceReport>,
}

/// An object's identity.
#[derive(Clone, Debug, Serialize)]
pub struct ObjectReport {
    /// The kind.
    pub kind: &'static str,
    /// The namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// A place in a file.
#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    /// The file, `-` for standard input.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// One row of the routing table.
#[derive(Clone, Debug, Serialize)]
pub struct RouteReport {
    /// The host, `*` for any.
    pub host: String,
    /// The path; absent on a host without paths, whose requests go to the default backend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `Exact`, `Prefix`, `StringPrefix` or `Regex`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_type: Option<&'static str>,
    /// What becomes of the requests.
    #[serde(flatten)]
    pub target: TargetReport,
    /// The certificate for the host: `namespace/secret` or `default`; absent if no TLS entry lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// The Ingress, `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<String>,
    /// The field of the Ingress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The class that the Ingress names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The host that this one is another name for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_of: Option<String>,
    /// The load balancer that the Ingress names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<String>,
}

/// The default backend.
#[derive(Clone, Debug, Serialize)]
pub struct DefaultBackendReport {
    /// What becomes of the requests.
    #[serde(flatten)]
    pub target: TargetReport,
    /// The Ingress; absent when the controller's option says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<String>,
    /// The field of the Ingress, or the option.
    pub field: String,
}

/// What becomes of the requests of a route; exactly one of `backend`, `redirect` and `respond` is there.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TargetReport {
    /// The backend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendReport>,
    /// Its endpoints, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Vec<String>>,
    /// Why requests get 503, where the backend is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<String>,
    /// A redirect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<RedirectReport>,
    /// A fixed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respond: Option<RespondReport>,
    /// `http` or `https`, where the other connections have other routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<&'static str>,
    /// What replaces the path upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<String>,
}

/// A Service port.
#[derive(Clone, Debug, Serialize)]
pub struct BackendReport {
    /// The namespace.
    pub namespace: String,
    /// The Service.
    pub service: String,
    /// The number of the Service port where the Service is known, else the number or name as written; absent where a flag
    /// names none.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub port: Value,
}

impl std::fmt::Display for BackendReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.service)?;
        match &self.port {
            Value::Null => Ok(()),
            Value::String(name) => write!(f, ":{name}"),
            number => write!(f, ":{number}"),
        }
    }
}

/// A redirect of a route.
#[derive(Clone, Debug, Serialize)]
pub struct RedirectReport {
    /// The status.
    pub status: u16,
    /// The `Location` header.
    pub location: String,
}

/// A fixed answer of a route.
#[derive(Clone, Debug, Serialize)]
pub struct RespondReport {
    /// The status.
    pub status: u16,
    /// Why.
    pub reason: &'static str,
}

/// What becomes of one request.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionReport {
    /// The request as it was given.
    pub request: Value,
    /// `forward`, `redirect` or `respond`.
    pub decision: &'static str,
    /// Where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendReport>,
    /// The endpoints to choose from, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Vec<String>>,
    /// What is sent upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamReport>,
    /// The status of an answer that no backend gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why, in kebab case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Where a redirect leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The certificate of the handshake: `namespace/secret`, `default`, or null on a plain-text connection.
    pub certificate: Option<String>,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<MatchedReport>,
    /// What a dialect has done with the request on its way.
    #[serde(flatten)]
    pub effects: Map<String, Value>,
    /// Why, with `--explain`: every candidate and what became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Vec<StepReport>>,
    /// What else had an influence, in words, with `--explain`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What is sent upstream.
#[derive(Clone, Debug, Serialize)]
pub struct UpstreamReport {
    /// The request target.
    pub target: String,
    /// The host.
    pub host: String,
    /// Headers that are set, whatever the client sent under these names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub headers: Map<String, Value>,
    /// Headers that are taken from the client's, before those are set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed_headers: Vec<Box<str>>,
}

/// The rule that decided.
#[derive(Clone, Debug, Serialize)]
pub struct MatchedReport {
    /// The Ingress; absent when a controller option decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<String>,
    /// The field of the Ingress, or the option.
    pub field: String,
    /// The host of the rule; absent for a default backend, like the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_type: Option<&'static str>,
}

/// One candidate of an explanation.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// The Ingress.
    pub ingress: String,
    /// The field of the Ingress.
    pub field: String,
    /// The host of the rule.
    pub host: String,
    /// The path of the rule.
    pub path: String,
    /// Its type.
    pub path_type: &'static str,
    /// `chosen`, `outranked` or `not-matched`.
    pub outcome: &'static str,
    /// What decided against an outranked rule: `host`, `length`, `type`, `text` or `age`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<&'static str>,
    /// The rule that outranked it, `namespace/name field`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The outcome in words.
    pub text: String,
}

//! What becomes of a request, in a form that nginx and the engine can both be put into.

use std::fmt;

use clap::Parser;
use ingress_cli::commands::simulate::EngineArgs;
use ingress_cli::input::Manifests;
use ingress_cli::question::Question;
use ingress_cli::simulate::Simulation;
use serde_json::{Value, json};

use super::model::Set;
use super::server::Response;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Forward { backend: String, target: String, host: String },
    Redirect { status: u16, location: String },
    Respond { status: u16 },
}

impl Answer {
    /// `forward` or the status.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Forward { .. } => "forward".to_owned(),
            Self::Redirect { status, .. } | Self::Respond { status } => status.to_string(),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward { backend, target, host } => write!(f, "forward to {backend}: {target:?} with Host {host:?}"),
            Self::Redirect { status, location } => write!(f, "redirect {status} to {location:?}"),
            Self::Respond { status } => write!(f, "respond {status}"),
        }
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let text = |name: &str| response.header(name).map(str::to_owned);
        let status = response.status;
        match (status, text("X-Backend"), text("Location")) {
            (200, Some(backend), _) => Self::Forward {
                backend,
                target: String::from_utf8_lossy(&response.body).into_owned(),
                host: text("X-Host").unwrap_or_default(),
            },
            (300..400, None, Some(location)) => Self::Redirect { status, location },
            _ => Self::Respond { status },
        }
    }
}

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    engine: EngineArgs,
}

/// The engine with a set of Ingresses.
pub(crate) struct Engine(Simulation);

impl Engine {
    /// Compiles the manifests as `ingress-cli simulate --dialect ingress-nginx` would.
    ///
    /// # Errors
    ///
    /// What the command would complain about.
    pub(crate) fn new(set: &Set) -> Result<Self, String> {
        let mut args = vec!["simulate", "--dialect", "ingress-nginx"];
        args.extend(set.default_backend.iter().flat_map(|service| ["--default-backend-service", service]));
        let options = Options::try_parse_from(args).map_err(|error| error.to_string())?;
        let mut manifests = Manifests::default();
        manifests.read("set.yaml", set.yaml(), options.engine.namespace());
        Ok(Self(Simulation::new(&manifests, options.engine.options()?)))
    }

    /// Decides a GET request.
    pub(crate) fn get(&self, host: &str, target: &str) -> Answer {
        let question = json!({"url": "http://set.example/", "headers": {"Host": host}, "target": target});
        let question = Question::from_json(question).expect("a question");
        let report = self.0.answer(&question, false).unwrap_or_else(|defect| panic!("{defect}"));
        let report = serde_json::to_value(report).expect("a report");
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let upstream = |key: &str| text(report.get("upstream").and_then(|upstream| upstream.get(key)));
        let status = report.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let status = status.unwrap_or_default();
        match text(report.get("decision")).as_str() {
            "forward" => {
                let part = |key: &str| report.get("backend").and_then(|backend| backend.get(key));
                let port = part("port").cloned().unwrap_or_default();
                let backend = format!("{}/{}:{port}", text(part("namespace")), text(part("service")));
                Answer::Forward { backend, target: upstream("target"), host: upstream("host") }
            }
            "redirect" => Answer::Redirect { status, location: text(report.get("location")) },
            _ => Answer::Respond { status },
        }
    }
}

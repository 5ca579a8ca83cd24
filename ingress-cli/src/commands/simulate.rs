//! `ingress-cli simulate`: where every host and path of some manifests goes, or where given requests go.

use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use ingress_core::dialect::{self, Dialects, Kubernetes, Nginx, Tke};
use ingress_core::lower::{ClassSelection, ControllerClass, Options};
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::policy::{AddressRange, BackendRef, PortRef, Reach};
use serde_json::Value;

use super::Exit;
use crate::cert_source::DirectorySource;
use crate::input::{Manifests, read_path, read_stdin};
use crate::question::{Defaults, Question};
use crate::render;
use crate::simulate::Simulation;

/// Show where every host and path of some manifests goes, or where given requests go.
///
/// Reads Ingress, IngressClass, Service, EndpointSlice, Endpoints, Secret, ConfigMap and Node objects from multi-document
/// YAML or JSON, such as Helm output or what
/// `kubectl get ing,ingressclass,svc,endpointslices,secrets,configmaps,nodes -A -o yaml` prints. Other objects are left
/// alone.
///
/// Exit status: 0 fine, 1 the manifests have errors, 2 wrong usage or unreadable input.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Files, directories (read recursively) or `-` for standard input, which is the default
    #[arg(value_name = "FILE|DIR|-")]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    requests: RequestArgs,
    /// Say of every candidate why it did or did not answer
    #[arg(long)]
    explain: bool,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

/// How the manifests are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Controller")]
pub struct EngineArgs {
    /// How claimed Ingresses are read; without it the class decides, and those of --controller-class and --ingress-class are
    /// read as ingress-nginx does
    #[arg(long, value_enum)]
    dialect: Option<Dialect>,
    /// Claim every Ingress whatever its class: the default while no class option is given
    #[arg(long, conflicts_with_all = ["ingress_class", "controller_class", "watch_ingress_without_class", "ingress_class_by_name"])]
    class_all: bool,
    /// Claim Ingresses whose annotation kubernetes.io/ingress.class has this value [default: nginx]
    #[arg(long, value_name = "NAME")]
    ingress_class: Option<String>,
    /// Claim Ingresses whose IngressClass names this controller [default: k8s.io/ingress-nginx]
    #[arg(long, value_name = "NAME")]
    controller_class: Option<String>,
    /// Claim Ingresses that name no class
    #[arg(long)]
    watch_ingress_without_class: bool,
    /// Claim Ingresses of the IngressClass that is called like --ingress-class
    #[arg(long)]
    ingress_class_by_name: bool,
    /// Service for requests that no rule takes; its first port if none is given
    #[arg(long, value_name = "NS/NAME[:PORT]", value_parser = parse_service)]
    default_backend_service: Option<BackendRef>,
    /// ConfigMap with the controller's settings
    #[arg(long, value_name = "NS/NAME", value_parser = parse_config_map)]
    configmap: Option<ObjectRef>,
    /// Secret with the certificate for names that no other certificate is for
    #[arg(long, value_name = "NS/NAME")]
    default_ssl_certificate: Option<String>,
    /// Leave out Ingresses whose default backend would take names that no host has
    #[arg(long)]
    disable_catch_all: bool,
    /// Honour the annotation ssl-passthrough
    #[arg(long)]
    enable_ssl_passthrough: bool,
    /// Certificates by the ids that a cloud gives them: a directory of PEM files or a mapping file
    #[arg(long, value_name = "PATH")]
    cert_source: Option<PathBuf>,
    /// Namespace of objects that name none
    #[arg(short, long, value_name = "NS", default_value = "default")]
    namespace: String,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Whom to believe.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub struct TrustArgs {
    /// Proxies in front whose X-Forwarded-* and PROXY headers are believed, separated by commas; where the ConfigMap has
    /// proxy-real-ip-cidr, those alone that are in both
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = parse_range, alias = "proxy-real-ip-cidr")]
    pub trusted_cidr: Vec<AddressRange>,
    /// Believe the X-Forwarded-* headers of --trusted-cidr, unless the ConfigMap says otherwise
    #[arg(long)]
    pub use_forwarded_headers: bool,
    /// Addresses of endpoints that may be connected to although a manifest must not name them, such as 127.0.0.0/8;
    /// separated by commas
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = parse_range)]
    pub allow_endpoint_cidr: Vec<AddressRange>,
}

/// What is asked.
#[derive(Debug, Args)]
#[command(next_help_heading = "Requests")]
pub struct RequestArgs {
    /// Decide this request, 'METHOD URL' or URL; repeatable
    #[arg(long = "request", value_name = "[METHOD ]URL")]
    requests: Vec<String>,
    /// Add a header to every --request; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(String, String)>,
    /// Client address of every --request
    #[arg(long, value_name = "IP")]
    remote_addr: Option<IpAddr>,
    /// Server name in the TLS handshake of every https --request, instead of the URL's host; '' for none
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,
    /// Random number for decisions by weight
    #[arg(long, value_name = "N", default_value_t = 0)]
    draw: u64,
    /// Take header names with an underscore, as a proxy with this flag does
    #[arg(long)]
    enable_underscores_in_headers: bool,
    /// Decide the requests of this file of JSON lines, see docs/json.md; '-' for standard input
    #[arg(long = "requests", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// The same as YAML
    Yaml,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal
    Auto,
    /// In any case
    Always,
    /// Never
    Never,
}

/// Ways of reading Ingresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Dialect {
    /// The plain specification
    Kubernetes,
    /// As ingress-nginx does
    IngressNginx,
    /// As Tencent Kubernetes Engine does
    Tke,
}

impl EngineArgs {
    /// The engine's options.
    ///
    /// # Errors
    ///
    /// What cannot be done, fit for a person.
    pub fn options(&self) -> Result<Options, String> {
        self.check()?;
        Ok(self.options_with(self.certificates()?.map(Arc::new)))
    }

    /// The engine's options for a program that serves, with the certificates of `--cert-source` that it can serve with.
    ///
    /// # Errors
    ///
    /// As [`options`](Self::options).
    pub fn options_and_certificates(&self) -> Result<(Options, Option<Arc<DirectorySource>>), String> {
        self.check()?;
        let source = self.certificates()?.map(|source| Arc::new(source.servable()));
        Ok((self.options_with(source.clone()), source))
    }

    /// Whether it says whom to believe.
    fn check(&self) -> Result<(), String> {
        if self.trust.use_forwarded_headers && self.trust.trusted_cidr.is_empty() {
            let flag = "--use-forwarded-headers";
            return Err(format!("`{flag}` would believe anybody; say whom to believe with `--trusted-cidr`"));
        }
        Ok(())
    }

    /// What `--cert-source` names.
    fn certificates(&self) -> Result<Option<DirectorySource>, String> {
        let source = self.cert_source.as_deref().map(DirectorySource::open).transpose();
        source.map_err(|error| format!("`--cert-source`: {error}"))
    }

    fn options_with(&self, source: Option<Arc<DirectorySource>>) -> Options {
        let tke: Arc<dyn dialect::Dialect> = Arc::new(Tke::new(source.map(|source| source as _)));
        let nginx: Arc<dyn dialect::Dialect> = Arc::new(
            Nginx::new(self.enable_ssl_passthrough)
                .trusting(self.trust.use_forwarded_headers, &self.trust.trusted_cidr),
        );
        let dialects = match self.dialect {
            Some(Dialect::Kubernetes) => Dialects::only(Arc::new(Kubernetes::default())),
            Some(Dialect::IngressNginx) => Dialects::only(nginx),
            Some(Dialect::Tke) => Dialects::only(tke),
            None => self.with_own_classes(Dialects::standard(Arc::clone(&nginx), tke), &nginx),
        };
        let mut options = Options::default();
        options.dialects = dialects;
        options.config_map.clone_from(&self.configmap);
        options.disable_catch_all = self.disable_catch_all;
        options.allowed_endpoints.clone_from(&self.trust.allow_endpoint_cidr);
        let controller_options = self.ingress_class.is_some()
            || self.controller_class.is_some()
            || self.watch_ingress_without_class
            || self.ingress_class_by_name;
        if controller_options {
            let mut ours = ControllerClass::default();
            if let Some(class) = &self.ingress_class {
                ours.ingress_class = class.as_str().into();
            }
            if let Some(controller) = &self.controller_class {
                ours.controller = controller.as_str().into();
            }
            ours.watch_without_class = self.watch_ingress_without_class;
            ours.by_name = self.ingress_class_by_name;
            options.classes = ClassSelection::Controller(ours);
        }
        options.default_backend.clone_from(&self.default_backend_service);
        options
    }

    /// Who says which controller and class are ours does so with ingress-nginx's own flags, and is read as there: but for a
    /// name that another dialect has.
    fn with_own_classes(&self, mut dialects: Dialects, nginx: &Arc<dyn dialect::Dialect>) -> Dialects {
        if let Some(controller) = self.controller_class.as_deref().filter(|name| !dialects.has_controller(name)) {
            dialects = dialects.controller(controller, Arc::clone(nginx));
        }
        if let Some(class) = self.ingress_class.as_deref().filter(|name| !dialects.has_class(name)) {
            dialects = dialects.class(class, Arc::clone(nginx));
        }
        dialects
    }

    /// Whether every Ingress is claimed because the command line says so, and not only because it says nothing.
    #[must_use]
    pub fn claims_all(&self) -> bool {
        self.class_all
    }

    /// Whose headers are believed.
    #[must_use]
    pub fn trust(&self) -> &TrustArgs {
        &self.trust
    }

    /// The certificate that output shows for the default one.
    #[must_use]
    pub fn default_certificate(&self) -> Option<&str> {
        self.default_ssl_certificate.as_deref()
    }

    /// The namespace of objects that name none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
}

impl RequestArgs {
    fn questions(&self) -> Result<Vec<Question>, String> {
        let defaults = Defaults {
            headers: self.headers.clone(),
            remote_addr: self.remote_addr,
            sni: self.sni.clone(),
            draw: self.draw,
            underscores: self.enable_underscores_in_headers,
        };
        let given = self.requests.iter();
        let mut questions: Vec<Question> =
            given.map(|text| Question::from_text(text, &defaults)).collect::<Result<_, _>>()?;
        if let Some(path) = &self.file {
            let text = if path == Path::new("-") {
                std::io::read_to_string(std::io::stdin().lock())
            } else {
                std::fs::read_to_string(path)
            };
            let text = text.map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
            for (number, line) in (1..).zip(text.lines()) {
                if line.trim().is_empty() {
                    continue;
                }
                let place = |error| format!("{}:{number}: {error}", path.display());
                let value: Value = serde_json::from_str(line).map_err(|error| place(error.to_string()))?;
                let question = Question::from_json_to(value, self.enable_underscores_in_headers);
                questions.push(question.map_err(place)?);
            }
        }
        Ok(questions)
    }
}

/// Runs the command.
///
/// # Errors
///
/// When the output cannot be written.
pub fn run(args: &SimulateArgs, out: &std::io::Stdout) -> std::io::Result<Exit> {
    match prepare(args) {
        Ok((manifests, simulation, questions)) => {
            let report = match simulation.report(&manifests, &questions, args.explain) {
                Ok(report) => report,
                Err(disagreement) => return fail(&disagreement.to_string()),
            };
            match args.output {
                Output::Json => {
                    let mut out = out.lock();
                    serde_json::to_writer_pretty(&mut out, &report)?;
                    writeln!(out)?;
                }
                Output::Yaml => write!(out.lock(), "{}", render::yaml(&serde_json::to_value(&report)?))?,
                Output::Text => {
                    let choice = match args.color {
                        Color::Auto => anstream::AutoStream::choice(out),
                        Color::Always => anstream::ColorChoice::Always,
                        Color::Never => anstream::ColorChoice::Never,
                    };
                    let text = render::text(&report, &simulation.findings, &manifests, render::Width::of_stdout());
                    anstream::AutoStream::new(out.lock(), choice).write_all(text.as_bytes())?;
                }
            }
            Ok(if simulation.has_errors() { Exit::Errors } else { Exit::Fine })
        }
        Err(message) => fail(&message),
    }
}

fn prepare(args: &SimulateArgs) -> Result<(Manifests, Simulation, Vec<Question>), String> {
    let options = args.engine.options()?;
    let mut manifests = Manifests::default();
    let stdin = [PathBuf::from("-")];
    let inputs = if args.inputs.is_empty() { &stdin[..] } else { &args.inputs };
    let uses_stdin = |path: &PathBuf| path == Path::new("-");
    if inputs.iter().chain(&args.requests.file).filter(|path| uses_stdin(path)).count() > 1 {
        return Err("standard input can be read only once".to_owned());
    }
    for input in inputs {
        let namespace = args.engine.namespace();
        let read = if input == Path::new("-") {
            if std::io::stdin().is_terminal() {
                anstream::eprintln!("reading manifests from the terminal; end with Ctrl-D, or name a file");
            }
            read_stdin(&mut manifests, namespace)
        } else {
            read_path(&mut manifests, input, namespace)
        };
        read.map_err(|error| error.to_string())?;
    }
    let questions = args.requests.questions()?;
    let default_certificate = args.engine.default_certificate();
    let simulation = Simulation::new(&manifests, options);
    let simulation = simulation.with_default_certificate(&manifests.inputs, default_certificate);
    Ok((manifests, simulation, questions))
}

fn fail(message: &str) -> std::io::Result<Exit> {
    anstream::eprintln!("error: {message}");
    Ok(Exit::Usage)
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written 'Name: value'")?;
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("`{name}` is not a header name"));
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn parse_range(text: &str) -> Result<AddressRange, String> {
    AddressRange::parse(text).map_err(|error| format!("{error}; write `10.0.0.0/8`, `2001:db8::/32` or one address"))
}

fn parse_service(text: &str) -> Result<BackendRef, String> {
    let form = "a Service is written namespace/name or namespace/name:port";
    let (namespace, rest) = text.split_once('/').ok_or(form)?;
    let (name, port) = rest.split_once(':').map_or((rest, None), |(name, port)| (name, Some(port)));
    if namespace.is_empty() || name.is_empty() || name.contains('/') {
        return Err(form.to_owned());
    }
    let port = match port.map(|port| (port, port.parse::<u16>())) {
        None => PortRef::First,
        Some((_, Ok(number))) if number > 0 => PortRef::Number(number),
        Some((name, Err(_))) if !name.is_empty() && name.bytes().any(|b| b.is_ascii_alphabetic()) => {
            PortRef::Name(name.into())
        }
        Some((port, _)) => return Err(format!("port `{port}` is neither 1 to 65535 nor a name")),
    };
    Ok(BackendRef { namespace: namespace.into(), service: name.into(), port, reach: Reach::Endpoints })
}

fn parse_config_map(text: &str) -> Result<ObjectRef, String> {
    let form = || "a ConfigMap is written namespace/name".to_owned();
    let (namespace, name) = text.split_once('/').filter(|(namespace, _)| !namespace.is_empty()).ok_or_else(form)?;
    if name.is_empty() || name.contains('/') {
        return Err(form());
    }
    Ok(ObjectRef::new(Kind::ConfigMap, Arc::<str>::from(namespace), name))
}

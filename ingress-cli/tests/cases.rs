//! Runs every case of `testdata/cases/` through the reference evaluator, the compiled matcher and the CLI.
//!
//! A case is a multi-document YAML file: the first document says what is asked and expected, the others are the manifests.
//! The first two engines run side by side in the library, which refuses to answer where they differ; the CLI's JSON must
//! then be the library's, to the letter.

#![expect(clippy::panic, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Parser;
use ingress_cli::commands::simulate::EngineArgs;
use ingress_cli::input::{Limits, Manifests, parse};
use ingress_cli::question::Question;
use ingress_cli::simulate::Simulation;
use serde_json::{Map, Value};

#[derive(Parser)]
struct CaseArgs {
    #[command(flatten)]
    engine: EngineArgs,
}

struct Case {
    file: String,
    args: Vec<String>,
    questions: Vec<Value>,
    expectations: Vec<Value>,
    diagnostics: Option<Vec<Value>>,
    manifests: String,
}

#[test]
fn every_case_is_answered_alike_by_every_engine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/cases");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let (mut failures, mut keys) = (Vec::new(), BTreeSet::new());
    let mut requests = 0;
    for file in &files {
        let case = Case::read(file);
        requests += case.questions.len();
        failures.extend(case.run(&mut keys).into_iter().map(|failure| format!("{}: {failure}", case.file)));
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    let contract = std::fs::read_to_string(root.join("../../docs/json.md")).expect("the contract");
    for key in keys {
        let is_documented = contract.contains(&format!("`{key}`")) || contract.contains(&format!("\"{key}\""));
        assert!(is_documented || contract.contains(&format!("`{key}[]`")), "docs/json.md does not say what `{key}` is");
    }
    println!("{} cases, {requests} requests", files.len());
    assert!(requests >= 250, "only {requests} requests");
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(directory).expect("the cases").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() { collect(&entry, files) } else { files.push(entry) }
    }
}

impl Case {
    fn read(path: &Path) -> Self {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).expect("a case");
        let (head, manifests) = text.split_once("\n---\n").unwrap_or((&text, ""));
        let stream = parse(head, &Limits::default());
        assert!(stream.problems.is_empty(), "{file}: {:?}", stream.problems);
        let head = stream.documents.first().expect("a case").to_json();
        for key in head.as_object().expect("a mapping").keys() {
            assert!(["case", "rule", "args", "requests", "diagnostics"].contains(&key.as_str()), "{file}: key `{key}`");
        }
        let list = |key: &str| head.get(key).and_then(Value::as_array).cloned();
        let (mut questions, mut expectations) = (Vec::new(), Vec::new());
        for request in list("requests").unwrap_or_default() {
            questions.push(line(request.get("request").expect("a request")));
            expectations.push(request.get("expect").cloned().expect("an expectation"));
        }
        let args = list("args").unwrap_or_default();
        let args = args.iter().map(|arg| arg.as_str().expect("an argument").to_owned()).collect();
        Self { file, args, questions, expectations, diagnostics: list("diagnostics"), manifests: manifests.to_owned() }
    }

    fn run(&self, keys: &mut BTreeSet<String>) -> Vec<String> {
        let args = std::iter::once("case".to_owned()).chain(self.args.iter().cloned());
        let args = CaseArgs::try_parse_from(args).unwrap_or_else(|error| panic!("{}: {error}", self.file));
        let mut manifests = Manifests::default();
        manifests.read("-", self.manifests.clone(), args.engine.namespace());
        let options = args.engine.options().expect("options");
        let simulation = Simulation::new(&manifests, options)
            .with_default_certificate(&manifests.inputs, args.engine.default_certificate());
        let questions: Vec<Question> =
            self.questions.iter().map(|line| Question::from_json(line.clone()).expect("a request")).collect();
        let report = match simulation.report(&manifests, &questions, true) {
            Ok(report) => serde_json::to_value(&report).expect("JSON"),
            Err(disagreement) => return vec![disagreement.to_string()],
        };
        collect_keys(&report, keys);
        let mut failures = Vec::new();
        let decisions = report.get("decisions").and_then(Value::as_array).expect("decisions");
        for (decision, expected) in decisions.iter().zip(&self.expectations) {
            let request = decision.get("request").expect("the request");
            failures.extend(differences(decision, expected).into_iter().map(|text| format!("{request}: {text}")));
        }
        if let Some(expected) = &self.diagnostics {
            failures.extend(diagnostics_differ(&report, expected));
        }
        if self.ask_cli() != report {
            failures.push("the CLI's answer is not the library's".to_owned());
        }
        failures
    }

    fn ask_cli(&self) -> Value {
        let lines: Vec<String> = self.questions.iter().map(ToString::to_string).collect();
        let requests = std::env::temp_dir().join(format!("ingress-cli-case-{}.jsonl", std::process::id()));
        std::fs::write(&requests, lines.join("\n")).expect("the requests");
        let mut cli = Command::new(env!("CARGO_BIN_EXE_ingress-cli"))
            .args(["simulate", "-o", "json", "--explain", "--requests"])
            .arg(&requests)
            .args(&self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the CLI");
        cli.stdin.take().expect("its input").write_all(self.manifests.as_bytes()).expect("to write");
        let output = cli.wait_with_output().expect("to end");
        std::fs::remove_file(&requests).expect("to clean up");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

/// The keys of the report, but not those of requests, which are repeated as they were given.
fn collect_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                keys.insert(key.clone());
                if !["request", "headers", "response_headers", "request_headers"].contains(&key.as_str()) {
                    collect_keys(value, keys);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        _ => {}
    }
}

/// A request of a case as a line of `--requests`.
fn line(request: &Value) -> Value {
    let mut line = match request {
        Value::String(text) => {
            let (method, url) = text.split_once(' ').unwrap_or(("GET", text));
            Map::from_iter([("method".to_owned(), method.into()), ("url".to_owned(), url.into())])
        }
        other => other.as_object().expect("a request").clone(),
    };
    if line.remove("http2") == Some(Value::Bool(true)) {
        line.insert("version".to_owned(), "2".into());
    }
    Value::Object(line)
}

/// What dialects do with requests: each is compared as far as it is written, and null means that it is absent.
const EFFECTS: [&str; 23] = [
    "hidden_headers",
    "upstream",
    "protocol",
    "timeouts",
    "retries",
    "buffering",
    "body_limit",
    "upstream_tls",
    "affinity",
    "hash_key",
    "load_balance",
    "limits",
    "cors",
    "auth",
    "mirror",
    "canary",
    "custom_errors",
    "fallback",
    "access_log",
    "opentelemetry",
    "response_headers",
    "matched",
    "notes",
];

fn holds(found: Option<&Value>, wanted: &Value) -> bool {
    match (found, wanted) {
        (None | Some(Value::Null), Value::Null) => true,
        (Some(Value::Object(found)), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| holds(found.get(key), wanted))
        }
        (found, wanted) => found == Some(wanted),
    }
}

/// What of the expectation the decision does not fulfil.
fn differences(decision: &Value, expected: &Value) -> Vec<String> {
    let matched = |key: &str| decision.get("matched").and_then(|matched| matched.get(key)).cloned();
    let mut failures = Vec::new();
    for (key, wanted) in expected.as_object().expect("a mapping") {
        let found = match key.as_str() {
            "backend" => decision.get("backend").map(|backend| {
                let text = |key: &str| backend.get(key).and_then(Value::as_str).unwrap_or_default();
                let port = backend.get("port").map(|port| port.as_str().map_or_else(|| port.to_string(), Into::into));
                format!("{}/{}:{}", text("namespace"), text("service"), port.unwrap_or_default()).into()
            }),
            "ingress" | "field" | "host" | "path" | "path_type" => matched(key),
            "upstream_host" => decision.get("upstream").and_then(|upstream| upstream.get("host")).cloned(),
            "target" => decision.get("upstream").and_then(|upstream| upstream.get("target")).cloned(),
            "explained" => {
                let steps = decision.get("explanation").and_then(Value::as_array).expect("an explanation");
                for wanted in wanted.as_array().expect("a list") {
                    let wanted = wanted.as_object().expect("a step");
                    if !steps.iter().any(|step| wanted.iter().all(|(key, value)| step.get(key) == Some(value))) {
                        failures.push(format!("no step {wanted:?} in {steps:#?}"));
                    }
                }
                continue;
            }
            "decision" | "endpoints" | "status" | "reason" | "certificate" | "location" => decision.get(key).cloned(),
            effect if EFFECTS.contains(&effect) => {
                if !holds(decision.get(effect), wanted) {
                    let found = decision.get(effect).map_or_else(|| "nothing".to_owned(), ToString::to_string);
                    failures.push(format!("{key} is {found}, expected {wanted}"));
                }
                continue;
            }
            other => panic!("unknown expectation `{other}`"),
        };
        if found.as_ref() != Some(wanted) {
            let found = found.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
            failures.push(format!("{key} is {found}, expected {wanted}"));
        }
    }
    failures
}

fn diagnostics_differ(report: &Value, expected: &[Value]) -> Option<String> {
    let found = report.get("diagnostics").and_then(Value::as_array).expect("diagnostics");
    let mut found: Vec<String> = found
        .iter()
        .map(|diagnostic| {
            let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
            let object = diagnostic.get("object");
            let part = |key: &str| text(object.and_then(|object| object.get(key)));
            let namespace = part("namespace");
            let name = if namespace.is_empty() { part("name") } else { format!("{namespace}/{}", part("name")) };
            let object = format!("{} {name}", part("kind"));
            format!("{} {} {}", text(diagnostic.get("slug")), object.trim(), text(diagnostic.get("field")))
        })
        .collect();
    let mut wanted: Vec<String> = expected
        .iter()
        .map(|diagnostic| {
            let text = |key: &str| diagnostic.get(key).and_then(Value::as_str).unwrap_or_default();
            format!("{} {} {}", text("slug"), text("object"), text("field"))
        })
        .collect();
    found.sort();
    wanted.sort();
    (found != wanted).then(|| format!("diagnostics\n    found    {found:?}\n    expected {wanted:?}"))
}

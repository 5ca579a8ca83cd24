//! Manifests as people write them: what is legal raises no error, and nothing is found in them that is not there.
//!
//! A file says in lines `# expect: INGxxxx why` what is rightly found in it, one line per finding.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use clap::Parser;
use ingress_cli::commands::simulate::EngineArgs;
use ingress_cli::input::Manifests;
use ingress_cli::question::{Defaults, Question};
use ingress_cli::simulate::Simulation;
use ingress_core::diagnostic::Severity;
use ingress_core::host::HostPattern;

#[derive(Parser)]
struct NoArgs {
    #[command(flatten)]
    engine: EngineArgs,
}

#[test]
fn what_people_write_is_read_without_false_findings() {
    let mut failures = Vec::new();
    for file in files() {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = std::fs::read_to_string(&file).expect("a manifest");
        let (mut found, mut wanted) = (Vec::new(), expected(&text));
        let simulation = simulation(&name, text);
        for finding in simulation.findings.iter().map(|located| &located.diagnostic) {
            if finding.severity == Severity::Error {
                failures.push(format!("{name}: {finding}"));
            }
            found.push(finding.code.id().to_owned());
        }
        found.sort();
        wanted.sort();
        if found != wanted {
            let messages: Vec<_> = simulation.findings.iter().map(|it| it.diagnostic.to_string()).collect();
            failures.push(format!("{name}: found {found:?}, expected {wanted:?}: {messages:#?}"));
        }
        let hosts = &simulation.table().hosts;
        if hosts.is_empty() {
            failures.push(format!("{name}: no host is served"));
        }
        for host in hosts.keys() {
            let answers = ["http", "https"].map(|scheme| {
                let url = format!("{scheme}://{}/", name_of(host));
                let question = Question::from_text(&url, &Defaults::default()).expect("a request");
                simulation.answer(&question, true).expect("two evaluators that agree")
            });
            // What is served by one scheme only is of no rule in the other.
            if answers.iter().all(|answer| answer.matched.is_none()) {
                failures.push(format!("{name}: no rule takes `/` of {host}: {answers:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/wild");
    let entries = std::fs::read_dir(root).expect("the manifests").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.collect();
    files.sort();
    assert!(files.len() >= 20, "only {} files", files.len());
    files
}

/// The codes that a file says of itself.
fn expected(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# expect: "));
    lines.map(|line| line.split_whitespace().next().expect("a code").to_owned()).collect()
}

fn simulation(name: &str, text: String) -> Simulation {
    let args = NoArgs::try_parse_from(["wild"]).expect("no options");
    let mut manifests = Manifests::default();
    manifests.read(name, text, args.engine.namespace());
    Simulation::new(&manifests, args.engine.options().expect("options"))
}

/// A name that only this host takes.
fn name_of(host: &HostPattern) -> String {
    match host.to_string().strip_prefix('*') {
        None => host.to_string(),
        Some("") => "no-host-has-this-name.example".to_owned(),
        Some(parent) => format!("some{parent}"),
    }
}

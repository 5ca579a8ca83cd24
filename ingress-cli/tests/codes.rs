//! Each diagnostic code's page: its example emits exactly that code, its repaired example nothing.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use clap::Parser;
use ingress_cli::commands::simulate::EngineArgs;
use ingress_cli::input::Manifests;
use ingress_cli::simulate::Simulation;
use ingress_core::diagnostic::Code;

#[derive(Parser)]
struct PageArgs {
    #[command(flatten)]
    engine: EngineArgs,
}

#[test]
fn every_example_emits_its_code_and_every_fix_none() {
    for code in Code::ALL {
        let page = code.page();
        let [example, fix] = yaml_blocks(page).try_into().unwrap_or_else(|_| panic!("{code}: not two YAML blocks"));
        let options = page.lines().find_map(|line| line.strip_prefix("Read with `ingress-cli simulate "));
        let options = options.and_then(|rest| rest.split('`').next()).unwrap_or_default();
        let found = codes(&example, options);
        assert_eq!(found, BTreeSet::from([(code.id(), code.severity(), code.effect())]), "{code}: its example");
        let found = codes(&fix, options);
        assert!(found.is_empty(), "{code}: its fix emits {found:?}");
    }
}

fn yaml_blocks(page: &str) -> Vec<String> {
    page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

fn codes(
    manifest: &str,
    options: &str,
) -> BTreeSet<(&'static str, ingress_core::diagnostic::Severity, ingress_core::diagnostic::Effect)> {
    let args = std::iter::once("page").chain(options.split_whitespace());
    let args = PageArgs::try_parse_from(args).expect("the page's options");
    let mut manifests = Manifests::default();
    manifests.read("-", manifest.to_owned(), args.engine.namespace());
    let simulation = Simulation::new(&manifests, args.engine.options().expect("options"));
    let findings = simulation.findings.iter().map(|located| &located.diagnostic);
    findings.map(|finding| (finding.code.id(), finding.severity, finding.effect)).collect()
}

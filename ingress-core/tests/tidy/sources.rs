//! Sizes, exceptions, foreign names and dependencies.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::files::{all_sources, core, core_sources};

/// Lines that a file may have, without the tests that end it.
const MAX_LINES: usize = 500;

/// What the annotations of a dialect begin with. Each stands in the folder of its dialect only.
const DIALECT_NAMES: [&str; 3] = ["nginx.ingress.kubernetes.io", "qcloud", "cloud.tencent"];

/// The crates that the engine uses, and how many they are with everything behind them.
const DEPENDENCIES: [&str; 7] = ["arc-swap", "http", "md5", "prefetch-index", "regex-automata", "serde", "serde_json"];
const MAX_CRATES: usize = 20;

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = all_sources()
        .iter()
        .map(|source| (source.code().count(), &source.path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "more than {MAX_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn annotation_prefixes_stand_in_their_dialect_only() {
    for source in core_sources() {
        if source.path.starts_with("ingress-core/src/dialect/") {
            continue;
        }
        for name in DIALECT_NAMES {
            assert!(!source.text.contains(name), "{} names `{name}`", source.path);
        }
    }
}

#[test]
fn every_exception_has_a_reason() {
    let mut problems = Vec::new();
    for source in all_sources() {
        for attribute in attributes(&source.text) {
            let lint = ["allow(", "expect("].iter().any(|exception| attribute.contains(exception));
            if lint && !attribute.contains("reason = ") {
                problems.push(format!("{}: #[{attribute}]", source.path));
            }
            if attribute == "ignore" {
                problems.push(format!("{}: write `ignore = \"…\"`", source.path));
            }
        }
    }
    assert!(problems.is_empty(), "without a reason:\n{}", problems.join("\n"));
}

/// What stands between `#[` or `#![` at the beginning of a line and its closing bracket.
fn attributes(text: &str) -> Vec<String> {
    let mut attributes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('#') {
        let line_start = rest[..at].rfind('\n').map_or(0, |end| end + 1);
        let leads = rest[line_start..at].trim().is_empty();
        rest = &rest[at + 1..];
        let Some(body) = rest.strip_prefix('[').or_else(|| rest.strip_prefix("![")).filter(|_| leads) else { continue };
        let mut depth = 1;
        let end = body.find(|c| {
            depth += i32::from(c == '[') - i32::from(c == ']');
            depth == 0
        });
        attributes.push(body[..end.unwrap_or(body.len())].to_owned());
    }
    attributes
}

#[test]
fn attributes_are_found() {
    let text = "#![expect(x,\n  reason = \"a[0]\")]\n    #[cold]\nlet s = \"#[allow(y)]\";\n#[allow(z)] fn f() {}";
    assert_eq!(attributes(text), ["expect(x,\n  reason = \"a[0]\")", "cold", "allow(z)"]);
}

#[test]
fn the_engine_has_these_dependencies_and_no_others() {
    let manifest = fs::read_to_string(core().join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[").find_map(|section| section.strip_prefix("dependencies]")).unwrap();
    let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| !name.is_empty());
    assert_eq!(names.collect::<Vec<_>>(), DEPENDENCIES);
}

#[test]
fn few_crates_stand_behind_the_engine() {
    // Cargo sets it; whoever runs the binary by itself has no need of this test.
    let Some(cargo) = std::env::var_os("CARGO") else { return };
    let tree = ["tree", "--package", "ingress-core", "--edges", "normal", "--prefix", "none", "--offline"];
    let output = Command::new(cargo).args(tree).current_dir(core()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let crates: BTreeSet<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .filter(|name| !name.starts_with("ingress-core "))
        .collect();
    assert!(crates.len() <= MAX_CRATES, "{} crates: {crates:?}", crates.len());
}

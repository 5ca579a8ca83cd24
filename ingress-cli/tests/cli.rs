//! The command as people meet it: exit status, colours, widths, and what the README shows.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const GOOD: &str = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: x}, spec: {rules: [{host: a.example, \
                    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}]}}";
const BAD: &str = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: x}, spec: {}}";

fn run(args: &[&str], input: &str, environment: &[(&str, &str)]) -> Output {
    let mut cli = Command::new(env!("CARGO_BIN_EXE_ingress-cli"))
        .args(args)
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .envs(environment.iter().copied())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the CLI");
    let mut stdin = cli.stdin.take().expect("its input");
    // A command that fails at once does not read its input.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    cli.wait_with_output().expect("to end")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn exit_status_says_what_happened() {
    let table: &[(&[&str], &str, i32)] = &[
        (&["simulate"], GOOD, 0),
        (&["simulate"], "", 0),
        (&["simulate"], BAD, 1),
        (&["simulate", "--request", "http://a.example/"], BAD, 1),
        (&["simulate"], "a: [", 1),
        (&["simulate", "/does/not/exist"], "", 2),
        (&["simulate", "--no-such-option"], "", 2),
        (&["simulate", "--dialect", "ingress-nginx"], GOOD, 0),
        (&["simulate", "--dialect", "tke"], GOOD, 0),
        (&["simulate", "--dialect", "kubernetes"], GOOD, 0),
        (&["simulate", "--dialect", "traefik"], GOOD, 2),
        (&["simulate", "--configmap", "name-only"], GOOD, 2),
        (&["simulate", "--class-all", "--ingress-class", "x"], GOOD, 2),
        (&["simulate", "--default-backend-service", "name-only"], GOOD, 2),
        (&["simulate", "--request", "ftp://a/"], GOOD, 2),
        (&["simulate", "-H", "no colon", "--request", "http://a/"], GOOD, 2),
        (&["simulate", "-", "--requests", "-"], GOOD, 2),
        (&["code", "ING0304"], "", 0),
        (&["code", "path-not-absolute"], "", 0),
        (&["code", "ING9999"], "", 2),
        (&["code"], "", 0),
    ];
    for (args, input, status) in table {
        let output = run(args, input, &[]);
        assert_eq!(output.status.code(), Some(*status), "{args:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    }
}

#[test]
fn a_usage_error_names_what_is_wrong() {
    let output = run(&["simulate", "--dialect", "traefik"], GOOD, &[]);
    assert!(text(&output.stderr).contains("ingress-nginx"), "{}", text(&output.stderr));
    let output = run(&["simulate", "--requests", "-", "Cargo.toml"], "{\"url\": \"http://a/\", \"hedaers\": {}}", &[]);
    assert!(text(&output.stderr).contains("-:1: unknown field `hedaers`"), "{}", text(&output.stderr));
}

#[test]
fn colour_is_for_terminals_and_for_whoever_asks() {
    let colour = |args: &[&str], environment: &[(&str, &str)]| run(args, BAD, environment).stdout.contains(&0x1b);
    assert!(!colour(&["simulate"], &[]));
    assert!(colour(&["simulate", "--color", "always"], &[]));
    assert!(!colour(&["simulate", "--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colour(&["simulate"], &[("NO_COLOR", "1")]));
}

#[test]
fn text_fits_the_terminal() {
    let widest = |columns: &str| {
        let output = run(&["simulate", "examples/manifests/cafe.yaml"], "", &[("COLUMNS", columns)]);
        let table = text(&output.stdout);
        let table = table.split("\n\n").next().expect("the table").to_owned();
        (table.lines().map(|line| line.chars().count()).max().expect("lines"), table)
    };
    for columns in ["80", "100", "200"] {
        let (width, table) = widest(columns);
        assert!(width <= columns.parse().expect("a number"), "{columns} columns:\n{table}");
    }
    let (_, wide) = widest("200");
    assert!(!wide.contains('…'), "nothing is cut where there is room:\n{wide}");
}

#[test]
fn yaml_says_what_json_says() {
    let args = ["simulate", "examples/manifests", "--explain", "--request", "https://cafe.example.com/tea", "-o"];
    let json = run(&[&args[..], &["json"]].concat(), "", &[]);
    let yaml = run(&[&args[..], &["yaml"]].concat(), "", &[]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let stream = ingress_cli::input::parse(&text(&yaml.stdout), &ingress_cli::input::Limits::default());
    assert!(stream.problems.is_empty(), "{:?}", stream.problems);
    assert_eq!(stream.documents.first().expect("a document").to_json(), json);
}

#[test]
fn a_syntax_error_hides_no_other_document() {
    let input =
        format!("{GOOD}\n---\na: [\n---\n{}", GOOD.replace("name: x", "name: z").replace("a.example", "z.example"));
    let output = run(&["simulate", "-o", "json"], &input, &[]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json.pointer("/routes").and_then(serde_json::Value::as_array).map(Vec::len), Some(2));
    assert_eq!(json.pointer("/diagnostics/0/source/line"), Some(&3.into()));
}

#[test]
fn the_readme_shows_what_is_printed() {
    let readme =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).expect("the README");
    let block = |start: &str| {
        let rest = readme.split_once(start).expect("the block").1;
        rest.split_once("```").expect("its end").0.to_owned()
    };
    let cafe = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/manifests/cafe.yaml"));
    let table = run(&["simulate"], &cafe.expect("the manifest"), &[]);
    let shown = block("```console\n$ ingress-cli simulate < examples/manifests/cafe.yaml\n");
    let printed = text(&table.stdout);
    let mut lines = printed.lines();
    for line in shown.lines() {
        assert!(lines.any(|printed| printed == line), "the README shows a line that is not printed: {line}");
    }
    let args =
        ["simulate", "examples/manifests/cafe.yaml", "--request", "https://cafe.example.com/coffee/menu", "--explain"];
    let decision = text(&run(&args, "", &[]).stdout);
    let shown = block("```text\nGET ");
    assert!(decision.starts_with(&format!("GET {shown}")), "the README shows another decision than\n{decision}");
}

//! Manifests as objects, and what tests ask of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ingress_cli::input::{Limits, parse};
use serde_json::Value;

/// `deploy/`.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").canonicalize().expect("deploy/")
}

/// The objects of a text.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    let stream = parse(text, &Limits::default());
    assert!(stream.problems.is_empty(), "{:?}", stream.problems);
    stream.documents.iter().map(|document| document.to_json()).collect()
}

/// The objects of a file in `deploy/`.
pub(crate) fn file(name: &str) -> Vec<Value> {
    objects(&fs::read_to_string(folder().join(name)).expect("a manifest"))
}

/// A program that CI may not have, named by a variable, in `KUBEBUILDER_ASSETS`, or in `PATH`.
pub(crate) fn tool(name: &str, arguments: &[&str]) -> Option<PathBuf> {
    let named = std::env::var_os(name.to_uppercase()).map(PathBuf::from);
    let asset = std::env::var_os("KUBEBUILDER_ASSETS").map(|assets| Path::new(&assets).join(name));
    let works = |path: &PathBuf| Command::new(path).args(arguments).output().is_ok_and(|tried| tried.status.success());
    let found = [named, asset, Some(name.into())].into_iter().flatten().find(works);
    if found.is_none() {
        eprintln!("SKIPPED: {name} is missing: {} names one", name.to_uppercase());
    }
    found
}

pub(crate) fn kubectl() -> Option<PathBuf> {
    tool("kubectl", &["kustomize", "--help"])
}

pub(crate) fn helm() -> Option<PathBuf> {
    tool("helm", &["version"])
}

/// What a command writes.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().expect("a command");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What the chart makes of some values.
pub(crate) fn chart(helm: &Path, values: &[&str]) -> Vec<Value> {
    let mut template = Command::new(helm);
    template.args(["template", "ingress-proxy", "--namespace", "ingress-proxy", "--kube-version", "1.33"]);
    template.arg(folder().join("helm/ingress-proxy"));
    values.iter().for_each(|value| {
        template.args(["--set", value]);
    });
    objects(&output(&mut template))
}

pub(crate) fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn kind(object: &Value) -> &str {
    text(object, "/kind")
}

pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(crate) fn find<'o>(objects: &'o [Value], of: &str, called: &str) -> &'o Value {
    let found = objects.iter().find(|object| kind(object) == of && name(object) == called);
    found.unwrap_or_else(|| panic!("there is no {of} `{called}`"))
}

/// The Deployment or DaemonSet.
pub(crate) fn controller(objects: &[Value]) -> &Value {
    let found = objects.iter().find(|object| matches!(kind(object), "Deployment" | "DaemonSet"));
    found.expect("a controller")
}

/// Its container.
pub(crate) fn container(objects: &[Value]) -> &Value {
    &controller(objects)["spec"]["template"]["spec"]["containers"][0]
}

/// The container's command line, as the kubelet would write it.
pub(crate) fn arguments(objects: &[Value]) -> Vec<String> {
    let namespace = text(controller(objects), "/metadata/namespace");
    let args = container(objects)["args"].as_array().expect("arguments").iter();
    args.map(|arg| arg.as_str().expect("text").replace("$(POD_NAMESPACE)", namespace)).collect()
}

/// A right: where, on what, to do what; and the names that it is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Right {
    /// Empty for the whole cluster.
    pub(crate) namespace: String,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) verb: String,
    /// None for all.
    pub(crate) names: Option<BTreeSet<String>>,
}

/// The rights that bindings give.
pub(crate) fn rights(objects: &[Value]) -> BTreeSet<Right> {
    let bindings = objects.iter().filter(|object| kind(object).ends_with("Binding"));
    bindings.flat_map(|binding| given(objects, binding)).collect()
}

fn given(objects: &[Value], binding: &Value) -> Vec<Right> {
    let role = find(objects, text(binding, "/roleRef/kind"), text(binding, "/roleRef/name"));
    let namespace = if kind(binding) == "RoleBinding" { text(binding, "/metadata/namespace") } else { "" };
    if kind(role) == "Role" {
        assert_eq!(text(role, "/metadata/namespace"), namespace, "{binding}");
    }
    let texts = |rule: &Value, key: &str| -> Vec<String> {
        rule[key].as_array().into_iter().flatten().map(|text| text.as_str().expect("text").to_owned()).collect()
    };
    let mut rights = Vec::new();
    for rule in role["rules"].as_array().expect("rules") {
        let names = rule.get("resourceNames").map(|_| texts(rule, "resourceNames").into_iter().collect());
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                rights.extend(texts(rule, "verbs").into_iter().map(|verb| Right {
                    namespace: namespace.to_owned(),
                    group: group.clone(),
                    resource: resource.clone(),
                    verb,
                    names: names.clone(),
                }));
            }
        }
    }
    rights
}

//! Endpoints of the command line, in place of those of the manifests.

use super::super::super::pin;
use super::*;

const TEA: &str = r#"
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: tea}, spec: {rules: [{host: t, http: {paths: [
  {path: /80, pathType: Exact, backend: {service: {name: tea, port: {number: 80}}}},
  {path: /web, pathType: Exact, backend: {service: {name: tea, port: {name: web}}}},
  {path: /90, pathType: Exact, backend: {service: {name: tea, port: {number: 90}}}},
  {path: /out, pathType: Exact, backend: {service: {name: out, port: {number: 80}}}}]}}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: tea}, spec: {ports: [{name: web, port: 80}, {name: other, port: 90}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: out}, spec: {type: ExternalName, externalName: out.example}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: tea-1, labels: {kubernetes.io/service-name: tea}},
 endpoints: [{addresses: [10.0.0.1]}], ports: [{name: web, port: 8080}, {name: other, port: 9090}]}
"#;

fn pins(texts: &[&str]) -> Pins {
    texts.iter().map(|text| pin::parse(text).unwrap()).collect()
}

#[test]
fn endpoints_of_the_command_line_count_for_more() {
    let folder = Folder::new();
    folder.write("tea.yaml", TEA);
    let plain = Followed::new(std::slice::from_ref(&folder.0));
    let pins = pins(&["default/tea:80=127.0.0.1:1", "default/tea:80=127.0.0.1:2"]);
    let pinned = Followed::with(SourceSettings { pins, ..settings(std::slice::from_ref(&folder.0)) }, NEVER);
    let all = |source: &Followed| {
        [("tea", "80"), ("tea", "web"), ("tea", "90"), ("out", "80")].map(|(s, p)| source.endpoints(s, p))
    };
    assert_eq!(all(&plain), ["10.0.0.1:8080", "10.0.0.1:8080", "10.0.0.1:9090", "out.example:80"]);
    let both = "127.0.0.1:1 127.0.0.1:2";
    assert_eq!(all(&pinned), [both, both, "10.0.0.1:9090", "out.example:80"]);
    // What the manifests say may change; the pinned port does not.
    folder.write("tea.yaml", &TEA.replace("10.0.0.1", "10.0.0.2"));
    pinned.wait("the other port", |it| it.endpoints("tea", "90") == "10.0.0.2:9090");
    assert_eq!(pinned.endpoints("tea", "80"), both);
    folder.write("tea.yaml", &TEA.replace("name: web, port: 80}", "name: main, port: 80}"));
    pinned.wait("the new name", |it| it.endpoints("tea", "web") == "no such Service port");
    assert_eq!(pinned.endpoints("tea", "80"), both);
}

#[test]
fn a_pinned_service_need_not_be_in_the_manifests() {
    let folder = Folder::new();
    folder.write("a.yaml", &ingress("a", "a.example", "one"));
    let pins = pins(&["default/one:80=[::1]:1"]);
    let source = Followed::with(SourceSettings { pins, ..settings(std::slice::from_ref(&folder.0)) }, NEVER);
    assert_eq!(source.endpoints("one", "80"), "[::1]:1");
}

#[test]
fn an_external_service_can_be_pinned_or_refused() {
    let folder = Folder::new();
    folder.write("tea.yaml", TEA);
    let of = |pins, no_external_names| {
        let settings = SourceSettings { pins, no_external_names, ..settings(std::slice::from_ref(&folder.0)) };
        Followed::with(settings, NEVER).endpoints("out", "80")
    };
    assert_eq!(of(pins(&["default/out:80=stand-in.example:1"]), false), "stand-in.example:1");
    assert_eq!(of(Pins::default(), true), "no ready endpoints");
}

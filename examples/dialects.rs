//! A dialect of one's own, in which one annotation has a meaning: `cargo run -p examples --bin dialects`
//!
//! It reads Ingresses of class `acme` as the specification says and lets `acme.example/body-limit` bound their requests. What
//! it cannot read closes the routes instead of leaving them without the limit.

use std::sync::Arc;

use ingress_core::compiler::Compiler;
use ingress_core::diagnostic::{Code, Diagnostic};
use ingress_core::dialect::{Dialect, Dialects, Intent, Kubernetes, Semantics, Subject};
use ingress_core::lower::Options;
use ingress_core::model::{Inputs, WireKind, decode};
use ingress_core::object::FieldPath;
use ingress_core::policy::{Filters, FixedResponse};
use ingress_core::request::{ConnInfo, RequestView};

const LIMIT: &str = "acme.example/body-limit";

#[derive(Debug)]
struct Acme;

impl Dialect for Acme {
    fn name(&self) -> &'static str {
        "acme"
    }

    fn semantics(&self) -> Semantics {
        Kubernetes::default().semantics()
    }

    fn interpret(&self, subject: &Subject<'_>, out: &mut Vec<Diagnostic>) -> Intent {
        let Some(text) = subject.ingress.metadata.annotations.get(LIMIT) else { return Intent::default() };
        if let Ok(bytes) = text.parse() {
            let filters = Filters { body_limit: Some(bytes), ..Filters::default() };
            return Intent { filters: Some(Arc::new(filters)), ..Intent::default() };
        }
        let object = Some(Arc::clone(subject.object));
        let field = FieldPath::text(format!("metadata.annotations[{LIMIT}]"));
        let message = format!("`{text}` is not a number of bytes; requests get 503");
        out.push(Diagnostic::new(Code::AnnotationRefusesRoute, object, field, message));
        Intent { refused: Some(FixedResponse { status: 503, reason: "annotation-invalid" }), ..Intent::default() }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options::default();
    options.dialects = Dialects::default().class("acme", Arc::new(Acme));
    let mut inputs = Inputs::default();
    for (name, limit) in [("small", "1024"), ("broken", "1 KB")] {
        inputs.insert(decode(
            WireKind::Ingress,
            serde_json::json!({
                "metadata": {"name": name, "namespace": "shop", "annotations": {LIMIT: limit}},
                "spec": {"ingressClassName": "acme", "rules": [{"host": format!("{name}.example"), "http": {"paths": [{
                    "path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}
            }),
        )?);
    }
    let compiled = Compiler::new(options).compile(&inputs);
    for finding in &compiled.diagnostics {
        println!("{finding}");
    }
    for (name, length) in [("small", 1024), ("small", 2048), ("broken", 0)] {
        let url = format!("http://{name}.example/");
        let (parts, ()) = http::Request::post(&url).header("content-length", length).body(())?.into_parts();
        let conn = ConnInfo::default();
        let decision = compiled.snapshot.decide(&RequestView::new(&parts, &conn, 0)?).status();
        println!("{url} with {length} bytes: {}", decision.map_or_else(|| "forward".to_owned(), |it| it.to_string()));
    }
    Ok(())
}

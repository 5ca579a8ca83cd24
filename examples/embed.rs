//! Embeds the engine: one Ingress in, one decision out. `cargo run -p examples --bin embed`

use ingress_core::compiler::Compiler;
use ingress_core::decision::Decision;
use ingress_core::lower::Options;
use ingress_core::model::{Inputs, WireKind, decode};
use ingress_core::request::{ConnInfo, RequestView};

const CAFE: &str = r#"{"metadata": {"name": "cafe", "namespace": "shop"}, "spec": {"rules": [{"host": "cafe.example.com",
    "http": {"paths": [{"path": "/tea", "pathType": "Prefix",
                        "backend": {"service": {"name": "tea", "port": {"number": 80}}}}]}}]}}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut inputs = Inputs::default();
    inputs.insert(decode(WireKind::Ingress, &mut serde_json::Deserializer::from_str(CAFE))?);
    let compiled = Compiler::new(Options::default()).compile(&inputs);
    for finding in &compiled.diagnostics {
        eprintln!("{finding}");
    }

    let (parts, ()) = http::Request::get("http://cafe.example.com/tea/green?cup=2").body(())?.into_parts();
    let conn = ConnInfo::default();
    let request = RequestView::new(&parts, &conn, 0)?;
    match compiled.snapshot.decide(&request) {
        Decision::Forward(forward) => println!("forward to {}", forward.backend),
        other => println!("answer {:?}", other.status()),
    }
    print!("{}", compiled.snapshot.explain(&request));
    Ok(())
}

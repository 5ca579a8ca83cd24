//! Compiles an Ingress and decides a request with nothing from the host: no import, no clock, no randomness.
//!
//! CI builds it for `wasm32-unknown-unknown`, looks that it imports nothing, and runs it.

use std::process::ExitCode;

use ingress_core::compiler::Compiler;
use ingress_core::decision::Decision;
use ingress_core::lower::Options;
use ingress_core::model::{Inputs, WireKind, decode};
use ingress_core::request::{ConnInfo, RequestView};

fn decide() -> Result<bool, Box<dyn std::error::Error>> {
    let object = serde_json::json!({"metadata": {"name": "cafe", "namespace": "shop"}, "spec": {"rules": [{
        "host": "*.example.com", "http": {"paths": [{"path": "/tea", "pathType": "Prefix",
            "backend": {"service": {"name": "tea", "port": {"number": 80}}}}]}}]}});
    let mut inputs = Inputs::default();
    inputs.insert(decode(WireKind::Ingress, object)?);
    let snapshot = Compiler::new(Options::default()).compile(&inputs).snapshot;
    let (parts, ()) = http::Request::get("http://cafe.example.com/tea/green").body(())?.into_parts();
    let conn = ConnInfo::default();
    let request = RequestView::new(&parts, &conn, 0)?;
    let decision = snapshot.decide(&request);
    Ok(matches!(decision, Decision::Forward(_)) && snapshot.explain(&request).decision == decision)
}

fn main() -> ExitCode {
    if decide().is_ok_and(|right| right) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! Swaps routes under running readers: `cargo run -p examples --bin hot_swap`
//!
//! One thread compiles and publishes, another decides all the time and never waits. Only the host that changed is compiled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ingress_core::compiler::Compiler;
use ingress_core::decision::Decision;
use ingress_core::lower::Options;
use ingress_core::model::{Inputs, Object, WireKind, decode};
use ingress_core::publish::{Publisher, Reader};
use ingress_core::request::{ConnInfo, RequestView};

fn ingress(name: &str, service: &str) -> Result<Object, serde_json::Error> {
    let path = serde_json::json!({"path": "/", "pathType": "Prefix",
        "backend": {"service": {"name": service, "port": {"number": 80}}}});
    let rule = serde_json::json!({"host": format!("{name}.example.com"), "http": {"paths": [path]}});
    let object = serde_json::json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"rules": [rule]}});
    decode(WireKind::Ingress, object)
}

fn serve(reader: &Reader, stop: &AtomicBool) -> Result<usize, String> {
    let (parts, ()) = http::Request::get("http://cafe.example.com/").body(()).map_err(|e| e.to_string())?.into_parts();
    let conn = ConnInfo::default();
    let request = RequestView::new(&parts, &conn, 0).map_err(|e| e.to_string())?;
    let mut decided = 0;
    while !stop.load(Ordering::Relaxed) {
        // Load once per request; the guard goes before anything slow begins.
        let snapshot = reader.load();
        if !matches!(snapshot.decide(&request), Decision::Forward(_)) {
            return Err("a request was lost in a swap".to_owned());
        }
        decided += 1;
    }
    Ok(decided)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut inputs = Inputs::default();
    inputs.extend((0..10_000).map(|i| ingress(&format!("site-{i}"), "web")).collect::<Result<Vec<_>, _>>()?);
    inputs.insert(ingress("cafe", "coffee")?);
    let mut compiler = Compiler::new(Options::default());
    let mut publisher = Publisher::default();
    publisher.publish(compiler.compile(&inputs).snapshot);

    let stop = Arc::new(AtomicBool::new(false));
    let reading = std::thread::spawn({
        let (reader, stop) = (publisher.reader(), Arc::clone(&stop));
        move || serve(&reader, &stop)
    });
    let mut compiled_hosts = 0;
    for turn in 0..1_000 {
        inputs.insert(ingress("cafe", if turn % 2 == 0 { "tea" } else { "coffee" })?);
        let compiled = compiler.compile(&inputs);
        compiled_hosts += compiled.changed.len();
        publisher.publish(compiled.snapshot);
    }
    stop.store(true, Ordering::Relaxed);
    let decided = reading.join().map_err(|_| "the reader panicked")??;
    println!("1000 swaps of 10001 hosts compiled {compiled_hosts} hosts; every request meanwhile was forwarded");
    println!("({decided} of them)");
    Ok(())
}

//! The proxy inside of another program: routes from a string, one endpoint, a request, another snapshot, another answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ingress_core::compiler::Compiler;
use ingress_core::lower::Options;
use ingress_core::model::{Inputs, WireKind, decode};
use ingress_core::policy::{AddressRange, CertificateId};
use ingress_core::publish::Publisher;
use ingress_proxy::Settings;
use ingress_proxy::certs::CertStore;
use ingress_proxy::config::Config;
use ingress_proxy::observe::error_log::ErrorLog;
use ingress_proxy::observe::metrics::{self, Metrics};

const INGRESS: &str = r#"{"metadata": {"name": "cafe", "namespace": "shop"}, "spec": {"rules": [{"host": "cafe.example",
    "http": {"paths": [{"path": "/tea", "pathType": "Prefix", "backend": {"service": {"name": "tea", "port": {"number": 80}}}}]}}]}}"#;
const SERVICE: &str = r#"{"metadata": {"name": "tea", "namespace": "shop"}, "spec": {"ports": [{"port": 80}]}}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let teapot = teapot()?;
    let slice = format!(
        r#"{{"metadata": {{"name": "tea", "namespace": "shop", "labels": {{"kubernetes.io/service-name": "tea"}}}},
            "addressType": "IPv4", "ports": [{{"port": {}}}], "endpoints": [{{"addresses": ["{}"]}}]}}"#,
        teapot.port(),
        teapot.ip()
    );

    // The engine: objects in, snapshots out.
    let mut inputs = Inputs::default();
    for (kind, text) in [(WireKind::Ingress, INGRESS), (WireKind::Service, SERVICE), (WireKind::EndpointSlice, &slice)]
    {
        inputs.insert(decode(kind, &mut serde_json::Deserializer::from_str(text))?);
    }
    let loopback = vec![AddressRange::parse("127.0.0.0/8")?];
    let mut options = Options::default();
    options.allowed_endpoints.clone_from(&loopback);
    let mut compiler = Compiler::new(options);
    let mut publisher = Publisher::default();

    // The proxy: it serves whatever snapshot is in force.
    let mut config = Config::default();
    config.upstream.allowed_endpoints = loopback;
    let mut running = ingress_proxy::start(Settings {
        config,
        reader: publisher.reader(),
        certs: Arc::new(CertStore::new(CertificateId::Default)),
        tls: ingress_proxy::server::tls::Options::default(),
        http: vec!["127.0.0.1:0".parse()?],
        https: Vec::new(),
        workers: 1,
        metrics: Metrics::new(1, metrics::Options::default()),
        access_log: None,
        errors: ErrorLog::default(),
        own: Vec::new(),
        own_addresses: Vec::new(),
    })?;
    let address = *running.http().first().ok_or("no listener")?;

    println!("before: {}", ask(address)?);
    publisher.publish(compiler.compile(&inputs).snapshot);
    println!("after:  {}", ask(address)?);

    running.drain(Duration::from_secs(1));
    running.join();
    Ok(())
}

/// The status line of the answer.
fn ask(proxy: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(proxy)?;
    stream.write_all(b"GET /tea HTTP/1.1\r\nHost: cafe.example\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// An endpoint that serves one request.
fn teapot() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut seen = Vec::new();
        let mut buffer = [0; 1024];
        while !seen.ends_with(b"\r\n\r\n") {
            let amount = stream.read(&mut buffer)?;
            seen.extend_from_slice(buffer.get(..amount).unwrap_or_default());
        }
        stream.write_all(b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n")
    });
    Ok(address)
}

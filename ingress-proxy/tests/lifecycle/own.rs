//! The proxy itself is no endpoint.

use super::support;
use super::support::ingress::Ingress;
use super::support::program::{Folder, Ports, Program};
use super::support::scripted::eventually;

/// Manifests that name them get nothing out of the proxy's own pages, nor back to its listeners, whatever is allowed.
#[test]
fn its_own_pages_and_listeners_are_no_endpoints() {
    let files = Folder::new("own");
    let ports = Ports::new();
    files.write("empty.yaml", "");
    let program = Program::start(&files, &ports, &[]);
    for (name, address) in
        [("pages", program.admin.address), ("http", ports.http.address), ("https", ports.https.address)]
    {
        let host = format!("{name}.example");
        let ingress = Ingress { name, host: &host, endpoints: &[address], ..Ingress::default() };
        files.write(&format!("{name}.yaml"), &ingress.to_string());
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let ask = || support::ask(ports.http.address, request.as_bytes());
        eventually("the route", || !ask().starts_with("HTTP/1.1 404 "));
        assert!(ask().starts_with("HTTP/1.1 503 "), "{name}: {}", ask());
    }
}

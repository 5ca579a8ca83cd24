//! A proxy on loopback whose routes come from a manifest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ingress_cli::input::Manifests;
use ingress_core::compiler::Compiler;
use ingress_core::lower::Options;
use ingress_core::policy::{AddressRange, CertificateId};
use ingress_core::publish::Publisher;
use ingress_proxy::certs::CertStore;
use ingress_proxy::config::Config;
use ingress_proxy::observe::error_log::ErrorLog;
use ingress_proxy::observe::metrics::{self, Metrics};
use ingress_proxy::{Running, Settings};

/// A proxy that serves until it is dropped.
pub(crate) struct Site {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) certs: Arc<CertStore>,
    pub(crate) running: Running,
    pub(crate) publisher: Publisher,
    pub(crate) compiler: Compiler,
    pub(crate) manifests: Manifests,
}

/// Settings that let endpoints be on loopback.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.upstream.allowed_endpoints = vec![AddressRange::parse("127.0.0.0/8").expect("a range")];
    config
}

impl Site {
    /// One worker with the routes of a manifest.
    pub(crate) fn start(manifest: &str, config: Config) -> Self {
        Self::with_options(manifest, config, Options::default())
    }

    pub(crate) fn with_options(manifest: &str, config: Config, mut options: Options) -> Self {
        options.allowed_endpoints.extend_from_slice(&config.upstream.allowed_endpoints);
        let mut manifests = Manifests::default();
        manifests.read("test.yaml", manifest.to_owned(), "default");
        assert!(manifests.findings.is_empty(), "{:?}", manifests.findings);
        let mut compiler = Compiler::new(options);
        let mut publisher = Publisher::default();
        publisher.publish(compiler.compile(&manifests.inputs).snapshot);
        let certs = Arc::new(CertStore::new(CertificateId::Default));
        let metrics = Metrics::new(1, metrics::Options::default());
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let running = ingress_proxy::start(Settings {
            config,
            reader: publisher.reader(),
            certs: Arc::clone(&certs),
            tls: Default::default(),
            http: vec![any],
            https: vec![any],
            workers: 1,
            metrics: Arc::clone(&metrics),
            access_log: None,
            errors: ErrorLog::new(Box::new(std::io::sink())),
            own: Vec::new(),
            own_addresses: Vec::new(),
        })
        .expect("a proxy");
        let (http, https) = (running.http()[0], running.https()[0]);
        Self { http, https, metrics, certs, running, publisher, compiler, manifests }
    }

    /// Puts another manifest in force, beside what there is.
    pub(crate) fn apply(&mut self, manifest: &str) {
        self.manifests.read("more.yaml", manifest.to_owned(), "default");
        let compiled = self.compiler.compile(&self.manifests.inputs);
        self.publisher.publish(compiled.snapshot);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.running.drain(Duration::ZERO);
        self.running.join();
    }
}

/// An Ingress, its Service and one endpoint: everything under `host` goes to `endpoint`.
pub(crate) fn manifest(host: &str, endpoint: SocketAddr) -> String {
    format!(
        r#"
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: site}}
spec:
  rules:
  - host: {host}
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {{service: {{name: site, port: {{number: 80}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: site}}
spec: {{ports: [{{port: 80, targetPort: {port}}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: site, labels: {{kubernetes.io/service-name: site}}}}
addressType: IPv4
ports: [{{port: {port}}}]
endpoints: [{{addresses: [{ip}]}}]
"#,
        port = endpoint.port(),
        ip = endpoint.ip(),
    )
}

//! Manifests as text, for tests that care about annotations, certificates and several endpoints.

use std::fmt;
use std::net::SocketAddr;

/// An Ingress of class `nginx`, its Service and its endpoints: everything under `host` goes to them.
#[derive(Clone, Copy)]
pub struct Ingress<'a> {
    pub name: &'a str,
    pub host: &'a str,
    /// Names without `nginx.ingress.kubernetes.io/`.
    pub annotations: &'a [(&'a str, &'a str)],
    /// The Secret of the host's certificate.
    pub secret: Option<&'a str>,
    pub endpoints: &'a [SocketAddr],
}

impl Default for Ingress<'_> {
    fn default() -> Self {
        Self { name: "site", host: "site.example", annotations: &[], secret: None, endpoints: &[] }
    }
}

impl fmt::Display for Ingress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, host, annotations, secret, endpoints } = self;
        writeln!(f, "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: {name}\n  annotations:")?;
        writeln!(f, "    nginx.ingress.kubernetes.io/ssl-redirect: \"false\"")?;
        for (key, value) in *annotations {
            writeln!(f, "    nginx.ingress.kubernetes.io/{key}: {value:?}")?;
        }
        writeln!(f, "spec:\n  ingressClassName: nginx")?;
        if let Some(secret) = secret {
            writeln!(f, "  tls: [{{hosts: [{host:?}], secretName: {secret}}}]")?;
        }
        writeln!(
            f,
            "  rules:\n  - host: {host:?}\n    http:\n      paths:\n      - path: /\n        pathType: Prefix"
        )?;
        writeln!(f, "        backend: {{service: {{name: {name}, port: {{number: 80}}}}}}")?;
        writeln!(f, "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}")?;
        for (number, endpoint) in endpoints.iter().enumerate() {
            writeln!(f, "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\nmetadata:")?;
            writeln!(f, "  name: {name}-{number}\n  labels: {{kubernetes.io/service-name: {name}}}")?;
            writeln!(f, "ports: [{{port: {}}}]\nendpoints: [{{addresses: [{}]}}]", endpoint.port(), endpoint.ip())?;
        }
        Ok(())
    }
}

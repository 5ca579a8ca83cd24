//! The configuration of `ingress-proxy`: a directory of manifests, one file per Ingress.

use std::fmt::Write as _;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use benches::matcher::Error;

use super::Change;
use crate::process::Launch;
use crate::site::{NAMESPACE, Site};

pub(super) fn prepare(launch: Launch, site: &Site) -> Result<Launch, Error> {
    let manifests = site.file("manifests");
    fs::create_dir_all(&manifests)?;
    for host in 0..site.hosts {
        fs::write(manifests.join(file_name(host)), ingress(site, host, None))?;
    }
    let mut services = String::new();
    for (name, _) in site.backends() {
        write!(
            services,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\n\
             spec: {{ports: [{{port: 80}}]}}\n"
        )?;
    }
    fs::write(manifests.join("services.yaml"), services)?;
    let [certificate, key] = [&site.certificate.certificate, &site.certificate.key].map(|pem| STANDARD.encode(pem));
    let secret = format!(
        "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {{name: tls, namespace: {NAMESPACE}}}\n\
         data:\n  tls.crt: {certificate}\n  tls.key: {key}\n"
    );
    fs::write(manifests.join("tls.yaml"), secret)?;
    let mut launch = launch.arg("--file").arg(manifests).arg("--workers").arg("1");
    for (flag, address) in [("--http-port", site.http), ("--https-port", site.https), ("--healthz-port", site.health)] {
        launch = launch.arg(flag).arg(address.port().to_string());
    }
    for (name, address) in site.backends() {
        launch = launch.arg("--endpoint").arg(format!("{NAMESPACE}/{name}:80={address}"));
    }
    // It waits at its end for load balancers that still know it, of which there are none.
    launch = launch.arg("--post-shutdown-grace-period").arg("0");
    launch = launch.arg("--default-ssl-certificate").arg(format!("{NAMESPACE}/tls")).arg("--access-log");
    Ok(match site.access_log() {
        Some(path) => launch.arg(path).arg("--log-format").arg("json"),
        None => launch.arg("off"),
    })
}

pub(super) fn change(site: &Site, host: usize, moved: bool) -> Result<Change, Error> {
    let new = site.write("ingress.new", &ingress(site, host, moved.then_some(host)))?;
    let old = site.file("manifests").join(file_name(host));
    Ok(Change { renames: vec![(new, old)], signal: None })
}

fn file_name(host: usize) -> String {
    format!("h{host}.yaml")
}

/// The Ingress of a host.
fn ingress(site: &Site, host: usize, moved: Option<usize>) -> String {
    let mut text = format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: h{host}, namespace: {NAMESPACE}}}\nspec:\n  \
         rules:\n    - host: h{host}.example.com\n      http:\n        paths:\n"
    );
    for path in 0..site.paths {
        let backend = Site::backend(host, path, moved);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "          - {{path: /p{path}, pathType: Prefix, backend: {{service: {{name: {backend}, port: {{number: 80}}}}}}}}"
        );
    }
    text
}

//! The configuration of Envoy: routes from a file that it watches, a virtual host per host, a cluster per backend.

use std::net::SocketAddr;

use benches::matcher::Error;
use serde_json::{Value, json};

use super::Change;
use crate::process::Launch;
use crate::site::Site;

const CONNECTION_MANAGER: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const TLS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const FILE_LOG: &str = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

pub(super) fn prepare(launch: Launch, site: &Site) -> Result<Launch, Error> {
    site.write("routes.json", &routes(site, None).to_string())?;
    let clusters: Vec<Value> = site.backends().iter().map(|(name, address)| cluster(name, *address)).collect();
    let tls = json!({"name": "tls", "typed_config": {"@type": TLS, "common_tls_context": {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificates": [{
            "certificate_chain": {"filename": site.file("tls.crt")},
            "private_key": {"filename": site.file("tls.key")},
        }],
    }}});
    let listeners = [listener(site, site.http, None), listener(site, site.https, Some(&tls))];
    let bootstrap = json!({"static_resources": {"listeners": listeners, "clusters": clusters}});
    let path = site.write("envoy.json", &bootstrap.to_string())?;
    let launch = launch.arg("-c").arg(path).arg("--concurrency").arg("1").arg("--disable-hot-restart");
    Ok(launch.arg("--log-level").arg("error").arg("--service-node").arg("n").arg("--service-cluster").arg("c"))
}

/// Envoy looks at the file when another is moved into its place.
pub(super) fn change(site: &Site, moved: Option<usize>) -> Result<Change, Error> {
    let new = site.write("routes.new", &routes(site, moved).to_string())?;
    Ok(Change { renames: vec![(new, site.file("routes.json"))], signal: None })
}

fn routes(site: &Site, moved: Option<usize>) -> Value {
    let hosts: Vec<Value> = (0..site.hosts)
        .map(|host| {
            let routes: Vec<Value> = (0..site.paths)
                .map(|path| {
                    let cluster = Site::backend(host, path, moved);
                    json!({"match": {"prefix": format!("/p{path}/")}, "route": {"cluster": cluster}})
                })
                .collect();
            json!({"name": format!("h{host}"), "domains": [format!("h{host}.example.com")], "routes": routes})
        })
        .collect();
    json!({"resources": [{
        "@type": ROUTES,
        "name": "routes",
        "virtual_hosts": hosts,
        "request_headers_to_add": [{"header": {"key": "x-forwarded-host", "value": "%REQ(:authority)%"}}],
    }]})
}

fn cluster(name: &str, address: SocketAddr) -> Value {
    let endpoint = json!({"endpoint": {"address": socket(address)}});
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    })
}

fn listener(site: &Site, address: SocketAddr, tls: Option<&Value>) -> Value {
    let log: Vec<Value> = site
        .access_log()
        .map(|path| json!({"name": "log", "typed_config": {"@type": FILE_LOG, "path": path}}))
        .into_iter()
        .collect();
    let manager = json!({
        "@type": CONNECTION_MANAGER,
        "stat_prefix": "in",
        "use_remote_address": true,
        "access_log": log,
        "rds": {
            "route_config_name": "routes",
            "config_source": {
                "resource_api_version": "V3",
                "path_config_source": {"path": site.file("routes.json")},
            },
        },
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
    });
    let mut chain = json!({"filters": [{"name": "http", "typed_config": manager}]});
    if let (Some(tls), Some(chain)) = (tls, chain.as_object_mut()) {
        chain.insert("transport_socket".to_owned(), tls.clone());
    }
    json!({"name": address.to_string(), "address": socket(address), "filter_chains": [chain]})
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

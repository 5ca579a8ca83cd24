//! The configuration of HAProxy: one map of hosts with paths to backends, searched by the longest prefix.

use std::fmt::Write as _;

use benches::matcher::Error;
use rustix::process::Signal;

use super::Change;
use crate::process::Launch;
use crate::site::{Mode, Site};

pub(super) fn prepare(launch: Launch, site: &Site) -> Result<Launch, Error> {
    let map = site.write("routes.map", &map(site, None)?)?;
    let both = format!("{}{}", site.certificate.certificate, site.certificate.key);
    let certificate = site.write("both.pem", &both)?;
    let log = match site.mode {
        // Its standard output is a file.
        Mode::Log => ("log stdout format raw local0", "log global\n  option httplog"),
        _ => ("", ""),
    };
    let mut text = format!(
        "global\n  nbthread 1\n  maxconn 8000\n  {}\n\
         defaults\n  mode http\n  http-reuse always\n  option forwardfor\n  timeout connect 5s\n  timeout client 75s\n  \
         timeout server 60s\n  {}\n\
         frontend f\n  bind {}\n  bind {} ssl crt {} alpn h2,http/1.1\n  \
         http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]\n  \
         http-request set-header X-Forwarded-Host %[req.hdr(host)]\n  \
         http-request set-header X-Request-ID %[uuid()]\n  \
         use_backend %[base,map_beg({})]\n",
        log.0,
        log.1,
        site.http,
        site.https,
        certificate.display(),
        map.display()
    );
    for (name, address) in site.backends() {
        writeln!(text, "backend {name}\n  server s {address} pool-max-conn -1 maxconn 4000")?;
    }
    let path = site.write("haproxy.cfg", &text)?;
    let foreground = match site.mode {
        Mode::Reload => "-W",
        _ => "-db",
    };
    Ok(launch.arg(foreground).arg("-f").arg(path))
}

pub(super) fn change(site: &Site, moved: Option<usize>) -> Result<Change, Error> {
    let new = site.write("routes.new", &map(site, moved)?)?;
    Ok(Change { renames: vec![(new, site.file("routes.map"))], signal: Some(Signal::USR2) })
}

fn map(site: &Site, moved: Option<usize>) -> Result<String, Error> {
    let mut text = String::new();
    for host in 0..site.hosts {
        for path in 0..site.paths {
            writeln!(text, "h{host}.example.com/p{path}/ {}", Site::backend(host, path, moved))?;
        }
    }
    Ok(text)
}

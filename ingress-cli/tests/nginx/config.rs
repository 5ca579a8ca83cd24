//! Servers and locations in nginx's own words, with the directives of ingress-nginx that decide about a request.

use std::fmt::Write;
use std::path::Path;

use super::template::{Location, Server};

/// The whole configuration: one socket for each list of servers, all in `directory`.
pub(crate) fn render(directory: &Path, sets: &[Vec<Server>]) -> String {
    let at = directory.display();
    let mut text = format!(
        "daemon off;\nmaster_process off;\nerror_log stderr crit;\npid {at}/pid;\n\
         events {{ worker_connections {}; }}\nhttp {{\naccess_log off;\n",
        sets.len() * 2 + 256,
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        // Without these nginx wants to write where only root may.
        let _ = writeln!(text, "{kind}_temp_path {at}/{kind};");
    }
    text.push_str(
        "server_names_hash_bucket_size 128;\nserver_names_hash_max_size 4096;\nkeepalive_requests 1000000;\n",
    );
    text.push_str("merge_slashes on;\nserver_name_in_redirect off;\nport_in_redirect off;\nabsolute_redirect on;\n");
    let _ = writeln!(text, "upstream backends {{ server unix:{at}/backend; keepalive 8; }}");
    for (number, servers) in sets.iter().enumerate() {
        for server in servers {
            server_block(&mut text, &format!("unix:{at}/{number}"), server);
        }
    }
    text.push_str("}\n");
    text
}

/// One `server` block that listens at `address`.
pub(crate) fn server_block(text: &mut String, address: &str, server: &Server) {
    let default = if server.host == "_" { " default_server" } else { "" };
    let _ = writeln!(text, "server {{\n  listen {address}{default};\n  server_name {};", server_names(server));
    let is_regex = server.is_regex();
    for location in &server.locations {
        if let Some(path) = &location.annotations.app_root {
            let _ = writeln!(text, "  if ($uri = /) {{ return 302 $scheme://$http_host{path}; }}");
        }
        location_block(text, is_regex, location);
    }
    text.push_str("}\n");
}

fn server_names(server: &Server) -> String {
    let own = match server.host.strip_prefix("*.") {
        Some(rest) => format!(r#""~^(?<subdomain>[\w-]+)\.{}$""#, rest.replace('.', r"\.")),
        None => server.host.clone(),
    };
    std::iter::once(own).chain(server.aliases.iter().cloned()).collect::<Vec<_>>().join(" ")
}

fn location_block(text: &mut String, is_regex: bool, location: &Location) {
    let Location { path, is_exact, annotations, backend, .. } = location;
    // The quotes let a path have braces. ingress-nginx leaves them out here, so that its nginx refuses such paths.
    let _ = match (is_regex, is_exact) {
        (true, _) => writeln!(text, "  location ~* \"^{path}\" {{"),
        (false, true) => writeln!(text, "  location = \"{path}\" {{"),
        (false, false) => writeln!(text, "  location \"{path}\" {{"),
    };
    if annotations.relative_redirects {
        text.push_str("    absolute_redirect off;\n");
    }
    let temporal =
        annotations.temporal_redirect.as_ref().map(|to| (annotations.temporal_redirect_code.unwrap_or(302), to));
    let permanent = annotations.permanent_redirect.as_ref();
    let permanent = permanent.map(|to| (annotations.permanent_redirect_code.unwrap_or(301), to));
    if let Some((status, to)) = temporal.or(permanent) {
        let _ = writeln!(text, "    return {status} {to};");
    }
    if let Some(target) = location.rewrites() {
        let _ = writeln!(text, "    rewrite \"(?i){path}\" {target} break;");
    }
    let backend = backend.as_deref().unwrap_or("none");
    text.push_str("    proxy_http_version 1.1;\n    proxy_set_header Connection \"\";\n");
    let _ = writeln!(text, "    proxy_set_header Host $http_host;\n    proxy_set_header X-Backend {backend};");
    text.push_str("    proxy_pass http://backends;\n  }\n");
}

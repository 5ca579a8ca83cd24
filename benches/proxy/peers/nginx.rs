//! The configuration of nginx: a server per host, a location per path.

use std::fmt::Write as _;

use benches::matcher::Error;
use rustix::process::Signal;

use super::Change;
use crate::process::Launch;
use crate::site::{Mode, Site};

/// The version that made HTTP/2 a directive of its own.
const HTTP2_DIRECTIVE: [u32; 3] = [1, 25, 1];

pub(super) fn prepare(launch: Launch, site: &Site, version: &str) -> Result<Launch, Error> {
    let path = site.write("nginx.conf", &configuration(site, version, None)?)?;
    Ok(launch.arg("-e").arg("stderr").arg("-p").arg(&site.directory).arg("-c").arg(path))
}

pub(super) fn change(site: &Site, moved: Option<usize>, version: &str) -> Result<Change, Error> {
    let new = site.write("nginx.new", &configuration(site, version, moved)?)?;
    Ok(Change { renames: vec![(new, site.file("nginx.conf"))], signal: Some(Signal::HUP) })
}

fn configuration(site: &Site, version: &str, moved: Option<usize>) -> Result<String, Error> {
    let directory = site.directory.display();
    let log = site.access_log().map_or_else(|| "off".to_owned(), |path| path.display().to_string());
    let master = if site.mode == Mode::OneProcess { "off" } else { "on" };
    let mut text = format!(
        "daemon off;\nmaster_process {master};\nworker_processes 1;\nworker_rlimit_nofile 16384;\nerror_log stderr warn;\n\
         pid {directory}/nginx.pid;\n\
         events {{ worker_connections 8192; multi_accept on; use epoll; }}\n\
         http {{\naccess_log {log};\nsendfile on; tcp_nopush on; tcp_nodelay on; server_tokens off;\n\
         keepalive_timeout 75s; keepalive_requests 100000000;\n\
         server_names_hash_max_size 131072; server_names_hash_bucket_size 128;\n\
         proxy_http_version 1.1; proxy_buffers 16 8k; proxy_max_temp_file_size 0;\n\
         proxy_set_header Connection \"\"; proxy_set_header Host $host;\n\
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;\n\
         proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Request-ID $request_id;\n\
         ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:SSL:10m; ssl_session_tickets off;\n\
         ssl_certificate {directory}/tls.crt; ssl_certificate_key {directory}/tls.key;\n"
    );
    for temporary in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "{temporary}_temp_path {directory}/{temporary};")?;
    }
    for (name, address) in site.backends() {
        writeln!(
            text,
            "upstream {name} {{ server {address}; keepalive 256; keepalive_requests 100000000; keepalive_timeout 60s; }}"
        )?;
    }
    let new = numbers(version) >= HTTP2_DIRECTIVE;
    let tls = match new {
        true => format!("listen {} ssl; http2 on;", site.https),
        false => format!("listen {} ssl http2;", site.https),
    };
    for host in 0..site.hosts {
        // HTTPS for the first host only: a context of TLS for each of 10,000 servers would be nginx's own trouble.
        let tls = if host == 0 { tls.as_str() } else { "" };
        writeln!(text, "server {{ listen {}; {tls} server_name h{host}.example.com;", site.http)?;
        for path in 0..site.paths {
            let backend = Site::backend(host, path, moved);
            writeln!(text, " location /p{path}/ {{ proxy_pass http://{backend}; }}")?;
        }
        text.push_str("}\n");
    }
    text.push_str("}\n");
    Ok(text)
}

/// The numbers of `nginx version: nginx/1.22.1`.
fn numbers(version: &str) -> [u32; 3] {
    let mut numbers = version.rsplit('/').next().unwrap_or_default().split('.').map(|number| {
        let digits = number.split(|character: char| !character.is_ascii_digit()).next().unwrap_or_default();
        digits.parse().unwrap_or_default()
    });
    std::array::from_fn(|_| numbers.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions() {
        assert_eq!(numbers("nginx version: nginx/1.22.1"), [1, 22, 1]);
        assert_eq!(numbers("nginx version: nginx/1.30.6 (Ubuntu)"), [1, 30, 6]);
        assert_eq!(numbers(""), [0, 0, 0]);
    }
}

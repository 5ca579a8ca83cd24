//! The `Location` of a redirect, for a request.

use super::{Redirected, client};
use crate::policy::{ClientAddress, Location};
use crate::request::RequestView;

impl Redirected<'_> {
    /// The `Location` header for the request that was decided on.
    #[must_use]
    pub fn location(&self, request: &RequestView<'_>) -> Vec<u8> {
        let scheme: &[u8] = if request.is_tls() { b"https://" } else { b"http://" };
        let host = request.host().as_bytes();
        match &self.redirect.location {
            Location::Constant(text) => text.as_bytes().to_vec(),
            Location::OnHost(path) => [scheme, host, path.as_bytes()].concat(),
            Location::OnAuthority(path) => [scheme, request.authority(), path.as_bytes()].concat(),
            Location::WithSlash { path, relative } => {
                let origin = if *relative { Vec::new() } else { [scheme, host].concat() };
                let mut location = [&origin, path.as_bytes()].concat();
                if let Some(query) = request.query().filter(|query| !query.is_empty()) {
                    location.push(b'?');
                    location.extend_from_slice(query);
                }
                location
            }
            Location::Https { strip_slash, port } => {
                let peer = ClientAddress::Peer;
                let source = self.matched.filters().map_or(&peer, |filters| &*filters.access.client);
                let named =
                    client::forwarded(source, request, "x-forwarded-host").unwrap_or_else(|| request.authority());
                let mut location = [b"https://", without_port(named)].concat();
                if let Some(port) = port {
                    location.extend_from_slice(format!(":{port}").as_bytes());
                }
                location.extend_from_slice(target(request, *strip_slash));
                location
            }
            Location::OtherHost(host) => {
                let port: &[u8] = if request.is_tls() { b":443" } else { b":80" };
                [scheme, host.as_bytes(), port, target(request, true)].concat()
            }
            Location::Moved { tls, host: other, port, from, to } => {
                let scheme: &[u8] = if *tls { b"https://" } else { b"http://" };
                let host = other.as_deref().map_or(host, str::as_bytes);
                let mut location = [scheme, host].concat();
                if let Some(port) = port {
                    location.extend_from_slice(format!(":{port}").as_bytes());
                }
                let raw = request.raw_target();
                let rest = raw.strip_prefix(from.trim_end_matches('/').as_bytes());
                match rest {
                    Some(rest) => {
                        let to = to.trim_end_matches('/');
                        location.extend_from_slice(to.as_bytes());
                        // A rule for everything behind a slash may be asked for without it.
                        if to.is_empty() && !rest.starts_with(b"/") {
                            location.push(b'/');
                        }
                        location.extend_from_slice(rest);
                    }
                    None => location.extend_from_slice(to.as_bytes()),
                }
                location
            }
        }
    }
}

/// The host of an authority: what precedes its port, or the whole of an IPv6 literal.
fn without_port(authority: &[u8]) -> &[u8] {
    if authority.first() == Some(&b'[') {
        let end = authority.iter().position(|byte| *byte == b']').map_or(authority.len(), |end| end + 1);
        return authority.get(..end).unwrap_or(authority);
    }
    authority.split(|byte| *byte == b':').next().unwrap_or(authority)
}

fn target<'r>(request: &RequestView<'r>, strip_slash: bool) -> &'r [u8] {
    let raw = request.raw_target();
    if strip_slash { raw.strip_suffix(b"/").unwrap_or(raw) } else { raw }
}

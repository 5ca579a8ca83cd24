//! The ports of the listeners (`listen-ports`).

use super::{json, keys};
use crate::dialect::annotations::Annotations;

/// The ports that the load balancer listens at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    http: Vec<u16>,
    https: Vec<u16>,
}

impl Default for Ports {
    fn default() -> Self {
        Self { http: vec![80], https: vec![443] }
    }
}

impl Ports {
    /// Whether there is a listener for plain text.
    pub(super) fn has_http(&self) -> bool {
        !self.http.is_empty()
    }

    /// The port of HTTPS, its own before others.
    pub(super) fn https(&self) -> Option<u16> {
        self.https.iter().find(|port| **port == 443).or_else(|| self.https.first()).copied()
    }

    /// Whether the listener at a port is one for TLS; none if nobody listens there.
    pub(super) fn is_tls(&self, port: u16) -> Option<bool> {
        if self.https.contains(&port) {
            return Some(true);
        }
        self.http.contains(&port).then_some(false)
    }
}

/// Reads a list such as `[{"HTTP":80},{"HTTPS":443}]`. Which rules a protocol has is not said by it.
pub(super) fn read(a: &mut Annotations<'_>) -> Ports {
    let read = json::read(a, keys::LISTEN_PORTS, |value| {
        let mut ports = Ports { http: Vec::new(), https: Vec::new() };
        for (i, item) in json::items(value)?.iter().enumerate() {
            let item = json::Object::new(item, format!("[{i}]"))?;
            for (protocol, port) in item.entries() {
                let port = json::port(port, &item.place(protocol))?;
                match protocol {
                    "HTTP" => ports.http.push(port),
                    "HTTPS" => ports.https.push(port),
                    _ => return Err(format!("`{}` is neither `HTTP` nor `HTTPS`", item.place(protocol))),
                }
            }
        }
        let is_empty = ports.http.is_empty() && ports.https.is_empty();
        Ok(if is_empty { Ports::default() } else { ports })
    });
    // What else is said of the ports does not matter to routes that are closed.
    read.ok().flatten().unwrap_or_default()
}

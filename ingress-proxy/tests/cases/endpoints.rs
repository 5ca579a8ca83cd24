//! One listener that stands for all endpoints: each of them gets an address of its own in 127.0.0.0/8.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use ingress_core::policy::{Availability, Backend, Endpoint, RouteTable};

/// A request that came to an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// The endpoint as the manifest names it, or the backend where it names none.
    pub(crate) endpoint: String,
    /// The head as text.
    pub(crate) head: String,
}

#[derive(Default)]
struct Shared {
    names: HashMap<Ipv4Addr, String>,
    addresses: HashMap<String, Ipv4Addr>,
    arrived: Vec<Arrived>,
}

pub(crate) struct Endpoints {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

impl Endpoints {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let shared: Arc<Mutex<Shared>> = Arc::default();
        let all = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let all = Arc::clone(&all);
                std::thread::spawn(move || serve(stream, &all));
            }
        });
        Self { port, shared }
    }

    /// The table with this listener in place of every endpoint.
    pub(crate) fn stand_in(&self, mut table: RouteTable) -> RouteTable {
        for backend in table.backends.values_mut() {
            let names: Vec<String> = match &backend.availability {
                Availability::Endpoints(endpoints) => endpoints.iter().map(ToString::to_string).collect(),
                // Where a case names no endpoints at all, the backend stands for itself.
                Availability::Assumed => vec![backend.to_string()],
                _ => continue,
            };
            let mut stand_ins: Vec<Endpoint> = names.into_iter().map(|name| self.address(name)).collect();
            stand_ins.sort();
            let availability = Availability::Endpoints(stand_ins.into());
            *backend = Arc::new(Backend { availability, ..Backend::clone(backend) });
        }
        table
    }

    fn address(&self, name: String) -> Endpoint {
        let mut shared = self.shared.lock().expect("the names");
        let next = shared.names.len() + 1;
        let address = *shared.addresses.entry(name.clone()).or_insert_with(|| {
            let [.., high, low] = u32::try_from(next).expect("a number").to_be_bytes();
            Ipv4Addr::new(127, 77, high, low)
        });
        shared.names.insert(address, name);
        Endpoint::Address(SocketAddr::new(address.into(), self.port))
    }

    /// What has come since the last call.
    pub(crate) fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.shared.lock().expect("the record").arrived)
    }
}

fn serve(mut stream: TcpStream, all: &Mutex<Shared>) {
    let Ok(SocketAddr::V4(local)) = stream.local_addr() else { return };
    let mut seen = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        while let Some(end) = seen.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..end + 2]).into_owned();
            let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            let mut left: usize = (end + 4 + length).saturating_sub(seen.len());
            seen.drain(..(end + 4 + length).min(seen.len()));
            while left > 0 {
                let Ok(amount @ 1..) = stream.read(&mut buffer) else { return };
                left = left.saturating_sub(amount);
            }
            let mut all = all.lock().expect("the record");
            let endpoint = all.names.get(local.ip()).cloned().unwrap_or_default();
            let is_head = head.starts_with("HEAD ");
            all.arrived.push(Arrived { endpoint, head });
            drop(all);
            let body = if is_head { "" } else { "origin" };
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Origin: yes\r\n\r\n{body}");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
        let Ok(amount @ 1..) = stream.read(&mut buffer) else { return };
        seen.extend_from_slice(&buffer[..amount]);
    }
}

/// The first value of a header in a head.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (other, value) = line.split_once(':')?;
        other.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

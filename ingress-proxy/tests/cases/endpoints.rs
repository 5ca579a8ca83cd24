//! One listener that stands for all endpoints: each of them gets an address of its own in 127.0.0.0/8.

#[path = "endpoints/serve.rs"]
mod serve;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use ingress_core::policy::{Availability, Backend, Endpoint, RouteTable};

use super::certificates::Certificates;
use super::message::Field;

/// A request that came to an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// The endpoint as the manifest names it, or the backend where it names none.
    pub(crate) endpoint: String,
    /// `1.0`, `1.1` or `2`.
    pub(crate) version: &'static str,
    pub(crate) is_tls: bool,
    pub(crate) method: String,
    pub(crate) target: String,
    /// All fields; `:authority` is the Host.
    pub(crate) fields: Vec<Field>,
    pub(crate) body_bytes: usize,
}

/// What the listener's thread and the test share.
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
    pub(crate) fn start(certificates: &Certificates) -> Self {
        let shared: Arc<Mutex<Shared>> = Arc::default();
        Self { port: serve::start(Arc::clone(&shared), certificates.of_endpoints()), shared }
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

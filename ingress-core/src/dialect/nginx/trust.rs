//! Which proxies in front are believed: what the flags of the process say, next to the controller's ConfigMap.
//!
//! A flag gives what the ConfigMap is silent about. Where both name networks a proxy has to be in both, so that neither
//! lets in whom the other keeps out.

use super::access::range;
use super::settings::client::Client;
use crate::policy::AddressRange;

/// ingress-nginx's default: everybody with an IPv4 address.
const EVERYBODY: &str = "0.0.0.0/0";

/// What the flags say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trust {
    /// Whether the headers of trusted peers are taken over (`--use-forwarded-headers`).
    pub(super) use_forwarded_headers: bool,
    /// The peers that may be trusted at all (`--trusted-cidr`); none if nothing is said.
    pub(super) networks: Option<Box<[AddressRange]>>,
}

impl Trust {
    /// Whether `X-Forwarded-*` of trusted peers are taken over.
    pub(super) fn takes_over(&self, client: &Client) -> bool {
        client.use_forwarded_headers.unwrap_or(self.use_forwarded_headers)
    }

    /// Whether some header counts at all.
    pub(super) fn reads_headers(&self, client: &Client) -> bool {
        self.takes_over(client) || client.enable_real_ip
    }

    /// Whether headers count and nobody has said whose.
    pub(super) fn is_boundless(&self, client: &Client) -> bool {
        let is_asked = self.reads_headers(client) && !client.use_proxy_protocol;
        is_asked && client.trusted.is_none() && self.networks.is_none()
    }

    /// The peers that are trusted.
    pub(super) fn ranges(&self, client: &Client) -> Box<[AddressRange]> {
        let of_settings = client.trusted.as_ref().map(|trusted| trusted.iter().filter_map(range));
        match (of_settings, &self.networks) {
            (None, None) => AddressRange::parse(EVERYBODY).into_iter().collect(),
            (None, Some(networks)) => networks.clone(),
            (Some(trusted), None) => trusted.collect(),
            (Some(trusted), Some(networks)) => {
                trusted.flat_map(|range| networks.iter().filter_map(move |other| range.intersection(other))).collect()
            }
        }
    }
}

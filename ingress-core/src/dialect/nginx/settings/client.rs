//! Who the client is: what is believed of what proxies in front say.

use std::net::IpAddr;

use super::value::{Key, boolean, header, network, set, set_each};

/// Keys about the address of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Whether `X-Forwarded-*` of trusted peers are taken over (`use-forwarded-headers`); none if nothing is said.
    pub(crate) use_forwarded_headers: Option<bool>,
    /// Whether the peer is added to the list of addresses instead of replacing it (`compute-full-forwarded-for`).
    pub(crate) compute_full_forwarded_for: bool,
    /// The header with the list of addresses (`forwarded-for-header`).
    pub(crate) forwarded_for_header: Box<str>,
    /// The header with the host that the client asked for (`forwarded-host-header`).
    pub(crate) forwarded_host_header: Box<str>,
    /// Whether the address in the header counts although the other headers are not taken over (`enable-real-ip`).
    pub(crate) enable_real_ip: bool,
    /// The peers that are trusted (`proxy-real-ip-cidr`); none if nothing is said. Entries that cannot be read are left
    /// out, so that a slip trusts fewer and never more.
    pub(crate) trusted: Option<Box<[(IpAddr, u8)]>>,
    /// Whether connections begin with a PROXY protocol header (`use-proxy-protocol`).
    pub(crate) use_proxy_protocol: bool,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            use_forwarded_headers: None,
            compute_full_forwarded_for: false,
            forwarded_for_header: "X-Forwarded-For".into(),
            forwarded_host_header: "X-Forwarded-Host".into(),
            enable_real_ip: false,
            trusted: None,
            use_proxy_protocol: false,
        }
    }
}

/// What each key does.
pub(super) const KEYS: &[Key<Client>] = &[
    ("use-forwarded-headers", |to, value| set(&mut to.use_forwarded_headers, boolean(value).map(Some))),
    ("compute-full-forwarded-for", |to, value| set(&mut to.compute_full_forwarded_for, boolean(value))),
    ("forwarded-for-header", |to, value| set(&mut to.forwarded_for_header, header(value))),
    ("forwarded-host-header", |to, value| set(&mut to.forwarded_host_header, header(value))),
    ("enable-real-ip", |to, value| set(&mut to.enable_real_ip, boolean(value))),
    ("proxy-real-ip-cidr", |to, value| {
        set_each(to.trusted.get_or_insert_default(), value, "an address or a network", network)
    }),
    ("use-proxy-protocol", |to, value| set(&mut to.use_proxy_protocol, boolean(value))),
];

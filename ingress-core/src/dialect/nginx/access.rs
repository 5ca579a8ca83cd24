//! Who may pass: address lists, `satisfy`, and where the client's address is found.
//!
//! A list that cannot be read closes the routes. It never ends as no list at all.

use std::net::IpAddr;
use std::sync::Arc;

use super::super::annotations::{Annotations, Bad, shown};
use super::super::cluster::Cluster;
use super::auth;
use super::settings::Settings;
use super::settings::access::{Access as Lists, AddressList, HeaderPattern};
use super::settings::client::Client;
use super::trust::Trust;
use crate::path::Search;
use crate::policy::{Access, AddressRange, ClientAddress, HeaderValue, Satisfy, TrustedHeader};

const ALLOW: &str = "allowlist-source-range";
const DENY: &str = "denylist-source-range";

/// All restrictions on who is served.
pub(super) fn read(a: &mut Annotations<'_>, settings: &Settings, trust: &Trust, cluster: &Cluster<'_>) -> Access {
    let satisfy = match a.word("satisfy", &["all", "any"], Bad::Default) {
        Some("any") => Satisfy::Any,
        _ => Satisfy::All,
    };
    Access {
        client: Arc::new(client(&settings.client, trust)),
        blocked: blocked(a, &settings.access),
        deny: denied(a, &settings.access),
        allow: allowed(a, &settings.access),
        basic: auth::basic(a, settings, cluster),
        external: auth::external(a, settings, cluster).map(Arc::new),
        satisfy,
    }
}

/// Where the client's address is found. With the PROXY protocol it comes from there, whatever headers say.
fn client(client: &Client, trust: &Trust) -> ClientAddress {
    if !trust.reads_headers(client) || client.use_proxy_protocol {
        return ClientAddress::Peer;
    }
    ClientAddress::Header(TrustedHeader {
        name: client.forwarded_for_header.clone(),
        trusted: trust.ranges(client),
        forwarded: trust.takes_over(client),
    })
}

/// The values of headers that the controller serves nobody for.
fn blocked(a: &mut Annotations<'_>, lists: &Lists) -> Box<[(Box<str>, HeaderValue)]> {
    let agents = lists.blocked_user_agents.iter().map(|pattern| ("User-Agent", "block-user-agents", pattern));
    let referers = lists.blocked_referers.iter().map(|pattern| ("Referer", "block-referers", pattern));
    let mut blocked = Vec::new();
    for (header, key, pattern) in agents.chain(referers) {
        let value = match pattern {
            HeaderPattern::Text(text) => Ok(HeaderValue::Text(text.clone())),
            HeaderPattern::Regex(text) => Search::new(text, false).map(HeaderValue::Search),
            HeaderPattern::RegexIgnoringCase(text) => Search::new(text, true).map(HeaderValue::Search),
        };
        match value {
            Ok(value) => blocked.push((header.into(), value)),
            // It was to keep somebody out, and nobody can tell whom.
            Err(error) => a.bad(DENY, Bad::Refuse, format_args!("`{key}` of the controller: {error}")),
        }
    }
    blocked.into()
}

fn denied(a: &mut Annotations<'_>, lists: &Lists) -> Box<[AddressRange]> {
    let own = if a.raw(DENY).is_some() {
        list(a, DENY)
    } else {
        inherited(a, DENY, "denylist-source-range", &lists.denied, lists.denied.is_complete)
    };
    let blocked = inherited(a, DENY, "block-cidrs", &lists.blocked, lists.blocked.is_complete);
    own.into_iter().chain(blocked).collect()
}

fn allowed(a: &mut Annotations<'_>, lists: &Lists) -> Box<[AddressRange]> {
    const KEYS: [&str; 2] = [ALLOW, "whitelist-source-range"];
    // The old name counts where the new one is absent or empty.
    let filled = KEYS.into_iter().find(|key| a.text(key).is_some());
    match filled.or_else(|| KEYS.into_iter().find(|key| a.raw(key).is_some())) {
        Some(key) => list(a, key),
        None => {
            // An entry that is left out keeps somebody out, as long as there is another.
            let is_closed = lists.allowed.is_complete || !lists.allowed.networks.is_empty();
            inherited(a, ALLOW, "whitelist-source-range", &lists.allowed, is_closed)
        }
    }
}

/// The list of an annotation, which is there. As in ingress-nginx, nothing between two commas is no address either.
fn list(a: &mut Annotations<'_>, key: &str) -> Box<[AddressRange]> {
    let text = a.text(key).unwrap_or_default();
    if text.is_empty() {
        a.bad(key, Bad::Refuse, "the list is empty");
        return Box::default();
    }
    let ranges: Result<_, _> = text.split(',').map(|entry| AddressRange::parse(entry.trim())).collect();
    ranges.unwrap_or_else(|error| {
        a.bad(key, Bad::Refuse, format_args!("`{}` is neither an IP address nor a CIDR block", shown(&error.text)));
        Box::default()
    })
}

/// A list of the controller. `key` is the annotation that would stand in its place.
fn inherited(a: &mut Annotations<'_>, key: &str, name: &str, list: &AddressList, is_good: bool) -> Box<[AddressRange]> {
    if !is_good {
        a.bad(key, Bad::Refuse, format_args!("`{name}` of the controller has an entry that cannot be read"));
    }
    list.networks.iter().filter_map(range).collect()
}

/// An address and the length of a prefix, which is known to fit it.
pub(super) fn range((address, length): &(IpAddr, u8)) -> Option<AddressRange> {
    AddressRange::parse(&format!("{address}/{length}")).ok()
}

#[cfg(test)]
pub(super) mod tests;

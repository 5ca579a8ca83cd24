//! Who may pass.

use std::sync::Arc;

use super::{AddressRange, BasicAuth, ExternalAuth, Satisfy};
use crate::path::Search;

/// Restrictions on who is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a new restriction must break an adapter that would ignore it")]
pub struct Access {
    /// Whose address counts.
    pub client: Arc<ClientAddress>,
    /// Headers whose values are refused, before the route's target is looked at.
    pub blocked: Box<[(Box<str>, HeaderValue)]>,
    /// Addresses that are refused, looked at before those that are allowed.
    pub deny: Box<[AddressRange]>,
    /// Addresses that are allowed; if there are any, all others are refused.
    pub allow: Box<[AddressRange]>,
    /// A user name and a password.
    pub basic: Option<BasicAuth>,
    /// Another service that says who may pass.
    pub external: Option<Arc<ExternalAuth>>,
    /// Whether both the address and the authentication must be good, or either.
    pub satisfy: Satisfy,
}

impl Access {
    /// Whether anybody is kept out.
    #[must_use]
    pub fn restricts(&self) -> bool {
        self.has_lists() || self.basic.is_some() || self.external.is_some()
    }

    /// Whether the address has any influence.
    #[must_use]
    pub fn has_lists(&self) -> bool {
        !self.deny.is_empty() || !self.allow.is_empty()
    }
}

/// A value of a header, whole or by an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two ways in which nginx's maps compare")]
pub enum HeaderValue {
    /// The whole value, without regard to case.
    Text(Box<str>),
    /// Found anywhere in the value.
    Search(Search),
}

impl HeaderValue {
    /// Whether a value is meant.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Text(text) => value.eq_ignore_ascii_case(text.as_bytes()),
            Self::Search(search) => search.is_match(value),
        }
    }
}

/// Where the client's address is taken from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that ignored a variant would trust the wrong address")]
pub enum ClientAddress {
    /// It is the address of the peer, or of the proxy protocol where the listener speaks that.
    #[default]
    Peer,
    /// It is in a header, if the peer is trusted to write it.
    Header(TrustedHeader),
}

/// A header with the addresses that a request has come by, the client's first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct TrustedHeader {
    /// The header, `X-Forwarded-For` as a rule.
    pub name: Box<str>,
    /// The peers that are believed. The client is the last address in the header that is none of them.
    pub trusted: Box<[AddressRange]>,
    /// Whether `X-Forwarded-Proto`, `-Host` and `-Port` of such peers count and are passed on.
    pub forwarded: bool,
}

//! Why a request is refused before it is routed.

use std::fmt;

use crate::path::PathRejection;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BadRequest {
    /// `CONNECT` or `TRACE`, which a reverse proxy does not serve.
    MethodNotProxied,
    /// `Content-Length` together with `Transfer-Encoding`, or twice (RFC 9112 6.3).
    FramingAmbiguous,
    /// A target that is neither a path, nor an absolute `http` or `https` URI, nor `*` with `OPTIONS` (RFC 9112 3.2).
    TargetForm,
    /// No Host field in HTTP/1.1 or later (RFC 9112 3.2).
    HostMissing,
    /// More than one Host field (RFC 9112 3.2).
    HostDuplicate,
    /// A Host field without a value.
    HostEmpty,
    /// A host that is neither a DNS name nor an IP address, or a port that is not a number.
    HostInvalid,
    /// `:authority` and `host` that differ (RFC 9113 8.3.1).
    AuthorityMismatch,
    /// A path that must not be routed.
    Path(PathRejection),
}

impl BadRequest {
    /// The status that answers it.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::MethodNotProxied => 405,
            _ => 400,
        }
    }

    /// The reason in kebab case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MethodNotProxied => "method-not-proxied",
            Self::FramingAmbiguous => "framing-ambiguous",
            Self::TargetForm => "target-form",
            Self::HostMissing => "host-missing",
            Self::HostDuplicate => "host-duplicate",
            Self::HostEmpty => "host-empty",
            Self::HostInvalid => "host-invalid",
            Self::AuthorityMismatch => "authority-mismatch",
            Self::Path(rejection) => rejection.as_str(),
        }
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for BadRequest {}

//! Authentication. The engine says what is asked for; checking it needs key material or another service.

use std::fmt;
use std::sync::Arc;

use super::Template;

/// Whether all restrictions must be met or one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Satisfy {
    /// Address and authentication.
    #[default]
    All,
    /// Address or authentication.
    Any,
}

impl Satisfy {
    /// `all` or `any`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
        }
    }
}

impl fmt::Display for Satisfy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// HTTP authentication by user name and password (RFC 7617).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct BasicAuth {
    /// The realm that clients are shown.
    pub realm: Box<str>,
    /// The namespace of the Secret with the users.
    pub namespace: Arc<str>,
    /// The name of the Secret.
    pub secret: Box<str>,
    /// How the Secret holds them.
    pub file: PasswordFile,
    /// Whether it is digest authentication (RFC 7616) instead.
    pub digest: bool,
}

/// How a Secret holds users and the hashes of their passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that ignored a variant would let nobody in, or everybody")]
pub enum PasswordFile {
    /// The key `auth` holds lines of an htpasswd file.
    AuthFile,
    /// Each key is a user and its value a hash.
    AuthMap,
}

impl PasswordFile {
    /// `auth-file` or `auth-map`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthFile => "auth-file",
            Self::AuthMap => "auth-map",
        }
    }
}

/// A service that is asked about each request before it passes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct ExternalAuth {
    /// Where it is asked; 2xx lets the request pass, 401 and 403 are given to the client.
    pub url: Template,
    /// The method of the question; none keeps `GET` without body, as nginx does for a sub-request.
    pub method: Option<Box<str>>,
    /// Where a client that is not known is sent to sign in, instead of 401.
    pub signin: Option<Template>,
    /// The query parameter that gets the URL to come back to.
    pub signin_redirect_param: Box<str>,
    /// Headers of the answer that are sent to the backend.
    pub response_headers: Box<[Box<str>]>,
    /// Headers that are sent with the question.
    pub request_headers: Box<[(Box<str>, Box<str>)]>,
    /// `X-Auth-Request-Redirect` of the question.
    pub request_redirect: Option<Box<str>>,
    /// What answers are remembered under; none means that they are not.
    pub cache_key: Option<Template>,
    /// How long which answers are remembered, as written.
    pub cache_durations: Box<[Box<str>]>,
    /// Whether cookies of the answer reach the client whatever its status is.
    pub always_set_cookie: bool,
    /// Idle connections to the service that are kept; 0 for none.
    pub keepalive: u32,
    /// Requests that one of them serves.
    pub keepalive_requests: u32,
    /// Seconds that one may be idle.
    pub keepalive_timeout: u32,
    /// Whether the question sees the variables of the request.
    pub keepalive_share_vars: bool,
}

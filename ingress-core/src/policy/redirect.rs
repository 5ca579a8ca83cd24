//! Where clients are sent.

use std::fmt;

/// A redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Redirect {
    /// A status of the 300s.
    pub status: u16,
    /// Where to.
    pub location: Location,
    /// What asks for it, in kebab case.
    pub reason: &'static str,
}

/// The `Location` of a redirect. Where it depends on the request, the scheme is that of the client's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that ignored a variant would send clients elsewhere")]
pub enum Location {
    /// As it stands.
    Constant(Box<str>),
    /// A path on the request's host, which is written in lower case and without port.
    OnHost(Box<str>),
    /// A path on the request's host as it was received, port and all.
    OnAuthority(Box<str>),
    /// The request's path with a final slash. The query is kept.
    WithSlash {
        /// The path, escaped.
        path: Box<str>,
        /// Whether scheme and host are left away.
        relative: bool,
    },
    /// `https`, the host as received without its port, and the raw target.
    Https {
        /// Whether one final slash of the target is left away.
        strip_slash: bool,
        /// The port that is written.
        port: Option<u16>,
    },
    /// Another host, the listener's port and the raw target without one final slash.
    OtherHost(Box<str>),
    /// Another place for everything behind a path.
    Moved {
        /// Whether to `https`.
        tls: bool,
        /// The host; none is the request's.
        host: Option<Box<str>>,
        /// The port, where it is not the scheme's own.
        port: Option<u16>,
        /// The path that is replaced.
        from: Box<str>,
        /// What replaces it.
        to: Box<str>,
    },
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(text) => f.write_str(text),
            Self::OnHost(path) => write!(f, "{{scheme}}://{{host}}{path}"),
            Self::OnAuthority(path) => write!(f, "{{scheme}}://{{authority}}{path}"),
            Self::WithSlash { path, relative: false } => write!(f, "{{scheme}}://{{host}}{path}{{query}}"),
            Self::WithSlash { path, relative: true } => write!(f, "{path}{{query}}"),
            Self::Https { port: None, .. } => f.write_str("https://{host}{target}"),
            Self::Https { port: Some(port), .. } => write!(f, "https://{{host}}:{port}{{target}}"),
            Self::OtherHost(host) => write!(f, "{{scheme}}://{host}:{{port}}{{target}}"),
            Self::Moved { tls, host, port, to, .. } => {
                write!(f, "{}://{}", if *tls { "https" } else { "http" }, host.as_deref().unwrap_or("{host}"))?;
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                write!(f, "{to}{{rest}}")
            }
        }
    }
}

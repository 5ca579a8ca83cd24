//! Text with variables of the request in it, as nginx writes them.

use std::fmt;

/// Text that is completed for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: Box<str>,
    pieces: Box<[Piece]>,
}

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "text and what stands between it")]
pub enum Piece {
    /// As it stands.
    Text(Box<str>),
    /// What the request has.
    Variable(Variable),
}

/// A variable of nginx that a template may have. There are no others: what a variable shows must be known to be harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that cannot fill in one of these must say so")]
pub enum Variable {
    /// `$host`, `$best_http_host`: lower case, without port.
    Host,
    /// `$http_host`: as received.
    HttpHost,
    /// `$request_uri`: the raw target.
    RequestUri,
    /// `$escaped_request_uri`: the raw target, escaped to stand in a query.
    EscapedRequestUri,
    /// `$uri`, `$document_uri`: the decoded path.
    Uri,
    /// `$args`, `$query_string`.
    Args,
    /// `$scheme`, `$pass_access_scheme`.
    Scheme,
    /// `$request_method`.
    RequestMethod,
    /// `$remote_addr`, `$the_real_ip`, `$binary_remote_addr`: the client's address.
    RemoteAddr,
    /// `$http_name`: a header, under its name with hyphens.
    Header(Box<str>),
    /// `$cookie_name`.
    Cookie(Box<str>),
    /// `$arg_name`: a query parameter.
    Arg(Box<str>),
}

impl Template {
    /// Reads text with variables, `$name` or `${name}`.
    ///
    /// ```
    /// use ingress_core::policy::{Piece, Template, Variable};
    ///
    /// let template = Template::new("https://$host/x")?;
    /// assert_eq!(template.pieces()[1], Piece::Variable(Variable::Host));
    /// assert!(Template::new("$request_body").is_err());
    /// # Ok::<(), ingress_core::policy::InvalidTemplate>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidTemplate`] for a variable that is not known, or a `$` without a name.
    pub fn new(text: &str) -> Result<Self, InvalidTemplate> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.into()));
            }
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let (name, behind) = match after.strip_prefix('{') {
                Some(braced) => braced.split_once('}').ok_or_else(|| InvalidTemplate { variable: after.into() })?,
                None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
            };
            let variable = Variable::named(name).ok_or_else(|| InvalidTemplate { variable: name.into() })?;
            pieces.push(Piece::Variable(variable));
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Ok(Self { text: text.into(), pieces: pieces.into() })
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its parts in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Variable {
    fn named(name: &str) -> Option<Self> {
        let of = |prefix: &str| name.strip_prefix(prefix).filter(|rest| !rest.is_empty());
        Some(match name {
            "host" | "best_http_host" => Self::Host,
            "http_host" => Self::HttpHost,
            "request_uri" => Self::RequestUri,
            "escaped_request_uri" => Self::EscapedRequestUri,
            "uri" | "document_uri" => Self::Uri,
            "args" | "query_string" => Self::Args,
            "scheme" | "pass_access_scheme" => Self::Scheme,
            "request_method" => Self::RequestMethod,
            "remote_addr" | "the_real_ip" | "binary_remote_addr" => Self::RemoteAddr,
            _ => match (of("http_"), of("cookie_"), of("arg_")) {
                (Some(header), _, _) => Self::Header(header.replace('_', "-").into()),
                (_, Some(cookie), _) => Self::Cookie(cookie.into()),
                (_, _, Some(arg)) => Self::Arg(arg.into()),
                _ => return None,
            },
        })
    }
}

/// A variable that a template cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidTemplate {
    /// Its name, empty for a `$` without one.
    pub variable: Box<str>,
}

impl fmt::Display for InvalidTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.variable.is_empty() {
            return f.write_str("has a `$` without the name of a variable");
        }
        write!(f, "has the variable `${}`, which is not among those that may be used", self.variable.escape_debug())
    }
}

impl std::error::Error for InvalidTemplate {}

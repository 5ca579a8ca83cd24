//! A request as it stood on the wire.

use http::Version;

use super::BadRequest;

/// The parts of a request that routing looks at, unchecked.
///
/// Simulators and proxies with a codec of their own fill it in; [`RawRequest::from_parts`] does for users of `http`.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "whoever makes one must fill in every field")]
pub struct RawRequest<'r> {
    /// The method, case-sensitive.
    pub method: &'r str,
    /// The request target of HTTP/1, `:path` of HTTP/2.
    pub target: &'r [u8],
    /// The protocol version.
    pub version: Version,
    /// `:authority` of HTTP/2 and HTTP/3.
    pub authority: Option<&'r [u8]>,
    /// The header fields.
    pub headers: Headers<'r>,
}

/// Header fields, from a map or in the order of the wire.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the ways to hold header fields")]
pub enum Headers<'r> {
    /// As the `http` crate holds them.
    Map(&'r http::HeaderMap),
    /// Names and values.
    List(&'r [(&'r str, &'r [u8])]),
    /// Names and values, for codecs whose names are bytes. A name that is no token is no field that anybody asks for.
    Bytes(&'r [(&'r [u8], &'r [u8])]),
}

impl<'r> Headers<'r> {
    /// The values of a field.
    pub(super) fn get(self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        let (map, list, bytes) = match self {
            Self::Map(map) => (Some(map), &[][..], &[][..]),
            Self::List(list) => (None, list, &[][..]),
            Self::Bytes(bytes) => (None, &[][..], bytes),
        };
        let from_map = map.into_iter().flat_map(move |map| map.get_all(name)).map(http::HeaderValue::as_bytes);
        let list = list.iter().map(|(other, value)| (other.as_bytes(), *value)).chain(bytes.iter().copied());
        from_map
            .chain(list.filter(move |(other, _)| other.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value))
    }
}

impl<'r> RawRequest<'r> {
    /// The request that the `http` crate has parsed. Its `Uri` keeps the authority of an absolute form and `:authority`
    /// apart from the path.
    #[must_use]
    pub fn from_parts(parts: &'r http::request::Parts) -> Self {
        let uri = &parts.uri;
        let target = match uri.path_and_query() {
            Some(path) => path.as_str().as_bytes(),
            // Authority form, which has neither scheme nor path.
            None => uri.authority().map_or(&b""[..], |authority| authority.as_str().as_bytes()),
        };
        Self {
            method: parts.method.as_str(),
            target,
            version: parts.version,
            authority: uri.authority().map(|authority| authority.as_str().as_bytes()),
            headers: Headers::Map(&parts.headers),
        }
    }

    /// The authority that names the host: that of an absolute form, `:authority`, or the Host field (RFC 9112 3.2.2,
    /// RFC 9113 8.3.1).
    pub(super) fn authority(&self, form_authority: Option<&'r [u8]>) -> Result<Option<&'r [u8]>, BadRequest> {
        let mut fields = self.headers.get("host");
        let field = fields.next();
        if fields.next().is_some() {
            return Err(BadRequest::HostDuplicate);
        }
        let named = form_authority.or(self.authority);
        let is_http1 = self.version <= Version::HTTP_11;
        if form_authority.is_some() {
            // `:path` has no absolute form (RFC 9113 8.3.1), and a field that is replaced must still be a host.
            if !is_http1 {
                return Err(BadRequest::TargetForm);
            }
            super::authority::host(field, self.version)?;
        }
        match (named, field) {
            // HTTP/1.1: the target's authority replaces the field.
            (Some(named), _) if is_http1 => Ok(Some(named)),
            (Some(named), Some(field)) if !named.eq_ignore_ascii_case(field) => Err(BadRequest::AuthorityMismatch),
            (named, field) => Ok(named.or(field)),
        }
    }

    /// Refuses what two servers could read as two different messages.
    pub(super) fn check_framing(&self) -> Result<(), BadRequest> {
        let mut lengths = self.headers.get("content-length");
        if lengths.next().is_none() {
            return Ok(());
        }
        if lengths.next().is_some() || self.headers.get("transfer-encoding").next().is_some() {
            return Err(BadRequest::FramingAmbiguous);
        }
        Ok(())
    }
}

/// Splits the authority off an absolute form. What is left begins with `/`, or with `?` or `#` where the path is empty, or
/// is `*`. An authority that was named elsewhere, as in an `http::Uri`, may be followed by an empty path too.
pub(super) fn split_target(target: &[u8], has_authority: bool) -> Result<(Option<&[u8]>, &[u8]), BadRequest> {
    if matches!(target, [b'/', ..] | b"*") {
        return Ok((None, target));
    }
    if has_authority && target.first() == Some(&b'?') {
        return Ok((None, target));
    }
    let scheme_end = target.windows(3).position(|bytes| bytes == b"://").ok_or(BadRequest::TargetForm)?;
    let (scheme, rest) = target.split_at_checked(scheme_end).ok_or(BadRequest::TargetForm)?;
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(BadRequest::TargetForm);
    }
    let rest = rest.get(3..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).ok_or(BadRequest::TargetForm)?;
    match path {
        [] => Ok((Some(authority), b"/")),
        path => Ok((Some(authority), path)),
    }
}

//! A request as it stood on the wire.

use std::fmt::Debug;

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
    /// As a codec of its own holds them.
    Fields(&'r dyn HeaderFields),
}

/// Header fields by number, in the order of the wire. A name that is no token is no field that anybody asks for.
pub trait HeaderFields: Debug + Sync {
    /// Name and value of a field; none behind the last.
    fn field(&self, number: usize) -> Option<(&[u8], &[u8])>;

    /// What the fields say of host and framing. A codec that knows them when it sees them need not have them read again.
    fn marks(&self) -> Marks<'_> {
        let mut marks = Marks::default();
        for (name, value) in (0..).map_while(|number| self.field(number)) {
            marks.note(name, value);
        }
        marks
    }
}

/// The fields that say for which host a message is and where it ends (RFC 9112 3.2 and 6).
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "whoever makes one must have looked for all of them")]
pub struct Marks<'r> {
    /// The first `Host`.
    pub host: Option<&'r [u8]>,
    /// Whether there is another.
    pub has_two_hosts: bool,
    /// How many `Content-Length`.
    pub lengths: usize,
    /// How many `Transfer-Encoding`.
    pub codings: usize,
}

impl<'r> Headers<'r> {
    /// The values of a field.
    pub(super) fn get(self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        let (map, list, fields) = match self {
            Self::Map(map) => (Some(map), &[][..], None),
            Self::List(list) => (None, list, None),
            Self::Fields(fields) => (None, &[][..], Some(fields)),
        };
        let from_map = map.into_iter().flat_map(move |map| map.get_all(name)).map(http::HeaderValue::as_bytes);
        let fields = fields.into_iter().flat_map(|fields| (0..).map_while(|number| fields.field(number)));
        let list = list.iter().map(|(other, value)| (other.as_bytes(), *value)).chain(fields);
        from_map
            .chain(list.filter(move |(other, _)| other.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value))
    }

    /// Looks at all fields once: this is done for every request.
    pub(super) fn marks(self) -> Marks<'r> {
        let mut marks = Marks::default();
        match self {
            Self::Map(map) => {
                map.iter().for_each(|(name, value)| marks.note(name.as_str().as_bytes(), value.as_bytes()))
            }
            Self::List(list) => list.iter().for_each(|(name, value)| marks.note(name.as_bytes(), value)),
            Self::Fields(fields) => return fields.marks(),
        }
        marks
    }
}

impl<'r> Marks<'r> {
    fn note(&mut self, name: &[u8], value: &'r [u8]) {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        match name.len() {
            4 if is("host") => {
                self.has_two_hosts |= self.host.is_some();
                self.host = self.host.or(Some(value));
            }
            14 if is("content-length") => self.lengths += 1,
            17 if is("transfer-encoding") => self.codings += 1,
            _ => {}
        }
    }

    /// Refuses what two servers could read as two different messages.
    pub(super) fn check_framing(&self) -> Result<(), BadRequest> {
        let is_ambiguous = self.lengths > 1 || self.lengths == 1 && self.codings > 0;
        if is_ambiguous { Err(BadRequest::FramingAmbiguous) } else { Ok(()) }
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
    pub(super) fn authority(
        &self,
        form_authority: Option<&'r [u8]>,
        marks: &Marks<'r>,
    ) -> Result<Option<&'r [u8]>, BadRequest> {
        if marks.has_two_hosts {
            return Err(BadRequest::HostDuplicate);
        }
        let field = marks.host;
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

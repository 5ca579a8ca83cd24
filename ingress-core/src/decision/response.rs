//! Headers of the answer.

use super::short::Short;
use super::{Decision, Via};
use crate::policy::{Cors, OriginPattern};
use crate::request::RequestView;

/// The header that keeps browsers on HTTPS (RFC 6797).
const HSTS: &str = "Strict-Transport-Security";

/// A header and its value.
pub type Header = (Box<str>, Vec<u8>);

impl Decision<'_> {
    /// Headers that the answer has beside those of the backend, for the request that was decided on.
    #[must_use]
    pub fn response_headers(&self, request: &RequestView<'_>) -> Vec<Header> {
        let mut headers: Vec<Header> = Vec::new();
        self.each_response_header(request, &mut |name, value| headers.push((name.into(), value.to_vec())));
        headers
    }

    /// Those of [`response_headers`](Self::response_headers), one after the other. Nothing is allocated unless the answer asks
    /// for a password.
    pub fn each_response_header(&self, request: &RequestView<'_>, each: &mut dyn FnMut(&str, &[u8])) {
        if matches!(self, Self::Forward(forward) if forward.via == Via::Passthrough) {
            return;
        }
        let Some(filters) = self.matched().and_then(|matched| matched.filters()) else { return };
        let set = &filters.response.set;
        let is_set = |name: &str| set.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
        if let Some(hsts) = filters.response.hsts.as_ref().filter(|_| request.is_tls() && !is_set(HSTS)) {
            each(HSTS, hsts.as_bytes());
        }
        if let Some(cors) = &filters.cors {
            each_cors_header(cors, request, each);
        }
        if let Self::Respond(response) = self
            && response.status == 401
            && let Some(basic) = &filters.access.basic
        {
            let scheme = if basic.digest { "Digest" } else { "Basic" };
            each("WWW-Authenticate", format!("{scheme} realm=\"{}\"", basic.realm).as_bytes());
        }
        for (name, value) in set {
            // What all may read must not take the place of what is said to this origin.
            let mut is_said = false;
            if let Some(cors) = &filters.cors {
                each_cors_header(cors, request, &mut |it, _| is_said |= it.eq_ignore_ascii_case(name));
            }
            // One that is set to nothing is taken away.
            if !is_said && !value.is_empty() {
                each(name, value.as_bytes());
            }
        }
    }
}

/// The one `Origin` of a request.
fn origin<'r>(request: &RequestView<'r>) -> Option<&'r [u8]> {
    let mut values = request.header("origin");
    values.next().filter(|_| values.next().is_none())
}

/// Whether scripts of the request's origin may use the answer; with `*` it need not have one.
pub(super) fn is_allowed_origin(cors: &Cors, request: &RequestView<'_>) -> bool {
    if cors.origins.contains(&OriginPattern::Any) {
        return true;
    }
    origin(request).is_some_and(|origin| cors.origins.iter().any(|allowed| allowed.matches(origin)))
}

fn each_cors_header(cors: &Cors, request: &RequestView<'_>, each: &mut dyn FnMut(&str, &[u8])) {
    if !is_allowed_origin(cors, request) {
        return;
    }
    let allowed = match origin(request) {
        Some(origin) if !cors.origins.contains(&OriginPattern::Any) => origin,
        _ => b"*",
    };
    each("Access-Control-Allow-Origin", allowed);
    if cors.credentials {
        each("Access-Control-Allow-Credentials", b"true");
    }
    each("Access-Control-Allow-Methods", cors.methods.as_bytes());
    each("Access-Control-Allow-Headers", cors.headers.as_bytes());
    if !cors.expose_headers.is_empty() {
        each("Access-Control-Expose-Headers", cors.expose_headers.as_bytes());
    }
    each("Access-Control-Max-Age", Short::new(cors.max_age).as_bytes());
}

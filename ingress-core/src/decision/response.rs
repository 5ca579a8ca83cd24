//! Headers of the answer.

use super::{Decision, Via};
use crate::policy::{Cors, OriginPattern};
use crate::request::RequestView;

/// A header and its value.
pub type Header = (Box<str>, Vec<u8>);

impl Decision<'_> {
    /// Headers that the answer has beside those of the backend, for the request that was decided on.
    #[must_use]
    pub fn response_headers(&self, request: &RequestView<'_>) -> Vec<Header> {
        let mut headers: Vec<Header> = Vec::new();
        if matches!(self, Self::Forward(forward) if forward.via == Via::Passthrough) {
            return headers;
        }
        let Some(filters) = self.matched().and_then(|matched| matched.filters()) else { return headers };
        if let Some(hsts) = filters.response.hsts.as_ref().filter(|_| request.is_tls()) {
            headers.push(("Strict-Transport-Security".into(), hsts.as_bytes().to_vec()));
        }
        if let Some(cors) = &filters.cors {
            headers.extend(cors_headers(cors, request));
        }
        if let Self::Respond(response) = self
            && response.status == 401
            && let Some(basic) = &filters.access.basic
        {
            let scheme = if basic.digest { "Digest" } else { "Basic" };
            headers.push(("WWW-Authenticate".into(), format!("{scheme} realm=\"{}\"", basic.realm).into_bytes()));
        }
        for (name, value) in &filters.response.set {
            headers.push((name.clone(), value.as_bytes().to_vec()));
        }
        headers
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

fn cors_headers(cors: &Cors, request: &RequestView<'_>) -> Vec<Header> {
    if !is_allowed_origin(cors, request) {
        return Vec::new();
    }
    let allowed = match origin(request) {
        Some(origin) if !cors.origins.contains(&OriginPattern::Any) => origin.to_vec(),
        _ => b"*".to_vec(),
    };
    let mut headers: Vec<Header> = vec![("Access-Control-Allow-Origin".into(), allowed)];
    let mut add = |name: &str, value: String| headers.push((name.into(), value.into_bytes()));
    if cors.credentials {
        add("Access-Control-Allow-Credentials", "true".to_owned());
    }
    add("Access-Control-Allow-Methods", cors.methods.to_string());
    add("Access-Control-Allow-Headers", cors.headers.to_string());
    if !cors.expose_headers.is_empty() {
        add("Access-Control-Expose-Headers", cors.expose_headers.to_string());
    }
    add("Access-Control-Max-Age", cors.max_age.to_string());
    headers
}

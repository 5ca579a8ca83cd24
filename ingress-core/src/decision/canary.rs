//! Which requests go to a canary.

use crate::policy::{Affinity, Backend, Canary, CanaryRule, HeaderPattern};
use crate::request::RequestView;

/// What sent a request to a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CanaryBy {
    /// The client came back with the canary's affinity cookie.
    Affinity,
    /// The header says `always`.
    Header,
    /// The header has the value.
    HeaderValue,
    /// The header matches the pattern.
    HeaderPattern,
    /// The cookie says `always`.
    Cookie,
    /// The draw fell within the weight.
    Weight,
}

impl CanaryBy {
    /// The rule in kebab case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Affinity => "affinity",
            Self::Header => "header",
            Self::HeaderValue => "header-value",
            Self::HeaderPattern => "header-pattern",
            Self::Cookie => "cookie",
            Self::Weight => "weight",
        }
    }
}

/// Whether the canary takes a request, and by which rule.
pub(super) fn takes(
    canary: &Canary,
    primary: &Backend,
    alternative: &Backend,
    request: &RequestView<'_>,
) -> Option<CanaryBy> {
    if let Some(bound) = bound_to(canary, primary, alternative, request) {
        return bound.then_some(CanaryBy::Affinity);
    }
    let rule = &*canary.rule;
    match by_header(rule, request).or_else(|| by_cookie(rule, request)) {
        Some(decided) => decided,
        // The draw is uniform over 64 bits, so the remainder favours nobody by more than one in 2^50.
        None => (request.draw() % rule.weight_total.max(1) < rule.weight).then_some(CanaryBy::Weight),
    }
}

/// Whether a client has got a cookie from the canary, or from the primary; none if from neither.
fn bound_to(canary: &Canary, primary: &Backend, alternative: &Backend, request: &RequestView<'_>) -> Option<bool> {
    let own = |backend: &'_ Backend| backend.policy.as_deref().and_then(|policy| policy.settings.affinity.clone());
    let theirs = if canary.rule.has_own_affinity { own(alternative) } else { canary.affinity.clone() };
    let is_of = |backend: &Backend, affinity: Option<&Affinity>| {
        affinity.is_some_and(|affinity| is_cookie_of(backend, affinity, request))
    };
    if is_of(primary, own(primary).as_deref()) {
        return Some(false);
    }
    is_of(alternative, theirs.as_deref()).then_some(true)
}

fn is_cookie_of(backend: &Backend, affinity: &Affinity, request: &RequestView<'_>) -> bool {
    let Some(value) = cookie(request, affinity.cookie.as_bytes()) else { return false };
    // ingress-nginx writes the endpoint's key, a bar, and the backend's: the MD5 of the MD5 of its name and the name.
    let reference = &backend.reference;
    let name = format!("{}-{}-{}", reference.namespace, reference.service, reference.port);
    let key = format!("{:x}", md5::compute(format!("{:x}{name}", md5::compute(&name))));
    value.rsplit(|byte| *byte == b'|').next() == Some(key.as_bytes())
}

/// What the header decides, if it does.
fn by_header(rule: &CanaryRule, request: &RequestView<'_>) -> Option<Option<CanaryBy>> {
    let mut values = request.header(rule.header.as_deref()?);
    // Of two values nobody can say which one is meant.
    let value = values.next().filter(|_| values.next().is_none())?;
    match (&rule.header_value, &rule.header_pattern) {
        (Some(wanted), _) => (value == wanted.as_bytes()).then_some(Some(CanaryBy::HeaderValue)),
        (None, Some(HeaderPattern::Search(pattern))) => {
            pattern.is_match(value).then_some(Some(CanaryBy::HeaderPattern))
        }
        (None, Some(HeaderPattern::Unusable(_))) => Some(None),
        (None, None) => always_or_never(value, CanaryBy::Header),
    }
}

fn by_cookie(rule: &CanaryRule, request: &RequestView<'_>) -> Option<Option<CanaryBy>> {
    let value = cookie(request, rule.cookie.as_deref()?.as_bytes())?;
    always_or_never(value, CanaryBy::Cookie)
}

fn always_or_never(value: &[u8], by: CanaryBy) -> Option<Option<CanaryBy>> {
    match value {
        b"always" => Some(Some(by)),
        b"never" => Some(None),
        _ => None,
    }
}

/// The value of a cookie (RFC 6265 5.4): names are compared with regard to case, the first counts.
pub(super) fn cookie<'r>(request: &RequestView<'r>, name: &[u8]) -> Option<&'r [u8]> {
    let pairs = request.header("cookie").flat_map(|value| value.split(|byte| *byte == b';'));
    pairs.into_iter().find_map(|pair| pair.trim_ascii().strip_prefix(name)?.strip_prefix(b"=").map(<[u8]>::trim_ascii))
}

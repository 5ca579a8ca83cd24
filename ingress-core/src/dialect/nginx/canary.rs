//! `canary` and the keys that say which requests it takes.

use super::grammar;
use crate::diagnostic::Code;
use crate::dialect::annotations::{Annotations, Bad};
use crate::path::Search;
use crate::policy::{CanaryRule, HeaderPattern};

/// The rule of a canary; none for an ordinary Ingress, whatever other keys it has.
pub(super) fn read(a: &mut Annotations<'_>) -> Option<CanaryRule> {
    let is_canary = a.flag("canary", Bad::Default).unwrap_or(false);
    if !is_canary {
        return None;
    }
    let total = a.number("canary-weight-total", Bad::Default).and_then(|total| u64::try_from(total).ok());
    let weight = a.number("canary-weight", Bad::Default).and_then(|weight| u64::try_from(weight).ok());
    let name = "a name of letters, digits and `-._~/:`";
    let header = a.checked("canary-by-header", grammar::basic, name, Bad::Default).map(Into::into);
    let header_value = a.checked("canary-by-header-value", grammar::basic, name, Bad::Default).map(Into::into);
    let pattern_key = "canary-by-header-pattern";
    let pattern = a.checked(pattern_key, grammar::regex, "a regular expression", Bad::Default);
    let header_pattern = pattern.map(|text| match Search::new(text, false) {
        Ok(search) => HeaderPattern::Search(search),
        Err(error) => {
            let message = format!("{error}; requests with the header stay with the primary backend");
            a.report(Code::AnnotationInvalid, pattern_key, message);
            HeaderPattern::Unusable(text.into())
        }
    });
    let behavior = a.word("affinity-canary-behavior", &["sticky", "legacy"], Bad::Default);
    let cookie = a.checked("canary-by-cookie", grammar::basic, name, Bad::Default).map(Into::into);
    Some(CanaryRule {
        header,
        header_value,
        header_pattern,
        cookie,
        weight: weight.unwrap_or(0),
        has_own_affinity: behavior == Some("legacy"),
        weight_total: total.filter(|total| *total > 100).unwrap_or(100),
    })
}

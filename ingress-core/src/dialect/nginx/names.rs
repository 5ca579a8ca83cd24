//! Other names for the hosts of an Ingress: `server-alias`; and `ssl-passthrough`.

use std::collections::BTreeSet;

use super::grammar;
use crate::diagnostic::Code;
use crate::dialect::Aliases;
use crate::dialect::annotations::{Annotations, Bad, shown};
use crate::host::{HostName, HostPattern, HostRegex};

/// Expressions are tried one after the other by every request that no name takes.
const MAX_EXPRESSIONS: usize = 16;

/// `server-alias`: names, `*.name` and `name.*` for any number of labels, `~expression`.
pub(super) fn aliases(a: &mut Annotations<'_>) -> Option<Aliases> {
    let key = "server-alias";
    let is_list = |text: &str| grammar::list(text).all(grammar::regex);
    let list = a.checked(key, is_list, "a list of host names", Bad::Drop)?;
    let mut aliases = BTreeSet::new();
    let mut expressions = 0;
    for alias in grammar::list(list) {
        match alias_of(alias) {
            Ok(HostPattern::Regex(_)) if expressions == MAX_EXPRESSIONS => {
                let message = format!("more than {MAX_EXPRESSIONS} expressions; `{}` is left out", shown(alias));
                a.report(Code::AnnotationInvalid, key, message);
            }
            Ok(pattern) => {
                expressions += usize::from(matches!(pattern, HostPattern::Regex(_)));
                aliases.insert(pattern);
            }
            Err(why) => {
                let message = format!("alias `{}` {why}; it is left out", shown(alias));
                a.report(Code::AnnotationInvalid, key, message);
            }
        }
    }
    (!aliases.is_empty()).then(|| Aliases { patterns: aliases.into_iter().collect(), field: a.field(key) })
}

fn alias_of(alias: &str) -> Result<HostPattern, String> {
    if let Some(expression) = alias.strip_prefix('~') {
        let expression = expression.strip_prefix('*').unwrap_or(expression);
        return HostRegex::new(expression).map(HostPattern::Regex).map_err(|error| error.to_string());
    }
    let lower = alias.to_ascii_lowercase();
    if let Some(stem) = lower.strip_suffix(".*") {
        return HostName::new(stem).map(HostPattern::Stem).map_err(|error| error.to_string());
    }
    match HostPattern::new(&lower).map_err(|error| error.to_string())? {
        HostPattern::Wildcard(name) => Ok(HostPattern::Suffix(name)),
        pattern => Ok(pattern),
    }
}

/// `ssl-passthrough`, which the controller has to be started for.
pub(super) fn passthrough(a: &mut Annotations<'_>, is_enabled: bool) -> bool {
    let key = "ssl-passthrough";
    let wanted = a.flag(key, Bad::Drop).unwrap_or(false);
    if wanted && !is_enabled {
        let message = "has no effect without --enable-ssl-passthrough".to_owned();
        a.report(Code::AnnotationNotImplemented, key, message);
    }
    wanted && is_enabled
}

//! `path` and `pathType`.

use super::Check;
use crate::diagnostic::Code;
use crate::model::{HttpIngressPath, PathType};

/// Sequences that an Exact or Prefix path must not have, and endings.
const FORBIDDEN: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const FORBIDDEN_ENDINGS: [&str; 2] = ["/..", "/."];

pub(super) fn check(check: &mut Check<'_>, path: &HttpIngressPath, field: &dyn Fn() -> String) {
    let text = &*path.path;
    match &path.path_type {
        None => {
            let help = "one of `Exact`, `Prefix`, `ImplementationSpecific`";
            check.error(Code::PathTypeMissing, format!("{}.pathType", field()), "`pathType` is missing", Some(help));
        }
        Some(PathType::Exact | PathType::Prefix) => {
            if !text.starts_with('/') {
                not_absolute(check, text, field);
            }
            let sequences = FORBIDDEN.iter().filter(|sequence| text.contains(**sequence));
            let endings = FORBIDDEN_ENDINGS.iter().filter(|ending| text.ends_with(**ending));
            if let Some(sequence) = sequences.chain(endings).next() {
                let message = format!("path `{text}` must not have `{sequence}`");
                check.error(Code::PathInvalidSequence, format!("{}.path", field()), message, None);
            }
        }
        Some(PathType::ImplementationSpecific) => {
            if !text.is_empty() && !text.starts_with('/') {
                not_absolute(check, text, field);
            }
        }
        Some(PathType::Unknown(other)) => {
            let help = "one of `Exact`, `Prefix`, `ImplementationSpecific`, spelt like this";
            let message = format!("path type `{other}` is unknown");
            check.error(Code::PathTypeUnknown, format!("{}.pathType", field()), message, Some(help));
        }
    }
}

fn not_absolute(check: &mut Check<'_>, text: &str, field: &dyn Fn() -> String) {
    let (message, help) = if text.is_empty() {
        ("path is missing".to_owned(), "write `/` for every path".to_owned())
    } else {
        (format!("path `{text}` does not begin with `/`"), format!("write `/{text}`"))
    };
    check.error(Code::PathNotAbsolute, format!("{}.path", field()), message, Some(&help));
}

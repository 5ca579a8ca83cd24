//! Paths as expressions, and what becomes of them upstream: `use-regex`, `rewrite-target`, `app-root`.

use super::grammar;
use crate::dialect::annotations::{Annotations, Bad};
use crate::policy::{Location, Redirect, Rewrite};

/// `use-regex`.
pub(super) fn use_regex(a: &mut Annotations<'_>) -> bool {
    a.flag("use-regex", Bad::Default).unwrap_or(false)
}

/// `rewrite-target`: a path with groups.
pub(super) fn target(a: &mut Annotations<'_>) -> Option<Box<str>> {
    let key = "rewrite-target";
    let target = a.checked(key, grammar::path, "a path with groups such as `/$2`", Bad::Default)?;
    // nginx would refuse its whole configuration for the one, and redirect for the other.
    if let Err(error) = Rewrite::check(target) {
        a.bad(key, Bad::Refuse, error);
        return None;
    }
    if target.starts_with("http://") || target.starts_with("https://") {
        a.bad(key, Bad::Refuse, "a URL is not a path; use `temporal-redirect` to send clients elsewhere");
        return None;
    }
    Some(target.into())
}

/// `app-root`: an absolute path.
pub(super) fn app_root(a: &mut Annotations<'_>) -> Option<Redirect> {
    let is_absolute = |text: &str| text.starts_with('/') && grammar::path(text);
    let path = a.checked("app-root", is_absolute, "an absolute path", Bad::Default)?;
    Some(Redirect { status: 302, location: Location::OnAuthority(path.into()), reason: "app-root" })
}

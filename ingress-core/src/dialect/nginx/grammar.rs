//! The character classes that values are checked against (ingress-nginx, `validators.go`). Line breaks are in none of them.

fn all(text: &str, extra: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

/// Letters, digits and `/ - . _ ~ :`.
pub(super) fn basic(text: &str) -> bool {
    all(text, "-._~/:")
}

/// The same, commas and spaces.
pub(super) fn extended(text: &str) -> bool {
    all(text, "-._~/:, ")
}

/// A URL.
pub(super) fn url(text: &str) -> bool {
    all(text, "-._~/:,?&=")
}

/// A URL with variables.
pub(super) fn url_with_variables(text: &str) -> bool {
    all(text, "-._~/:,?&=$ ")
}

/// Text with variables.
pub(super) fn variables(text: &str) -> bool {
    all(text, "-_${}")
}

/// A path with groups.
pub(super) fn path(text: &str) -> bool {
    all(text, "-._~/:$")
}

/// A regular expression, or the name of a server.
pub(super) fn regex(text: &str) -> bool {
    all(text, "-._~/:^$[](){}*+?|&=\\")
}

/// A list of header names.
pub(super) fn headers(text: &str) -> bool {
    all(text, "-_, ")
}

/// The entries of a list between commas, without blanks around them; empty ones are left out.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

//! Kubernetes' grammars of names; each function says what is wrong, or nothing.

/// A Service name: a DNS label (RFC 1035), up to 63 characters, beginning with a letter or, as newer servers allow, a digit.
pub(super) fn service_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is missing");
    }
    if name.len() > 63 {
        return Some("is longer than 63 characters");
    }
    if !name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        return Some("may only have `a-z`, `0-9` and `-`");
    }
    (name.starts_with('-') || name.ends_with('-')).then_some("must not begin or end with `-`")
}

/// A port name: an IANA service name of up to 15 characters.
pub(super) fn port_name(name: &str) -> Option<&'static str> {
    if name.len() > 15 {
        return Some("is longer than 15 characters");
    }
    if !name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        return Some("may only have `a-z`, `0-9` and `-`");
    }
    if !name.bytes().any(|b| b.is_ascii_lowercase()) {
        return Some("must have at least one letter");
    }
    if name.contains("--") {
        return Some("must not have `--`");
    }
    (name.starts_with('-') || name.ends_with('-')).then_some("must not begin or end with `-`")
}

/// A name that can stand as one segment of a URL path.
pub(super) fn path_segment(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("is missing"),
        "." | ".." => Some("must not be `.` or `..`"),
        name if name.contains(['/', '%']) => Some("must not have `/` or `%`"),
        _ => None,
    }
}

/// A controller: a DNS subdomain, a slash and a path, at most 250 characters in all.
pub(super) fn controller(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is missing");
    }
    if name.len() > 250 {
        return Some("is longer than 250 characters");
    }
    let Some((domain, path)) = name.split_once('/') else { return Some("must be a domain, a `/` and a path") };
    if crate::host::check_subdomain(domain).is_err() {
        return Some("must begin with a DNS name in lower case");
    }
    let good = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b);
    (path.is_empty() || !path.bytes().all(good)).then_some("must have a path of URL characters behind its `/`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass_and_bad_names_do_not() {
        for good in ["tea", "tea-2", "9lives", &"a".repeat(63)] {
            assert_eq!(service_name(good), None, "{good}");
        }
        for bad in ["", "Tea", "a.b", "-a", "a-", "a_b", &"a".repeat(64)] {
            assert!(service_name(bad).is_some(), "{bad}");
        }
        for good in ["http", "h2", "a-b", "0a"] {
            assert_eq!(port_name(good), None, "{good}");
        }
        for bad in ["80", "http_2", "HTTP", "a--b", "-a", "a-", "abcdefghijklmnop"] {
            assert!(port_name(bad).is_some(), "{bad}");
        }
        for good in ["k8s.io/ingress-nginx", "example.com/a/b"] {
            assert_eq!(controller(good), None, "{good}");
        }
        for bad in ["", "nginx", "K8s.io/x", "k8s.io/", "k8s.io/a b"] {
            assert!(controller(bad).is_some(), "{bad}");
        }
    }
}

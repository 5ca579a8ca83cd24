//! The `Path` of a cookie.

/// A path as an attribute can have it, with all that the whole would match: up to the last slash before what cannot be written
/// there, and `/` for what is no path.
pub(super) fn path_of(path: &str) -> &str {
    let valid = path.bytes().take_while(|byte| is_attribute_byte(*byte)).count();
    let kept = match path.get(..valid) {
        Some(kept) if kept.len() == path.len() => Some(kept),
        Some(kept) => kept.rfind('/').and_then(|slash| kept.get(..=slash)),
        None => None,
    };
    kept.filter(|kept| kept.starts_with('/')).unwrap_or("/")
}

/// Whether a byte may stand in the value of an attribute (RFC 6265 4.1.1).
fn is_attribute_byte(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && byte != b';'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_attribute_can_have_shortens_the_path() {
        let table = [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a;b", "/"),
            ("/a/b;c/d", "/a/"),
            ("/caf\u{e9}", "/"),
            ("/a/caf\u{e9}/b", "/a/"),
            ("/shop/a b", "/shop/a b"),
            ("/shop/cart; Domain=evil.example", "/shop/"),
            ("/shop\r\nX: y", "/"),
            ("a/b", "/"),
            ("", "/"),
        ];
        for (path, expected) in table {
            assert_eq!(path_of(path), expected, "{path:?}");
        }
    }
}

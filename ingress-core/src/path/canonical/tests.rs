use super::*;

fn check(policy: PathPolicy, table: &[(&str, Result<&str, PathRejection>)]) {
    for (path, expected) in table {
        let canonical = policy.canonical(path.as_bytes());
        assert_eq!(canonical.as_deref(), expected.map(str::as_bytes).as_deref(), "{policy:?} {path}");
        if let Ok(canonical) = canonical {
            // Under nginx's policy a decoded `%` may make new escapes, so only RFC 3986 is idempotent.
            if policy == PathPolicy::Rfc3986 {
                assert_eq!(policy.canonical(&canonical).as_deref(), Ok(&*canonical), "{path} twice");
            }
        }
    }
}

#[test]
fn rfc3986() {
    use PathRejection::{AboveRoot, ControlCharacter, Fragment, HiddenDotSegment, MalformedEscape, Nul};
    check(
        PathPolicy::Rfc3986,
        &[
            ("/", Ok("/")),
            ("/a/b", Ok("/a/b")),
            ("/.well-known/acme", Ok("/.well-known/acme")),
            ("/%61dmin", Ok("/admin")),
            ("/a%7eb%2D%5f%2e", Ok("/a~b-_.")),
            ("/a%2fb%3f%3a", Ok("/a%2Fb%3F%3A")),
            ("//a///b//", Ok("/a/b/")),
            ("/./a/./b/.", Ok("/a/b/")),
            ("/a/../b/..", Ok("/")),
            ("/a/b/..", Ok("/a/")),
            ("/a/%2e%2E/b", Ok("/b")),
            ("/...", Ok("/...")),
            ("/..x/.y", Ok("/..x/.y")),
            ("/a;v=1", Ok("/a;v=1")),
            ("/a\\b", Ok("/a\\b")),
            ("/a%0Ab", Ok("/a%0Ab")),
            ("/%252e%252e/a", Ok("/%252e%252e/a")),
            ("/é", Ok("/%C3%A9")),
            ("/caf%c3%a9", Ok("/caf%C3%A9")),
            ("/a%2f.%2fb", Ok("/a%2F.%2Fb")),
            ("/..", Err(AboveRoot)),
            ("/a/../../b", Err(AboveRoot)),
            ("/%2e%2e/b", Err(AboveRoot)),
            ("/a%2f..%2fb", Err(HiddenDotSegment)),
            ("/..%2fb", Err(HiddenDotSegment)),
            ("/a%5c..", Err(HiddenDotSegment)),
            ("/..\\b", Err(HiddenDotSegment)),
            ("/b\\..", Err(HiddenDotSegment)),
            ("/..;/b", Err(HiddenDotSegment)),
            ("/.;x/b", Err(HiddenDotSegment)),
            ("/.;%2Fx", Err(HiddenDotSegment)),
            ("/%2e;%5c", Err(HiddenDotSegment)),
            ("/..%3Bx/b", Err(HiddenDotSegment)),
            ("/a%", Err(MalformedEscape)),
            ("/a%4", Err(MalformedEscape)),
            ("/a%z1", Err(MalformedEscape)),
            ("/a%00", Err(Nul)),
            ("/a\u{1}", Err(ControlCharacter)),
            ("/a b", Err(ControlCharacter)),
            ("/a\u{7f}", Err(ControlCharacter)),
            ("/a#b", Err(Fragment)),
        ],
    );
}

/// Every row was observed on nginx 1.22.1, except that `#` never reaches this function there.
#[test]
fn nginx() {
    use PathRejection::{AboveRoot, MalformedEscape, Nul};
    let mut table: Vec<(&str, Result<&str, PathRejection>)> = Vec::new();
    for path in
        ["/%61dmin", "//admin", "/./admin", "/a/../admin", "/public/..%2fadmin", "/public/%2e%2e/admin", "/%2fadmin"]
    {
        table.push((path, Ok("/admin")));
    }
    for path in ["/admin%2Fusers", "/admin//users"] {
        table.push((path, Ok("/admin/users")));
    }
    for path in ["/admin/.", "/admin/x/.."] {
        table.push((path, Ok("/admin/")));
    }
    table.extend([
        ("/admin/..", Ok("/")),
        ("/admin%2f..%2fpublic", Ok("/public")),
        ("/admin;v=1", Ok("/admin;v=1")),
        ("/admin%3Fx", Ok("/admin?x")),
        ("/admin%23x", Ok("/admin#x")),
        ("/admin\\x", Ok("/admin\\x")),
        ("/admin%5Cx", Ok("/admin\\x")),
        ("/%252e%252e/admin", Ok("/%2e%2e/admin")),
        ("/a+b", Ok("/a+b")),
        ("/.../..x", Ok("/.../..x")),
    ]);
    for path in ["/../x", "/..%2fx", "/%2e%2e/x", "/a/../..", "/./../x"] {
        table.push((path, Err(AboveRoot)));
    }
    table.extend([("/a%", Err(MalformedEscape)), ("/a%z1", Err(MalformedEscape)), ("/a%00", Err(Nul))]);
    check(PathPolicy::Nginx, &table);
}

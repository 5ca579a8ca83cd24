use std::sync::Arc;

use ingress_core::policy::PortRef;

use super::*;

/// Affinity as it is where only the cookie is named.
pub(in crate::upstream) fn affinity() -> Affinity {
    Affinity {
        cookie: "INGRESSCOOKIE".into(),
        persistent: false,
        path: None,
        domain: None,
        expires: None,
        max_age: None,
        same_site: None,
        conditional_same_site_none: false,
        secure: None,
        change_on_failure: false,
    }
}

fn backend(namespace: &str, service: &str) -> BackendRef {
    BackendRef::new(Arc::from(namespace), Arc::from(service), PortRef::Number(80))
}

fn set_cookie(affinity: &Affinity, path: &str, is_https: bool, user_agent: Option<&str>) -> String {
    let set_cookie = SetCookie {
        affinity,
        key: &Key::hex([0xab; 16]),
        backend: &Key::hex([0x01; 16]),
        path,
        is_https,
        user_agent: user_agent.map(str::as_bytes),
        unix_now: 784_111_777,
    };
    let mut text = Vec::new();
    set_cookie.write(&mut text);
    let text = String::from_utf8(text).unwrap();
    let value = format!("INGRESSCOOKIE={}|{}; ", "ab".repeat(16), "01".repeat(16));
    text.strip_prefix(&value).unwrap_or(&text).to_owned()
}

#[test]
fn keys_are_those_of_ingress_nginx() {
    let name = backend_name(&backend("shop", "web"));
    assert_eq!(&*name, "shop-web-80");
    let endpoint = |text: &str| Endpoint::Address(text.parse().unwrap());
    // `printf 'shop-web-8010.0.0.7:8080' | md5sum`, and the same of the MD5 of the name and the name.
    assert_eq!(Key::of_endpoint(&name, &endpoint("10.0.0.7:8080")).to_string(), "f6315404575569fba92b499c4048c81c");
    assert_eq!(
        Key::of_endpoint(&name, &endpoint("[2001:db8::7]:8080")).to_string(),
        "f521b526ca77a858f82d8353c288e8fe"
    );
    assert_eq!(Key::of_backend(&name).to_string(), "ad0f3520c2b4ae4ad7cae6da8d3345ed");
}

#[test]
fn one_cookie_is_read() {
    for (fields, expected) in [
        (&[][..], None),
        (&["route=a"], Some("a")),
        (&["other=x; route=a; more=y"], Some("a")),
        (&["other=x", "route=a", "route=b"], Some("a")),
        (&["route=a; route=b"], Some("a")),
        (&["other=x;route=a;more"], Some("a")),
        (&["route=\"a|b\""], Some("a|b")),
        (&["route=\"a"], Some("\"a")),
        (&["route=\""], Some("\"")),
        (&["route=\"\""], Some("")),
        (&["route=  a "], Some("a")),
        (&["route=a=b"], Some("a=b")),
        (&["route="], Some("")),
        (&["route"], None),
        (&["Route=a; xroute=a; route2=a; =a; ;"], None),
    ] {
        let found = cookie(fields.iter().map(|field| field.as_bytes()), b"route");
        assert_eq!(found, expected.map(str::as_bytes), "{fields:?}");
    }
    assert_eq!((key_of(b"a|b"), key_of(b"a"), key_of(b""), key_of(b"|b")), (&b"a"[..], &b"a"[..], &b""[..], &b""[..]));
}

#[test]
fn attributes() {
    let with = |change: fn(&mut Affinity)| {
        let mut affinity = affinity();
        change(&mut affinity);
        affinity
    };
    let old = Some("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/60.0.3112 Safari/537.36");
    for (affinity, is_https, user_agent, expected) in [
        (affinity(), false, None, "Path=/; HttpOnly"),
        (affinity(), true, None, "Path=/; Secure; HttpOnly"),
        (with(|it| it.secure = Some(true)), false, None, "Path=/; Secure; HttpOnly"),
        (with(|it| it.secure = Some(false)), true, None, "Path=/; HttpOnly"),
        (with(|it| it.domain = Some("a.example".into())), false, None, "Domain=a.example; Path=/; HttpOnly"),
        (with(|it| it.domain = Some("a; Secure".into())), false, None, "Path=/; HttpOnly"),
        (with(|it| it.expires = Some(0)), false, None, "Expires=Sun, 06 Nov 1994 08:49:37 GMT; Path=/; HttpOnly"),
        (with(|it| it.expires = Some(86_400)), false, None, "Expires=Mon, 07 Nov 1994 08:49:37 GMT; Path=/; HttpOnly"),
        (with(|it| it.expires = Some(-37)), false, None, "Expires=Sun, 06 Nov 1994 08:49:00 GMT; Path=/; HttpOnly"),
        (
            with(|it| it.expires = Some(i64::MIN)),
            false,
            None,
            "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly",
        ),
        (
            with(|it| it.expires = Some(i64::MAX)),
            false,
            None,
            "Expires=Fri, 31 Dec 9999 23:59:59 GMT; Path=/; HttpOnly",
        ),
        (with(|it| it.max_age = Some(-1)), false, None, "Max-Age=-1; Path=/; HttpOnly"),
        (with(|it| it.same_site = Some("lax".into())), false, None, "Path=/; HttpOnly; SameSite=Lax"),
        (with(|it| it.same_site = Some("STRICT".into())), true, old, "Path=/; Secure; HttpOnly; SameSite=Strict"),
        (with(|it| it.same_site = Some("none".into())), false, old, "Path=/; Secure; HttpOnly; SameSite=None"),
        (
            with(|it| (it.same_site, it.secure) = (Some("none".into()), Some(false))),
            true,
            None,
            "Path=/; HttpOnly; SameSite=None",
        ),
        (
            with(|it| (it.same_site, it.conditional_same_site_none) = (Some("None".into()), true)),
            true,
            old,
            "Path=/; Secure; HttpOnly",
        ),
        (
            with(|it| (it.same_site, it.conditional_same_site_none) = (Some("None".into()), true)),
            true,
            Some("curl/8.5.0"),
            "Path=/; Secure; HttpOnly; SameSite=None",
        ),
        (
            with(|it| (it.same_site, it.conditional_same_site_none) = (Some("Lax".into()), true)),
            true,
            old,
            "Path=/; Secure; HttpOnly; SameSite=Lax",
        ),
    ] {
        assert_eq!(set_cookie(&affinity, "/", is_https, user_agent), expected, "{affinity:?}");
    }
}

#[test]
fn a_name_that_no_cookie_can_have_sets_none() {
    for name in ["", "a b", "a=b", "a;b", "a\r\nb", "a,b", "ä", "\"a\""] {
        assert_eq!(set_cookie(&Affinity { cookie: name.into(), ..affinity() }, "/", true, None), "", "{name:?}");
    }
}

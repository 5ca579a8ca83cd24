//! What is written into annotations and settings: the keys and the values.

use std::sync::LazyLock;

use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::sample::select;

use super::{PREFIX, Pairs, pairs};

/// Every annotation of ingress-nginx, without the prefix.
pub(super) static NGINX: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    words(&[include_str!("../../../src/dialect/nginx/keys.rs")], |word| is_word(word) && word.len() > 2)
});

/// Every annotation of TKE.
pub(super) static TKE: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let prefixes = ["ingress.cloud.tencent.com/", "kubernetes.io/ingress."];
    let is_key = |word: &str| prefixes.iter().any(|it| word.starts_with(it) && word.len() > it.len());
    words(&[include_str!("../../../src/dialect/tke/keys.rs")], is_key)
});

/// Every key of the ConfigMap, and some words that are none.
pub(super) static SETTINGS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let files = [
        include_str!("../../../src/dialect/nginx/settings/access.rs"),
        include_str!("../../../src/dialect/nginx/settings/auth.rs"),
        include_str!("../../../src/dialect/nginx/settings/client.rs"),
        include_str!("../../../src/dialect/nginx/settings/data_plane.rs"),
        include_str!("../../../src/dialect/nginx/settings/headers.rs"),
        include_str!("../../../src/dialect/nginx/settings/redirects.rs"),
        include_str!("../../../src/dialect/nginx/settings/tls.rs"),
        include_str!("../../../src/dialect/nginx/settings/unread.rs"),
        include_str!("../../../src/dialect/nginx/settings/upstream.rs"),
    ];
    words(&files, |word| is_word(word) && word.contains('-'))
});

/// The texts between quotes in the code of some files.
fn words(files: &[&'static str], is_key: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let code = files.iter().flat_map(|text| text.split("#[cfg(test)]").next());
    let mut words: Vec<_> = code.flat_map(|text| text.split('"')).filter(|word| is_key(word)).collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Text that no key has a meaning for that lets anybody in.
pub(super) const HOSTILE: [&str; 62] = [
    "\"",
    "'",
    "`",
    "\\",
    "a\rb",
    "a\nb",
    "a\r\nX-Evil: 1",
    "on\r\nX: y",
    "\r\na",
    ";",
    "}",
    "a; return 200;",
    "} location / {",
    "{{",
    "{{ .Values.x }}",
    "${",
    "${x",
    "$",
    "$$",
    "$(",
    "$(id)",
    "%{",
    "%",
    "%0d%0a",
    "#",
    "#x",
    "..",
    "/../",
    "a/../b",
    "\0",
    "a\0b",
    "a\u{2028}b",
    "\u{202e}on",
    "\u{2066}true",
    "\u{1f980}",
    "\x1b[31m",
    "(",
    "[",
    "(?=a)",
    "(?P<a",
    "a{99999}",
    "~*(",
    "*",
    "99999999999999999999",
    "-1",
    "1e309",
    "0x10",
    ",",
    ",,",
    "a,",
    "http://",
    "http:///x",
    "http://a b/",
    "http://[",
    "10.0.0.0/33",
    "10.0.0.0/8,;",
    "10.0.0.0/8;",
    "/",
    "a/b/c",
    "CN=(",
    "null",
    "[{\"a\":",
];

/// Text that is nothing once the blanks around it are gone.
pub(super) const BLANK: [&str; 7] = ["", " ", "\n", "\r\n", "\t", "\u{2028}", "\u{a0}"];

/// Values that some key or other can use, so that what is behind the reading is reached too.
const USUAL: [&str; 40] = [
    "true",
    "false",
    "on",
    "off",
    "basic",
    "digest",
    "users",
    "hostile/users",
    "auth-map",
    "extra",
    "hostile/extra",
    "http://auth.hostile.test/$uri?u=$escaped_request_uri",
    "https://hostile.test$uri",
    "http://hostile.test/$arg_x",
    "$request_uri",
    "$uri",
    "cookie",
    "ewma",
    "10.0.0.0/8",
    "0.0.0.0/0,::/0",
    "/$1",
    "/x/$2",
    "/x",
    "100",
    "1",
    "GRPCS",
    "HTTPS",
    "CN=a.*",
    "optional",
    "403,503",
    "s1",
    "any",
    "X-Team",
    "a.hostile.test",
    "*.alias.hostile.test",
    "~^alias[0-9]+\\.hostile\\.test$",
    "200 202 5m",
    "persistent",
    r#"[{"host": "hostile.test", "path": "/", "backend": {"serviceName": "s1", "servicePort": "80"}}]"#,
    r#"[{"host": "hostile.test", "path": "/a", "rewrite": {"port": 443, "path": "/b"}}]"#,
];

pub(super) fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => select(&HOSTILE[..]).prop_map(str::to_owned),
        1 => Just("x".repeat(64 << 10)),
        // The mark in front keeps it from being something that means anything.
        3 => any::<String>().prop_map(|text| format!("\u{202e}{text}")),
    ]
}

pub(super) fn value() -> impl Strategy<Value = Box<str>> {
    let own = prop_oneof![select(&USUAL[..]), select(&BLANK[..])].prop_map(str::to_owned);
    prop_oneof![1 => hostile(), 1 => own].prop_map(String::into_boxed_str)
}

/// Annotations that do something only together.
const TOGETHER: [&[(&str, &str)]; 10] = [
    &[],
    &[("use-regex", "true"), ("rewrite-target", "/x/$2"), ("x-forwarded-prefix", "/p$1$2")],
    &[("rewrite-target", "/$1"), ("x-forwarded-prefix", "/$1"), ("app-root", "/a")],
    &[("auth-url", "http://auth.hostile.test$uri"), ("auth-signin", "http://hostile.test/$uri?x=$arg_x")],
    &[("mirror-target", "http://mirror.hostile.test$uri"), ("upstream-hash-by", "$uri$http_x")],
    &[("canary", "true"), ("canary-weight", "100")],
    &[("canary", "true"), ("canary-by-header", "Origin"), ("canary-by-header-pattern", "http.*")],
    &[("affinity", "cookie"), ("load-balance", "ewma"), ("session-cookie-path", "/a")],
    &[
        ("enable-cors", "true"),
        ("cors-allow-origin", "http://hostile.test"),
        ("auth-type", "basic"),
        ("auth-secret", "users"),
    ],
    &[("auth-tls-secret", "hostile/users"), ("from-to-www-redirect", "true"), ("server-alias", "a.hostile.test")],
];

pub(super) fn annotations(most: usize) -> impl Strategy<Value = Pairs> {
    let key = prop_oneof![
        8 => select(&NGINX[..]).prop_map(|key| format!("{PREFIX}{key}")),
        2 => select(&TKE[..]).prop_map(str::to_owned),
        1 => Just("qcloud_cert_id".to_owned()),
        1 => "[a-z-]{1,12}".prop_map(|key| format!("{PREFIX}{key}")),
    ];
    let others = btree_map(key.prop_map(String::into_boxed_str), value(), 0..most);
    (select(&TOGETHER[..]), others).prop_map(|(together, others)| {
        let mut annotations = pairs(PREFIX, together);
        annotations.extend(others);
        annotations
    })
}

#[test]
fn every_key_is_found() {
    assert_eq!((NGINX.len(), TKE.len()), (138, 38));
    assert!(SETTINGS.len() > 150, "{}", SETTINGS.len());
}

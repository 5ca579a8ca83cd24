//! No value opens what another one guards.

use std::sync::Arc;

use ingress_core::decision::{Decision, Forward};
use ingress_core::dialect::{Dialects, Nginx};
use ingress_core::lower::lower;
use ingress_core::model::{Inputs, Metadata, Object};
use ingress_core::snapshot::Snapshot;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::cases;
use super::texts::{BLANK, HOSTILE, NGINX, SETTINGS, hostile};
use super::{Ask, CREDENTIALS, PREFIX, Pairs, config_map, ingress, metadata, options, pairs, secret};

/// A request that an Ingress or the controller guards.
struct Door {
    annotations: &'static [(&'static str, &'static str)],
    settings: &'static [(&'static str, &'static str)],
    ask: Ask,
    /// Whether the request is forwarded with the guard.
    keeps: fn(&Forward<'_>) -> bool,
}

const PASSWORD: &[(&str, &str)] =
    &[("auth-type", "basic"), ("auth-secret", "users"), ("auth-secret-type", "auth-file"), ("auth-realm", "staff")];
const SERVICE: &[(&str, &str)] = &[
    ("auth-url", "http://auth.example/check"),
    ("auth-method", "POST"),
    ("auth-always-set-cookie", "true"),
    ("auth-request-redirect", "http://a.example/"),
    ("auth-cache-key", "$remote_user_of"),
    ("auth-cache-duration", "200 5m"),
    ("auth-signin", "http://auth.example/sign-in"),
    ("auth-response-headers", "X-User"),
    ("auth-proxy-set-headers", "extra"),
    ("satisfy", "all"),
];
const CERTIFICATE: &[(&str, &str)] = &[
    ("auth-tls-secret", "shop/users"),
    ("auth-tls-verify-client", "on"),
    ("auth-tls-verify-depth", "1"),
    ("auth-tls-match-cn", "CN=good"),
    ("auth-tls-pass-certificate-to-upstream", "true"),
];
const BACKEND: &[(&str, &str)] = &[
    ("backend-protocol", "HTTPS"),
    ("proxy-ssl-secret", "shop/users"),
    ("proxy-ssl-verify", "on"),
    ("proxy-ssl-verify-depth", "2"),
];

fn never(_: &Forward<'_>) -> bool {
    false
}

fn with_password(forward: &Forward<'_>) -> bool {
    forward.filters().is_some_and(|filters| filters.access.basic.is_some())
}

fn with_service(forward: &Forward<'_>) -> bool {
    forward.filters().is_some_and(|filters| filters.access.external.is_some())
}

fn with_verification(forward: &Forward<'_>) -> bool {
    forward.filters().and_then(|filters| filters.upstream.tls.as_deref()).is_some_and(|tls| tls.verify)
}

fn doors() -> Vec<Door> {
    let ask = Ask::new("a.example", "/x");
    let door = |annotations, ask: &Ask, keeps| Door { annotations, settings: &[], ask: ask.clone(), keeps };
    let known = Ask { headers: CREDENTIALS, ..ask };
    let tls = |certificate| Ask { tls: Some(certificate), ..ask.clone() };
    let set = |settings, ask: &Ask, keeps| Door { annotations: &[], settings, ask: ask.clone(), keeps };
    let claims_to_be = Ask { headers: &[("X-Forwarded-For", b"203.0.113.9")], ..ask.clone() };
    vec![
        door(&[("denylist-source-range", "192.0.2.0/24")], &ask, never),
        door(&[("whitelist-source-range", "10.0.0.0/8")], &ask, never),
        door(&[("allowlist-source-range", "10.0.0.0/8")], &ask, never),
        door(PASSWORD, &ask, never),
        door(PASSWORD, &known, with_password),
        door(SERVICE, &ask, with_service),
        door(CERTIFICATE, &ask, never),
        door(CERTIFICATE, &tls(None), never),
        door(CERTIFICATE, &tls(Some(("CN=good", false))), never),
        door(CERTIFICATE, &tls(Some(("CN=evil", true))), never),
        door(BACKEND, &ask, with_verification),
        set(&[("denylist-source-range", "192.0.2.0/24")], &ask, never),
        set(&[("block-cidrs", "192.0.2.0/24")], &ask, never),
        set(&[("whitelist-source-range", "10.0.0.0/8")], &ask, never),
        set(&[("global-auth-url", "http://auth.example/"), ("global-auth-method", "GET")], &ask, with_service),
        set(
            &[
                ("use-forwarded-headers", "true"),
                ("proxy-real-ip-cidr", "10.0.0.0/8"),
                ("whitelist-source-range", "203.0.113.0/24"),
            ],
            &claims_to_be,
            never,
        ),
    ]
}

/// The guards that look at headers.
fn header_doors() -> [Door; 2] {
    let door = |settings, headers| {
        let ask = Ask { headers, ..Ask::new("a.example", "/x") };
        Door { annotations: &[], settings, ask, keeps: never }
    };
    [
        door(&[("block-user-agents", "~*evil")], &[("User-Agent", b"Evil/1")]),
        door(&[("block-referers", "~*evil")], &[("Referer", b"http://evil/")]),
    ]
}

/// Whether a door is shut: what comes of the request is no forwarding, or one with the guard.
fn is_shut(door: &Door, annotations: Pairs, settings: Pairs) -> bool {
    let metadata = Metadata { annotations, ..metadata("shop", "i") };
    let shop = ingress(metadata, "a.example", vec![("/".into(), "Prefix")]);
    let objects = [Object::Ingress(shop.into()), secret("shop"), config_map("shop", "extra", Pairs::new())];
    let inputs: Inputs = objects.into_iter().chain([config_map("control", "settings", settings)]).collect();
    let (table, _) = lower(&inputs, &options(Dialects::only(Arc::new(Nginx::new(false)))));
    let snapshot = Snapshot::new(table);
    door.ask.view(|view| match snapshot.decide(&view.unwrap()) {
        Decision::Forward(forward) => (door.keeps)(&forward),
        _ => true,
    })
}

/// With one annotation more, or another in its place.
fn stays_shut(door: &Door, key: &str, value: &str) -> bool {
    let mut annotations = pairs(PREFIX, door.annotations);
    annotations.insert(format!("{PREFIX}{key}").into(), value.into());
    is_shut(door, annotations, pairs("", door.settings))
}

/// What the laws about doors would be worth nothing without.
#[test]
fn a_door_is_shut_by_its_guard_and_by_nothing_else() {
    for (number, door) in doors().iter().enumerate() {
        assert!(is_shut(door, pairs(PREFIX, door.annotations), pairs("", door.settings)), "door {number}");
        assert!(!is_shut(door, Pairs::new(), Pairs::new()), "door {number} without guard");
    }
}

/// A setting that keeps somebody out is not taken in silence and left undone.
#[test]
fn lists_of_headers_are_guards() {
    for (number, door) in header_doors().iter().enumerate() {
        assert!(is_shut(door, Pairs::new(), pairs("", door.settings)), "door {number}");
        assert!(!is_shut(door, Pairs::new(), Pairs::new()), "door {number} without guard");
    }
}

/// Keys whose blank value ingress-nginx takes for no value at all: whoever blanks them out asks for nothing.
const UNSET_BY_BLANK: [&str; 6] =
    ["auth-type", "auth-url", "auth-tls-secret", "auth-tls-match-cn", "proxy-ssl-secret", "proxy-ssl-verify"];

/// Other guards whose value somebody has blanked out are not thereby dismissed.
#[test]
fn a_blank_value_opens_no_door() {
    let mut open = Vec::new();
    for (number, door) in doors().iter().enumerate() {
        for (key, _) in door.annotations.iter().filter(|(key, _)| !UNSET_BY_BLANK.contains(key)) {
            open.extend(BLANK.iter().filter(|value| !stays_shut(door, key, value)).map(|value| (number, key, value)));
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn no_text_of_the_list_opens_a_door() {
    let mut open = Vec::new();
    for (number, door) in doors().iter().enumerate() {
        for (key, _) in door.annotations {
            open.extend(HOSTILE.iter().filter(|value| !stays_shut(door, key, value)).map(|value| (number, key, value)));
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

proptest! {
    #![proptest_config(cases(1_000))]

    /// Any annotation may come to a guarded door, not only those that guard it.
    #[test]
    fn no_value_opens_a_door(number in 0..doors().len(), key in select(&NGINX[..]), value in hostile()) {
        prop_assert!(stays_shut(&doors()[number], key, &value), "door {}", number);
    }

    #[test]
    fn no_setting_opens_a_door(
        number in 0..doors().len(),
        key in select(&SETTINGS[..]),
        own in any::<bool>(),
        value in hostile(),
    ) {
        let door = &doors()[number];
        let key = if own { door.settings.first().map_or(key, |(key, _)| key) } else { key };
        // Whoever may write this may name paths that nobody guards.
        prop_assume!(key != "no-auth-locations");
        let mut settings = pairs("", door.settings);
        settings.insert(key.into(), value.into());
        prop_assert!(is_shut(door, pairs(PREFIX, door.annotations), settings), "door {}", number);
    }
}

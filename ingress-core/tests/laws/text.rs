//! The pools that everything else draws from.

use ingress_core::host::HostPattern;
use proptest::prelude::*;
use proptest::sample::select;

/// 47 bytes, what an index slot holds whole; 48, one more; and three long names that begin alike.
const LONG: [&str; 5] = [
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.example",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.example",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx1.example",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx2.example",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx1.a.example",
];

/// Names that rules and requests share.
pub(super) const NAMES: [&str; 9] =
    ["example", "a.example", "b.example", "b.a.example", "a", LONG[0], LONG[1], LONG[2], LONG[3]];

/// The host of a rule, as it is written.
pub(super) fn rule_host() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        4 => select(&NAMES[..]).prop_map(str::to_owned),
        3 => select(&NAMES[..]).prop_map(|name| format!("*.{name}")),
    ]
}

/// The same as a pattern.
pub(super) fn host_pattern() -> impl Strategy<Value = HostPattern> {
    rule_host().prop_map(|host| HostPattern::new(&host).unwrap())
}

/// The host of a request, as a client may write it.
pub(super) fn request_host() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => select(&NAMES[..]).prop_map(str::to_owned),
        1 => Just(LONG[4].to_owned()),
        3 => (select(&["a", "b", "x-y"][..]), select(&NAMES[..])).prop_map(|(label, name)| format!("{label}.{name}")),
        1 => select(&["10.0.0.1", "[::1]", "elsewhere"][..]).prop_map(str::to_owned),
    ];
    (name, select(&["", "", "", ":80", ".", ".:8080"][..]), prop::bool::weighted(0.2)).prop_map(|(name, end, upper)| {
        let end = if name.starts_with('[') { "" } else { end };
        let name = if upper { name.to_ascii_uppercase() } else { name };
        format!("{name}{end}")
    })
}

/// Segments of rule paths.
const SEGMENTS: [&str; 9] = ["a", "ab", "b", "%2F", "é", "{x}", "", "A", "a-rather-long-segment"];
/// What requests may have beside them.
const REQUEST_SEGMENTS: [&str; 12] =
    ["a", "ab", "b", "a", "%2f", "%C3%A9", "%7Bx%7D", "%61", ".", "..", "..%2f", "a-rather-long-segment"];

/// A rule path out of any segments, or empty.
pub(super) fn rule_path() -> impl Strategy<Value = String> {
    prop_oneof![9 => joined(&SEGMENTS, 4), 1 => Just("/".to_owned()), 1 => select(&["", "a", "/a?b", "*"][..]).prop_map(str::to_owned)]
}

/// A rule path that the API server would let in with any path type.
pub(super) fn valid_rule_path() -> impl Strategy<Value = String> {
    prop_oneof![4 => joined(&["a", "ab", "b", "é", "{x}", "%7e", "%C3%A9"], 3), 1 => Just("/".to_owned())]
}

/// A request path.
pub(super) fn request_path() -> impl Strategy<Value = String> {
    prop_oneof![2 => joined(&SEGMENTS, 4), 2 => joined(&REQUEST_SEGMENTS, 4), 1 => Just("/".to_owned())]
}

fn joined(segments: &'static [&'static str], most: usize) -> impl Strategy<Value = String> + use<> {
    (prop::collection::vec(select(segments), 1..=most), prop::bool::weighted(0.25)).prop_map(|(segments, slash)| {
        let end = if slash { "/" } else { "" };
        format!("/{}{end}", segments.join("/"))
    })
}

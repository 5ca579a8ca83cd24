//! Who is let in, and how much of it: lists of addresses and headers, limits, what annotations may do.

use std::net::IpAddr;

use super::value::{Key, Outcome, boolean, entries, network, number, one_of, set, set_each, status, text};

/// Keys about access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// Who is let in where no annotation says so (`whitelist-source-range`).
    pub(crate) allowed: AddressList,
    /// Who is not, likewise (`denylist-source-range`).
    pub(crate) denied: AddressList,
    /// Who is not, whatever the annotations say (`block-cidrs`).
    pub(crate) blocked: AddressList,
    /// Values of `User-Agent` that are refused (`block-user-agents`).
    pub(crate) blocked_user_agents: Box<[HeaderPattern]>,
    /// Values of `Referer` that are refused (`block-referers`).
    pub(crate) blocked_referers: Box<[HeaderPattern]>,
    /// The answer to a client that is over a rate (`limit-req-status-code`).
    pub(crate) limit_req_status_code: u16,
    /// The answer to a client with too many connections (`limit-conn-status-code`).
    pub(crate) limit_conn_status_code: u16,
    /// What connections are counted by, an nginx variable (`limit-conn-zone-variable`).
    pub(crate) limit_conn_zone_variable: Box<str>,
    /// KiB per second of a response where no annotation says so; 0 is unlimited (`limit-rate`).
    pub(crate) limit_rate: u32,
    /// KiB of a response before that limit holds (`limit-rate-after`).
    pub(crate) limit_rate_after: u32,
    /// Whether ingress-nginx would accept snippets (`allow-snippet-annotations`). They are refused here all the same.
    pub(crate) allow_snippet_annotations: bool,
    /// The highest risk that annotations may have (`annotations-risk-level`).
    pub(crate) annotations_risk_level: Risk,
    /// Texts that no annotation may contain (`annotation-value-word-blocklist`). Spaces around them count.
    pub(crate) annotation_value_word_blocklist: Box<[Box<str>]>,
    /// Whether Exact and Prefix paths must be plain (`strict-validate-path-type`).
    pub(crate) strict_validate_path_type: bool,
    /// Whether annotations may name objects of other namespaces (`allow-cross-namespace-resources`).
    pub(crate) allow_cross_namespace_resources: bool,
}

/// Addresses and networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddressList {
    /// Those that could be read, each with the length of its prefix.
    pub(crate) networks: Box<[(IpAddr, u8)]>,
    /// Whether all could be read. If not, nobody passes who is not certainly meant to: an allow list has its readable
    /// entries and no others, even if there are none; what a deny list leaves open is not known.
    pub(crate) is_complete: bool,
}

impl Default for AddressList {
    fn default() -> Self {
        Self { networks: Box::default(), is_complete: true }
    }
}

/// What a header is compared with, as in an nginx `map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderPattern {
    /// The whole value, in any case.
    Text(Box<str>),
    /// A regular expression that is searched for (`~`).
    Regex(Box<str>),
    /// The same, in any case (`~*`).
    RegexIgnoringCase(Box<str>),
}

/// The risk of an annotation, as ingress-nginx ranks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Risk {
    /// `Low`.
    Low,
    /// `Medium`.
    Medium,
    /// `High`.
    High,
    /// `Critical`.
    Critical,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            allowed: AddressList::default(),
            denied: AddressList::default(),
            blocked: AddressList::default(),
            blocked_user_agents: Box::default(),
            blocked_referers: Box::default(),
            limit_req_status_code: 503,
            limit_conn_status_code: 503,
            limit_conn_zone_variable: "$binary_remote_addr".into(),
            limit_rate: 0,
            limit_rate_after: 0,
            allow_snippet_annotations: false,
            annotations_risk_level: Risk::High,
            annotation_value_word_blocklist: Box::default(),
            strict_validate_path_type: true,
            allow_cross_namespace_resources: false,
        }
    }
}

/// What each key does.
pub(super) const KEYS: &[Key<Access>] = &[
    ("whitelist-source-range", |to, value| addresses(&mut to.allowed, value)),
    ("denylist-source-range", |to, value| addresses(&mut to.denied, value)),
    ("block-cidrs", |to, value| addresses(&mut to.blocked, value)),
    ("block-user-agents", |to, value| set(&mut to.blocked_user_agents, patterns(value))),
    ("block-referers", |to, value| set(&mut to.blocked_referers, patterns(value))),
    ("limit-req-status-code", |to, value| set(&mut to.limit_req_status_code, status(value, 400..=599))),
    ("limit-conn-status-code", |to, value| set(&mut to.limit_conn_status_code, status(value, 400..=599))),
    ("limit-conn-zone-variable", |to, value| set(&mut to.limit_conn_zone_variable, text(value))),
    ("limit-rate", |to, value| set(&mut to.limit_rate, number(value))),
    ("limit-rate-after", |to, value| set(&mut to.limit_rate_after, number(value))),
    ("allow-snippet-annotations", |to, value| set(&mut to.allow_snippet_annotations, boolean(value))),
    ("annotations-risk-level", |to, value| risk(&mut to.annotations_risk_level, value)),
    ("annotation-value-word-blocklist", |to, value| {
        // As they are: a list with spaces around its words has always meant the spaces too.
        to.annotation_value_word_blocklist =
            value.trim().split(',').filter(|word| !word.is_empty()).map(Box::from).collect();
        Ok(())
    }),
    ("strict-validate-path-type", |to, value| set(&mut to.strict_validate_path_type, boolean(value))),
    ("allow-cross-namespace-resources", |to, value| set(&mut to.allow_cross_namespace_resources, boolean(value))),
];

fn addresses(place: &mut AddressList, value: &str) -> Outcome {
    let outcome = set_each(&mut place.networks, value, "an address or a network", network);
    // Nothing between two commas is no address either.
    let has_gap = !value.trim().is_empty() && value.split(',').any(|entry| entry.trim().is_empty());
    place.is_complete = outcome.is_ok() && !has_gap;
    match outcome {
        Ok(()) if has_gap => Err("has an entry that is empty; what it keeps out stays out".into()),
        outcome => outcome,
    }
}

fn patterns(value: &str) -> Result<Box<[HeaderPattern]>, Box<str>> {
    Ok(entries(value).map(pattern).collect())
}

fn pattern(entry: &str) -> HeaderPattern {
    // nginx's own quotes, which people write around values with spaces.
    let bare = ['"', '\''].iter().find_map(|quote| entry.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(entry);
    if let Some(regex) = bare.strip_prefix("~*") {
        HeaderPattern::RegexIgnoringCase(regex.into())
    } else if let Some(regex) = bare.strip_prefix('~') {
        HeaderPattern::Regex(regex.into())
    } else {
        HeaderPattern::Text(bare.into())
    }
}

/// Reads a level in any case. One that cannot be read becomes the lowest, as in ingress-nginx: whoever sets the level
/// wants a limit.
fn risk(place: &mut Risk, value: &str) -> Outcome {
    const LEVELS: [(&str, Risk); 4] =
        [("low", Risk::Low), ("medium", Risk::Medium), ("high", Risk::High), ("critical", Risk::Critical)];
    let level = one_of(&value.to_ascii_lowercase(), &LEVELS);
    *place = *level.as_ref().unwrap_or(&Risk::Low);
    level.map(drop).map_err(|why| format!("{why}; `Low` is used").into())
}

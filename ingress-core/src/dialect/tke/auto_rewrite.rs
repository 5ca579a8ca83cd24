//! Redirects to HTTPS for every rule that HTTPS has (`auto-rewrite`, `auto-rewrite-code`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::Object;
use super::ports::Ports;
use super::protocols::Protocols;
use super::{json, keys, rules, switch};
use crate::diagnostic::Code;
use crate::dialect::ExtraRoute;
use crate::dialect::annotations::Annotations;
use crate::model::Ingress;
use crate::object::FieldPath;
use crate::policy::{Location, Redirect, Schemes};

/// What a redirect answers if nothing else is said.
pub(super) const DEFAULT_STATUS: u16 = 302;

/// A redirect to a rule.
#[derive(Debug)]
pub(super) struct Automatic {
    /// The index of the rule and of the path in it.
    pub(super) rule: (usize, usize),
    /// The redirect.
    pub(super) route: ExtraRoute,
}

/// Reads the redirects. They stand in plain text beside the rules that they lead to.
pub(super) fn read(a: &mut Annotations<'_>, ingress: &Ingress, ports: &Ports, protocols: &Protocols) -> Vec<Automatic> {
    if !switch(a, keys::AUTO_REWRITE) {
        return Vec::new();
    }
    if !switch(a, keys::REWRITE_SUPPORT) {
        let message = "`auto-rewrite` has no effect without `rewrite-support`".to_owned();
        let help = format!("set `{}` to `\"true\"`", keys::REWRITE_SUPPORT);
        a.report_with_help(Code::RewriteInvalid, keys::AUTO_REWRITE, message, &help);
        return Vec::new();
    }
    let statuses = json::read(a, keys::AUTO_REWRITE_CODE, statuses).ok().flatten().unwrap_or_default();
    let rules: Vec<_> = rules::of(ingress).filter(|rule| protocols.of(rule.place).contains(true)).collect();
    let missing = match ports.https() {
        _ if rules.is_empty() => Some("there is no HTTPS rule to redirect to"),
        None => Some("there is no HTTPS listener to redirect to"),
        Some(_) if !ports.has_http() => Some("there is no HTTP listener to redirect from"),
        Some(_) => None,
    };
    if let Some(missing) = missing {
        a.report(Code::RewriteInvalid, keys::AUTO_REWRITE, format!("`auto-rewrite` has no effect: {missing}"));
        return Vec::new();
    }
    let redirects = rules.into_iter().filter_map(|rule| {
        let status = statuses.hosts.get(rule.host).copied().unwrap_or(statuses.default);
        let location = Location::Https { strip_slash: false, port: ports.https().filter(|port| *port != 443) };
        let route = ExtraRoute {
            host: rules::host(rule.host)?,
            path: rule.pattern(),
            schemes: Schemes::Http,
            redirect: Redirect { status, location, reason: "rewrite" },
            field: FieldPath::rule_path(rule.place.0, rule.place.1),
        };
        Some(Automatic { rule: rule.place, route })
    });
    redirects.collect()
}

/// The statuses of redirects.
#[derive(Debug)]
struct Statuses {
    default: u16,
    hosts: BTreeMap<Box<str>, u16>,
}

impl Default for Statuses {
    fn default() -> Self {
        Self { default: DEFAULT_STATUS, hosts: BTreeMap::new() }
    }
}

fn statuses(value: &Value) -> Result<Statuses, String> {
    let root = Object::new(value, String::new())?;
    let mut statuses = Statuses::default();
    if let Some(status) = status(&root, "defaultRewriteCode")? {
        statuses.default = status;
    }
    let hosts = root.get("rewriteCodeInfos").map_or(Ok(&[][..]), json::items)?;
    for (i, item) in hosts.iter().enumerate() {
        let item = Object::new(item, format!("rewriteCodeInfos[{i}]"))?;
        let status = status(&item, "rewriteCode")?.ok_or_else(|| item.missing("rewriteCode"))?;
        // Of two for one host the first counts, as of two rules.
        statuses.hosts.entry(rules::host_text(item.text("host")?).into()).or_insert(status);
    }
    Ok(statuses)
}

fn status(object: &Object<'_>, key: &str) -> Result<Option<u16>, String> {
    let Some(value) = object.get(key) else { return Ok(None) };
    match value.as_u64() {
        Some(status @ (301 | 302 | 307)) => Ok(u16::try_from(status).ok()),
        _ => Err(format!("`{}` is none of 301, 302 and 307", object.place(key))),
    }
}

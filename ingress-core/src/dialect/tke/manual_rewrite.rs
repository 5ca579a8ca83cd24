//! Redirects that the rule lists write out (`rewrite` in `http-rules` and `https-rules`).
//!
//! A redirect must not lead to a place that redirects as well. That is asked of the place which the entry names, not of
//! all that is below it: a longer path there may redirect, but takes something off what the first one handed on, so
//! that no request goes round in circles.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::auto_rewrite::{Automatic, DEFAULT_STATUS};
use super::ports::Ports;
use super::protocols::Protocols;
use super::rules::{self, Listed, Lists, What};
use super::{PATHS, keys, switch};
use crate::diagnostic::Code;
use crate::dialect::ExtraRoute;
use crate::dialect::annotations::{Annotations, shown};
use crate::host::HostPattern;
use crate::model::Ingress;
use crate::path::PathPattern;
use crate::policy::{Location, Redirect, Schemes};

/// An entry that redirects, checked by itself.
#[derive(Debug)]
struct Rewrite {
    key: &'static str,
    index: usize,
    /// Whether it is for TLS.
    tls: bool,
    host: HostPattern,
    from: Box<str>,
    to: Destination,
}

#[derive(Debug)]
struct Destination {
    tls: bool,
    port: Option<u16>,
    host: Option<Box<str>>,
    path: Box<str>,
}

/// Reads the redirects of the lists.
pub(super) fn read(
    a: &mut Annotations<'_>,
    ingress: &Ingress,
    lists: Option<&Lists>,
    ports: &Ports,
    protocols: &Protocols,
    automatic: &[Automatic],
) -> Vec<ExtraRoute> {
    let entries = lists.into_iter().flat_map(Lists::entries);
    let entries: Vec<Listed<'_>> = entries.filter(|it| matches!(it.entry.what, What::Rewrite { .. })).collect();
    let Some(first) = entries.first() else { return Vec::new() };
    if !switch(a, keys::REWRITE_SUPPORT) {
        let message = "entries with `rewrite` have no effect without `rewrite-support`".to_owned();
        let help = format!("set `{}` to `\"true\"`", keys::REWRITE_SUPPORT);
        a.report_with_help(Code::RewriteInvalid, first.key, message, &help);
        return Vec::new();
    }
    let covered: BTreeSet<&HostPattern> = automatic.iter().map(|redirect| &redirect.route.host).collect();
    let mut rewrites = Vec::new();
    for listed in &entries {
        match check(listed, ports).and_then(|rewrite| apart(rewrite, &covered)) {
            Ok(rewrite) => rewrites.push(rewrite),
            Err(why) => ignored(a, listed.key, listed.index, &why),
        }
    }
    let answers = Answers::new(ingress, protocols, automatic, &rewrites);
    let mut routes = Vec::new();
    for rewrite in &rewrites {
        if answers.redirect_at(rewrite) {
            let why = format!("leads to `{}`, which redirects as well", shown(&rewrite.to.path));
            ignored(a, rewrite.key, rewrite.index, &why);
        } else {
            routes.push(route(a, rewrite));
        }
    }
    routes
}

fn ignored(a: &mut Annotations<'_>, key: &str, index: usize, why: &str) {
    a.report(Code::RewriteInvalid, key, format!("the redirect of entry [{index}] is left out: it {why}"));
}

/// What an entry asks for, or why that cannot be.
fn check(listed: &Listed<'_>, ports: &Ports) -> Result<Rewrite, String> {
    let Listed { key, tls, index, entry } = *listed;
    let What::Rewrite { port, host, path } = &entry.what else { return Err("is none".to_owned()) };
    let from = rules::host(&entry.host).ok_or_else(|| format!("is for `{}`, which is no host", shown(&entry.host)))?;
    let to_tls = ports.is_tls(*port).ok_or_else(|| format!("leads to port {port}, where nobody listens"))?;
    let usual = if to_tls { 443 } else { 80 };
    let host = host.as_deref().map(destination_host).transpose()?;
    let to = Destination { tls: to_tls, port: Some(*port).filter(|port| *port != usual), host, path: path_of(path)? };
    Ok(Rewrite { key, index, tls, host: from, from: path_of(&entry.path)?, to })
}

/// A redirect stays away from hosts that are redirected as a whole.
fn apart(rewrite: Rewrite, covered: &BTreeSet<&HostPattern>) -> Result<Rewrite, String> {
    if covered.contains(&rewrite.host) {
        return Err(format!("is for host `{}`, which `auto-rewrite` redirects", rewrite.host));
    }
    Ok(rewrite)
}

/// A host as it is written in a `Location`.
fn destination_host(host: &str) -> Result<Box<str>, String> {
    match (host.parse::<IpAddr>(), HostPattern::new(host)) {
        (Ok(IpAddr::V6(address)), _) => Ok(format!("[{address}]").into()),
        (Ok(_), _) | (_, Ok(HostPattern::Exact(_))) => Ok(host.into()),
        _ => Err(format!("leads to `{}`, which is no host", shown(host))),
    }
}

/// A path in canonical form. Others can never be asked for, or hide where they lead.
fn path_of(text: &str) -> Result<Box<str>, String> {
    let path = PATHS.canonical_escapes(text);
    let is_canonical = path.starts_with('/')
        && path.is_ascii()
        && !path.contains('?')
        && PATHS.canonical(path.as_bytes()).is_ok_and(|canonical| canonical == path.as_bytes());
    if is_canonical { Ok(path) } else { Err(format!("has `{}` for a path", shown(text))) }
}

fn route(a: &Annotations<'_>, rewrite: &Rewrite) -> ExtraRoute {
    let Destination { tls, port, host, path } = &rewrite.to;
    let location =
        Location::Moved { tls: *tls, host: host.clone(), port: *port, from: rewrite.from.clone(), to: path.clone() };
    ExtraRoute {
        host: rewrite.host.clone(),
        path: PathPattern::Prefix(rewrite.from.clone()),
        schemes: if rewrite.tls { Schemes::Https } else { Schemes::Http },
        redirect: Redirect { status: DEFAULT_STATUS, location, reason: "rewrite" },
        field: a.field(rewrite.key),
    }
}

/// What answers where, as far as this object says it.
#[derive(Debug, Default)]
struct Answers {
    /// Whether what answers below a path redirects, by protocol and host.
    below: BTreeMap<(bool, HostPattern), BTreeMap<Box<str>, bool>>,
}

impl Answers {
    fn new(ingress: &Ingress, protocols: &Protocols, automatic: &[Automatic], rewrites: &[Rewrite]) -> Self {
        let mut answers = Self::default();
        for rule in rules::of(ingress) {
            let Some(host) = rules::host(rule.host) else { continue };
            for tls in [false, true].into_iter().filter(|tls| protocols.of(rule.place).contains(*tls)) {
                answers.put(tls, &host, &rule.pattern(), false);
            }
        }
        for Automatic { route, .. } in automatic {
            answers.put(false, &route.host, &route.path, true);
        }
        for rewrite in rewrites {
            answers.put(rewrite.tls, &rewrite.host, &PathPattern::Prefix(rewrite.from.clone()), true);
        }
        answers
    }

    fn put(&mut self, tls: bool, host: &HostPattern, path: &PathPattern, redirects: bool) {
        let paths = self.below.entry((tls, host.clone())).or_default();
        // An exact path is not the answer to anything below it.
        if matches!(path, PathPattern::Prefix(_)) {
            paths.insert(path.significant().into(), redirects);
        }
    }

    /// Whether a redirect answers where another one leads.
    fn redirect_at(&self, rewrite: &Rewrite) -> bool {
        let to = &rewrite.to;
        let host = match to.host.as_deref() {
            Some(host) => rules::host(rules::host_text(Some(host.trim_matches(['[', ']'])))),
            None => Some(rewrite.host.clone()),
        };
        let Some(paths) = host.and_then(|host| self.host(to.tls, host)) else { return false };
        let mut path = to.path.trim_end_matches('/');
        loop {
            match (paths.get(path), path.rsplit_once('/')) {
                (Some(redirects), _) => return *redirects,
                (None, Some((parent, _))) => path = parent,
                (None, None) => return false,
            }
        }
    }

    /// What the most specific host has that takes everything for this one.
    fn host(&self, tls: bool, host: HostPattern) -> Option<&BTreeMap<Box<str>, bool>> {
        let text = host.to_string();
        if let Some(paths) = self.below.get(&(tls, host)) {
            return Some(paths);
        }
        let mut rest = text.as_str();
        while let Some((_, parent)) = rest.split_once('.') {
            rest = parent;
            let suffix = rules::host(&format!("*.{parent}")).and_then(|host| self.below.get(&(tls, host)));
            if suffix.is_some() {
                return suffix;
            }
        }
        self.below.get(&(tls, HostPattern::Any))
    }
}

//! The controller's half of ingress-nginx, written down once more: from Ingresses to servers and locations.
//!
//! It follows the specification and shares nothing with the engine, so that an error would have to be made twice.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Annotations, Ingress, Kind, Path, Set};

/// A `server` block.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// The host of the rules, `_` for rules without one.
    pub(crate) host: String,
    pub(crate) aliases: BTreeSet<String>,
    /// In the order in which they are written.
    pub(crate) locations: Vec<Location>,
}

/// A `location` block.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) path: String,
    pub(crate) is_exact: bool,
    /// None answers 404.
    pub(crate) backend: Option<String>,
    pub(crate) annotations: Annotations,
    /// Whether no rule asked for it.
    is_implicit: bool,
}

impl Location {
    /// Whether the path is replaced on its way upstream.
    pub(crate) fn rewrites(&self) -> Option<&str> {
        self.annotations.rewrite_target.as_deref().filter(|target| *target != self.path)
    }

    fn root(backend: Option<String>, annotations: Annotations) -> Self {
        Self { path: "/".to_owned(), is_exact: false, backend, annotations, is_implicit: true }
    }
}

impl Server {
    /// Whether every path is read as a regular expression.
    pub(crate) fn is_regex(&self) -> bool {
        self.locations.iter().any(|location| location.annotations.use_regex || location.rewrites().is_some())
    }

    /// Whether nginx would refuse two of the locations as the same.
    fn has_duplicates(&self) -> bool {
        let mut seen = BTreeSet::new();
        !self.is_regex() && !self.locations.iter().all(|location| seen.insert((location.is_exact, &location.path)))
    }

    fn add(&mut self, ingress: &Ingress, path: &Path) {
        let is_exact = path.kind == Kind::Exact;
        let text = if path.path.is_empty() { "/" } else { &path.path };
        let backend = Some(ingress.backend(&path.service));
        // The controller looks no further than the first entry for the path.
        let first = self.locations.iter_mut().find(|location| location.path == text);
        match first {
            Some(location) if location.is_exact == is_exact => {
                if location.is_implicit {
                    location.is_implicit = false;
                    location.backend = backend;
                    location.annotations = ingress.annotations.clone();
                }
            }
            _ => self.locations.push(Location {
                path: text.to_owned(),
                is_exact,
                backend,
                annotations: ingress.annotations.clone(),
                is_implicit: false,
            }),
        }
    }

    /// Longest first, and of each Prefix path two locations where it is not an expression itself.
    fn arrange(&mut self) {
        self.locations.sort_by(|a, b| b.path.len().cmp(&a.path.len()).then_with(|| b.path.cmp(&a.path)));
        let exact = self.locations.iter().filter(|location| location.is_exact);
        let exact: BTreeSet<String> = exact.map(|location| location.path.clone()).collect();
        let mut arranged = Vec::new();
        for mut location in self.locations.drain(..) {
            let is_expression = location.annotations.use_regex || location.rewrites().is_some();
            if !is_expression {
                // A target that equals the path as it is written is none (3.5), also once the path has been split.
                location.annotations.rewrite_target = None;
            }
            if location.path == "/" || location.is_exact || is_expression {
                arranged.push(location);
                continue;
            }
            let path = format!("{}/", location.path.trim_end_matches('/'));
            arranged.push(Location { path, ..location.clone() });
            if !exact.contains(&location.path) {
                arranged.push(Location { is_exact: true, ..location });
            }
        }
        self.locations = arranged;
    }
}

/// The servers of a set in the order in which they are written; none if nginx would refuse the configuration.
pub(crate) fn servers(set: &Set) -> Option<Vec<Server>> {
    let mut ingresses: Vec<&Ingress> = set.ingresses.iter().collect();
    ingresses
        .sort_by_key(|ingress| (ingress.created, std::cmp::Reverse(format!("{}/{}", ingress.namespace, ingress.name))));
    let mut servers = BTreeMap::new();
    let fallback = Location::root(set.default_backend.clone(), Annotations::default());
    servers.insert("_".to_owned(), server("_", fallback));
    create(&ingresses, set.default_backend.as_deref(), &mut servers);
    for ingress in &ingresses {
        for rule in &ingress.rules {
            for path in &rule.paths {
                if let Some(server) = servers.get_mut(server_name(&rule.host)) {
                    server.add(ingress, path);
                }
            }
        }
    }
    servers.values_mut().for_each(Server::arrange);
    let is_fine = !servers.values().any(Server::has_duplicates);
    is_fine.then(|| servers.into_values().collect())
}

/// Makes the servers with their implicit locations and their aliases.
fn create(ingresses: &[&Ingress], default: Option<&str>, servers: &mut BTreeMap<String, Server>) {
    for ingress in ingresses {
        let own = ingress.default_backend.as_deref().map(|service| ingress.backend(service));
        if let (Some(own), true, Some(any)) = (&own, ingress.rules.is_empty(), servers.get_mut("_"))
            && let Some(root) = any.locations.first_mut().filter(|root| root.is_implicit)
        {
            // Redirects and rewriting of such an Ingress are left out.
            root.backend = Some(own.clone());
            root.is_implicit = false;
        }
        let backend = own.or_else(|| default.map(str::to_owned));
        for rule in &ingress.rules {
            let name = server_name(&rule.host);
            let root = || Location::root(backend.clone(), ingress.annotations.clone());
            servers.entry(name.to_owned()).or_insert_with(|| server(name, root()));
        }
    }
    let names: BTreeSet<String> = servers.keys().cloned().collect();
    for ingress in ingresses {
        for rule in &ingress.rules {
            if let Some(server) = servers.get_mut(server_name(&rule.host)).filter(|server| server.aliases.is_empty()) {
                server.aliases.extend(ingress.annotations.server_alias.iter().cloned());
            }
        }
    }
    // Only now: an Ingress all of whose aliases are hosts still keeps the aliases of younger ones away.
    servers.values_mut().for_each(|server| server.aliases.retain(|alias| !names.contains(alias)));
}

fn server(host: &str, root: Location) -> Server {
    Server { host: host.to_owned(), aliases: BTreeSet::new(), locations: vec![root] }
}

fn server_name(host: &str) -> &str {
    if host.is_empty() { "_" } else { host }
}

//! What an Ingress would take that others have.
//!
//! What it has already is never asked about again: an Ingress that came before the webhook did can still be changed.

use std::collections::BTreeMap;

use ingress_core::compiler::Trial;
use ingress_core::host::HostPattern;
use ingress_core::model::Ingress;
use ingress_core::object::FieldPath;

/// What ingress-nginx calls an Ingress by that takes requests from another one.
const CANARY: &str = "nginx.ingress.kubernetes.io/canary";

/// A path that another Ingress has too.
pub(super) struct Rival<'t> {
    pub(super) host: &'t str,
    pub(super) path: &'t str,
    pub(super) field: FieldPath,
    pub(super) other: &'t Ingress,
}

/// What an Ingress says about being a canary, as far as it matters to others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Nothing, so that its paths are its own.
    Ordinary,
    /// It is one, and a path has at most one.
    Canary,
}

/// The paths that another Ingress of the same role has at the same host, whatever their types.
pub(super) fn same_paths<'t>(ingress: &'t Ingress, trial: &'t Trial) -> Vec<Rival<'t>> {
    let Some(role) = role(ingress) else { return Vec::new() };
    let mut taken: BTreeMap<(&str, &str), &Ingress> = BTreeMap::new();
    for other in trial.hosts.iter().flat_map(|host| &host.others).filter(|other| self::role(other) == Some(role)) {
        for (host, path, _) in paths(other) {
            taken.entry((host, path)).or_insert(other);
        }
    }
    let was_ours = trial.hosts.iter().any(|host| !host.is_new);
    let current = trial.current.as_deref().filter(|_| was_ours);
    let had: Vec<(&str, &str)> = current.into_iter().flat_map(paths).map(|(host, path, _)| (host, path)).collect();
    let rivals = paths(ingress).filter_map(|(host, path, field)| {
        let other = taken.get(&(host, path)).filter(|_| !had.contains(&(host, path)))?;
        Some(Rival { host: if host.is_empty() { "_" } else { host }, path, field, other })
    });
    rivals.collect()
}

/// The hosts that are new to an Ingress, and whose oldest Ingress is of another namespace; where nobody has rules for a host,
/// the wildcard that takes it counts.
pub(super) fn hosts_of_others<'t>(ingress: &Ingress, trial: &'t Trial) -> impl Iterator<Item = &'t HostPattern> {
    let hosts = trial.hosts.iter().filter(|host| host.is_new);
    let owned = hosts.filter(|host| {
        let direct = host.others.first().map(|other| &*other.metadata.namespace);
        let owner = direct.or_else(|| host.wildcards.first().map(|other| &*other.namespace));
        owner.is_some_and(|owner| owner != &*ingress.metadata.namespace)
    });
    owned.map(|host| &host.host)
}

/// None for an Ingress that says that it is no canary, or says it in a way that cannot be read: ingress-nginx lets it have any
/// path.
fn role(ingress: &Ingress) -> Option<Role> {
    match ingress.metadata.annotations.get(CANARY).map(|value| &**value) {
        None => Some(Role::Ordinary),
        Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Some(Role::Canary),
        Some(_) => None,
    }
}

/// Hosts and paths as they are written.
fn paths(ingress: &Ingress) -> impl Iterator<Item = (&str, &str, FieldPath)> {
    ingress.spec.rules.iter().enumerate().flat_map(|(i, rule)| {
        let paths = rule.http.as_ref().map_or(&[][..], |http| &http.paths);
        paths.iter().enumerate().map(move |(j, path)| {
            let text = if path.path.is_empty() { "/" } else { &*path.path };
            (&*rule.host, text, FieldPath::rule_path(i, j))
        })
    })
}

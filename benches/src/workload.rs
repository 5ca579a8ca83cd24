//! The hosts and prefixes that every matcher gets: `svc-N.team-M.prod.example.com`, ten prefixes per host.
//!
//! Real clusters repeat themselves, so there are [`SETS`] different sets of prefixes. A route is known by its number: ten
//! times that of its host, plus the place of its prefix in the host's set.

/// Prefixes of a host.
pub const PREFIXES_PER_HOST: usize = 10;
/// Different sets of prefixes.
pub const SETS: usize = 64;
/// Teams that share the hosts.
const TEAMS: usize = 97;

/// A route's number.
pub type RouteId = u32;

/// So many routes.
#[derive(Debug)]
pub struct Workload {
    hosts: usize,
    sets: Vec<Vec<String>>,
}

impl Workload {
    /// A workload of `routes` routes, a multiple of [`PREFIXES_PER_HOST`].
    #[must_use]
    pub fn new(routes: usize) -> Self {
        Self { hosts: routes / PREFIXES_PER_HOST, sets: (0..SETS).map(prefix_set).collect() }
    }

    /// How many routes there are.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.hosts * PREFIXES_PER_HOST
    }

    /// All hosts with their prefixes.
    pub fn hosts(&self) -> impl Iterator<Item = Host<'_>> {
        (0..self.hosts).map(|number| self.host(number))
    }

    /// The host with this number.
    #[must_use]
    pub fn host(&self, number: usize) -> Host<'_> {
        Host { number, prefixes: self.sets.get(number % SETS).map_or(&[], Vec::as_slice) }
    }

    /// The route that takes a path on a host, by definition: the longest prefix that ends where an element ends.
    #[must_use]
    pub fn route(&self, host: usize, path: &str) -> Option<RouteId> {
        let host = self.host(host);
        let taking = host.routes().filter(|(prefix, _)| takes(prefix, path));
        taking.max_by_key(|(prefix, _)| prefix.len()).map(|(_, id)| id)
    }
}

/// One host.
#[derive(Clone, Copy, Debug)]
pub struct Host<'w> {
    /// Its number, from zero.
    pub number: usize,
    /// Its prefixes.
    pub prefixes: &'w [String],
}

impl<'w> Host<'w> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("svc-{}.team-{}.prod.example.com", self.number, self.number % TEAMS)
    }

    /// The team that owns it, which is a namespace of the cluster.
    #[must_use]
    pub fn team(&self) -> String {
        format!("team-{}", self.number % TEAMS)
    }

    /// Its prefixes with their routes' numbers.
    pub fn routes(self) -> impl Iterator<Item = (&'w str, RouteId)> {
        let first = self.number * PREFIXES_PER_HOST;
        let ids = (first..).map(|id| RouteId::try_from(id).unwrap_or(RouteId::MAX));
        self.prefixes.iter().map(String::as_str).zip(ids)
    }
}

/// Whether a path begins with the elements of a prefix.
fn takes(prefix: &str, path: &str) -> bool {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Ten prefixes, some of them nested, some of them longer than sixteen bytes.
fn prefix_set(set: usize) -> Vec<String> {
    const WORDS: [&str; 8] = ["shop", "orders", "billing", "users", "search", "media", "reports", "ws"];
    let word = |i: usize| WORDS.get((set + i) % WORDS.len()).copied().unwrap_or_default();
    // Not every host has a rule for all paths.
    let first = if set.is_multiple_of(2) { "/".to_owned() } else { "/healthz".to_owned() };
    vec![
        first,
        "/api".to_owned(),
        format!("/api/v{}", 1 + set % 4),
        format!("/api/v{}/{}", 1 + set % 4, word(0)),
        "/static".to_owned(),
        format!("/{}", word(1)),
        format!("/{}/{set}", word(1)),
        format!("/{}-{set}", word(2)),
        format!("/{}-{set}/internal", word(3)),
        format!("/{}-{set}/internal/metrics", word(3)),
    ]
}

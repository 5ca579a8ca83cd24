//! What is looked up: hosts and paths, made beforehand.

use http::Version;
use ingress_core::request::{BadRequest, ConnInfo, Headers, RawRequest, RequestView};

use crate::random::Random;
use crate::workload::{PREFIXES_PER_HOST, RouteId, Workload};

/// Keys of a timed run.
pub const KEYS: usize = 65_536;
/// Keys that are timed as one: so few that the scheduler hardly ever falls into them.
const BATCH: usize = 1_024;
/// Keys of a check.
const CONTROL_KEYS: usize = 65_536;

/// How often each route is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Distribution {
    /// All equally often.
    Uniform,
    /// The n-th most popular one 1/n as often as the first.
    Zipf,
}

impl Distribution {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Zipf];

    /// The name in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf",
        }
    }
}

/// A host and a path with the route that takes them.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Key {
    /// The host, in lower case.
    pub host: String,
    /// The path, in canonical form.
    pub path: String,
    /// What every matcher has to answer.
    pub route: Option<RouteId>,
}

/// A set of keys.
#[derive(Clone, Debug)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// Keys to time: each of them has a route.
    #[must_use]
    pub fn timed(workload: &Workload, distribution: Distribution, count: usize) -> Self {
        let mut random = Random::new(1);
        let popularity = Popularity::new(workload.routes(), distribution);
        let keys = std::iter::repeat_with(|| key(workload, popularity.draw(&mut random), &mut random));
        Self(keys.filter(|key| key.route.is_some()).take(count).collect())
    }

    /// Keys to check with: also hosts that do not exist and paths that no prefix takes.
    #[must_use]
    pub fn control(workload: &Workload) -> Self {
        let mut random = Random::new(2);
        let keys = (0..CONTROL_KEYS).map(|number| {
            let route = random.below(workload.routes());
            let mut key = key(workload, route, &mut random);
            match number % 16 {
                0 => {
                    key.host = key.host.replace("svc", "no");
                    key.route = None;
                }
                1 => {
                    key.path = format!("/nowhere{}", key.path);
                    key.route = workload.route(route / PREFIXES_PER_HOST, &key.path);
                }
                _ => {}
            }
            key
        });
        Self(keys.collect())
    }

    /// The same keys with one more label in front of each host.
    #[must_use]
    pub fn under_label(&self, label: &str) -> Self {
        self.0.iter().map(|key| Key { host: format!("{label}.{}", key.host), ..key.clone() }).collect()
    }

    /// The keys.
    #[must_use]
    pub fn as_slice(&self) -> &[Key] {
        &self.0
    }

    /// The keys in the forms that matchers take, in batches.
    ///
    /// # Errors
    ///
    /// None of the keys that this module makes is refused.
    pub fn probes(&self) -> Result<Vec<Probes<'_>>, BadRequest> {
        self.0.chunks(BATCH).map(Probes::new).collect()
    }
}

impl FromIterator<Key> for Keys {
    fn from_iter<T: IntoIterator<Item = Key>>(keys: T) -> Self {
        Self(keys.into_iter().collect())
    }
}

/// A batch of keys, ready to be looked up.
#[derive(Debug)]
pub struct Probes<'k> {
    /// Host and path.
    pub pairs: Vec<(&'k str, &'k str)>,
    /// The same as requests.
    pub views: Vec<RequestView<'k>>,
}

impl<'k> Probes<'k> {
    fn new(keys: &'k [Key]) -> Result<Self, BadRequest> {
        let views = keys.iter().map(|key| view(&key.host, &key.path)).collect::<Result<_, _>>()?;
        Ok(Self { pairs: keys.iter().map(|key| (&*key.host, &*key.path)).collect(), views })
    }
}

/// The view of a request for a host and path, over HTTP/2.
///
/// # Errors
///
/// [`BadRequest`] for a host or a path that is refused.
pub fn view<'k>(host: &'k str, path: &'k str) -> Result<RequestView<'k>, BadRequest> {
    const CONN: &ConnInfo = &ConnInfo { remote_addr: None, tls: None, tls_ended_in_front: false };
    let raw = RawRequest {
        method: "GET",
        target: path.as_bytes(),
        version: Version::HTTP_2,
        authority: Some(host.as_bytes()),
        headers: Headers::List(&[]),
    };
    RequestView::from_raw(&raw, CONN, 0)
}

/// A key that was made from a route; a longer or a shorter prefix may take it.
fn key(workload: &Workload, route: usize, random: &mut Random) -> Key {
    const ENDINGS: [&str; 6] = ["", "/", "/item/1234", "/a", "-x", "/2026/november.html"];
    let host = workload.host(route / PREFIXES_PER_HOST);
    let prefix = host.prefixes.get(route % PREFIXES_PER_HOST).map_or("/", String::as_str);
    let ending = ENDINGS.get(random.below(ENDINGS.len())).copied().unwrap_or_default();
    let path = format!("/{}{ending}", prefix.trim_matches('/'));
    // The prefix `/` begins a path by itself.
    let path = if let Some(rest) = path.strip_prefix("//") { format!("/{rest}") } else { path };
    Key { host: host.name(), route: workload.route(host.number, &path), path }
}

/// A distribution over routes.
struct Popularity {
    routes: usize,
    /// The share of all routes up to each rank; empty when all are alike.
    cumulative: Vec<f64>,
}

impl Popularity {
    #[expect(clippy::cast_precision_loss, reason = "ranks are far below 2^53")]
    fn new(routes: usize, distribution: Distribution) -> Self {
        let mut sum = 0.0;
        let ranks = if distribution == Distribution::Zipf { routes } else { 0 };
        let cumulative = (1..=ranks).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        Self { routes, cumulative: cumulative.collect() }
    }

    fn draw(&self, random: &mut Random) -> usize {
        let Some(sum) = self.cumulative.last() else { return random.below(self.routes) };
        let wanted = random.fraction() * sum;
        let rank = self.cumulative.partition_point(|share| *share < wanted);
        // Popular routes stand anywhere: the factor has no divisor in common with the powers of ten that are used.
        rank * 7_919 % self.routes
    }
}

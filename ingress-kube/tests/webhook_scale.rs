//! What a question costs does not depend on how much there is: memory is counted, which nothing else on the machine changes.
//! `cargo test --release -p ingress-kube --test webhook_scale -- --nocapture` prints times too.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::alloc::System;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::cluster::{Cluster, settings};
use support::hook::{Client, Connection, Folder, Hook, Issued, review};
use support::{ApiServer, class, ingress, service, slice};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often each of the two is asked.
const QUESTIONS: usize = 200;
/// How often before that, so that whatever is set up once is there.
const FIRST_QUESTIONS: usize = 20;
/// What a question may cost among many Ingresses, in percent of what it costs among few.
const MOST_GROWTH: usize = 150;

struct Site {
    _cluster: Cluster,
    _hook: Hook,
    connection: Connection,
    objects: usize,
    times: Vec<Duration>,
    /// How often memory was asked for, and how much.
    memory: (usize, usize),
}

impl Site {
    /// A webhook for a cluster of so many Ingresses, so many of which have something to complain about.
    async fn new(objects: usize, findings: usize) -> Self {
        let api = ApiServer::start();
        let services = objects.div_ceil(5);
        api.apply(class("nginx", "k8s.io/ingress-nginx"));
        api.apply_all((0..services).map(|n| service("shop", &format!("s{n}"))));
        api.apply_all((0..services).map(|n| slice("shop", &format!("s{n}"), &["10.0.0.1", "10.0.0.2"], 8080)));
        api.apply_all((0..objects).map(|n| {
            let is_wrong = n * findings / objects < (n + 1) * findings / objects;
            let service = if is_wrong { "nowhere".to_owned() } else { format!("s{}", n % services) };
            ingress("shop", &format!("i{n}"), &format!("h{n}.example"), &service)
        }));
        let mut settings = settings();
        settings.timing.page = 500;
        let cluster = Cluster::ready(api, settings).await;
        let folder = Folder::new();
        let issued = Issued::new();
        issued.write(&folder.0);
        let hook = Hook::start(cluster.handle.clone(), folder.settings());
        assert_eq!(cluster.handle.views().borrow().findings.len(), findings);
        let connection = Client::new(hook.address, &issued.authority).until_connected().await;
        Self { _cluster: cluster, _hook: hook, connection, objects, times: Vec::new(), memory: (0, 0) }
    }

    /// Asks about one that is new, and about one that would be another.
    async fn ask(&mut self, n: usize) {
        let (name, host) = if n.is_multiple_of(2) {
            (format!("new{n}"), format!("new{n}.example"))
        } else {
            (format!("i{}", n % self.objects), format!("moved{n}.example"))
        };
        let question = review(&ingress("shop", &name, &host, "s1"));
        let (began, region) = (Instant::now(), Region::new(ALLOCATOR));
        let response = self.connection.ask(&question).await.unwrap();
        let (time, change) = (began.elapsed(), region.change());
        if n >= FIRST_QUESTIONS {
            self.times.push(time);
            self.memory.0 += change.allocations + change.reallocations;
            self.memory.1 += change.bytes_allocated;
        }
        assert_eq!(response.allowed(), Some(true), "{response:?}");
    }

    fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.times.clone();
        times.sort();
        times[(times.len() * percent / 100).min(times.len() - 1)]
    }
}

#[tokio::test]
async fn a_question_costs_what_it_is_about_and_not_what_there_is() {
    let (mut few, mut many) = (Site::new(1_000, 0).await, Site::new(10_000, 2_000).await);
    // In turns, so that whatever else the machine does is in both.
    for n in 0..FIRST_QUESTIONS + QUESTIONS {
        few.ask(n).await;
        many.ask(n).await;
    }
    for site in [&few, &many] {
        let [median, p99, slowest] = [50, 99, 100].map(|percent| site.percentile(percent));
        let (times, bytes) = (site.memory.0 / QUESTIONS, site.memory.1 / QUESTIONS);
        println!(
            "{} Ingresses: an answer takes {times} allocations, {bytes} bytes; {median:?} in the median, p99 {p99:?}, at most {slowest:?}",
            site.objects
        );
    }
    for (what, few, many) in [("allocations", few.memory.0, many.memory.0), ("bytes", few.memory.1, many.memory.1)] {
        assert!(many * 100 <= few * MOST_GROWTH, "{what}: {few} among few, {many} among many");
    }
}

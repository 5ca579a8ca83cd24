//! What a question costs does not depend on how much there is. `OBJECTS=10000 cargo test --release -p ingress-kube --test
//! webhook_scale -- --nocapture` prints the figures of the full size.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use support::cluster::{Cluster, settings};
use support::hook::{Client, Connection, Folder, Hook, Issued, review};
use support::{ApiServer, class, ingress, service, slice};

/// How often each of the two is asked.
const QUESTIONS: usize = 300;

struct Site {
    _cluster: Cluster,
    _hook: Hook,
    connection: Connection,
    objects: usize,
    times: Vec<Duration>,
}

impl Site {
    /// A webhook for a cluster of so many Ingresses.
    async fn new(objects: usize) -> Self {
        let api = ApiServer::start();
        let services = objects.div_ceil(5);
        api.apply(class("nginx", "k8s.io/ingress-nginx"));
        api.apply_all((0..services).map(|n| service("shop", &format!("s{n}"))));
        api.apply_all((0..services).map(|n| slice("shop", &format!("s{n}"), &["10.0.0.1", "10.0.0.2"], 8080)));
        api.apply_all((0..objects).map(|n| {
            // One in ten has something to complain about, so that there is a list of findings.
            let service = if n % 10 == 0 { "nowhere".to_owned() } else { format!("s{}", n % services) };
            ingress("shop", &format!("i{n}"), &format!("h{n}.example"), &service)
        }));
        let mut settings = settings();
        settings.timing.page = 500;
        let cluster = Cluster::ready(api, settings).await;
        let folder = Folder::new();
        let issued = Issued::new();
        issued.write(&folder.0);
        let hook = Hook::start(cluster.handle.clone(), folder.settings());
        let connection = Client::new(hook.address, &issued.authority).until_connected().await;
        Self { _cluster: cluster, _hook: hook, connection, objects, times: Vec::new() }
    }

    /// Asks about one that is new, and about one that would be another.
    async fn ask(&mut self, n: usize) {
        let (name, host) = if n.is_multiple_of(2) {
            (format!("new{n}"), format!("new{n}.example"))
        } else {
            (format!("i{}", n % self.objects), format!("moved{n}.example"))
        };
        let question = review(&ingress("shop", &name, &host, "s1"));
        let began = Instant::now();
        let response = self.connection.ask(&question).await.unwrap();
        self.times.push(began.elapsed());
        assert_eq!(response.allowed(), Some(true), "{response:?}");
    }

    fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.times.clone();
        times.sort();
        times[(times.len() * percent / 100).min(times.len() - 1)]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_costs_what_it_is_about_and_not_what_there_is() {
    let objects = std::env::var("OBJECTS").map_or(2_000, |text| text.parse().unwrap());
    let (mut few, mut many) = (Site::new(100).await, Site::new(objects).await);
    // In turns, so that whatever else the machine does is in both.
    for n in 0..QUESTIONS {
        few.ask(n).await;
        many.ask(n).await;
    }
    for site in [&few, &many] {
        let [median, p99, slowest] = [50, 99, 100].map(|percent| site.percentile(percent));
        println!(
            "{} Ingresses: an answer takes {median:?} in the median, p99 {p99:?}, at most {slowest:?}",
            site.objects
        );
    }
    let ratio = many.percentile(50).as_secs_f64() / few.percentile(50).as_secs_f64();
    let growth = objects / 100;
    println!("{growth} times as many Ingresses: {ratio:.2} times the time");
    // If all of it were read or compiled this would be about that growth; to compare two lists of findings is a part of it.
    assert!(ratio < growth as f64 / 3.0, "{ratio}");
}

//! Runs the cases of `testdata/cases/` through the real proxy with real sockets, from the same files as the simulator's: what
//! the client and the endpoint see is what `simulate` says.
//!
//! What cannot be seen on the wire is left out, counted, and printed with the reason.

#![expect(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(unreachable_pub, reason = "nothing is reached from outside")]

#[path = "cases/certificates.rs"]
mod certificates;
#[path = "cases/client.rs"]
mod client;
#[path = "cases/endpoints.rs"]
mod endpoints;
#[path = "cases/expected.rs"]
mod expected;
#[path = "cases/message.rs"]
mod message;
#[path = "cases/random.rs"]
mod random;
#[path = "cases/read.rs"]
mod read;
mod support;
#[path = "cases/verdict.rs"]
mod verdict;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ingress_cli::input::Manifests;
use ingress_cli::question::Question;
use ingress_cli::simulate::Simulation;
use ingress_core::lower::Options;
use ingress_core::policy::AddressRange;
use ingress_core::snapshot::Snapshot;
use support::site::{Site, config};

use self::certificates::Certificates;
use self::client::Proxy;
use self::endpoints::Endpoints;
use self::read::Case;
use self::verdict::{Verdict, World};

#[test]
fn the_wire_agrees_with_simulate() {
    run(of_files(), 2_740, |question| Some(question.clone()));
}

#[test]
fn the_wire_agrees_with_simulate_over_http2() {
    run(of_files(), 2_610, read::as_http2);
}

/// Random ones, as many as `RANDOM_CASES` says, and others for another `RANDOM_SEED`.
#[test]
fn the_wire_agrees_with_simulate_on_whatever_comes() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (count, seed) = (number("RANDOM_CASES").unwrap_or(80), number("RANDOM_SEED").unwrap_or(1));
    let cases = (0..count).map(|case| random::case(seed.wrapping_mul(1_000_000).wrapping_add(case)));
    run(cases, usize::try_from(count).expect("a number") * 9, |question| Some(question.clone()));
}

fn of_files() -> impl Iterator<Item = Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/cases");
    read::files(&root).into_iter().map(|file| Case::read(&file))
}

/// Asks both of everything, and at least so many questions on the wire.
fn run(all: impl Iterator<Item = Case>, least: usize, form: impl Fn(&Question) -> Option<Question>) {
    let mut config = config();
    config.downstream.proxy_protocol = true;
    config.downstream.http2_cleartext = true;
    config.forwarding.trusted = vec![AddressRange::parse("127.0.0.0/8").expect("a range")];
    let mut site = Site::with_options("", config, Options::default());
    let certificates = Certificates::default();
    let endpoints = Endpoints::start(&certificates);
    let (mut failures, mut skipped) = (Vec::new(), BTreeMap::new());
    let (mut cases, mut asked) = (0, 0);
    for case in all {
        cases += 1;
        let mut manifests = Manifests::default();
        manifests.read("-", case.manifests.clone(), case.engine.namespace());
        let simulation = Simulation::new(&manifests, case.engine.options().expect("options"))
            .with_default_certificate(&manifests.inputs, case.engine.default_certificate());
        certificates.provide(simulation.table(), &site.certs);
        let table = endpoints.stand_in(simulation.table().clone());
        site.publisher.publish(Arc::new(Snapshot::new(table)));
        let proxy = Proxy { http: site.http, https: site.https };
        let world = World { simulation: &simulation, proxy, endpoints: &endpoints, certificates: &certificates };
        for question in &case.questions {
            let Some(question) = form(question) else {
                *skipped.entry("not expressible").or_insert(0) += 1;
                continue;
            };
            match verdict::of(&world, &question) {
                Verdict::Agrees => asked += 1,
                Verdict::Differs(difference) => {
                    asked += 1;
                    failures.push(format!("{}: {}: {difference}", case.file, question.given));
                }
                Verdict::Skipped(reason) => *skipped.entry(reason).or_insert(0) += 1,
            }
        }
    }
    println!("{cases} cases, {asked} requests on the wire; not on the wire: {skipped:?}");
    assert!(failures.is_empty(), "{} of {asked} differ:\n{}", failures.len(), failures.join("\n"));
    assert!(asked >= least, "only {asked} requests");
}

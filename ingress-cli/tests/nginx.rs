//! The ingress-nginx dialect next to a real nginx: what depends on nginx alone must be the same to the byte.
//!
//! That is the choice of server and location, the normal form of paths, rewriting, and the redirects that nginx itself
//! answers. Everything that ingress-nginx does in Lua is left out. Without nginx the tests say so and pass.
//!
//! `NGINX_BIN` names another nginx, `NGINX_SEED` draws other sets, `NGINX_SETS` changes their number.

#![expect(clippy::panic, clippy::expect_used, reason = "a test fails by panicking")]
#![cfg(unix)]

#[path = "nginx/answer.rs"]
mod answer;
#[path = "nginx/backend.rs"]
mod backend;
#[path = "nginx/config.rs"]
mod config;
#[path = "nginx/generate.rs"]
mod generate;
#[path = "nginx/model.rs"]
mod model;
#[path = "nginx/precedence.rs"]
mod precedence;
#[path = "nginx/random.rs"]
mod random;
#[path = "nginx/requests.rs"]
mod requests;
#[path = "nginx/server.rs"]
mod server;
#[path = "nginx/specification.rs"]
mod specification;
#[path = "nginx/template.rs"]
mod template;

use std::collections::BTreeMap;
use std::path::PathBuf;

use self::answer::{Answer, Engine};
use self::model::Set;
use self::random::Random;
use self::server::Nginx;
use self::template::Server;

const REQUESTS_PER_SET: usize = 45;

fn nginx() -> Option<PathBuf> {
    let program = server::binary();
    if program.is_none() {
        println!("SKIPPED: no nginx in NGINX_BIN, the PATH or /usr/sbin, so the dialect was not compared with it");
    }
    program
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

#[test]
fn the_template_behaves_as_the_specification_says() {
    let Some(program) = nginx() else { return };
    let cases = specification::cases();
    let sets: Vec<_> = cases.iter().map(|case| template::servers(&case.set).expect("a configuration")).collect();
    let nginx = Nginx::start(&program, "specification", &sets);
    let mut failures = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let mut client = nginx.client(number);
        for (host, target, expected) in &case.requests {
            let found = Answer::from(client.get(host, target));
            if found != *expected {
                let name = case.name;
                failures
                    .push(format!("{name}: {host} {target}\n  nginx:         {found}\n  specification: {expected}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_engine_answers_as_the_specification_says() {
    let mut failures = Vec::new();
    for case in specification::cases() {
        let engine = Engine::new(&case.set).unwrap_or_else(|message| panic!("{message}"));
        // A `#` is refused on purpose: RFC 9112 3.2 knows none in a request target.
        for (host, target, expected) in case.requests.iter().filter(|(_, target, _)| !target.contains('#')) {
            let found = engine.get(host, target);
            if found != *expected {
                let name = case.name;
                failures
                    .push(format!("{name}: {host} {target}\n  engine:        {found}\n  specification: {expected}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_engine_answers_like_nginx() {
    let Some(program) = nginx() else { return };
    // The same for every change, so that none is refused for what another has brought in. CONTRIBUTING.md says how to look further.
    let seed = number("NGINX_SEED").unwrap_or(1);
    let count = number("NGINX_SETS").unwrap_or(250);
    println!("NGINX_SEED={seed}");
    // Every set has a generator of its own, so that a set comes again whatever becomes of the others.
    let mut randoms: Vec<Random> =
        (0..count).map(|n| Random::new(seed.wrapping_mul(1 << 20).wrapping_add(n))).collect();
    let sets: Vec<Set> = randoms.iter_mut().map(generate::set).collect();
    let servers: Vec<_> = sets.iter().map(|set| template::servers(set).expect("a configuration")).collect();
    let nginx = Nginx::start(&program, "random", &servers);
    let (mut kinds, mut failures, mut differences) = (BTreeMap::<String, usize>::new(), Vec::new(), Vec::new());
    for (number, (set, random)) in sets.iter().zip(&mut randoms).enumerate() {
        let mut client = nginx.client(number);
        let engine = Engine::new(set).unwrap_or_else(|message| panic!("{message}"));
        let before = differences.len();
        for _ in 0..REQUESTS_PER_SET {
            let (host, target) = requests::request(random, set);
            let expected = Answer::from(client.get(&host, &target));
            let found = engine.get(&host, &target);
            *kinds.entry(expected.kind()).or_default() += 1;
            if found != expected {
                let request = format!("set {number}: GET {target:?} Host {host:?}");
                differences.push(format!("{request}\n  nginx:  {expected}\n  engine: {found}"));
            }
        }
        if differences.len() > before {
            failures.push(described(number, set, servers.get(number).map(Vec::as_slice).unwrap_or_default()));
        }
    }
    let total: usize = kinds.values().sum();
    println!("{total} requests over {count} sets: {kinds:?}");
    let some = |texts: &[String], most: usize| texts.iter().take(most).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        failures.is_empty(),
        "NGINX_SEED={seed}: {} differences in {} sets, some of them:\n{}\n{}",
        differences.len(),
        failures.len(),
        some(&differences, 40),
        some(&failures, 3),
    );
    // A generator that only makes dull requests would prove little.
    for kind in ["forward", "301", "302", "400", "404"] {
        assert!(kinds.get(kind).is_some_and(|number| number * 500 > total), "too few of kind {kind}: {kinds:?}");
    }
}

/// All that is needed to look into a difference.
fn described(number: usize, set: &Set, servers: &[Server]) -> String {
    let mut text = format!("==== set {number}, default backend {:?}\n{}", set.default_backend, set.yaml());
    servers.iter().for_each(|server| config::server_block(&mut text, "here", server));
    text
}

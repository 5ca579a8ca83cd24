//! One process ends, another goes on: on the same ports, or behind a balancer that asks who is ready.

use super::manifest;
use super::support::backend::Backend;
use super::support::load::{Load, Summary, Way};
use super::support::program::{Folder, Ports, Program};
use super::support::size::sized;

#[test]
fn the_end_is_orderly_under_load() {
    let backend = Backend::one();
    let files = Folder::with("end", &manifest(backend.address));
    let (ports, rounds) = (Ports::new(), sized(2, 20));
    let mut old = Program::start(&files, &ports, &["--shutdown-grace-period", "1s"]);
    let load = Load::start(&ports, &[Way::Http1, Way::Fresh, Way::Fresh, Way::Tls, Way::Http2]);
    for _ in 0..rounds {
        load.wait_for(sized(100, 2_000));
        // A new process on the same ports, and then the old one is told to end: nobody notices.
        let new = Program::start(&files, &ports, &["--shutdown-grace-period", "1s"]);
        load.wait_for(sized(100, 2_000));
        old.signal("TERM");
        old.wait_for("/readyz", "503");
        assert!(old.page("/healthz").contains("200"));
        assert!(old.wait().success());
        load.wait_for(sized(100, 2_000));
        old = new;
    }
    load.wait_for(sized(0, 100_000_usize).saturating_sub(load.good()));
    let summary = load.end();
    println!("{rounds} times SIGTERM: {summary}");
    assert_nothing_is_lost(&summary, rounds, &backend);
}

/// As behind a balancer that sends nothing new to who is not ready. Here every connection may be a new one.
#[test]
fn the_end_is_orderly_behind_a_balancer() {
    let backend = Backend::one();
    let files = Folder::with("balancer", &manifest(backend.address));
    let (grace, rounds) = (sized("1s", "3s"), sized(1, 10));
    let start = || {
        let ports = Ports::new();
        (Program::start(&files, &ports, &["--shutdown-grace-period", grace]), ports)
    };
    let (mut old, mut ports) = start();
    let target = ports.target();
    let ways = [Way::Http1, Way::Http1, Way::Fresh, Way::Fresh, Way::Tls, Way::Http2];
    let load = Load::towards(&target, &ways);
    for _ in 0..rounds {
        load.wait_for(sized(100, 2_000));
        let (new, others) = start();
        old.signal("TERM");
        old.wait_for("/readyz", "503");
        *target.lock().expect("the target") = (others.http.address, others.https.address);
        assert!(old.wait().success());
        load.wait_for(sized(100, 2_000));
        // The ports were the old one's own until now.
        (old, ports) = (new, others);
    }
    load.wait_for(sized(0, 100_000_usize).saturating_sub(load.good()));
    let summary = load.end();
    println!("{rounds} times SIGTERM behind a balancer: {summary}");
    assert_nothing_is_lost(&summary, rounds, &backend);
    drop((old, ports));
}

/// What was repeated is rare, and was indeed not seen.
fn assert_nothing_is_lost(summary: &Summary, rounds: usize, backend: &Backend) {
    summary.assert_clean();
    assert!(summary.repeated <= 1 + rounds / 4, "{summary}");
    assert_eq!(backend.requests(), summary.good, "something was done that nobody has heard of");
}

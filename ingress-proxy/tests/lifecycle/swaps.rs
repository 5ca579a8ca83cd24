//! Routes, endpoints and certificates that change under load.

use std::time::{Duration, Instant};

use super::manifest;
use super::support::authority::Authority;
use super::support::backend::Backend;
use super::support::load::{HOST, Load, Way};
use super::support::program::{Folder, PATIENCE, Ports, Program};
use super::support::size::{is_full, sized};

/// A Secret with a new pair.
fn secret(authority: &Authority) -> String {
    let made = authority.issue(&[HOST]);
    let indented = |pem: &str| pem.lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: pair}}\ntype: kubernetes.io/tls\nstringData:\n  tls.crt: |\n{}  tls.key: |\n{}",
        indented(&made.certificate),
        indented(&made.key)
    )
}

/// The figure of a counter or gauge.
fn figure(program: &Program, name: &str) -> f64 {
    let page = program.page("/metrics");
    let line = page.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {page}"));
    line.rsplit(' ').next().and_then(|text| text.parse().ok()).expect("a figure")
}

#[test]
fn files_change_under_load_and_no_request_fails() {
    let (swaps, every) = (sized(30, 600), Duration::from_millis(100));
    let backends = Backend::start(2);
    let authority = Authority::new("Test");
    let site = |number: usize| {
        let manifest = manifest(backends[number % 2].address);
        manifest.replace("spec:\n  rules:", &format!("spec:\n  tls: [{{hosts: [{HOST}], secretName: pair}}]\n  rules:"))
    };
    let files = Folder::with("swaps", &site(0));
    files.write("pair.yaml", &secret(&authority));
    let ports = Ports::new();
    let program = Program::start(&files, &ports, &["--keep-alive-requests", "100000000"]);
    let ways = [Way::Http1, Way::Http1, Way::Fresh, Way::Tls, Way::Http2];
    let calm = Load::start(&ports, &ways);
    calm.wait_for(sized(500, 20_000));
    let calm = calm.end();
    let memory = program.memory();
    let load = Load::start(&ports, &ways);
    let began = Instant::now();
    for swap in 1..=swaps {
        files.write("site.yaml", &site(swap));
        match swap % 3 {
            0 => files.write("pair.yaml", &secret(&authority)),
            1 => {
                let host = format!("h{swap}.example");
                let other = super::support::site::manifest(&host, backends[0].address);
                files.write("other.yaml", &other.replace("name: site", "name: other"));
            }
            _ => std::fs::remove_file(files.join("other.yaml")).expect("a file that was there"),
        }
        load.wait_for(20);
        if swap % 5 == 0 {
            // A file that is being written changes nothing.
            let half = "apiVersion: networking.k8s.io/v1\nspec: {rules: [";
            std::fs::write(files.join("site.yaml"), half).expect("a file");
        }
        std::thread::sleep((every * u32::try_from(swap).expect("a number")).saturating_sub(began.elapsed()));
    }
    let took = began.elapsed();
    load.wait_for(20);
    let swapped = load.end();
    println!("calm: {calm}\n{swaps} swaps in {took:?}: {swapped}");
    println!("memory: {} KiB before, {} KiB after", memory >> 10, program.memory() >> 10);
    assert!(!is_full() || took < Duration::from_secs(66), "{swaps} swaps took {took:?}");
    calm.assert_clean();
    swapped.assert_undisturbed();
    let seen = backends.iter().map(Backend::requests).collect::<Vec<_>>();
    assert!(seen.iter().all(|seen| *seen > swaps), "the changes were not seen: {seen:?}");
    // The last word counts.
    files.write("site.yaml", &site(1));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let before = backends[0].requests();
        let last = Load::start(&ports, &[Way::Http1]);
        last.wait_for(10);
        last.end().assert_clean();
        if backends[0].requests() == before {
            break;
        }
        assert!(Instant::now() < deadline, "the last change is not in force");
    }
    assert!(figure(&program, "ingress_proxy_panics_total") < 1.0);
}

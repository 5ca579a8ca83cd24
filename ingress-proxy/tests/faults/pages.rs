//! The program's own pages while its workers have more to do than they can.

use std::time::{Duration, Instant};

use super::manifest;
use super::support::backend::Backend;
use super::support::load::{Load, Way};
use super::support::program::{Folder, Ports, Program};
use super::support::size::{is_full, sized};

#[test]
fn own_pages_do_not_wait_for_workers() {
    let backend = Backend::one();
    let files = Folder::with("pages", &manifest(backend.address));
    let ports = Ports::new();
    let program = Program::start(&files, &ports, &["--keep-alive-requests", "100000000"]);
    let ways = [[Way::Http1; 16].as_slice(), &[Way::Fresh; 8], &[Way::Tls; 4], &[Way::Http2; 4]].concat();
    let load = Load::start(&ports, &ways);
    load.wait_for(100);
    let (began, mut asked, mut longest) = (Instant::now(), 0, Duration::ZERO);
    while began.elapsed() < Duration::from_secs(sized(2, 30)) || asked < 20 {
        for page in ["/healthz", "/readyz", "/metrics", "/debug/routes", "/debug/explain?url=http://a.example/"] {
            let before = Instant::now();
            assert!(program.page(page).starts_with("HTTP/1.1 200 "), "{page}");
            longest = longest.max(before.elapsed());
            asked += 1;
        }
    }
    let summary = load.end();
    println!("{asked} own pages, the longest took {longest:?}, beside {summary}");
    summary.assert_undisturbed();
    // A build without optimisation on a machine that does other things gets more time.
    assert!(longest < Duration::from_secs(if is_full() { 1 } else { 5 }), "{longest:?}");
}

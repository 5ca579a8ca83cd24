//! Clients that are as slow as they can be, in each way there is, while others are served.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::manifest;
use super::support::backend::Backend;
use super::support::load::{HOST, Load, Way};
use super::support::program::{Folder, PATIENCE, Ports, Program, raise_descriptors};
use super::support::size::sized;

/// How a client is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A head that never ends.
    Head,
    /// A body of which a byte comes now and then.
    Body,
    /// A large response of which nothing is read.
    Reading,
    /// A handshake that never ends.
    Handshake,
}

const KINDS: [Kind; 4] = [Kind::Head, Kind::Body, Kind::Reading, Kind::Handshake];
/// A record of a ClientHello that is longer than what comes of it.
const HELLO: [u8; 9] = [22, 3, 1, 2, 0, 1, 0, 1, 252];

/// The most that a probe may take on a machine that is busy with all of this itself.
const PROBE: Duration = Duration::from_secs(5);

struct Slow {
    kind: Kind,
    stream: TcpStream,
}

impl Slow {
    fn new(kind: Kind, ports: &Ports) -> Option<Self> {
        let address: SocketAddr = if kind == Kind::Handshake { ports.https.address } else { ports.http.address };
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_nonblocking(true).ok()?;
        let beginning = match kind {
            Kind::Head => format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX: ").into_bytes(),
            Kind::Body => format!("PUT / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\n").into_bytes(),
            Kind::Reading => format!("GET /large HTTP/1.1\r\nHost: {HOST}\r\n\r\n").into_bytes(),
            Kind::Handshake => HELLO.to_vec(),
        };
        stream.write_all(&beginning).ok()?;
        Some(Self { kind, stream })
    }

    /// Does a little; false when the other side has had enough.
    fn go_on(&mut self) -> bool {
        if self.kind == Kind::Reading {
            // Whoever has closed resets what is not read.
            return self.stream.take_error().is_ok_and(|error| error.is_none()) && self.stream.write(b"").is_ok();
        }
        let is_open = match self.stream.read(&mut [0; 256]) {
            // An answer comes before the end.
            Ok(amount) => amount > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        is_open && self.stream.write_all(b"x").is_ok()
    }
}

/// Ends what goes on beside a test, however the test ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn slow_clients_are_nobody_elses_trouble() {
    let (count, lasting) = (sized(400, 2_000), Duration::from_secs(sized(3, 30)));
    let available = raise_descriptors();
    // The program takes half as many clients as it has descriptors, and its workers do not get the same number.
    if available < 4 * count as u64 + 1_000 {
        println!("skipped: {available} file descriptors are too few for {count} clients and their endpoint");
        return;
    }
    let backend = Backend::one();
    let files = Folder::with("slow", &manifest(backend.address));
    let ports = Ports::new();
    let limit = sized("2s", "10s");
    let program = Program::start(&files, &ports, &["--client-header-timeout", limit, "--client-body-timeout", limit]);
    let before = program.memory();
    let load = Load::start(&ports, &[Way::Fresh, Way::Http1, Way::Tls]);
    load.wait_for(30);
    let (stop, ended) = (AtomicBool::new(false), KINDS.map(|_| AtomicUsize::new(0)));
    let (mut longest, mut probes, mut most) = (Duration::ZERO, 0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut slow: Vec<_> = (0..count).map(|number| Slow::new(KINDS[number % 4], &ports)).collect();
            while !stop.load(Ordering::Relaxed) {
                for (number, one) in slow.iter_mut().enumerate() {
                    if !one.as_mut().is_some_and(Slow::go_on) {
                        ended[number % 4].fetch_add(1, Ordering::Relaxed);
                        *one = Slow::new(KINDS[number % 4], &ports);
                    }
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let _stop = Stop(&stop);
        let began = Instant::now();
        let is_done = || {
            // As many as there were have had to leave. Who does not read does not see that he is cut off either.
            let mut seen = (0..KINDS.len()).filter(|kind| KINDS[*kind] != Kind::Reading);
            seen.all(|kind| ended[kind].load(Ordering::Relaxed) >= count / 4) && began.elapsed() >= lasting
        };
        while !is_done() {
            assert!(began.elapsed() < lasting + PATIENCE, "slow clients are not sent away: {ended:?}");
            let before = Instant::now();
            let probe = Load::start(&ports, &[Way::Fresh]);
            probe.wait_for(1);
            probe.end().assert_clean();
            longest = longest.max(before.elapsed());
            // Whoever checks health gives up after some seconds.
            assert!(longest < PROBE, "a probe took {longest:?}");
            most = most.max(program.memory());
            probes += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let summary = load.end();
    let grown = most.saturating_sub(before) >> 20;
    println!("{count} slow clients for {lasting:?}: all of {probes} probes, the longest {longest:?}; {summary}");
    let [heads, bodies, readers, handshakes] = &ended;
    println!(
        "cut off: {heads:?} heads, {bodies:?} bodies, {readers:?} readers, {handshakes:?} handshakes; {grown} MiB more"
    );
    summary.assert_clean();
    assert!(grown < 200, "{grown} MiB");
}

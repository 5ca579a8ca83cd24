//! Floods of frames and other ways to make a server work for nothing, from one connection at a time while another is served.
//!
//! `SIZE=full cargo test -p ingress-proxy --test http2_floods -- --nocapture` is the full size: 50,000 frames, and
//! 80 connections with 100 streams each where memory is at stake. What each attack cost is printed. It is a process of its own because it looks at the
//! memory of all of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "the modules of one test"
)]

mod attacks;
mod server;
#[path = "../http2/site.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod site;
#[path = "../support/mod.rs"]
mod support;
#[path = "../http2/wire.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod wire;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::attacks::{Attack, End, attacks};
use self::server::{Server, resident};
use self::support::size::sized;
use self::wire::{DATA, END_STREAM, Frame, GOAWAY, HEADERS, get};

/// What each connection may cost.
const CPU_LIMIT: Duration = Duration::from_millis(500);
const MEMORY_LIMIT: usize = 4 << 20;

fn read_frame(io: &mut TcpStream) -> Option<Frame> {
    let mut head = [0; 9];
    io.read_exact(&mut head).ok()?;
    let [a, b, c, kind, flags, stream @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    io.read_exact(&mut payload).ok()?;
    Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
}

/// A client that behaves: one request after the other, until told to stop. Gives how long each took.
fn behave(address: SocketAddr, stop: &AtomicBool) -> Vec<Duration> {
    let mut io = TcpStream::connect(address).unwrap();
    io.set_nodelay(true).unwrap();
    io.write_all(&[site::opening(&[]), wire::window_update(0, 0x7000_0000)].concat()).unwrap();
    let mut took = Vec::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) && took.len() >= 20 {
            break;
        }
        let began = Instant::now();
        io.write_all(&get(2 * n + 1, "/bytes/100")).unwrap();
        let mut bytes = 0;
        loop {
            let frame = read_frame(&mut io).expect("a client that behaves is served");
            assert!(frame.error().is_none(), "{frame:?}");
            if frame.kind == HEADERS {
                // `:status: 200` in the static table (RFC 7541 A).
                assert_eq!(frame.payload.first(), Some(&0x88), "{frame:?}");
            }
            bytes += if frame.kind == DATA { frame.payload.len() } else { 0 };
            if frame.stream == 2 * n + 1 && frame.kind == DATA && frame.flags & END_STREAM != 0 {
                break;
            }
        }
        assert_eq!(bytes, 100, "a page");
        took.push(began.elapsed());
        thread::sleep(Duration::from_millis(1));
    }
    took.sort();
    took
}

/// What the server sent.
#[derive(Debug, Default)]
struct Answers {
    heads: usize,
    resets: usize,
    go_away: Option<u32>,
}

fn attack(address: SocketAddr, attack: &Attack) -> (Answers, Duration) {
    let began = Instant::now();
    let mut io = TcpStream::connect(address).unwrap();
    let mut reading = io.try_clone().unwrap();
    let is_deaf = attack.is_deaf;
    let reader = thread::spawn(move || {
        let mut answers = Answers::default();
        while !is_deaf && let Some(frame) = read_frame(&mut reading) {
            answers.heads += usize::from(frame.kind == HEADERS);
            answers.resets += usize::from(frame.kind == wire::RST_STREAM);
            if frame.kind == GOAWAY {
                answers.go_away = frame.error();
            }
        }
        answers
    });
    for piece in &attack.pieces {
        if io.write_all(piece).is_err() {
            break;
        }
        if !attack.pause.is_zero() {
            thread::sleep(attack.pause);
        }
    }
    match attack.end {
        // The server has to end these by itself.
        End::GoAway(_) => {}
        End::Held => {
            thread::sleep(server::STALL * 3);
            let _ = io.shutdown(Shutdown::Both);
        }
    }
    let answers = reader.join().unwrap();
    drop(io);
    (answers, began.elapsed())
}

/// The most memory that is used while something goes on.
fn watch_memory<T>(act: impl FnOnce() -> T) -> (T, usize) {
    let before = resident();
    let stop = Arc::new(AtomicBool::new(false));
    let watching = Arc::clone(&stop);
    let watcher = thread::spawn(move || {
        let mut most = 0;
        while !watching.load(Ordering::Relaxed) {
            most = most.max(resident());
            thread::sleep(Duration::from_millis(2));
        }
        most
    });
    let result = act();
    stop.store(true, Ordering::Relaxed);
    (result, watcher.join().unwrap().saturating_sub(before))
}

#[test]
fn floods_end_and_others_do_not_notice() {
    let server = Server::start();
    let connections = sized(10, 80);
    // What the first of everything costs is no attack, nor what the client costs that behaves.
    behave(server.address, &AtomicBool::new(true));
    let cpu = server.cpu();
    let served = behave(server.address, &AtomicBool::new(true)).len();
    let each = server.cpu().saturating_sub(cpu) / u32::try_from(served).unwrap();
    println!("{:<34} {:>9} {:>9} {:>9} {:>9}  end", "attack", "CPU ms", "took ms", "KiB", "p99 µs");
    let mut failures = Vec::new();
    for it in attacks() {
        let stop = AtomicBool::new(false);
        let cpu = server.cpu();
        let count = if it.is_many { connections } else { 1 };
        let ((all, others), memory) = watch_memory(|| {
            thread::scope(|scope| {
                let others = scope.spawn(|| behave(server.address, &stop));
                let attackers: Vec<_> = (0..count).map(|_| scope.spawn(|| attack(server.address, &it))).collect();
                let all: Vec<_> = attackers.into_iter().map(|attacker| attacker.join().unwrap()).collect();
                stop.store(true, Ordering::Relaxed);
                (all, others.join().unwrap())
            })
        });
        let (answers, took) = all.last().unwrap();
        let cpu = server.cpu().saturating_sub(cpu).saturating_sub(each * u32::try_from(others.len()).unwrap());
        let p99 = others.get(others.len() * 99 / 100).copied().unwrap_or_default();
        println!(
            "{:<34} {:>9.1} {:>9.1} {:>9} {:>9}  {answers:?}",
            format!("{}{}", it.name, if count > 1 { format!(" x {count}") } else { String::new() }),
            cpu.as_secs_f64() * 1e3,
            took.as_secs_f64() * 1e3,
            memory >> 10,
            p99.as_micros(),
        );
        let mut fail = |what: String| failures.push(format!("{}: {what}", it.name));
        for (answers, _) in &all {
            match it.end {
                End::GoAway(error) if answers.go_away != Some(error) => fail(format!("no GOAWAY {error}: {answers:?}")),
                End::Held if answers.heads > it.may_answer => fail(format!("too many answers: {answers:?}")),
                _ => {}
            }
        }
        if cpu > CPU_LIMIT * u32::try_from(count).unwrap() {
            fail(format!("{cpu:?} of CPU"));
        }
        if memory > MEMORY_LIMIT * count {
            fail(format!("{} KiB of memory", memory >> 10));
        }
    }
    // Nothing is left of them.
    let began = Instant::now();
    while server.busy() != (0.0, 0.0) {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?} connections and requests", server.busy());
        thread::sleep(Duration::from_millis(20));
    }
    println!("{:?}", server.reasons());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

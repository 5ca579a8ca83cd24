//! More clients than the program has file descriptors.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::manifest;
use super::support::backend::Backend;
use super::support::load::{HOST, ask};
use super::support::program::{Folder, PATIENCE, Ports, Program, raise_descriptors};
use super::support::size::{is_full, sized};

/// The program turns clients away before it runs out of descriptors.
#[test]
fn more_clients_than_descriptors() {
    squeeze(&[]);
}

/// It does run out of them, where it was told to take more clients than it can.
#[test]
fn no_descriptors_left() {
    squeeze(&["--max-worker-connections", "1000"]);
}

fn squeeze(more: &[&str]) {
    let available = raise_descriptors();
    if available < 1_500 {
        println!("skipped: {available} file descriptors are too few for 1,000 clients");
        return;
    }
    let backend = Backend::one();
    let files = Folder::with("descriptors", &manifest(backend.address));
    let ports = Ports::new();
    // Clients do not leave of themselves while this goes on.
    let patient = [&["--client-header-timeout", "300s", "--keep-alive", "300s"], more].concat();
    let mut program = Program::from_shell("ulimit -n 256 && exec \"$0\" \"$@\"", &files, &ports, &patient);
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let address = ports.http.address;
    let connect = |number: usize| {
        let mut stream = TcpStream::connect(address).expect("a place in the queue");
        stream.set_nonblocking(true).expect("a socket");
        // Some ask, some have begun to, some say nothing.
        let length = [request.len(), 10, 0][number % 3];
        // It may have been turned away by now.
        let _ = stream.write_all(&request.as_bytes()[..length]);
        stream
    };
    let mut clients: Vec<_> = (0..1_000).map(connect).collect();
    // Once the first are served nothing is left to be done.
    std::thread::sleep(Duration::from_secs(sized(1, 3)));
    let (began, before) = (Instant::now(), program.cpu());
    std::thread::sleep(Duration::from_secs(sized(2, 10)));
    let (took, used) = (began.elapsed(), program.cpu() - before);
    let share = used.as_secs_f64() / took.as_secs_f64();
    assert!(program.is_alive());
    let mut buffer = [0; 4_096];
    let mut answers = BTreeMap::new();
    for stream in &mut clients {
        if let Ok(amount @ 12..) = stream.read(&mut buffer) {
            *answers.entry(String::from_utf8_lossy(&buffer[9..12.min(amount)]).into_owned()).or_insert(0) += 1;
        }
    }
    drop(clients);
    let began = Instant::now();
    let answer = loop {
        let answer = TcpStream::connect(address).and_then(|mut stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            ask(&mut stream, &request)
        });
        match answer {
            Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => break answer,
            _ => assert!(began.elapsed() < PATIENCE, "it does not recover: {answer:?}"),
        }
    };
    let recovery = began.elapsed();
    println!("1,000 clients, 256 descriptors: {answers:?}, {:.1} % CPU, recovered in {recovery:?}", share * 100.0);
    assert!(answer.ends_with("ok"));
    assert!(answers.get("200").is_some_and(|count| *count > 0), "{answers:?}");
    assert!(share < 0.2, "{:.0} % CPU while there is nothing to do", share * 100.0);
    assert!(recovery < if is_full() { Duration::from_secs(1) } else { PATIENCE }, "{recovery:?}");
    // It is as good as before: many at a time are served.
    for _ in 0..3 {
        let mut clients: Vec<_> = (0..60).map(|_| TcpStream::connect(address).expect("a connection")).collect();
        for stream in &mut clients {
            assert!(ask(stream, &request).expect("an answer").starts_with("HTTP/1.1 200 "));
        }
    }
    program.signal("TERM");
    assert!(program.wait().success());
}

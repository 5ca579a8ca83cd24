//! `wait-shutdown` as a pod's `preStop` calls it: in a container, which is a namespace of processes here.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::support::client::Client;
use super::support::origin::Origin;
use super::support::program::{Folder, PATIENCE, PROGRAM, Ports, Program};
use super::support::site::manifest;

const HOST: &str = "pod.example";

/// Runs in it what would be run in the container.
fn exec(program: &Program, command: &str) -> Command {
    let mut exec = Command::new("nsenter");
    exec.args(["--pid", "--mount", "--target", &first_process(program), command]);
    exec
}

/// The first process of the container, as others number it.
pub(crate) fn first_process(program: &Program) -> String {
    let children = format!("/proc/{0}/task/{0}/children", program.id());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let children = std::fs::read_to_string(&children).expect("its children");
        if let Some(child) = children.split_whitespace().next() {
            return child.to_owned();
        }
        assert!(Instant::now() < deadline, "it has no process");
        sleep(Duration::from_millis(5));
    }
}

/// Whether there can be containers here.
fn has_namespaces() -> bool {
    let tried = Command::new("unshare").args(["--pid", "--fork", "--mount-proc", "true"]).output();
    let has_them = tried.is_ok_and(|output| output.status.success());
    if !has_them {
        eprintln!("SKIPPED: `wait-shutdown` in a namespace of its own, which only root may make");
    }
    has_them
}

fn start(folder: &Folder, ports: &Ports, more: &[&str]) -> Program {
    // As a pod knows that it is one.
    let line = "exec env KUBERNETES_SERVICE_HOST=127.0.0.1 unshare --pid --fork --mount-proc \"$0\" \"$@\"";
    let more = [&["--healthz-host", "127.0.0.1"], more].concat();
    Program::from_shell(line, folder, ports, &more)
}

#[test]
fn what_is_under_way_is_waited_for() {
    const SLOWNESS: Duration = Duration::from_millis(700);
    if !has_namespaces() {
        return;
    }
    let origin = Origin::start(|seen| {
        let is_whole = seen.ends_with(b"\r\n\r\n");
        is_whole.then(|| {
            sleep(SLOWNESS);
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()
        })
    });
    let folder = Folder::with("wait-shutdown", &manifest(HOST, origin.address));
    let link = folder.join("wait-shutdown");
    symlink(PROGRAM, &link).expect("a link");
    let link = link.to_str().expect("a path");
    for as_word in [false, true] {
        let ports = Ports::new();
        let mut program = start(&folder, &ports, &[]);
        let began = Instant::now();
        let mut client = Client::new(ports.http.address);
        client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        while origin.text().matches("GET /").count() < 1 + usize::from(as_word) {
            assert!(began.elapsed() < PATIENCE, "the request never came");
            sleep(Duration::from_millis(5));
        }
        let mut hook = exec(&program, if as_word { PROGRAM } else { link });
        if as_word {
            hook.arg("wait-shutdown");
        }
        let output = hook.output().expect("the hook");
        assert!(output.status.success(), "{output:?}");
        assert!(began.elapsed() >= SLOWNESS, "it did not wait: {:?}", began.elapsed());
        assert!(client.head().expect("an answer").starts_with("HTTP/1.1 200 "));
        assert!(program.wait().success());
    }
}

#[test]
fn a_container_without_a_proxy_is_an_error() {
    if !has_namespaces() {
        return;
    }
    let output = Command::new("unshare").args(["--pid", "--fork", "--mount-proc", PROGRAM, "wait-shutdown"]).output();
    let output = output.expect("the hook");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "error: there is no proxy in this container\n");
}

#[test]
fn the_health_check_of_ingress_nginx_is_its_readiness_too() {
    let origin = Origin::constant("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let folder = Folder::with("healthz", &manifest(HOST, origin.address));
    // One that is held up by a request while it ends.
    let waits = ["--shutdown-grace-period", "1s"];
    for (more, at_the_end) in [(&[][..], "200"), (&["--healthz-ready-within=30s"], "503")] {
        let ports = Ports::new();
        let mut program = Program::start(&folder, &ports, &[&waits[..], more].concat());
        program.wait_for("/healthz", "HTTP/1.1 200");
        program.signal("TERM");
        program.wait_for("/readyz", "HTTP/1.1 503");
        program.wait_for("/healthz", &format!("HTTP/1.1 {at_the_end}"));
        assert!(program.wait().success());
    }
}

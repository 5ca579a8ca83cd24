//! Ports below 1024 for a process that is not root, as the image's file has the right to them.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::support::program::{Folder, PATIENCE, PROGRAM};

/// How it is started: with a network of its own, as a user, and with only so many capabilities to be had.
const START: &str = "ip link set lo up && exec setpriv --reuid 101 --regid 101 --clear-groups --bounding-set \"$1\" \"$0\" \
                     --file \"$2\" --bind-address 127.0.0.1 --http-port \"$3\" --https-port 8443 --access-log off";

/// The program as the image has it; none where that cannot be tried.
fn image() -> Option<Folder> {
    let folder = Folder::with("ports", "");
    let program = folder.join("ingress-proxy");
    fs::copy(PROGRAM, &program).expect("a copy");
    let has_right = Command::new("setcap").arg("cap_net_bind_service=p").arg(&program).output();
    let can_unshare = Command::new("unshare").args(["--net", "ip", "link", "set", "lo", "up"]).output();
    let can = |output: std::io::Result<std::process::Output>| output.is_ok_and(|output| output.status.success());
    if can(has_right) && can(can_unshare) {
        return Some(folder);
    }
    eprintln!("SKIPPED: ports below 1024 without being root, which takes root to arrange");
    None
}

struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Folder, bounds: &str, port: u16) -> Started {
    let child = Command::new("unshare")
        .args(["--net", "sh", "-c", START])
        .args([folder.join("ingress-proxy"), bounds.into(), folder.join("site.yaml"), port.to_string().into()])
        .stderr(Stdio::null())
        .spawn();
    Started(child.expect("the program"))
}

/// Whether it comes to listen on the port; if not it has ended.
fn listens(started: &mut Started, port: u16) -> bool {
    let table = format!("/proc/{}/net/tcp", started.0.id());
    let socket = format!(" 0100007F:{port:04X} 00000000:0000 0A ");
    let deadline = Instant::now() + PATIENCE;
    loop {
        if fs::read_to_string(&table).is_ok_and(|table| table.contains(&socket)) {
            return true;
        }
        if started.0.try_wait().expect("the program").is_some() {
            return false;
        }
        assert!(Instant::now() < deadline, "it neither listens nor ends");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_capability_that_is_left_is_enough_and_none_is_needed_for_other_ports() {
    let Some(folder) = image() else { return };
    for (bounds, port, works) in [("-all,+net_bind_service", 80, true), ("-all", 80, false), ("-all", 8080, true)] {
        let mut started = start(&folder, bounds, port);
        assert_eq!(listens(&mut started, port), works, "{bounds} {port}");
    }
}

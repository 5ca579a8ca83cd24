//! `wait-shutdown`: tells the proxy of this container to end, and waits until it has served what was under way. Manifests
//! call it before a pod is stopped (`preStop`), so that the kubelet does not count the time as slowness.
//!
//! It is the same program under another name, or with this word first. It asks nothing of the proxy but what `/proc` shows.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::console::say;

/// What it is called.
const NAME: &str = "wait-shutdown";

/// What the proxy may be called.
const PROXIES: [&str; 2] = ["ingress-proxy", "nginx-ingress-controller"];

/// How often is looked whether requests are still served.
const LOOK: Duration = Duration::from_millis(20);

/// For how long the process must outlast its workers, so that whoever waits in the same container sees it: the end of the first
/// process is that of all.
pub(crate) const LAST_LOOK: Duration = Duration::from_millis(250);

/// Whether a command line, which begins with the program's name, asks for this.
pub(crate) fn is_meant(args: &[OsString]) -> bool {
    let is_name = |arg: &OsString| Path::new(arg).file_name().is_some_and(|name| name == NAME);
    args.first().is_some_and(is_name) || args.get(1).is_some_and(|arg| arg == NAME)
}

/// Tells the proxy to end, and waits.
pub(crate) fn run() -> ExitCode {
    let Some(process) = proxy() else {
        say("error: there is no proxy in this container");
        return ExitCode::FAILURE;
    };
    if let Err(error) = kill_process(process, Signal::TERM) {
        say(format_args!("error: cannot signal process {process}: {error}"));
        return ExitCode::FAILURE;
    }
    while is_serving(process) {
        sleep(LOOK);
    }
    ExitCode::SUCCESS
}

/// The proxy of this container. Others may be seen too, where processes are shared with the node.
fn proxy() -> Option<Pid> {
    let own = fs::read("/proc/self/cgroup").ok()?;
    let is_here = |process: &Pid| fs::read(entry(*process, "cgroup")).is_ok_and(|cgroup| cgroup == own);
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let processes = processes.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    let is_proxy = |process: &Pid| fs::read(entry(*process, "cmdline")).is_ok_and(|line| is_proxy(&line));
    processes.filter(|process| is_proxy(process) && is_here(process)).min_by_key(|process| process.as_raw_nonzero())
}

/// Whether this is the command line of one that serves: not of another command of the same program, such as this.
fn is_proxy(line: &[u8]) -> bool {
    let mut args = line.split(|byte| *byte == 0).map(|arg| std::str::from_utf8(arg).unwrap_or_default());
    let is_name = |arg: &str| PROXIES.contains(&arg.rsplit('/').next().unwrap_or_default());
    args.next().is_some_and(is_name)
        && args.next().is_none_or(|arg| arg.is_empty() || arg.starts_with('-') || is_name(arg))
}

/// Whether its workers run: they end with the last request.
fn is_serving(process: Pid) -> bool {
    let Ok(threads) = fs::read_dir(entry(process, "task")) else { return false };
    let name = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("comm"));
    threads.flatten().any(|thread| name(thread).is_ok_and(|name| name.starts_with("worker-")))
}

fn entry(process: Pid, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/{name}", process.as_raw_nonzero()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_or_the_first_word_asks_for_it() {
        let is_meant = |line: &str| is_meant(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for line in ["/wait-shutdown", "wait-shutdown", "/ingress-proxy wait-shutdown"] {
            assert!(is_meant(line), "{line}");
        }
        for line in ["/ingress-proxy", "/ingress-proxy --file wait-shutdown", "/wait-shutdown-not"] {
            assert!(!is_meant(line), "{line}");
        }
    }

    #[test]
    fn other_commands_are_no_proxies() {
        for line in [
            "/ingress-proxy\0--kubernetes\0",
            "/ingress-proxy\0/nginx-ingress-controller\0--election-id=x\0",
            "/nginx-ingress-controller\0",
            "ingress-proxy\0",
        ] {
            assert!(is_proxy(line.as_bytes()), "{line:?}");
        }
        for line in [
            "",
            "/wait-shutdown\0",
            "/ingress-proxy\0wait-shutdown\0",
            "/ingress-proxy\0create\0",
            "sh\0-c\0ingress-proxy\0",
        ] {
            assert!(!is_proxy(line.as_bytes()), "{line:?}");
        }
    }
}

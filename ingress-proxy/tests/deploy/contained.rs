//! The program as a container: a user without rights, a root that cannot be written, processes of its own, and an API server that is
//! found as pods find it.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::Value;

use super::installed::{Installed, Turn};
use super::objects::file;
use super::support::program::{Folder, PATIENCE, PROGRAM, Ports, Program};

const HOST: &str = "cafe.example";

/// What a runtime does before it runs the program, whose command line is `"$@"`. `$MOUNTED` has the account's files.
const RUNTIME: &str = r#"
set -e
mount -t tmpfs none /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
cp "$MOUNTED"/* /run/secrets/kubernetes.io/serviceaccount
chmod -R a+rX /run/secrets
for place in / /run /tmp; do mount -o bind,remount,ro "$place" 2>/dev/null || mount -o bind,ro "$place" "$place"; done
if touch /written /tmp/written /run/written 2>/dev/null; then exit 3; fi
unset MOUNTED
exec setpriv --reuid 101 --regid 101 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all,+net_bind_service "$@"
"#;

/// The files that a kubelet mounts for an account, from a kubeconfig.
fn mounted(kubeconfig: &str, namespace: &str) -> Folder {
    let folder = Folder::new("account");
    let config: Value = serde_json::from_str(kubeconfig).expect("JSON");
    let text = |pointer: &str| config.pointer(pointer).and_then(Value::as_str).expect("text");
    let authority = text("/clusters/0/cluster/certificate-authority-data");
    let authority = base64::engine::general_purpose::STANDARD.decode(authority).expect("base64");
    fs::write(folder.join("ca.crt"), authority).expect("a file");
    fs::write(folder.join("token"), text("/users/0/user/token")).expect("a file");
    fs::write(folder.join("namespace"), namespace).expect("a file");
    folder
}

/// Whether there can be such a container here.
fn has_namespaces() -> bool {
    let mut trial = Command::new("unshare");
    trial.args(["--mount", "--pid", "--fork", "--mount-proc", "setpriv", "--version"]);
    let has_them = trial.output().is_ok_and(|output| output.status.success());
    if !has_them {
        eprintln!("SKIPPED: the program as a container, which only root may make");
    }
    has_them
}

#[test]
fn a_container_needs_no_more_than_it_is_given() {
    if !has_namespaces() {
        return;
    }
    let Some(Turn { server, .. }) = Turn::take() else { return };
    let Some(installed) = Installed::new(&server, file("baremetal.yaml")) else { return };
    installed.open_shop(HOST, "absent");
    let kubeconfig = fs::read_to_string(installed.account.kubeconfig()).expect("a kubeconfig");
    let mounted = mounted(&kubeconfig, &installed.namespace);
    let address = server.address();
    let (ip, port, folder) = (address.ip().to_string(), address.port().to_string(), mounted.display().to_string());
    let environment = [
        ("KUBERNETES_SERVICE_HOST", &*ip),
        ("KUBERNETES_SERVICE_PORT", &port),
        ("POD_NAMESPACE", &installed.namespace),
        ("POD_NAME", super::installed::POD),
        ("MOUNTED", &folder),
    ];
    let ports = Ports::new();
    let (args, _webhook) = installed.arguments(None);
    let mut args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
    args.extend(["--healthz-host", "127.0.0.1"].map(OsStr::new));
    let mut runtime = Command::new("unshare");
    runtime.args(["--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", RUNTIME, "runtime", PROGRAM]);
    let mut program = Program::run_by(runtime, &args, &environment, &ports);
    let began = Instant::now();
    while !program.page("/readyz").starts_with("HTTP/1.1 200") {
        assert!(began.elapsed() < PATIENCE, "never ready; it said {:#?}", program.lines());
        sleep(Duration::from_millis(10));
    }
    let mut client = super::support::client::Client::new(ports.http.address);
    let answer = client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).answer().expect("an answer");
    assert_eq!((answer.status, &*answer.body), (200, &b"tea"[..]));
    let process = super::shutdown::first_process(&program);
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("its status");
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    assert_eq!((field("Uid:"), field("NoNewPrivs:")), ("101\t101\t101\t101", "1"), "{status}");
    assert_eq!(field("CapEff:"), "0000000000000000", "{status}");
    // As `preStop` does, in the same container and as the same user.
    let mut hook = Command::new("nsenter");
    hook.args([
        "--pid",
        "--mount",
        "--setuid",
        "101",
        "--setgid",
        "101",
        "--target",
        &process,
        PROGRAM,
        "wait-shutdown",
    ]);
    let hook = hook.output().expect("the hook");
    assert!(hook.status.success(), "{hook:?}");
    assert!(program.wait().success());
    let lines = program.lines();
    assert!(!lines.iter().any(|line| line.starts_with("error")), "{lines:#?}");
}

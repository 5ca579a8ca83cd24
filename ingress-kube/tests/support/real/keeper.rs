//! The processes of a server, and the folder with their data.
//!
//! They are children of a shell that ends with its input: so they end even if this process is killed, and what it keeps in
//! statics, which are never dropped, ends with it too. The shell has waited for nobody that it was not asked to, so no process
//! identifier can have become another's.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::programs::Programs;

/// Does what each line says, until there are no more.
const SHELL: &str = r#"
trap '' INT HUP
cd "$FOLDER" || exit
while IFS= read -r line; do eval "$line"; done
kill -9 $apiserver $etcd
wait
rm -rf "$FOLDER"
"#;

const ETCD: &str = r#""$ETCD" --name test --data-dir data --listen-client-urls unix://client:0 \
  --advertise-client-urls unix://client:0 --listen-peer-urls unix://peer:0 --initial-advertise-peer-urls unix://peer:0 \
  --initial-cluster test=unix://peer:0 --quota-backend-bytes 4294967296"#;

/// Requests need not be told apart from those of other programs, so no limit of its own is in the way but priority and fairness.
const APISERVER: &str = r#""$APISERVER" --etcd-servers unix://client:0 --bind-address 127.0.0.1 --permit-port-sharing \
  --cert-dir certs --tls-cert-file server.crt --tls-private-key-file server.key --client-ca-file ca.crt \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file accounts.pub \
  --service-account-signing-key-file accounts.key --service-cluster-ip-range 10.96.0.0/12 --endpoint-reconciler-type none \
  --authorization-mode RBAC --audit-log-path audit.log --audit-policy-file policy.yaml --profiling=false"#;

pub struct Keeper {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
    apiserver: Option<u32>,
}

impl Keeper {
    pub fn new(programs: &Programs) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("ingress-kube-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        let mut shell = Command::new("sh");
        shell.args(["-c", SHELL]).env("FOLDER", &folder).env("ETCD", &programs.etcd);
        shell.env("APISERVER", &programs.apiserver);
        let shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut shell = shell.expect("a shell");
        let answers = BufReader::new(shell.stdout.take().expect("its output"));
        Self { orders: shell.stdin.take(), answers, shell, folder, apiserver: None }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn order(&mut self, line: &str) -> String {
        let orders = self.orders.as_mut().expect("its input");
        orders.write_all(format!("{}\n", line.replace("\\\n", " ")).as_bytes()).expect("to be heard");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer");
        answer.trim().to_owned()
    }

    pub fn start_etcd(&mut self) {
        self.order(&format!("{ETCD} >etcd.log 2>&1 </dev/null & etcd=$!; echo $etcd"));
    }

    pub fn start_apiserver(&mut self, port: u16) {
        let line = format!("{APISERVER} --secure-port {port} >>apiserver.log 2>&1 </dev/null & apiserver=$!; echo $!");
        self.apiserver = Some(self.order(&line).parse().expect("a process"));
    }

    pub fn kill_apiserver(&mut self) {
        if self.apiserver.take().is_some() {
            self.order("kill -9 $apiserver; wait $apiserver; apiserver=; echo");
        }
    }

    /// Whether the API server has not ended by itself.
    pub fn is_running(&self) -> bool {
        let state = |process: u32| {
            let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            text.rsplit_once(") ").map(|(_, rest)| rest.starts_with('Z'))
        };
        // Where there is no /proc, patience has to do.
        self.apiserver.is_some_and(|process| state(process) != Some(true))
    }

    /// The end of what both have said.
    pub fn log(&self) -> String {
        let end = |name: &str| {
            let text = fs::read_to_string(self.folder.join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(15)..].join("\n")
        };
        format!("{}\n{}", end("etcd.log"), end("apiserver.log"))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.shell.wait();
    }
}

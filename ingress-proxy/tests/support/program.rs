//! The program as a process of its own, in front of manifests in a folder or of a cluster.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use super::load::Target;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ingress-proxy");
/// Nothing takes so long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A port that is this test's own: nobody else is given it while this lives. The program shares its ports, so it can bind it.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    /// It does not listen.
    _socket: Socket,
}

impl Port {
    pub(crate) fn new() -> Self {
        Self::at("127.0.0.1".parse().expect("an address"))
    }

    /// The same at another address than that of loopback.
    pub(crate) fn at(address: IpAddr) -> Self {
        let any = SocketAddr::from((address, 0));
        let socket = Socket::new(Domain::for_address(any), Type::STREAM, None).expect("a socket");
        socket.bind(&any.into()).expect("a port");
        // Not before it is bound: with these the system may choose a port that is shared already.
        socket.set_reuse_address(true).and_then(|()| socket.set_reuse_port(true)).expect("a port that is shared");
        let address = socket.local_addr().expect("an address").as_socket().expect("an address");
        Self { address, _socket: socket }
    }
}

/// Where requests come in.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) http: Port,
    pub(crate) https: Port,
}

impl Ports {
    pub(crate) fn new() -> Self {
        Self { http: Port::new(), https: Port::new() }
    }

    /// They as clients see them.
    pub(crate) fn target(&self) -> Target {
        Arc::new(Mutex::new((self.http.address, self.https.address)))
    }
}

/// The program, ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// Where its own pages are.
    pub(crate) admin: Port,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// Two workers that serve on these ports what is in the folder; ready when this returns.
    pub(crate) fn start(files: &Path, ports: &Ports, more: &[&str]) -> Self {
        Self::start_as(Command::new(PROGRAM), files, ports, more)
    }

    /// The same from a line of the shell in which it is `"$0" "$@"`.
    pub(crate) fn from_shell(line: &str, files: &Path, ports: &Ports, more: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", line, PROGRAM]);
        Self::start_as(shell, files, ports, more)
    }

    fn start_as(command: Command, files: &Path, ports: &Ports, more: &[&str]) -> Self {
        let program = Self::spawn(command, &["--file".as_ref(), files.as_ref()], ports, more);
        program.wait_for("/readyz", "200");
        program
    }

    /// In front of a cluster, as whom a kubeconfig says. It may not be ready yet.
    pub(crate) fn in_cluster(kubeconfig: &Path, ports: &Ports, more: &[&str]) -> Self {
        let source: [&OsStr; 3] = ["--kubernetes".as_ref(), "--kubeconfig".as_ref(), kubeconfig.as_ref()];
        Self::spawn(Command::new(PROGRAM), &source, ports, more)
    }

    /// With these arguments and variables. It may not be ready yet.
    pub(crate) fn as_container(arguments: &[&OsStr], environment: &[(&str, &str)], ports: &Ports) -> Self {
        Self::run_by(Command::new(PROGRAM), arguments, environment, ports)
    }

    /// The same, with a command in front that runs it in the end.
    pub(crate) fn run_by(
        mut command: Command,
        arguments: &[&OsStr],
        environment: &[(&str, &str)],
        ports: &Ports,
    ) -> Self {
        command.envs(environment.iter().copied());
        Self::spawn(command, arguments, ports, &[])
    }

    /// The same as a pod of some namespace and name.
    pub(crate) fn in_pod(kubeconfig: &Path, ports: &Ports, more: &[&str], (namespace, name): (&str, &str)) -> Self {
        let source: [&OsStr; 3] = ["--kubernetes".as_ref(), "--kubeconfig".as_ref(), kubeconfig.as_ref()];
        let mut command = Command::new(PROGRAM);
        command.env("POD_NAMESPACE", namespace).env("POD_NAME", name);
        Self::spawn(command, &source, ports, more)
    }

    /// It may not be ready yet.
    pub(crate) fn begin(files: &Path, ports: &Ports, more: &[&str]) -> Self {
        Self::spawn(Command::new(PROGRAM), &["--file".as_ref(), files.as_ref()], ports, more)
    }

    fn spawn(mut command: Command, source: &[&OsStr], ports: &Ports, more: &[&str]) -> Self {
        let admin = Port::new();
        let port = |port: &Port| port.address.port().to_string();
        // That of whoever runs the tests is no business of theirs.
        if command.get_envs().all(|(name, _)| name != "KUBECONFIG") {
            command.env_remove("KUBECONFIG");
        }
        let mut child = command
            .args(source)
            .args(["--bind-address", "127.0.0.1", "--access-log", "off", "--workers", "2"])
            .args(["--http-port", &port(&ports.http), "--https-port", &port(&ports.https)])
            .args(["--healthz-port", &port(&admin), "--allow-endpoint-cidr", "127.0.0.0/8"])
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (said, stderr) = (Arc::clone(&lines), child.stderr.take().expect("what it says"));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                said.lock().expect("its lines").push(line);
            }
        });
        Self { child, admin, lines }
    }

    /// What it has said so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("its lines").clone()
    }

    /// One of its own pages; empty if it cannot be had.
    pub(crate) fn page(&self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let Ok(mut stream) = TcpStream::connect(self.admin.address) else { return String::new() };
        let mut answer = String::new();
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
        answer
    }

    pub(crate) fn wait_for(&self, path: &str, what: &str) {
        self.wait_until(path, what, |page| page.contains(what));
    }

    pub(crate) fn wait_for_figure(&self, name: &str, value: &str) {
        let is_it = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.ends_with(&format!(" {value}")));
        self.wait_until("/metrics", name, |page| page.lines().any(is_it));
    }

    fn wait_until(&self, path: &str, what: &str, is_so: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(&self.page(path)) {
            assert!(Instant::now() < deadline, "{path} never said {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let killed = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(killed.expect("kill").success());
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the program") {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it has not ended.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("the program").is_none()
    }

    /// For how long its threads have run.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("its threads");
        let run = |path: PathBuf| {
            // A thread may have ended by now.
            let text = fs::read_to_string(path.join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        Duration::from_nanos(tasks.flatten().filter_map(|task| run(task.path())).sum())
    }

    /// Its memory in bytes.
    pub(crate) fn memory(&self) -> usize {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.child.id())).expect("its memory");
        let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a figure");
        pages * rustix::param::page_size()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder of its own for a test, which goes with it.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ingress-proxy-{name}-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// With one file in it.
    pub(crate) fn with(name: &str, manifest: &str) -> Self {
        let folder = Self::new(name);
        folder.write("site.yaml", manifest);
        folder
    }

    /// Puts a file in place at once, as editors and kubelets do.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let other = self.join("new");
        fs::write(&other, text).and_then(|()| fs::rename(&other, self.join(name))).expect("a file");
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Lets this process, and those that it starts, have as many file descriptors as the system allows; says how many those are.
pub(crate) fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    if raised.is_ok() { limit.maximum } else { limit.current }.unwrap_or(u64::MAX)
}

//! A running nginx and a connection to it.
//!
//! Everything happens at Unix sockets in a directory of its own: no port can be taken by somebody else, nobody else can
//! connect, and what goes over them is HTTP to the byte.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::template::Server;
use super::{backend, config};

const PATIENCE: Duration = Duration::from_secs(20);

/// nginx, stopped when dropped.
pub(crate) struct Nginx {
    directory: PathBuf,
    process: Child,
}

/// What nginx answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The value of a field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The program, from `NGINX_BIN`, the `PATH` or where distributions put it.
pub(crate) fn binary() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("NGINX_BIN").filter(|given| !given.is_empty()) {
        return Some(given.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    places.map(|place| place.join("nginx")).find(|program| program.is_file())
}

impl Nginx {
    /// Starts it with a socket for each list of servers.
    pub(crate) fn start(program: &Path, name: &str, sets: &[Vec<Server>]) -> Self {
        let directory = std::env::temp_dir().join(format!("ingress-nginx-{}-{name}", std::process::id()));
        // A run that was killed may have left one behind.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::DirBuilder::new().mode(0o700).create(&directory).expect("a directory for nginx");
        backend::serve(&directory.join("backend"));
        let file = directory.join("nginx.conf");
        std::fs::write(&file, config::render(&directory, sets)).expect("nginx's configuration");
        let errors = std::fs::File::create(directory.join("errors")).expect("a file for nginx's complaints");
        let process = Command::new(program)
            .arg("-p")
            .arg(&directory)
            .arg("-c")
            .arg(&file)
            .args(["-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .expect("nginx");
        let mut nginx = Self { directory, process };
        nginx.wait(sets.len());
        nginx
    }

    fn wait(&mut self, sets: usize) {
        let began = Instant::now();
        // The sockets are made in order; the last one is there when all are.
        let last = self.directory.join(sets.saturating_sub(1).to_string());
        while UnixStream::connect(&last).is_err() {
            let ended = self.process.try_wait().expect("nginx's state");
            if ended.is_some() || began.elapsed() > PATIENCE {
                panic!("nginx does not answer ({ended:?}): {}", self.complaints());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it wrote to its error log.
    pub(crate) fn complaints(&self) -> String {
        std::fs::read_to_string(self.directory.join("errors")).unwrap_or_default()
    }

    /// A connection to the servers of one set.
    pub(crate) fn client(&self, set: usize) -> Client {
        Client { socket: self.directory.join(set.to_string()), connection: None }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A connection that is kept open as long as nginx keeps it.
pub(crate) struct Client {
    socket: PathBuf,
    connection: Option<BufReader<UnixStream>>,
}

impl Client {
    /// Sends a GET request byte for byte.
    pub(crate) fn get(&mut self, host: &str, target: &str) -> Response {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        // A kept connection may have been closed meanwhile; a new one may not.
        if let Some(connection) = self.connection.take()
            && let Some(response) = self.exchange(connection, &request)
        {
            return response;
        }
        let stream = UnixStream::connect(&self.socket).expect("a connection to nginx");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        self.exchange(BufReader::new(stream), &request).unwrap_or_else(|| panic!("no answer to {request:?}"))
    }

    fn exchange(&mut self, mut connection: BufReader<UnixStream>, request: &str) -> Option<Response> {
        connection.get_mut().write_all(request.as_bytes()).ok()?;
        let mut line = || {
            let mut line = Vec::new();
            match connection.read_until(b'\n', &mut line) {
                Ok(0) => None,
                Ok(_) => Some(String::from_utf8_lossy(&line).trim_end().to_owned()),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
                Err(error) => panic!("no answer to {request:?}: {error}"),
            }
        };
        let status = line()?.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let mut headers = Vec::new();
        while let Some((name, value)) = line()?.split_once(':') {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut response = Response { status, headers, body: Vec::new() };
        let length = response.header("Content-Length").and_then(|length| length.parse().ok()).expect("a length");
        connection.by_ref().take(length).read_to_end(&mut response.body).ok()?;
        if response.header("Connection") != Some("close") {
            self.connection = Some(connection);
        }
        Some(response)
    }
}

//! The proxy under attack: one worker, in front of an endpoint that answers as fast as it is read.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::support::program::raise_descriptors;
use super::support::site::{Site, config, manifest};

/// For how long a client may take or send nothing; 30 and 60 seconds in truth.
pub const STALL: Duration = Duration::from_millis(400);

pub struct Server {
    pub address: SocketAddr,
    site: Site,
    /// Where the system says how long the worker has run.
    thread: PathBuf,
}

impl Server {
    pub fn start() -> Self {
        // Each stream has a connection of its own behind the proxy, and both of its ends are in this process.
        raise_descriptors();
        let mut config = config();
        config.downstream.http2_cleartext = true;
        config.downstream.stall_timeout = STALL;
        config.downstream.idle_timeout = STALL;
        let site = Site::start(&manifest("a.example", origin()), config);
        let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
        let is_worker = |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "worker-0\n");
        let thread = tasks.into_iter().find(is_worker).expect("a worker");
        Self { address: site.http, site, thread }
    }

    /// How long the worker has run.
    pub fn cpu(&self) -> Duration {
        let text = fs::read_to_string(self.thread.join("schedstat")).unwrap();
        Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
    }

    /// How many connections there are of clients, and how many requests are being answered.
    pub fn busy(&self) -> (f64, f64) {
        let connections = "ingress_proxy_open_connections{protocol=\"http2\"}";
        let writing = "nginx_ingress_controller_nginx_process_connections{";
        (self.figure(|line| line.starts_with(connections)), {
            self.figure(|line| line.starts_with(writing) && line.contains("state=\"writing\""))
        })
    }

    /// Why connections were closed.
    pub fn reasons(&self) -> Vec<String> {
        let text = self.site.metrics.expose();
        let lines = text.lines().filter(|line| line.starts_with("ingress_proxy_http2_floods_total{"));
        lines.map(str::to_owned).collect()
    }

    fn figure(&self, is_it: impl Fn(&str) -> bool) -> f64 {
        let text = self.site.metrics.expose();
        let line = text.lines().find(|line| is_it(line)).expect("a figure");
        line.rsplit(' ').next().and_then(|figure| figure.parse().ok()).expect("a number")
    }
}

/// An endpoint on a thread of its own, which ends with the process.
fn origin() -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let Ok((tcp, _)) = listener.accept().await else { continue };
                // The proxy may go away in the middle.
                tcp.set_nodelay(true).unwrap();
                tokio::spawn(async move { drop(answer(tcp).await) });
            }
        });
    });
    receiver.recv().unwrap()
}

/// `/bytes/n` is answered with so many bytes, everything else never, and of bodies nothing is read.
async fn answer(tcp: TcpStream) -> std::io::Result<()> {
    // No memory of its own, so that what is used is the proxy's.
    static PIECE: [u8; 16 << 10] = [b'x'; 16 << 10];
    let mut tcp = BufReader::with_capacity(1 << 10, tcp);
    loop {
        let (mut line, mut length) = (String::new(), None);
        while tcp.read_line(&mut line).await? > 0 && !line.ends_with("\r\n\r\n") {}
        if let Some(text) = line.strip_prefix("GET /bytes/").and_then(|rest| rest.split(' ').next()) {
            length = text.parse::<usize>().ok();
        }
        if line.starts_with("POST ") {
            tokio::time::sleep(STALL * 6).await;
            return Ok(());
        }
        let Some(length) = length else {
            // Until the proxy has had enough.
            tcp.read_u8().await?;
            return Ok(());
        };
        tcp.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes()).await?;
        for at in (0..length).step_by(PIECE.len()) {
            tcp.write_all(&PIECE[..PIECE.len().min(length - at)]).await?;
        }
    }
}

/// The memory of this process in bytes.
pub fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

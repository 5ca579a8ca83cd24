//! A real API server: kube-apiserver and etcd as processes of their own, on loopback, with their data in a folder that goes
//! with them.
//!
//! The programs are those that `KUBE_APISERVER` and `ETCD` name, or are in `KUBEBUILDER_ASSETS`, or in `PATH`. Where there are
//! none an existing cluster serves, but only if `TEST_CLUSTER=yes` says that tests may write to the one that `KUBECONFIG`
//! names; they keep to namespaces and classes of their own there, and those that would kill the server are left out. Without
//! any of these a line says so, once, and there is nothing to test with.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "each test uses a part of it, and fails by panicking"
)]

mod account;
mod admin;
mod audit;
mod credentials;
mod etcd;
mod keeper;
mod objects;
mod programs;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, Once};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

pub use self::account::Account;
pub use self::admin::{Admin, Refused};
pub use self::audit::Audited;
use self::credentials::Credentials;
use self::keeper::Keeper;
pub use self::objects::{class_of, leader_rights, own_address, rights, rule};
use self::programs::Programs;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(90);

/// An API server with its etcd. Both end with this, and with the process that started them, however that ends.
pub struct Server {
    url: String,
    admin: Admin,
    /// None for a cluster that was there before.
    own: Option<Own>,
}

/// What is there of a server that was started here.
struct Own {
    keeper: Mutex<Keeper>,
    address: SocketAddr,
    /// So that the system gives the port to nobody else, not even while the server is away.
    _port: Socket,
}

impl Server {
    /// The server that all tests of a program share. None, and a line that says why, where there is none to be had.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: LazyLock<Option<Server>> = LazyLock::new(|| {
            let programs = Programs::find();
            programs.map(|programs| Server::of(&programs)).or_else(Server::existing).or_else(skip)
        });
        SHARED.as_ref()
    }

    /// A server for one test alone, which may do with it what it wants. None, and a line that says why, without the programs.
    pub fn private() -> Option<Self> {
        Programs::find().map(|programs| Self::of(&programs)).or_else(skip)
    }

    fn of(programs: &Programs) -> Self {
        let keeper = Keeper::new(programs);
        let credentials = Credentials::new();
        credentials.write(keeper.folder());
        std::fs::write(keeper.folder().join("policy.yaml"), audit::POLICY).expect("a file");
        let (port, address) = free_port();
        let url = format!("https://{address}");
        let kubeconfig = keeper.folder().join("admin.kubeconfig");
        std::fs::write(&kubeconfig, credentials.kubeconfig(&url)).expect("a file");
        let own = Own { keeper: Mutex::new(keeper), address, _port: port };
        let admin = Admin::new(kubeconfig);
        own.keeper.lock().unwrap().start_etcd();
        let server = Self { url, admin, own: Some(own) };
        server.start();
        server
    }

    /// The cluster that somebody has lent to us.
    fn existing() -> Option<Self> {
        let is_lent = std::env::var_os("TEST_CLUSTER").is_some_and(|lent| lent == "yes");
        let kubeconfig = PathBuf::from(is_lent.then(|| std::env::var_os("KUBECONFIG"))??);
        let admin = Admin::new(kubeconfig);
        Some(Self { url: String::new(), admin, own: None })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// For whoever may do everything.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    fn own(&self) -> &Own {
        self.own.as_ref().expect("a server of our own")
    }

    /// Where it listens, for who puts something in between.
    pub fn address(&self) -> SocketAddr {
        self.own().address
    }

    /// Ends the server at once; etcd stays.
    pub fn kill(&self) {
        self.own().keeper.lock().unwrap().kill_apiserver();
    }

    /// Starts it, again or for the first time, on the same port and data; it is ready when this returns.
    pub fn start(&self) {
        let own = self.own();
        own.keeper.lock().unwrap().start_apiserver(own.address.port());
        let deadline = Instant::now() + PATIENCE;
        while !self.admin.is_ready() {
            let keeper = own.keeper.lock().unwrap();
            assert!(keeper.is_running() && Instant::now() < deadline, "no API server: {}", keeper.log());
            drop(keeper);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Lets etcd forget the past.
    pub fn compact(&self) {
        etcd::compact(&self.own().keeper.lock().unwrap().folder().join("client:0"));
    }

    /// The requests since the server was started first, by whom they came from. Only of those that are answered.
    pub fn audit(&self) -> Vec<Audited> {
        audit::read(&self.own().keeper.lock().unwrap().folder().join("audit.log"))
    }

    /// Whether it was started here, so that it may be killed and its audit log be read.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }
}

/// Says, once, that there is nothing to test with.
fn skip<T>() -> Option<T> {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        eprintln!(
            "SKIPPED: tests on a real API server: none is in KUBE_APISERVER, KUBEBUILDER_ASSETS or PATH, with its etcd"
        );
    });
    None
}

/// A port for the server alone: it stays bound, and the server shares it.
fn free_port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    // Not before it is bound: with this the system may choose a port that is shared already.
    socket.set_reuse_port(true).expect("an option");
    let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    (socket, address)
}

//! What every proxy is told to serve: hosts with paths, each to one of a few backends, over HTTP and HTTPS.
//!
//! Also the directory that the configurations are written to.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use benches::matcher::Error;
use rcgen::{CertificateParams, KeyPair};

/// The most paths of a host, and as many backends.
pub(crate) const PATHS: usize = 10;
/// The bytes that the origins fill their bodies with.
pub(crate) const NAMED: [u8; 2] = [b'a', b'b'];
/// The namespace of what is written as Kubernetes objects.
pub(crate) const NAMESPACE: &str = "bench";

/// What a proxy serves. Host `n` is `hN.example.com`; its path `/pN/` goes to backend `uN`.
#[derive(Debug)]
pub(crate) struct Site {
    /// Where the proxy's own files go. Removed with the value.
    pub(crate) directory: PathBuf,
    pub(crate) hosts: usize,
    pub(crate) paths: usize,
    /// What is behind the backends, and what is behind the backend `other`.
    pub(crate) origins: [SocketAddr; 2],
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    /// For health checks.
    pub(crate) health: SocketAddr,
    pub(crate) certificate: Certificate,
    pub(crate) mode: Mode,
}

/// How the proxy is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As one would have it.
    Plain,
    /// With an access log, in a file.
    Log,
    /// As one process, for tools that look at one.
    OneProcess,
    /// Able to take a new configuration without losing requests.
    Reload,
}

/// A certificate for all hosts and its key.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Site {
    /// A site with a directory and ports of its own.
    pub(crate) fn new(hosts: usize, paths: usize, origins: [SocketAddr; 2], mode: Mode) -> Result<Self, Error> {
        let [http, https, health] = free_addresses()?;
        let directory = std::env::temp_dir().join(format!("proxy-bench-{}-{}", std::process::id(), http.port()));
        fs::create_dir_all(&directory)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec!["*.example.com".to_owned()])?.self_signed(&key)?;
        let certificate = Certificate { certificate: certificate.pem(), key: key.serialize_pem() };
        let site = Self { directory, hosts, paths, origins, http, https, health, certificate, mode };
        site.write("tls.crt", &site.certificate.certificate)?;
        site.write("tls.key", &site.certificate.key)?;
        Ok(site)
    }

    /// Whether another is served by the same configuration, but for where it is.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.hosts, self.paths, self.origins, self.mode) == (other.hosts, other.paths, other.origins, other.mode)
    }

    /// A file of the directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file of the directory.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.file(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Fills as much memory with a file as a log will, and gives it back.
    ///
    /// A virtual machine has memory that it did not use lately from its host, page by page, when it is written to: that takes ten times
    /// as long as the write, and is charged to whoever writes.
    pub(crate) fn use_memory(&self) -> Result<(), Error> {
        const BLOCKS: usize = 256;
        let block = vec![b'x'; 1 << 20];
        let path = self.file("memory");
        let mut file = fs::File::create(&path)?;
        for _ in 0..BLOCKS {
            file.write_all(&block)?;
        }
        Ok(fs::remove_file(&path)?)
    }

    /// The access log, if there is to be one.
    pub(crate) fn access_log(&self) -> Option<PathBuf> {
        (self.mode == Mode::Log).then(|| self.file("access.log"))
    }

    /// The backends with where they are. The last is `other`.
    pub(crate) fn backends(&self) -> Vec<(String, SocketAddr)> {
        let [origin, other] = self.origins;
        let named = (0..self.paths).map(|path| (format!("u{path}"), origin));
        named.chain([("other".to_owned(), other)]).collect()
    }

    /// The backend of a path, while `moved` is the host whose first path goes to `other`.
    pub(crate) fn backend(host: usize, path: usize, moved: Option<usize>) -> String {
        if path == 0 && moved == Some(host) { "other".to_owned() } else { format!("u{path}") }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // A directory that stays behind is no harm to the figures.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Addresses that nobody listens on. Held all at once, so that they differ.
fn free_addresses<const N: usize>() -> Result<[SocketAddr; N], Error> {
    let mut addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); N];
    let mut held = Vec::new();
    for address in &mut addresses {
        let listener = TcpListener::bind(*address)?;
        *address = listener.local_addr()?;
        held.push(listener);
    }
    Ok(addresses)
}

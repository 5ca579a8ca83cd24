//! A webhook on loopback, and somebody who asks it as an API server does.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ingress_kube::Handle;
use ingress_kube::webhook::{CertificateSource, Limits, Observer, Outcome, Rules, Webhook, WebhookSettings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a webhook told.
#[derive(Debug, Default)]
pub struct Heard {
    pub outcomes: Mutex<Vec<Outcome>>,
    pub lines: Mutex<Vec<String>>,
}

impl Observer for Heard {
    fn reviewed(&self, outcome: Outcome, _: Duration) {
        self.outcomes.lock().unwrap().push(outcome);
    }

    fn say(&self, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }
}

pub struct Hook {
    pub address: SocketAddr,
    pub heard: Arc<Heard>,
    pub webhook: Webhook,
}

impl Hook {
    pub fn start(handle: Handle, settings: WebhookSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Heard::default());
        let webhook = Webhook::start(vec![listener], settings, handle, Arc::clone(&heard) as _).unwrap();
        Self { address, heard, webhook }
    }

    pub fn lines(&self) -> Vec<String> {
        self.heard.lines.lock().unwrap().clone()
    }
}

/// An authority with a certificate for `127.0.0.1`, good for so many days from now on.
pub struct Issued {
    pub authority: String,
    pub certificate: String,
    pub key: String,
}

impl Issued {
    pub fn new() -> Self {
        Self::between(-1, 30)
    }

    /// Of a Service `hook` in `shop`, from a day to another.
    pub fn between(from: i64, to: i64) -> Self {
        Self::of("shop", from, to)
    }

    pub fn of(namespace: &str, from: i64, to: i64) -> Self {
        let at = |days: i64| {
            let days_from_now = Duration::from_secs(days.unsigned_abs() * 86_400);
            let now = SystemTime::now();
            if days < 0 { now - days_from_now } else { now + days_from_now }
        };
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        let name = format!("authority {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        authority.distinguished_name.push(DnType::CommonName, name);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (authority.not_before, authority.not_after) = (at(from).into(), at(to).into());
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let service = [format!("hook.{namespace}"), format!("hook.{namespace}.svc")];
        let names = ["127.0.0.1", "hook"].map(ToOwned::to_owned).into_iter().chain(service);
        let mut params = CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (at(from).into(), at(to).into());
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap().pem();
        Self { authority: authority.pem(), certificate, key: key.serialize_pem() }
    }

    /// Puts both into files, one after the other.
    pub fn write(&self, folder: &Path) {
        let (certificate, key) = files(folder);
        std::fs::write(certificate, &self.certificate).unwrap();
        std::fs::write(key, &self.key).unwrap();
    }
}

fn files(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("cert"), folder.join("key"))
}

/// A folder that goes with this.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("webhook-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn settings(&self) -> WebhookSettings {
        let (certificate, key) = files(&self.0);
        WebhookSettings {
            certificate: CertificateSource::Files { certificate, key },
            client_authorities: None,
            rules: Rules::default(),
            limits: Limits { answer: PATIENCE, first_head: PATIENCE, ..Limits::default() },
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Who asks: whom it trusts, and who it is.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

/// A connection that is open.
pub struct Connection {
    pub stream: TlsStream<TcpStream>,
    read: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Client {
    /// One that trusts these authorities.
    pub fn new(address: SocketAddr, authorities: &str) -> Self {
        Self::with(address, authorities, None)
    }

    /// The same with a certificate of its own.
    pub fn with(address: SocketAddr, authorities: &str, own: Option<&Issued>) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in rustls_pemfile::certs(&mut authorities.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match own {
            None => config.with_no_client_auth(),
            Some(own) => {
                let chain = rustls_pemfile::certs(&mut own.certificate.as_bytes()).map(Result::unwrap).collect();
                let key: PrivateKeyDer<'static> =
                    rustls_pemfile::private_key(&mut own.key.as_bytes()).unwrap().unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        Self { address, config: Arc::new(config) }
    }

    pub async fn connect(&self) -> std::io::Result<Connection> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let name = ServerName::from(self.address.ip());
        let stream = TlsConnector::from(Arc::clone(&self.config)).connect(name, socket).await?;
        Ok(Connection { stream, read: Vec::new() })
    }

    /// Connects, once it can.
    pub async fn until_connected(&self) -> Connection {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Ok(connection) = self.connect().await {
                    return connection;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        waited.await.unwrap()
    }

    /// Asks on a new connection.
    pub async fn ask(&self, review: &Value) -> std::io::Result<Response> {
        self.connect().await?.ask(review).await
    }
}

impl Connection {
    pub async fn ask(&mut self, review: &Value) -> std::io::Result<Response> {
        self.send(&post(review.to_string().as_bytes())).await?;
        self.response().await
    }

    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    pub async fn response(&mut self) -> std::io::Result<Response> {
        let whole = async {
            loop {
                if let Some((response, length)) = parsed(&self.read) {
                    self.read.drain(..length);
                    return Ok(response);
                }
                let mut bytes = [0; 4096];
                match self.stream.read(&mut bytes).await? {
                    0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                    read => self.read.extend_from_slice(&bytes[..read]),
                }
            }
        };
        tokio::time::timeout(PATIENCE, whole).await.unwrap()
    }
}

fn parsed(bytes: &[u8]) -> Option<(Response, usize)> {
    let text = String::from_utf8_lossy(bytes);
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let length: usize = length.unwrap_or(0);
    let body = rest.get(..length)?.to_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let whole = head.len() + 4 + length;
    Some((Response { status, head: head.to_owned(), body }, whole))
}

/// A question over HTTP, to the path that ingress-nginx's manifest names.
pub fn post(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /networking/v1/ingresses?timeout=10s HTTP/1.1\r\nHost: hook.shop.svc:443\r\nContent-Type: application/json\r\n\
         Accept: application/json, */*\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A question about an Ingress that would be created.
pub fn review(ingress: &Value) -> Value {
    let kind = json!({"group": "networking.k8s.io", "version": "v1", "kind": "Ingress"});
    let request = json!({
        "uid": "0df28fbd-5f5f-11e8-bc74-36e6bb280816",
        "kind": kind,
        "operation": "CREATE",
        "namespace": ingress["metadata"]["namespace"],
        "name": ingress["metadata"]["name"],
        "object": ingress,
    });
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
}

impl Response {
    /// Whether it is an answer, and which.
    pub fn allowed(&self) -> Option<bool> {
        let answer: Value = serde_json::from_str(&self.body).ok()?;
        answer["response"]["allowed"].as_bool()
    }
}

//! The validating webhook: an API server asks it about Ingresses before it stores them.
//!
//! It is advice to whoever writes an Ingress, and no more: what is stored is judged anew by the controller, and the data plane is
//! as safe without it. It runs on a thread of its own, executes nothing, and reads no Secret but the one that its certificate
//! comes from.

pub mod cert;
pub mod review;
mod server;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

pub use self::cert::CertificateSource;
pub use self::review::Rules;
pub use self::server::Limits;
use self::server::Server;
use crate::controller::Handle;

/// What a webhook has to know.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the flags there are for this")]
pub struct WebhookSettings {
    /// Where its certificate comes from.
    pub certificate: CertificateSource,
    /// The authorities, in PEM, that clients have to have a certificate of; none if anybody may ask.
    pub client_authorities: Option<Vec<u8>>,
    /// What is refused.
    pub rules: Rules,
    /// How much it takes at once, and for how long.
    pub limits: Limits,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Allowed.
    Allowed,
    /// Denied.
    Denied,
    /// Not answered: it is none, or comes too early, or when there is too much to do. The API server decides.
    Failed,
}

/// Whom a webhook tells what it does. It must not wait for anything.
pub trait Observer: Send + Sync + 'static {
    /// A question has been answered.
    fn reviewed(&self, outcome: Outcome, took: Duration);

    /// A line for the log.
    fn say(&self, line: &str);
}

/// Why there can be no webhook.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The authorities of clients are no good.
    #[error("the authorities for client certificates cannot be used: {0}")]
    ClientAuthorities(String),
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// There is no thread or no runtime to be had.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A webhook that answers. It ends when this is dropped, after the answers that are under way.
pub struct Webhook {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

impl Webhook {
    /// Answers what comes in at these sockets, on a thread of its own. Until there is a certificate no handshake succeeds.
    ///
    /// # Errors
    ///
    /// [`StartError`] when there can be no webhook. A certificate that is missing or no good is no error: it is waited for.
    pub fn start(
        listeners: Vec<std::net::TcpListener>,
        settings: WebhookSettings,
        handle: Handle,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, StartError> {
        let WebhookSettings { certificate, client_authorities, rules, limits } = settings;
        let (shown, certificates) = watch::channel(None);
        let tls = server::tls(certificates, client_authorities.as_deref())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for listener in &listeners {
            listener.set_nonblocking(true)?;
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server::new(tls, handle, rules, limits, Arc::clone(&observer));
        let run = async move {
            let keeping = tokio::spawn(certificate.keep(shown, observer));
            server.run(listeners, stopped).await;
            keeping.abort();
        };
        let thread = std::thread::Builder::new().name("webhook".to_owned()).spawn(move || runtime.block_on(run))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Whoever panicked has said so.
            let _ = thread.join();
        }
    }
}

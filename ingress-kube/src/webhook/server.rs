//! The webhook's HTTPS server. Everything that a stranger may send has a cap and a deadline.

mod connection;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

pub(super) use self::tls::tls;
use super::{Observer, Rules};
use crate::controller::Handle;

/// How much a webhook takes at once, and for how long.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Limits {
    /// The most bytes of a question.
    pub body: usize,
    /// The most bytes of all questions that are being answered; others wait.
    pub bodies: usize,
    /// The most questions that may wait or be answered; others are turned away.
    pub questions: usize,
    /// The most connections; others wait to be accepted.
    pub connections: usize,
    /// How long an answer may take, from the head of the question on.
    pub answer: Duration,
    /// How long a handshake may take, and then the head of the first question.
    pub first_head: Duration,
    /// How long a connection may wait for another question. The API server's own patience is 90 s, and whoever closes first
    /// must not be us: a question may be on its way.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 7 << 20,
            bodies: 16 << 20,
            questions: 256,
            connections: 512,
            answer: Duration::from_secs(2),
            first_head: Duration::from_secs(10),
            idle: Duration::from_secs(120),
        }
    }
}

/// The bytes that one permit is for.
const UNIT: usize = 64 << 10;

/// How long what is under way may take when everything ends.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// How long nothing is accepted after that has failed, mostly for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections share.
struct Shared {
    handle: Handle,
    rules: Rules,
    limits: Limits,
    observer: Arc<dyn Observer>,
    acceptor: TlsAcceptor,
    /// A permit for each [`UNIT`] of the questions that are being answered.
    bodies: Arc<Semaphore>,
    questions: AtomicUsize,
}

/// A server that does not listen yet.
pub(super) struct Server {
    shared: Arc<Shared>,
    connections: Arc<Semaphore>,
}

impl Server {
    pub(super) fn new(
        tls: rustls::ServerConfig,
        handle: Handle,
        rules: Rules,
        limits: Limits,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let shared = Shared {
            handle,
            rules,
            limits,
            observer,
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            bodies: Arc::new(Semaphore::new(limits.bodies.max(limits.body).div_ceil(UNIT))),
            questions: AtomicUsize::new(0),
        };
        Self { shared: Arc::new(shared), connections: Arc::new(Semaphore::new(limits.connections)) }
    }

    /// Serves until it is told to stop, and then what is under way.
    pub(super) async fn run(self, listeners: Vec<std::net::TcpListener>, stopped: oneshot::Receiver<()>) {
        let (ending, ends) = watch::channel(false);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let (shared, connections) = (Arc::clone(&self.shared), Arc::clone(&self.connections));
                    accepting.spawn(accept(listener, shared, connections, ends.clone()));
                }
                Err(error) => self.shared.observer.say(&format!("error: the webhook cannot listen: {error}")),
            }
        }
        // It also ends when nobody is there any more to tell it to.
        let _ = stopped.await;
        ending.send_replace(true);
        let all = u32::try_from(self.shared.limits.connections).unwrap_or(u32::MAX);
        let _ = timeout(LAST_ANSWERS, self.connections.acquire_many(all)).await;
        accepting.abort_all();
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    connections: Arc<Semaphore>,
    mut ends: watch::Receiver<bool>,
) {
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ends.wait_for(|is_over| *is_over) => return,
        };
        let Ok((socket, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (shared, ends) = (Arc::clone(&shared), ends.clone());
        tokio::spawn(async move {
            serve(socket, shared, ends).await;
            drop(permit);
        });
    }
}

async fn serve(socket: TcpStream, shared: Arc<Shared>, ends: watch::Receiver<bool>) {
    // Answers are small, and somebody waits for each.
    let _ = socket.set_nodelay(true);
    let handshake = timeout(shared.limits.first_head, shared.acceptor.accept(socket)).await;
    // Strangers who fail at it need not be told of in a log that they could fill.
    let Ok(Ok(stream)) = handshake else { return };
    connection::serve(stream, shared, ends).await;
}

/// A place among the questions that may wait.
struct Place<'s>(&'s AtomicUsize);

impl<'s> Place<'s> {
    fn take(questions: &'s AtomicUsize, most: usize) -> Option<Self> {
        let place = Self(questions);
        (questions.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

//! The proxy as the shadow of another controller: it gets requests that are meant for nobody, such as those that the other one
//! mirrors, answers them, and asks the other one the same. Whoever plans to change from one to the other sees how many answers
//! differ, and which.
//!
//! What a shadow answers goes nowhere, so it must do nothing that counts: methods that change something are refused, and so are
//! tunnels and requests that are a shadow's own question. How often it asks has a limit. The questions are asked by a thread of
//! their own; requests never wait for it.

mod question;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::LocalSet;

use self::question::{Answer, Question};
pub use self::question::{NotATarget, Target};
use crate::message::{Framing, RequestHead};
use crate::observe::error_log::{ErrorLog, Level};
use crate::observe::metrics::Metrics;
use crate::server::Client;

/// A field that says that a request is a shadow's question, lest the other one mirrors it and it is asked for ever.
const MARK: &[u8] = b"X-Ingress-Shadow";

/// Questions that may wait.
const QUEUE: usize = 64;

/// Questions that may be under way.
const AT_ONCE: usize = 32;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most differences that are written out.
const MOST_TOLD: u64 = 100;

/// What a shadow has to know.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Options {
    /// Where the other controller takes plain text.
    pub http: Option<Target>,
    /// Where it takes TLS. Its certificate is not looked at: it is for its clients, and often one that nobody trusts.
    pub https: Option<Target>,
    /// The most questions in a second.
    pub rate: u32,
}

/// What the proxy has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ours<'a> {
    pub(crate) status: u16,
    /// Where it redirects to, if that is its own answer.
    pub(crate) location: Option<&'a [u8]>,
}

/// A shadow. Its thread ends with the last of its owners.
pub struct Shadow {
    options: Options,
    began: Instant,
    /// The second in which questions were asked last, and how many.
    asked: AtomicU64,
    questions: mpsc::Sender<Question>,
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Shadow {
    /// Starts the thread that asks.
    ///
    /// # Errors
    ///
    /// When there can be no thread, or no TLS.
    pub fn start(options: Options, metrics: Arc<Metrics>, errors: ErrorLog) -> io::Result<Arc<Self>> {
        let (questions, asked) = mpsc::channel(QUEUE);
        let tls = question::tls().map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let asker = Asker { http: options.http.clone(), https: options.https.clone(), tls, metrics, errors };
        std::thread::Builder::new().name("shadow".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, asker.run(asked));
            // What is not answered by now is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Arc::new(Self { options, began: Instant::now(), asked: AtomicU64::new(0), questions }))
    }

    /// Why a request is not served here: it might change something, or it is a shadow's own.
    pub(crate) fn refusal(head: &RequestHead) -> Option<&'static str> {
        if head.fields.iter().any(|(_, name, _)| name.eq_ignore_ascii_case(MARK)) {
            return Some("shadow-of-a-shadow");
        }
        let is_safe = matches!(head.method(), "GET" | "HEAD" | "OPTIONS")
            && matches!(head.framing, Framing::Empty | Framing::Length(0))
            && !head.websocket;
        (!is_safe).then_some("shadow-serves-safe-methods")
    }

    /// Asks the other controller the same, unless that was done often enough in this second.
    pub(crate) fn compare(&self, client: &Client, head: &RequestHead, ours: Ours<'_>) {
        let is_tls = client.conn.tls.is_some();
        let target = if is_tls { &self.options.https } else { &self.options.http };
        if target.is_none() || !self.may_ask() {
            return;
        }
        // One that finds no room is as good as one too many.
        let _ = self.questions.try_send(Question::new(is_tls, head, ours));
    }

    fn may_ask(&self) -> bool {
        let second = self.began.elapsed().as_secs() << 32;
        let count = |asked: u64| {
            let asked = if asked >> 32 == second >> 32 { asked } else { second };
            ((asked & u64::from(u32::MAX)) < u64::from(self.options.rate)).then_some(asked + 1)
        };
        self.asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok()
    }
}

/// Who asks.
struct Asker {
    http: Option<Target>,
    https: Option<Target>,
    tls: Arc<rustls::ClientConfig>,
    metrics: Arc<Metrics>,
    errors: ErrorLog,
}

impl Asker {
    async fn run(self, mut questions: mpsc::Receiver<Question>) {
        let (asker, free) = (std::rc::Rc::new(self), Arc::new(Semaphore::new(AT_ONCE)));
        let told = std::rc::Rc::new(std::cell::Cell::new(0));
        while let Some(question) = questions.recv().await {
            // It is never closed.
            let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
            let (asker, told) = (std::rc::Rc::clone(&asker), std::rc::Rc::clone(&told));
            tokio::task::spawn_local(async move {
                asker.ask(&question, &told).await;
                drop(permit);
            });
        }
    }

    async fn ask(&self, question: &Question, told: &std::cell::Cell<u64>) {
        let target = if question.is_tls { &self.https } else { &self.http };
        let Some(target) = target else { return };
        let answer = tokio::time::timeout(PATIENCE, question.ask(target, &self.tls)).await;
        let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let is_down = answer.as_ref().err().map(|error| error as &dyn fmt::Display);
        self.errors.state(format_args!("shadow: {target}"), "does not answer", "answers again", is_down);
        let Ok(theirs) = answer else { return self.metrics.compared("unanswered") };
        let result = question.result(&theirs);
        self.metrics.compared(result);
        if result != "same" {
            told.set(told.get() + 1);
            self.tell(question, &theirs, told.get());
        }
    }

    fn tell(&self, question: &Question, theirs: &Answer, number: u64) {
        if number > MOST_TOLD {
            return;
        }
        let (host, path) = (question.host(), question.path());
        let (ours, theirs) = (question.ours.to_string(), theirs.to_string());
        self.errors.event(
            Level::Warning,
            "the other controller answers something else",
            &[("method", &question.method()), ("host", &host), ("path", &path), ("ours", &ours), ("theirs", &theirs)],
        );
        if number == MOST_TOLD {
            self.errors.event(Level::Info, "further differences are counted, and no longer told", &[]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, fields: &[(&str, &str)]) -> RequestHead {
        let mut head = RequestHead { method: method.into(), ..RequestHead::default() };
        for (name, value) in fields {
            head.fields.push(name.as_bytes(), value.as_bytes()).unwrap();
        }
        head
    }

    #[test]
    fn what_might_change_something_is_refused() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert_eq!(Shadow::refusal(&head(method, &[])), None, "{method}");
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "PURGE"] {
            assert_eq!(Shadow::refusal(&head(method, &[])), Some("shadow-serves-safe-methods"), "{method}");
        }
        let with_body = RequestHead { framing: Framing::Length(1), ..head("GET", &[]) };
        assert!(Shadow::refusal(&with_body).is_some());
        let tunnel = RequestHead { websocket: true, ..head("GET", &[]) };
        assert!(Shadow::refusal(&tunnel).is_some());
        assert_eq!(Shadow::refusal(&head("GET", &[("x-ingress-shadow", "1")])), Some("shadow-of-a-shadow"));
    }

    #[test]
    fn questions_have_a_rate() {
        let (questions, _asked) = mpsc::channel(1);
        let options = Options { rate: 3, ..Options::default() };
        let mut shadow = Shadow { options, began: Instant::now(), asked: AtomicU64::new(0), questions };
        assert_eq!((0..10).filter(|_| shadow.may_ask()).count(), 3);
        // A second, and some, later.
        shadow.began -= Duration::from_millis(1_500);
        assert_eq!((0..10).filter(|_| shadow.may_ask()).count(), 3);
    }
}

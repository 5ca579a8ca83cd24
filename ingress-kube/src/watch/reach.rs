//! Whether the API server can be reached: found out by one, known to all.

use tokio::sync::watch;

/// Shared by everybody who talks to one API server.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    answers: watch::Sender<u64>,
    seen: watch::Receiver<u64>,
}

impl Default for Reach {
    fn default() -> Self {
        let (answers, seen) = watch::channel(0);
        Self { answers, seen }
    }
}

impl Reach {
    /// Says that there was an answer.
    pub(crate) fn reached(&self) {
        self.answers.send_modify(|answers| *answers = answers.wrapping_add(1));
    }

    /// Waits until somebody gets an answer.
    pub(crate) async fn wait(&mut self) {
        self.seen.mark_unchanged();
        // The sender is in here too.
        let _ = self.seen.changed().await;
    }
}

//! What one of several replicas does for all of them: it writes status and Events. Which one that is, an election decides.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::Say;
use crate::controller::Handle;
use crate::events::EventWriter;
use crate::leader::{Candidate, Election, Leadership};
use crate::status::{Pod, StatusSettings, StatusWriter};
use crate::watch::Timing;

/// How long the last replica may take to clear the status of its Ingresses.
const CLEARING: Duration = Duration::from_secs(6);

/// How long giving the lease back may take.
const RELEASING: Duration = Duration::from_secs(3);

/// How long all of it may take to end.
const ENDING: Duration = Duration::from_secs(9);

/// Pauses after failures. A server that has no time for everybody is to have it for the watches.
pub(crate) const BACKGROUND: Timing = Timing {
    page: 0,
    answer: Duration::ZERO,
    watch: Duration::ZERO,
    tolerance: Duration::ZERO,
    first_pause: Duration::from_secs(1),
    longest_pause_unreachable: Duration::from_secs(30),
    longest_pause: Duration::from_secs(30),
};

/// What a replica takes upon itself.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DutySettings {
    /// The pod that it runs in, where it runs in one.
    pub pod: Option<Pod>,
    /// What replicas are told apart by in the log, the Lease and Events, such as the name of the pod.
    pub name: String,
    /// How it is decided which replica does them; none if each does (`--disable-leader-election`).
    pub election: Option<Election>,
    /// How the status of Ingresses is written; none if it is not (`--update-status=false`).
    pub status: Option<StatusSettings>,
    /// Whether there are Events (else `--disable-sync-events`).
    pub events: bool,
}

/// Says when to end.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Whether that is now.
    pub(crate) fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is.
    pub(crate) async fn told(&mut self) {
        // That nobody can tell any more is as good.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// What one replica does for all.
pub struct Duties {
    candidate: Option<Candidate>,
    status: Option<StatusWriter>,
    events: Option<EventWriter>,
    leads: watch::Receiver<bool>,
}

impl std::fmt::Debug for Duties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Duties").field("leads", &*self.leads.borrow()).finish_non_exhaustive()
    }
}

impl Duties {
    /// Nothing is asked for yet. What is worth a line in the log goes to `say`.
    #[must_use]
    pub fn new(client: &Client, handle: &Handle, settings: DutySettings, say: &Say) -> Self {
        let DutySettings { pod, name, election, status, events } = settings;
        let (is_leading, leads) = watch::channel(election.is_none());
        // Where nothing is written nobody has to lead.
        let election = election.filter(|_| status.is_some() || events);
        let candidate =
            election.map(|election| Candidate::new(client.clone(), election, &name, is_leading, Arc::clone(say)));
        let leadership = candidate.as_ref().map_or_else(Leadership::always, Candidate::leadership);
        let has_status = status.is_some();
        let status = status.map(|status| {
            StatusWriter::new(client.clone(), handle.views(), leadership.clone(), pod, status, Arc::clone(say))
        });
        let events = events
            .then(|| EventWriter::new(client.clone(), handle.views(), leadership, name, has_status, Arc::clone(say)));
        Self { candidate, status, events, leads }
    }

    /// Whether this replica leads.
    #[must_use]
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.leads.clone()
    }

    /// Does them until `end` is told or dropped. Then the last replica clears the status, a leader gives the lease back, and
    /// this is over within ten seconds.
    pub async fn run(self, end: oneshot::Receiver<()>) {
        let Self { candidate, mut status, mut events, leads: _leads } = self;
        let has_candidate = candidate.is_some();
        let (stop, stopped) = watch::channel(false);
        let (end_candidate, candidate_ends) = oneshot::channel();
        let end = async {
            // Whoever has gone wants it to end too.
            let _ = end.await;
            stop.send_replace(true);
            sleep(ENDING).await;
        };
        let mut stopped = Stop(stopped);
        let (mut status_stops, mut events_stop) = (stopped.clone(), stopped.clone());
        let writers = async {
            let write_status = async {
                if let Some(status) = &mut status {
                    status.run(&mut status_stops).await;
                }
            };
            let write_events = async {
                if let Some(events) = &mut events {
                    events.run(&mut events_stop).await;
                }
            };
            tokio::join!(write_status, write_events);
            // They may have ended because the controller has.
            stopped.told().await;
            if let Some(status) = &mut status {
                let _ = timeout(CLEARING, status.clear()).await;
            }
            // Not before: until then it has to be renewed.
            drop(end_candidate);
            if has_candidate {
                sleep(RELEASING).await;
            }
        };
        let candidate = async {
            match candidate {
                // It ends when the lease has been given back.
                Some(candidate) => candidate.run(candidate_ends).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = writers => {}
            () = candidate => {}
            () = end => {}
        }
    }
}

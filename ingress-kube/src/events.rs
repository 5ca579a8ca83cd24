//! Events on Ingresses, by the leader: what was accepted or refused, and why, for `kubectl describe`.
//!
//! They are those of the core group, which ingress-nginx's manifests give the right to.

mod journal;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep_until;

use self::journal::{Journal, Note};
use crate::api::{self, Failure, Reason, Write};
use crate::controller::View;
use crate::debounce::Debounce;
use crate::duties::{BACKGROUND, Stop};
use crate::leader::Leadership;
use crate::resource::escaped;
use crate::watch::pause::Pause;
use crate::{Say, now};

/// The least time between two looks at all Ingresses.
const LOOK: Duration = Duration::from_secs(1);

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Who tells, as Events name it.
const COMPONENT: &str = "ingress-proxy";

/// How much of an Ingress's name may stand in that of an Event.
const MAX_NAME: usize = 230;

/// Writes Events.
pub(crate) struct EventWriter {
    client: Client,
    views: watch::Receiver<Arc<View>>,
    leadership: Leadership,
    instance: String,
    journal: Journal,
    look: Debounce,
    pause: Pause,
    /// When the server may be asked again after it has failed.
    paused_until: Option<Instant>,
    random: RandomState,
    written: u64,
    say: Say,
    failing: Option<Reason>,
}

impl EventWriter {
    /// `instance` is what people know this replica by; `has_status` says whether leaders write the status of Ingresses.
    pub(crate) fn new(
        client: Client,
        views: watch::Receiver<Arc<View>>,
        leadership: Leadership,
        instance: String,
        has_status: bool,
        say: Say,
    ) -> Self {
        Self {
            client,
            views,
            leadership,
            instance,
            journal: Journal::new(has_status),
            look: Debounce::new(LOOK),
            pause: Pause::new(BACKGROUND),
            paused_until: None,
            random: RandomState::new(),
            written: 0,
            say,
            failing: None,
        }
    }

    /// Writes until it is told to stop, and has then come to an end of what it had begun.
    pub(crate) async fn run(&mut self, stop: &mut Stop) {
        while !stop.is_told() {
            if !self.leadership.leads() {
                tokio::select! {
                    () = self.leadership.begins() => self.ask_to_look(),
                    () = stop.told() => return,
                }
            }
            self.look();
            let due = self.due();
            if due.is_some_and(|due| due <= now()) {
                if let Some(note) = self.journal.next(now()) {
                    self.tell(note).await;
                }
                continue;
            }
            let due = [due, self.look.due()].into_iter().flatten().min();
            tokio::select! {
                () = wait(due) => {}
                changed = self.views.changed() => match changed {
                    Ok(()) => self.ask_to_look(),
                    // The controller has ended, so that nothing new will ever be known.
                    Err(_) => return,
                },
                () = stop.told() => return,
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        let due = self.journal.due()?;
        Some(self.paused_until.map_or(due, |paused| due.max(paused)))
    }

    /// Asks for a look, unless there is nothing to see. The first one must not have to wait: what has no address yet is soon
    /// to have one.
    fn ask_to_look(&mut self) {
        if self.views.borrow_and_update().is_ready() {
            self.look.ask(now());
        }
    }

    fn look(&mut self) {
        if self.look.due().is_some_and(|due| due <= now()) {
            let view = Arc::clone(&self.views.borrow_and_update());
            self.look.done(now());
            self.journal.take(&view, now());
        }
    }

    async fn tell(&mut self, note: Note) {
        let Some(limit) = self.leadership.permit(LIMIT) else {
            // Whoever leads now tells of it, and if that is this one again, so does this one.
            return self.journal.failed(&note, false, true, now());
        };
        let namespace = &note.key.0.namespace;
        let collection = format!("/api/v1/namespaces/{}/events", escaped(namespace));
        let (event, written) = match &note.event {
            Some(event) => {
                let change = json!({"count": note.count, "lastTimestamp": stamp(), "message": note.text});
                let target = format!("{collection}/{}", escaped(event));
                (event.clone(), api::write(&self.client, Write::Patch, &target, &change, limit).await)
            }
            None => {
                let name = self.name(&note);
                let event = self.event(&name, &note);
                (name.into(), api::write(&self.client, Write::Create, &collection, &event, limit).await)
            }
        };
        match written {
            Ok(_) => {
                self.pause.reset();
                self.paused_until = None;
                if self.failing.take().is_some() {
                    (self.say)("Events can be written again");
                }
                self.journal.told(&note, &event, now());
            }
            Err(failure) => self.failed(&note, &failure),
        }
    }

    fn failed(&mut self, note: &Note, failure: &Failure) {
        if note.event.is_some() && failure.reason == Reason::NotFound {
            // The server forgets them after an hour.
            return self.journal.failed(note, true, true, now());
        }
        if self.failing != Some(failure.reason) {
            self.failing = Some(failure.reason);
            (self.say)(&format!("warning: cannot write an Event on {}: {failure}", note.key.0));
        }
        self.paused_until = Some(now() + self.pause.take(Some(failure)));
        // What it does not want, such as in a namespace that is about to go, is not worth another attempt.
        let is_to_be_again = matches!(
            failure.reason,
            Reason::Unreachable | Reason::Unauthorized | Reason::Busy | Reason::Refused | Reason::Malformed
        );
        self.journal.failed(note, false, is_to_be_again, now());
    }

    /// A name that no other Event has.
    fn name(&mut self, note: &Note) -> String {
        self.written += 1;
        // Names are ASCII.
        let ingress: String = note.key.0.name.chars().take(MAX_NAME).collect();
        format!("{}.{:016x}", ingress.trim_end_matches(['.', '-']), self.random.hash_one(self.written))
    }

    fn event(&self, name: &str, note: &Note) -> Value {
        let (ingress, reason) = &note.key;
        let (namespace, ingress) = (&*ingress.namespace, &*ingress.name);
        let now = stamp();
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": namespace, "name": name},
            "involvedObject": {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "namespace": namespace,
                "name": ingress,
                "uid": note.record.uid,
                "resourceVersion": note.record.resource_version,
            },
            "type": if note.is_warning { "Warning" } else { "Normal" },
            "reason": reason,
            "message": note.text,
            "count": note.count,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": COMPONENT, "host": self.instance},
            "reportingComponent": COMPONENT,
            "reportingInstance": self.instance,
        })
    }
}

/// The time, as Events have it.
fn stamp() -> Value {
    serde_json::to_value(Time(Timestamp::now())).unwrap_or_default()
}

async fn wait(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

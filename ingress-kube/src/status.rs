//! The addresses of the controller in the status of its Ingresses: written by the leader, where they differ, and a few a second.
//!
//! Only an Ingress that is in the very state in which it was found to be ours is written, over that state and no other. What
//! is not known is not written: as long as no address is found, every Ingress keeps those that it has.

mod hold;
mod published;
mod queue;
mod replicas;
mod source;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ingress_core::object::ObjectRef;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};

use self::hold::Hold;
use self::queue::{Job, Queue, with_addresses};
pub use self::replicas::Pod;
use self::replicas::Replicas;
pub use self::source::AddressSource;
use self::source::{Found, Source};
use crate::api::{self, Failure, Reason, WHOLE, Write};
use crate::controller::View;
use crate::convert::Address;
use crate::duties::{BACKGROUND, Stop};
use crate::leader::Leadership;
use crate::rate::Rate;
use crate::resource::Resource;
use crate::watch::pause::Pause;
use crate::{Say, now};

/// The least time between two writes: whatever else is asked of the API server matters more.
const GAP: Duration = Duration::from_millis(50);

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How often it is looked for addresses as long as there are none.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The least time between two looks through all Ingresses while some are still to be written.
const FILL_AGAIN: Duration = Duration::from_secs(1);

/// The least time between two lines on addresses that come and go, but for the first few.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// How long it takes until a watch has told of a change, more or less.
const STALE: Duration = Duration::from_millis(50);

/// How the status of Ingresses is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusSettings {
    /// Where the addresses are known.
    pub source: AddressSource,
    /// `--report-node-internal-ip-address`: of nodes those inside of the cluster.
    pub internal_addresses: bool,
    /// `--status-update-interval`: how often they are looked up.
    pub interval: Duration,
    /// `--update-status-on-shutdown`: whether the last replica takes them away when it ends.
    pub clear_at_end: bool,
    /// How long an address has to be missing before it is taken away.
    pub hold: Duration,
}

impl StatusSettings {
    /// The defaults, for addresses that are known there.
    #[must_use]
    pub fn new(source: AddressSource) -> Self {
        Self {
            source,
            internal_addresses: false,
            interval: Duration::from_secs(60),
            clear_at_end: true,
            hold: Duration::from_secs(30),
        }
    }
}

/// Writes the status of Ingresses.
pub(crate) struct StatusWriter {
    client: Client,
    views: watch::Receiver<Arc<View>>,
    leadership: Leadership,
    settings: StatusSettings,
    source: Source,
    replicas: Option<Replicas>,
    hold: Hold,
    queue: Queue,
    /// Whether Ingresses or addresses have changed since it was looked through.
    is_old: bool,
    filled: Option<Instant>,
    rate: Rate,
    pause: Pause,
    /// When the server may be asked again after it has failed.
    paused_until: Option<Instant>,
    /// Which version of the API the server has.
    version: usize,
    say: Say,
    said: Said,
}

/// What the log knows.
#[derive(Debug)]
struct Said {
    /// What is known of the addresses.
    addresses: String,
    /// How often that may be said.
    rate: Rate,
    failure: Option<Reason>,
}

/// What became of a write.
#[derive(Debug)]
enum Written {
    Done,
    /// The Ingress is another one than is known, or gone. The watch will tell.
    Stale,
    /// This replica leads no longer.
    NotOurs,
    Failed(Failure),
}

impl StatusWriter {
    pub(crate) fn new(
        client: Client,
        views: watch::Receiver<Arc<View>>,
        leadership: Leadership,
        pod: Option<Pod>,
        settings: StatusSettings,
        say: Say,
    ) -> Self {
        let source = Source::new(client.clone(), settings.source.clone(), settings.internal_addresses, LIMIT);
        Self {
            views,
            leadership,
            source,
            replicas: pod.map(|pod| Replicas::new(client.clone(), pod, LIMIT)),
            hold: Hold::new(settings.hold, now()),
            queue: Queue::default(),
            is_old: true,
            filled: None,
            rate: Rate::new(GAP, 1),
            pause: Pause::new(BACKGROUND),
            paused_until: None,
            version: 0,
            say,
            said: Said { addresses: String::new(), rate: Rate::new(SAY_AGAIN, 6), failure: None },
            client,
            settings,
        }
    }

    /// Writes until it is told to stop, and has then come to an end of what it had begun.
    pub(crate) async fn run(&mut self, stop: &mut Stop) {
        loop {
            tokio::select! {
                () = self.leadership.begins() => {}
                () = stop.told() => return,
            }
            // Meanwhile others may have written, and what is held on to is what they wrote.
            self.hold = Hold::new(self.settings.hold, now());
            self.is_old = true;
            if self.lead(stop).await {
                return;
            }
        }
    }

    /// Writes as long as this replica leads. Returned is whether it is to stop.
    async fn lead(&mut self, stop: &mut Stop) -> bool {
        let mut look = now();
        while self.leadership.leads() {
            if look <= now() {
                let found = tokio::select! {
                    found = self.source.look(self.replicas.as_mut()) => found,
                    () = stop.told() => return true,
                };
                let pause = if found.is_ok() { self.settings.interval } else { self.settings.interval.min(LOOK_AGAIN) };
                look = now() + pause;
                self.take(found);
                // Whatever could not be written may be by now, even if nothing has told of it.
                self.queue.forget();
                self.is_old = true;
            }
            self.fill();
            if !self.queue.is_empty() && self.ready() <= now() {
                let view = Arc::clone(&self.views.borrow());
                if let Some(job) = self.queue.next(&view, &self.hold, now()) {
                    self.carry_out(job).await;
                }
                if stop.is_told() {
                    return true;
                }
                continue;
            }
            let write = (!self.queue.is_empty()).then(|| self.ready());
            let fill = if self.is_old { self.filled.map(|filled| filled + FILL_AGAIN) } else { self.queue.due() };
            let due = [write, fill].into_iter().flatten().fold(look, Instant::min);
            tokio::select! {
                () = sleep_until(due.into()) => {}
                changed = self.views.changed() => {
                    self.is_old = true;
                    if changed.is_err() {
                        // The controller has ended, so that nothing will ever differ again.
                        return true;
                    }
                }
                () = stop.told() => return true,
            }
        }
        false
    }

    /// Takes what was found, or believes what was known before.
    fn take(&mut self, found: Found) {
        let line = match found {
            Ok(addresses) => {
                let line = format!("the status of our Ingresses says {}", list(&addresses));
                self.hold.found(addresses, now());
                line
            }
            Err(why) => {
                let then = if self.hold.is_known() { "what it says stays" } else { "it is left alone" };
                format!("warning: no address for the status of our Ingresses: {why}; {then}")
            }
        };
        if line != self.said.addresses && self.said.rate.ready().is_none_or(|ready| ready <= now()) {
            self.said.rate.done(now());
            (self.say)(&line);
            self.said.addresses = line;
        }
    }

    /// Looks through all Ingresses, unless nothing has changed or that was done a moment ago.
    fn fill(&mut self) {
        let now = now();
        let is_due = self.queue.due().is_some_and(|due| due <= now);
        let is_recent = self.filled.is_some_and(|filled| filled + FILL_AGAIN > now);
        if !is_due && (!self.is_old || (is_recent && !self.queue.is_empty())) {
            return;
        }
        let view = Arc::clone(&self.views.borrow_and_update());
        self.queue.fill(&view, &self.hold, now);
        self.is_old = false;
        self.filled = Some(now);
    }

    /// When the next write may begin.
    fn ready(&self) -> Instant {
        self.rate.ready().into_iter().chain(self.paused_until).max().unwrap_or_else(now)
    }

    async fn carry_out(&mut self, job: Job) {
        let written = self.write(&job).await;
        self.rate.done(now());
        match written {
            Written::Done => {
                self.succeeded();
                self.queue.tried(job);
            }
            Written::Stale => self.queue.tried(job),
            Written::NotOurs => {}
            Written::Failed(failure) => {
                self.failed(&job.name, &failure);
                if failure.reason == Reason::Invalid {
                    // It will not be better by itself.
                    self.queue.tried(job);
                } else {
                    self.paused_until = Some(now() + self.pause.take(Some(&failure)));
                    self.queue.again(job);
                }
            }
        }
    }

    fn succeeded(&mut self) {
        self.pause.reset();
        self.paused_until = None;
        if self.said.failure.take().is_some() {
            (self.say)("the status of Ingresses can be written again");
        }
    }

    fn failed(&mut self, name: &ObjectRef, failure: &Failure) {
        if self.said.failure != Some(failure.reason) {
            self.said.failure = Some(failure.reason);
            (self.say)(&format!("warning: cannot write the status of {name}: {failure}"));
        }
    }

    /// Reads an Ingress, and writes it back with another status if it still is what it was.
    async fn write(&mut self, Job { name, record, addresses }: &Job) -> Written {
        let (target, mut ingress) = match self.read(name).await {
            Ok(Some(read)) => read,
            Ok(None) => return Written::Stale,
            Err(failure) => return Written::Failed(failure),
        };
        let is = |field: &str, value: &str| ingress.pointer(field).is_some_and(|known| known == value);
        let is_known = is("/metadata/uid", &record.uid) && is("/metadata/resourceVersion", &record.resource_version);
        let Some(fields) = ingress.as_object_mut().filter(|_| is_known) else { return Written::Stale };
        fields.insert("status".to_owned(), json!({"loadBalancer": {"ingress": addresses}}));
        let target = format!("{target}/status");
        // Whoever was stopped up to here finds out that another one leads by now.
        let Some(limit) = self.leadership.permit(LIMIT) else { return Written::NotOurs };
        match api::write(&self.client, Write::Update, &target, &ingress, limit).await {
            Ok(_) => Written::Done,
            Err(Failure { reason: Reason::Conflict | Reason::NotFound, .. }) => Written::Stale,
            Err(failure) => Written::Failed(failure),
        }
    }

    /// An Ingress, and where it is, in the version of the API that the server has.
    async fn read(&mut self, name: &ObjectRef) -> Result<Option<(String, Value)>, Failure> {
        let versions = Resource::Ingresses.versions();
        let known = self.version;
        for number in (known..versions.len()).chain(0..known) {
            let Some(version) = versions.get(number) else { continue };
            let target = version.object(&name.namespace, &name.name);
            match api::get(&self.client, &target, WHOLE, LIMIT).await {
                Ok(text) => {
                    self.version = number;
                    let ingress = serde_json::from_str(&text);
                    let ingress = ingress.map_err(|error| Failure::new(Reason::Malformed, &error.to_string()))?;
                    return Ok(Some((target, ingress)));
                }
                Err(Failure { reason: Reason::NotFound, .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }

    /// Takes the addresses away if this replica leads and no other one is left, for as long as the caller lets it.
    pub(crate) async fn clear(&mut self) {
        if !self.settings.clear_at_end || !self.leadership.leads() {
            return;
        }
        let is_last = match self.replicas.as_mut() {
            Some(replicas) => replicas.is_last().await.map_err(|failure| failure.to_string()),
            None => Err("without POD_NAME and POD_NAMESPACE the others cannot be found".to_owned()),
        };
        match is_last {
            Ok(true) => {}
            Ok(false) => return (self.say)("the status of Ingresses is left to the replicas that stay"),
            Err(why) => return (self.say)(&format!("warning: the status of Ingresses stays: {why}")),
        }
        let mut left = with_addresses(&self.views.borrow());
        (self.say)(&format!("no other replica is left: the status of {} Ingresses is cleared", left.len()));
        while let Some(name) = left.pop_first() {
            let record = self.views.borrow().ingresses.get(&name).cloned();
            let Some(record) = record.filter(|record| !record.addresses.is_empty()) else { continue };
            let job = Job { name, record, addresses: Vec::new() };
            let pause = match self.write(&job).await {
                Written::Done => continue,
                Written::NotOurs => return,
                Written::Stale => STALE,
                Written::Failed(failure) => {
                    self.failed(&job.name, &failure);
                    self.pause.take(Some(&failure))
                }
            };
            sleep(pause).await;
            left.insert(job.name);
        }
    }
}

/// Addresses for the log.
fn list<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> String {
    let text = |address: &Address| {
        let Address { ip, hostname } = address;
        if ip.is_empty() { hostname.clone() } else { ip.clone() }
    };
    addresses.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

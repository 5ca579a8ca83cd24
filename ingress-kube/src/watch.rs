//! Following one resource: list it in pages, then watch it from there, for ever.
//!
//! A list is handed on as one event when its last page has been read, so nobody ever sees half of it. A watch that ends is
//! resumed where it ended; only when the server has forgotten that place is everything listed again. Nothing here gives up:
//! whatever fails is tried again, less and less often.

mod pause;
mod reach;
mod wire;

use std::time::Duration;

use http_body_util::BodyExt;
use kube::Client;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use self::pause::Pause;
pub(crate) use self::reach::Reach;
use self::wire::{Frame, Lines, Page};
use crate::api::{self, METADATA, METADATA_LIST, WHOLE};
use crate::api::{Failure, Reason};
use crate::convert::Item;
use crate::resource::{Form, Resource, Scope, Version, escaped};

/// How often a list may find its pages gone before it is asked for in one piece.
const MOST_EXPIRED_LISTS: u32 = 3;

/// How often a watch may fail at one place before everything is listed again.
const MOST_FAILED_WATCHES: u32 = 5;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "settings, each with a default")]
pub struct Timing {
    /// How many objects are asked for at a time.
    pub page: u32,
    /// How long a page, one object or the beginning of a watch may take.
    pub answer: Duration,
    /// How long the server is asked to keep a watch open. A connection that has silently died is noticed when it is over.
    pub watch: Duration,
    /// How much longer it may take before the connection counts as dead.
    pub tolerance: Duration,
    /// The first pause after a failure; each further one is twice as long.
    pub first_pause: Duration,
    /// The longest pause while the server cannot be reached. Whoever reaches it first wakes the others.
    pub longest_pause_unreachable: Duration,
    /// The longest pause while it refuses.
    pub longest_pause: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            page: 500,
            answer: Duration::from_secs(30),
            watch: Duration::from_secs(50),
            tolerance: Duration::from_secs(5),
            first_pause: Duration::from_millis(500),
            longest_pause_unreachable: Duration::from_secs(8),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// What happened to a resource.
#[derive(Debug)]
pub(crate) enum Event {
    /// These are all the objects there are.
    Replaced(Vec<Item>),
    /// An object is new, or is different now.
    Applied(Item),
    /// An object is gone.
    Deleted(Item),
    /// The watch works again.
    Watching,
    /// The server cannot be asked; what was there before is still believed.
    Failed(Failure),
}

/// What to follow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    pub(crate) resource: Resource,
    pub(crate) scope: Scope,
    /// A label selector, for the server to evaluate.
    pub(crate) selector: Option<Box<str>>,
}

/// Follows one resource.
pub(crate) struct Watch {
    client: Client,
    subject: Subject,
    timing: Timing,
    reach: Reach,
    events: mpsc::Sender<(Subject, Event)>,
    pause: Pause,
}

/// Nobody wants to know any more.
struct Unwanted;

/// How a watch ended.
enum End {
    /// The server has forgotten the place.
    Expired,
    /// Some other failure.
    Failed(Failure),
    /// In order, or after some events: to be resumed at once.
    Closed,
}

impl Watch {
    pub(crate) fn new(
        client: Client,
        subject: Subject,
        timing: Timing,
        reach: Reach,
        events: mpsc::Sender<(Subject, Event)>,
    ) -> Self {
        Self { client, subject, timing, reach, events, pause: Pause::new(timing) }
    }

    /// Until nobody receives the events any more.
    pub(crate) async fn run(mut self) {
        // That nobody receives is the only end there is.
        let _unwanted = self.follow().await;
    }

    async fn follow(&mut self) -> Result<(), Unwanted> {
        loop {
            let (version, place) = self.list().await?;
            self.watch(version, place).await?;
            // A server that forgets every place at once is not to be listed in a loop.
            self.pause.wait(None, &mut self.reach).await;
        }
    }

    /// Lists everything, however often that takes.
    async fn list(&mut self) -> Result<(Version, Box<str>), Unwanted> {
        let mut expired = 0;
        loop {
            let page = if expired < MOST_EXPIRED_LISTS { self.timing.page } else { 0 };
            match self.list_once(page).await {
                Ok((version, items, place)) => {
                    self.reach.reached();
                    self.tell(Event::Replaced(items)).await?;
                    return Ok((version, place));
                }
                Err(failure) => {
                    expired += u32::from(failure.reason == Reason::Expired);
                    self.tell(Event::Failed(failure.clone())).await?;
                    self.pause.wait(Some(&failure), &mut self.reach).await;
                }
            }
        }
    }

    /// Lists everything in the newest version that the server has.
    async fn list_once(&self, page: u32) -> Result<(Version, Vec<Item>, Box<str>), Failure> {
        let mut failure = Failure::new(Reason::NotFound, "no version of it is served");
        for version in self.subject.resource.versions() {
            match self.list_version(*version, page).await {
                Ok((items, place)) => return Ok((*version, items, place)),
                Err(not_served) if not_served.reason == Reason::NotFound => failure = not_served,
                Err(other) => return Err(other),
            }
        }
        Err(failure)
    }

    async fn list_version(&self, version: Version, page: u32) -> Result<(Vec<Item>, Box<str>), Failure> {
        let accept = if version.form == Form::Metadata { METADATA_LIST } else { WHOLE };
        let mut items = Vec::new();
        let mut token = Box::<str>::default();
        loop {
            let mut query = self.query();
            if page > 0 {
                query.push(format!("limit={page}"));
            }
            if !token.is_empty() {
                query.push(format!("continue={}", escaped(&token)));
            }
            let target = self.target(version, &query);
            let text = api::get(&self.client, &target, accept, self.timing.answer).await?;
            let page = Page::read(&text, version.form)?;
            items.extend(page.items);
            if page.token.is_empty() {
                return Ok((items, page.place));
            }
            token = page.token;
        }
    }

    /// Watches until the server has forgotten the place.
    async fn watch(&mut self, version: Version, mut place: Box<str>) -> Result<(), Unwanted> {
        let mut failed = 0;
        loop {
            let began = Instant::now();
            let (end, has_events) = self.watch_once(version, &mut place, failed > 0).await?;
            if has_events || began.elapsed() >= self.timing.tolerance {
                self.pause.reset();
                failed = 0;
            }
            let failure = match end {
                End::Expired => return Ok(()),
                End::Closed => {
                    // One that ends at once, again and again, is as good as refused.
                    if !has_events && began.elapsed() < self.timing.first_pause {
                        self.pause.wait(None, &mut self.reach).await;
                    }
                    continue;
                }
                End::Failed(failure) => failure,
            };
            failed += 1;
            // A connection may break at any time; only what does not work at once again is worth a word.
            if failed > 1 || failure.reason != Reason::Unreachable {
                self.tell(Event::Failed(failure.clone())).await?;
            }
            self.pause.wait(Some(&failure), &mut self.reach).await;
            if failed > MOST_FAILED_WATCHES && failure.reason != Reason::Unreachable {
                return Ok(());
            }
        }
    }

    /// Watches until the stream ends. Also returned is whether anything came of it.
    async fn watch_once(
        &mut self,
        version: Version,
        place: &mut Box<str>,
        had_failed: bool,
    ) -> Result<(End, bool), Unwanted> {
        let limit = self.timing.watch + self.timing.tolerance;
        let deadline = Instant::now() + limit;
        let mut query = self.query();
        let seconds = self.timing.watch.as_secs().max(1);
        query.extend([
            "watch=1".to_owned(),
            "allowWatchBookmarks=true".to_owned(),
            format!("resourceVersion={}", escaped(place)),
            format!("timeoutSeconds={seconds}"),
        ]);
        let accept = if version.form == Form::Metadata { METADATA } else { WHOLE };
        let target = self.target(version, &query);
        let answer = match api::open(&self.client, &target, accept, self.timing.answer).await {
            Ok(answer) => answer,
            Err(failure) if failure.reason == Reason::Expired => return Ok((End::Expired, false)),
            Err(failure) => return Ok((End::Failed(failure), false)),
        };
        self.reach.reached();
        if had_failed {
            self.tell(Event::Watching).await?;
        }
        let (mut body, mut lines, mut has_events) = (answer.into_body(), Lines::default(), false);
        loop {
            let frame = match timeout_at(deadline, body.frame()).await {
                Err(_) => return Ok((End::Failed(Failure::late(limit)), has_events)),
                Ok(None) => return Ok((End::Closed, has_events)),
                Ok(Some(Err(error))) => return Ok((End::Failed(Failure::unreachable(&error)), has_events)),
                Ok(Some(Ok(frame))) => frame,
            };
            let Some(data) = frame.data_ref() else { continue };
            if let Err(failure) = lines.push(data) {
                return Ok((End::Failed(failure), has_events));
            }
            while let Some(line) = lines.next() {
                match Frame::read(&line, version.form) {
                    Ok(Frame::Applied(item)) => {
                        place.clone_from(&item.revision.version);
                        self.tell(Event::Applied(item)).await?;
                    }
                    Ok(Frame::Deleted(item)) => {
                        place.clone_from(&item.revision.version);
                        self.tell(Event::Deleted(item)).await?;
                    }
                    Ok(Frame::Bookmark(version)) => *place = version,
                    Ok(Frame::Failed(failure)) if failure.reason == Reason::Expired => {
                        return Ok((End::Expired, has_events));
                    }
                    Ok(Frame::Failed(failure)) | Err(failure) => return Ok((End::Failed(failure), has_events)),
                }
                has_events = true;
            }
        }
    }

    fn query(&self) -> Vec<String> {
        self.subject.selector.iter().map(|selector| format!("labelSelector={}", escaped(selector))).collect()
    }

    fn target(&self, version: Version, query: &[String]) -> String {
        format!("{}?{}", version.collection(&self.subject.scope), query.join("&"))
    }

    async fn tell(&self, event: Event) -> Result<(), Unwanted> {
        self.events.send((self.subject.clone(), event)).await.map_err(|_| Unwanted)
    }
}

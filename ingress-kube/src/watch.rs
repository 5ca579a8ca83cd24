//! Following one resource: list it in pages, then watch it from there, for ever.
//!
//! A list is handed on as one event when its last page has been read, so nobody ever sees half of it. A watch that ends is
//! resumed where it ended; only when the server has forgotten that place is everything listed again. Nothing here gives up:
//! whatever fails is tried again, less and less often.

pub(crate) mod pause;
mod reach;
mod supervise;
mod wire;

use std::time::Duration;

use http_body_util::BodyExt;
use kube::Client;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use self::pause::Pause;
pub(crate) use self::reach::Reach;
use self::supervise::supervise;
use self::wire::{Frame, Lines, Page};
use crate::api::{self, METADATA, METADATA_LIST, WHOLE};
use crate::api::{Failure, Reason};
use crate::convert::Item;
use crate::resource::{Form, Resource, Scope, Version, escaped};

/// How often a list may find its pages gone before it is asked for in one piece.
const MOST_EXPIRED_LISTS: u32 = 3;

/// How often a watch may fail at one place before everything is listed again.
const MOST_STUCK_WATCHES: u32 = 5;

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
    /// The longest pause while the server cannot be reached; half of it while it is busy and asks for no more. Whoever reaches
    /// it first wakes the others.
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
    /// The pauses before everything is listed again. They do not grow because the server was away before.
    before_list: Pause,
    /// Whether it has been told that the server cannot be asked.
    is_failing: bool,
}

/// Nobody wants to know any more.
struct Unwanted;

/// What came of a watch.
struct Watched {
    end: End,
    /// Whether the server let it in.
    was_open: bool,
    /// Whether anything came.
    has_events: bool,
}

/// How a watch ended.
enum End {
    /// The server has forgotten the place.
    Expired,
    /// Some other failure.
    Failed(Failure),
    /// In order.
    Closed,
}

impl End {
    fn of(failure: Failure) -> Self {
        if failure.reason == Reason::Expired { Self::Expired } else { Self::Failed(failure) }
    }
}

impl Watch {
    pub(crate) fn new(
        client: Client,
        subject: Subject,
        timing: Timing,
        reach: Reach,
        events: mpsc::Sender<(Subject, Event)>,
    ) -> Self {
        let [pause, before_list] = [(); 2].map(|()| Pause::new(timing));
        Self { client, subject, timing, reach, events, pause, before_list, is_failing: false }
    }

    /// Until nobody receives the events any more, even if it panics.
    pub(crate) async fn run(self) {
        let Self { client, subject, timing, reach, events, .. } = self;
        let panicked = Failure::new(Reason::Malformed, "something that the watch did not expect; it begins again");
        let begin = || Self::new(client.clone(), subject.clone(), timing, reach.clone(), events.clone()).run_once();
        let tell = || {
            let (events, event) = (events.clone(), (subject.clone(), Event::Failed(panicked.clone())));
            async move { events.send(event).await.is_ok() }
        };
        supervise(timing.longest_pause, begin, tell).await;
    }

    async fn run_once(mut self) {
        // That nobody receives is the only end there is.
        let _unwanted = self.follow().await;
    }

    async fn follow(&mut self) -> Result<(), Unwanted> {
        loop {
            let (version, place) = self.list().await?;
            self.watch(version, place).await?;
            // A server that forgets every place at once is not to be listed in a loop.
            self.before_list.wait(None, &mut self.reach).await;
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
                    self.is_failing = false;
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
        // Attempts in a row that were not even let in, and those that led no further.
        let (mut shut_out, mut stuck) = (0, 0);
        loop {
            let began = Instant::now();
            let Watched { end, was_open, has_events } = self.watch_once(version, &mut place).await?;
            if has_events || (was_open && began.elapsed() >= self.timing.tolerance) {
                self.pause.reset();
                self.before_list.reset();
                stuck = 0;
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
            shut_out = if was_open { 0 } else { shut_out + 1 };
            stuck += 1;
            // A connection may break at any time; what can be opened again at once is not worth a word.
            if shut_out > 1 || failure.reason != Reason::Unreachable {
                self.is_failing = true;
                self.tell(Event::Failed(failure.clone())).await?;
            }
            self.pause.wait(Some(&failure), &mut self.reach).await;
            if stuck > MOST_STUCK_WATCHES && failure.reason != Reason::Unreachable {
                return Ok(());
            }
        }
    }

    /// Watches until the stream ends.
    async fn watch_once(&mut self, version: Version, place: &mut Box<str>) -> Result<Watched, Unwanted> {
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
            Err(failure) => return Ok(Watched { end: End::of(failure), was_open: false, has_events: false }),
        };
        self.reach.reached();
        if std::mem::take(&mut self.is_failing) {
            self.tell(Event::Watching).await?;
        }
        let mut has_events = false;
        let mut body = answer.into_body();
        let mut lines = Lines::default();
        let end = 'stream: loop {
            let frame = match timeout_at(deadline, body.frame()).await {
                Err(_) => break End::Failed(Failure::late(limit)),
                Ok(None) => break End::Closed,
                Ok(Some(Err(error))) => break End::Failed(Failure::unreachable(&error)),
                Ok(Some(Ok(frame))) => frame,
            };
            let Some(data) = frame.data_ref() else { continue };
            if let Err(failure) = lines.push(data) {
                break End::Failed(failure);
            }
            while let Some(line) = lines.next() {
                let (version, event) = match Frame::read(&line, version.form) {
                    Ok(Frame::Applied(item)) => (item.revision.version.clone(), Some(Event::Applied(item))),
                    Ok(Frame::Deleted(item)) => (item.revision.version.clone(), Some(Event::Deleted(item))),
                    Ok(Frame::Bookmark(version)) => (version, None),
                    Ok(Frame::Failed(failure)) | Err(failure) => break 'stream End::of(failure),
                };
                *place = version;
                has_events = true;
                if let Some(event) = event {
                    self.tell(event).await?;
                }
            }
        };
        Ok(Watched { end, was_open: true, has_events })
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

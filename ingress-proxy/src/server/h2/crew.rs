//! Tasks that answer one request of HTTP/2 after the other.
//!
//! A task is four kilobytes that are made and moved for each request, and what a request is read into grows piece by piece.
//! Tasks that stay, and keep their memory, cost neither.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::activity::Busy;
use crate::exchange::{self, Scratch};
use crate::h2::server::ServerStream;
use crate::message::RequestHead;
use crate::server::Client;
use crate::worker::Worker;

/// How many tasks, and heads, are kept for requests to come.
const MOST_IDLE: usize = 256;
/// How many bytes of memory each of them may keep; most need a tenth.
const MOST_KEPT: usize = 8 << 10;

/// A request and where its answer goes.
pub(super) struct Job {
    pub(super) client: Rc<Client>,
    pub(super) head: RequestHead,
    pub(super) stream: ServerStream,
    /// Which request of its connection it is.
    pub(super) number: u64,
    /// Counts it while it is answered.
    pub(super) busy: Busy,
}

/// The tasks of a worker that wait for a request.
#[derive(Default)]
pub(crate) struct Crew {
    idle: RefCell<Vec<Rc<Place>>>,
    heads: RefCell<Vec<RequestHead>>,
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("idle", &self.idle.borrow().len()).finish_non_exhaustive()
    }
}

/// Where a task finds its next request.
#[derive(Default)]
struct Place {
    job: RefCell<Option<Job>>,
    is_over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Place {
    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// The next request; none if there will be none.
    async fn next(&self) -> Option<Job> {
        poll_fn(|cx| {
            if let Some(job) = self.job.borrow_mut().take() {
                return Poll::Ready(Some(job));
            }
            if self.is_over.get() {
                return Poll::Ready(None);
            }
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Crew {
    /// An empty head, with the memory of one before if there is any.
    pub(super) fn head(&self) -> RequestHead {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    fn keep(&self, mut head: RequestHead) {
        let mut heads = self.heads.borrow_mut();
        if heads.len() < MOST_IDLE && head.memory() <= MOST_KEPT {
            head.clear();
            heads.push(head);
        }
    }

    /// Has a request answered.
    pub(super) fn take(worker: &Rc<Worker>, job: Job) {
        let idle = worker.crew.idle.borrow_mut().pop();
        if let Some(place) = idle {
            *place.job.borrow_mut() = Some(job);
            place.wake();
            return;
        }
        tokio::task::spawn_local(work(Rc::clone(worker), job));
    }

    /// Lets half of the tasks go that had nothing to do.
    pub(crate) fn shrink(&self) {
        let mut idle = self.idle.borrow_mut();
        let stay = idle.len() / 2;
        for place in idle.drain(stay..) {
            place.is_over.set(true);
            place.wake();
        }
        self.heads.borrow_mut().truncate(stay);
    }
}

/// The life of a task.
async fn work(worker: Rc<Worker>, first: Job) {
    let place = Rc::new(Place::default());
    let mut scratch = Scratch::default();
    let mut next = Some(first);
    while let Some(Job { client, head, mut stream, number, busy }) = next.take() {
        exchange::run(&worker, &client, &mut stream, &head, &mut scratch, number).await;
        drop((stream, client, busy));
        worker.crew.keep(head);
        {
            let mut idle = worker.crew.idle.borrow_mut();
            if idle.len() >= MOST_IDLE || scratch.memory() > MOST_KEPT {
                return;
            }
            idle.push(Rc::clone(&place));
        }
        next = place.next().await;
    }
}

//! Whether a connection has anything to do.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::observe::metrics::{Held, WorkerMetrics};

/// Counts a connection among those that wait while it has no request.
#[derive(Debug)]
pub(super) struct Activity {
    metrics: Arc<WorkerMetrics>,
    requests: Cell<usize>,
    waiting: RefCell<Option<Held>>,
}

impl Activity {
    pub(super) fn new(metrics: &Arc<WorkerMetrics>) -> Rc<Self> {
        let waiting = RefCell::new(Some(metrics.hold(|it| &it.waiting)));
        Rc::new(Self { metrics: Arc::clone(metrics), requests: Cell::new(0), waiting })
    }

    /// A request is answered, until what is returned is dropped.
    pub(super) fn begin(self: &Rc<Self>) -> Busy {
        self.requests.set(self.requests.get().saturating_add(1));
        *self.waiting.borrow_mut() = None;
        Busy { activity: Rc::clone(self), _writing: self.metrics.hold(|it| &it.writing) }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Busy {
    activity: Rc<Activity>,
    _writing: Held,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Activity { metrics, requests, waiting } = &*self.activity;
        requests.set(requests.get().saturating_sub(1));
        if requests.get() == 0 {
            *waiting.borrow_mut() = Some(metrics.hold(|it| &it.waiting));
        }
    }
}

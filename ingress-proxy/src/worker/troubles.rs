//! What a worker has told of endpoints, until it is over or they are.

use std::cell::RefCell;
use std::fmt::{self, Display};
use std::rc::Rc;

use crate::observe::error_log::ErrorLog;
use crate::upstream::Endpoint;

/// What can be wrong with an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It does not answer.
    Down,
    /// TLS cannot be spoken with it as one of its routes asks for. Others may ask for something else, so this is told once.
    Tls,
}

impl Trouble {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Down => ("is down", "is up again"),
            Self::Tls => ("is impossible", ""),
        }
    }
}

/// A trouble of one endpoint, as the log knows it.
struct Thing<'a>(Trouble, &'a Endpoint);

impl Display for Thing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(trouble, endpoint) = self;
        let what = match trouble {
            Trouble::Down => "endpoint",
            Trouble::Tls => "TLS to",
        };
        write!(f, "{what} {}", endpoint.target)
    }
}

/// How often it is made sure, in milliseconds, that no other worker has said since that all is well.
const REMINDED: u64 = 1_000;

/// A trouble that has been told of.
#[derive(Debug)]
struct Told {
    trouble: Trouble,
    endpoint: Rc<Endpoint>,
    /// When it was the last time, by the worker's clock.
    at: u64,
}

/// The troubles that this worker has told of.
#[derive(Debug, Default)]
pub(super) struct Troubles(RefCell<Vec<Told>>);

impl Troubles {
    /// Tells of it, the first time.
    pub(super) fn begin(
        &self,
        errors: &ErrorLog,
        trouble: Trouble,
        endpoint: &Rc<Endpoint>,
        reason: &dyn Display,
        now: u64,
    ) {
        let mut all = self.0.borrow_mut();
        let (when_bad, when_good) = trouble.words();
        let thing = Thing(trouble, endpoint);
        match all.iter_mut().find(|told| told.is(trouble, endpoint)) {
            None => {
                all.push(Told { trouble, endpoint: Rc::clone(endpoint), at: now });
                errors.state(thing, when_bad, when_good, Some(reason));
            }
            Some(told) if now.saturating_sub(told.at) >= REMINDED => {
                told.at = now;
                errors.remind(thing, when_bad, reason);
            }
            Some(_) => {}
        }
    }

    /// Tells that an endpoint answers again, if it was down.
    pub(super) fn up_again(&self, errors: &ErrorLog, endpoint: &Rc<Endpoint>) {
        if self.0.borrow().is_empty() {
            return;
        }
        let mut all = self.0.borrow_mut();
        if let Some(place) = all.iter().position(|told| told.is(Trouble::Down, endpoint)) {
            all.swap_remove(place);
            let (when_bad, when_good) = Trouble::Down.words();
            errors.state(Thing(Trouble::Down, endpoint), when_bad, when_good, None);
        }
    }

    /// Forgets endpoints that no backend has any more. Should one come back, it is told of anew.
    pub(super) fn sweep(&self, errors: &ErrorLog) {
        self.0.borrow_mut().retain(|Told { trouble, endpoint, .. }| {
            // Its group may have been forgotten as a whole.
            let is_over = endpoint.is_gone() || Rc::strong_count(endpoint) == 1;
            if is_over {
                errors.release(Thing(*trouble, endpoint));
            }
            !is_over
        });
    }
}

impl Told {
    fn is(&self, trouble: Trouble, endpoint: &Rc<Endpoint>) -> bool {
        self.trouble == trouble && Rc::ptr_eq(&self.endpoint, endpoint)
    }
}

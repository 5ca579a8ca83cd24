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

/// The troubles that this worker has told of.
#[derive(Debug, Default)]
pub(super) struct Troubles(RefCell<Vec<(Trouble, Rc<Endpoint>)>>);

impl Troubles {
    /// Tells of it, the first time.
    pub(super) fn begin(&self, errors: &ErrorLog, trouble: Trouble, endpoint: &Rc<Endpoint>, reason: &dyn Display) {
        let mut told = self.0.borrow_mut();
        if position(&told, trouble, endpoint).is_none() {
            told.push((trouble, Rc::clone(endpoint)));
            let (when_bad, when_good) = trouble.words();
            errors.state(Thing(trouble, endpoint), when_bad, when_good, Some(reason));
        }
    }

    /// Tells that an endpoint answers again, if it was down.
    pub(super) fn up_again(&self, errors: &ErrorLog, endpoint: &Rc<Endpoint>) {
        if self.0.borrow().is_empty() {
            return;
        }
        let mut told = self.0.borrow_mut();
        if let Some(place) = position(&told, Trouble::Down, endpoint) {
            told.swap_remove(place);
            let (when_bad, when_good) = Trouble::Down.words();
            errors.state(Thing(Trouble::Down, endpoint), when_bad, when_good, None);
        }
    }

    /// Forgets endpoints that no backend has any more. Should one come back, it is told of anew.
    pub(super) fn sweep(&self, errors: &ErrorLog) {
        self.0.borrow_mut().retain(|(trouble, endpoint)| {
            // Its group may have been forgotten as a whole.
            let is_over = endpoint.is_gone() || Rc::strong_count(endpoint) == 1;
            if is_over {
                errors.release(Thing(*trouble, endpoint));
            }
            !is_over
        });
    }
}

fn position(told: &[(Trouble, Rc<Endpoint>)], trouble: Trouble, endpoint: &Rc<Endpoint>) -> Option<usize> {
    told.iter().position(|(other, its)| *other == trouble && Rc::ptr_eq(its, endpoint))
}

//! Whether a request that failed at one endpoint is sent to another.

use std::rc::Rc;

use ingress_core::policy::{Retries, RetryCondition};

use super::HeadError;
use super::flow::Flow;
use crate::upstream::connect::ConnectError;
use crate::upstream::{Connection, Endpoint, Group};
use crate::worker::TICK_MILLIS;

/// After how many attempts an endpoint that refuses is not asked again, where the settings have no limit.
const MOST_REFUSALS: u32 = 3;

/// How an attempt failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    /// What the client is told if there is no other attempt.
    pub(super) status: u16,
    pub(crate) reason: &'static str,
    condition: RetryCondition,
    /// How much the endpoint may have seen of the request.
    reach: Reach,
    /// Whether the endpoint is at fault, so that others are asked for a while.
    pub(crate) blames_endpoint: bool,
}

/// How much an endpoint may have seen of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Nothing.
    None,
    /// A connection that had been idle was closed at the same time: nothing in all likelihood.
    Stale,
    /// It says that it has done nothing with it.
    Refused,
    /// Everything.
    Sent,
}

impl Failure {
    pub(super) const NO_ENDPOINT: Self = Self {
        status: 503,
        reason: "no-endpoints",
        condition: RetryCondition::Error,
        reach: Reach::None,
        blames_endpoint: false,
    };
    /// The endpoint has answered a request for a WebSocket as if it were one for a page.
    pub(super) const NO_WEBSOCKET: Self = Self {
        status: 502,
        reason: "upstream-no-websocket",
        condition: RetryCondition::InvalidHeader,
        reach: Reach::Sent,
        blames_endpoint: false,
    };
    /// The proxy has no descriptor, port or memory for a connection; the endpoint has not been asked.
    const SHORTAGE: Self = Self { reason: "proxy-out-of-resources", ..Self::NO_ENDPOINT };
    /// A setting of the route cannot be honoured.
    pub(super) const REFUSED: Self = Self { reason: "upstream-tls-unusable", ..Self::NO_ENDPOINT };

    pub(crate) fn connect(error: &ConnectError) -> Self {
        let (status, reason, condition) = match error {
            ConnectError::TimedOut => (504, "upstream-connect-timeout", RetryCondition::Timeout),
            ConnectError::Forbidden(_) => (503, "endpoint-forbidden", RetryCondition::Error),
            ConnectError::Full => return Self { reason: "upstream-full", ..Self::NO_ENDPOINT },
            error if error.is_own_shortage() => return Self::SHORTAGE,
            _ => (502, "upstream-connect-error", RetryCondition::Error),
        };
        // Whoever made the attempt has said what came of it.
        let blames_endpoint = !matches!(error, ConnectError::Failed);
        Self { status, reason, condition, reach: Reach::None, blames_endpoint }
    }

    /// What the endpoint answered, or what stands for its silence.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn head(error: &HeadError, connection: &Connection) -> Self {
        let (status, reason, condition) = match error {
            HeadError::TimedOut => (504, "upstream-timeout", RetryCondition::Timeout),
            HeadError::Malformed(_) => (502, "upstream-malformed", RetryCondition::InvalidHeader),
            _ => (502, "upstream-closed", RetryCondition::Error),
        };
        let is_stale = matches!(error, HeadError::Closed | HeadError::Io(_)) && connection.may_be_stale();
        let reach = match error {
            HeadError::Refused => Reach::Refused,
            _ if is_stale => Reach::Stale,
            _ => Reach::Sent,
        };
        Self { status, reason, condition, reach, blames_endpoint: !is_stale && !matches!(error, HeadError::Refused) }
    }
}

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    /// None stands for the defaults.
    retries: Option<&'a Retries>,
    is_idempotent: bool,
    started: u64,
    tried: Vec<Rc<Endpoint>>,
    count: u32,
    wants_fresh: bool,
    last: Option<Failure>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(retries: Option<&'a Retries>, method: &str, now: u64) -> Self {
        // RFC 9110 9.2.2
        let is_idempotent = matches!(method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE");
        let (tried, count, wants_fresh, last) = (Vec::new(), 1, false, None);
        Self { retries, is_idempotent, started: now, tried, count, wants_fresh, last }
    }

    /// The endpoints that have failed.
    pub(super) fn tried(&self) -> &[Rc<Endpoint>] {
        &self.tried
    }

    /// Whether connections that have been idle are not to be used.
    pub(super) fn wants_fresh(&self) -> bool {
        self.wants_fresh
    }

    /// The last failure.
    pub(super) fn last(&self) -> Option<Failure> {
        self.last
    }

    /// A failure, if another endpoint shall answer in place of one that answered with this status.
    pub(super) fn retry_status(&self, status: u16, upload: &Flow, now: u64) -> Option<Failure> {
        let failure = Failure {
            status,
            reason: "upstream-status",
            condition: RetryCondition::Status(status),
            reach: Reach::Sent,
            // What a client may not have or what is not there is no failure, however often it is looked for elsewhere.
            blames_endpoint: !matches!(status, 403 | 404),
        };
        (self.is_to_be_retried(failure, now) && self.may_repeat(failure, upload)).then_some(failure)
    }

    /// Notes a failure; says whether there is to be another attempt. `group` is whom there is to ask.
    pub(super) fn go_on(
        &mut self,
        failure: Failure,
        endpoint: &Rc<Endpoint>,
        group: &Group,
        upload: &Flow,
        now: u64,
    ) -> bool {
        self.last = Some(failure);
        if !self.may_repeat(failure, upload) {
            return false;
        }
        if failure.reach == Reach::Stale && !self.wants_fresh {
            // On a new connection, for which the same endpoint comes into question too: nothing is wrong with it.
            self.wants_fresh = true;
            return true;
        }
        if !self.is_to_be_retried(failure, now) {
            return false;
        }
        self.count = self.count.saturating_add(1);
        // Who has had no room for a stream, or closes one connection, takes it on another. Where others are left they are asked.
        let is_only_busy = failure.reach == Reach::Refused && self.count <= MOST_REFUSALS;
        if !is_only_busy || group.has_another(endpoint, &self.tried) {
            self.tried.push(Rc::clone(endpoint));
        }
        true
    }

    /// Whether sending the request again can do no harm.
    fn may_repeat(&self, failure: Failure, upload: &Flow) -> bool {
        // What has been read of the body is gone.
        if upload.bytes > 0 {
            return false;
        }
        let repeats_all = self.retries.is_some_and(|retries| retries.non_idempotent);
        matches!(failure.reach, Reach::None | Reach::Refused) || self.is_idempotent || repeats_all
    }

    /// Whether the settings want another endpoint to be asked.
    fn is_to_be_retried(&self, failure: Failure, now: u64) -> bool {
        self.is_wanted(failure.condition) && self.tries_are_left() && self.is_in_time(now)
    }

    fn is_wanted(&self, condition: RetryCondition) -> bool {
        match self.retries {
            Some(retries) => retries.conditions.contains(&condition),
            None => Retries::DEFAULT_CONDITIONS.contains(&condition),
        }
    }

    fn is_in_time(&self, now: u64) -> bool {
        let timeout = self.retries.map_or(0, |retries| u64::from(retries.timeout) * 1_000);
        // The clock may be behind by a tick, and what has taken all the time leaves none.
        timeout == 0 || now.saturating_sub(self.started).saturating_add(TICK_MILLIS) < timeout
    }

    fn tries_are_left(&self) -> bool {
        let most = self.retries.map_or(3, |retries| retries.tries);
        most == 0 || self.count < most
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    /// Whether a request that failed is sent once more, after so many attempts and milliseconds.
    fn is_repeated(retries: Option<&Retries>, method: &str, failure: Failure, count: u32, now: u64) -> bool {
        let attempts = Attempts { count, ..Attempts::new(retries, method, 0) };
        attempts.may_repeat(failure, &Flow::default()) && attempts.is_to_be_retried(failure, now)
    }

    #[test]
    fn settings_say_what_is_repeated_how_often_and_for_how_long() {
        let refused = Failure::connect(&ConnectError::Io(Errno::CONNREFUSED.into()));
        let broken = Failure { reach: Reach::Sent, ..refused };
        let status = |status| Failure { condition: RetryCondition::Status(status), reach: Reach::Sent, ..refused };
        let two = Retries { tries: 2, ..Retries::default() };
        let any_number = Retries { tries: 0, ..Retries::default() };
        let in_time = Retries { timeout: 2, tries: 0, ..Retries::default() };
        let never = Retries { conditions: [].into(), ..Retries::default() };
        let orders = Retries { non_idempotent: true, ..Retries::default() };
        let unavailable = Retries { conditions: [RetryCondition::Status(503)].into(), ..Retries::default() };
        for (retries, method, failure, count, now, wanted) in [
            (None, "GET", refused, 2, 99_000, true),
            (None, "GET", refused, 3, 0, false),
            (None, "GET", status(503), 1, 0, false),
            (None, "POST", refused, 1, 0, true),
            (None, "POST", broken, 1, 0, false),
            (None, "PATCH", broken, 1, 0, false),
            (None, "DELETE", broken, 1, 0, true),
            (Some(&two), "GET", broken, 1, 0, true),
            (Some(&two), "GET", broken, 2, 0, false),
            (Some(&any_number), "GET", broken, 9, 0, true),
            (Some(&in_time), "GET", broken, 1, 1_949, true),
            (Some(&in_time), "GET", broken, 1, 1_950, false),
            (Some(&never), "GET", refused, 1, 0, false),
            (Some(&orders), "POST", broken, 1, 0, true),
            (Some(&unavailable), "GET", status(503), 1, 0, true),
            (Some(&unavailable), "GET", status(502), 1, 0, false),
            (Some(&unavailable), "GET", refused, 1, 0, false),
        ] {
            assert_eq!(
                is_repeated(retries, method, failure, count, now),
                wanted,
                "{retries:?} {method} {failure:?} {count} {now}"
            );
        }
    }

    #[test]
    fn an_endpoint_is_not_blamed_for_a_lack_of_descriptors() {
        for (code, blames_endpoint) in [(Errno::MFILE, false), (Errno::ADDRNOTAVAIL, false), (Errno::CONNREFUSED, true)]
        {
            let failure = Failure::connect(&ConnectError::Io(code.into()));
            assert_eq!(failure.blames_endpoint, blames_endpoint, "{code:?}");
        }
        for (error, blames_endpoint) in
            [(ConnectError::Failed, false), (ConnectError::Full, false), (ConnectError::TimedOut, true)]
        {
            assert_eq!(Failure::connect(&error).blames_endpoint, blames_endpoint, "{error}");
        }
    }
}

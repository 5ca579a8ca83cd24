//! What kube-webhook-certgen does, once and by hand: for those who install a webhook by Jobs, or by GitOps.

use std::time::{Duration, SystemTime};

use kube::Client;

use super::configuration::{Configuration, Kind};
use super::issue::{IssueError, issue};
use super::secret::Place;
use crate::api::{Failure, Reason};

/// How long the API server may take for an answer.
const ANSWER: Duration = Duration::from_secs(30);

/// For how long a certificate is good that nobody renews.
const VALID: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// How often a write is tried again because somebody else was faster.
const ATTEMPTS: usize = 5;

/// A certificate that is to be issued.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the flags there are for this")]
pub struct Create {
    /// The names and addresses that it is for.
    pub hosts: Vec<String>,
    /// The namespace of the Secret.
    pub namespace: String,
    /// The Secret.
    pub secret: String,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Created {
    /// The Secret is new.
    New,
    /// There was one, which stays as it is.
    Kept,
}

/// Configurations that are to get the authorities of a Secret.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the flags there are for this")]
pub struct Patch {
    /// The name of the configurations.
    pub webhook: String,
    /// The namespace of the Secret.
    pub namespace: String,
    /// The Secret.
    pub secret: String,
    /// The kinds of configurations, and whether there has to be one.
    pub kinds: Vec<(Kind, bool)>,
    /// `failurePolicy` of all their webhooks; none to leave it as it is.
    pub failure_policy: Option<String>,
}

/// Why it cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// There is no certificate.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The API server does not do what it is asked for.
    #[error("{what}: {failure}")]
    Api {
        /// The object.
        what: String,
        /// Why not.
        failure: Failure,
    },
    /// The Secret is not there, or has no authorities.
    #[error("Secret `{0}` has no `ca`")]
    NoAuthorities(String),
    /// A configuration is not there.
    #[error("there is no {kind} `{name}`")]
    NoConfiguration {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
    },
}

/// Issues a certificate and keeps it in a Secret, unless there is one.
///
/// # Errors
///
/// [`TaskError`] when it cannot be done.
pub async fn create(client: &Client, task: &Create) -> Result<Created, TaskError> {
    let place = Place { namespace: task.namespace.clone(), name: task.secret.clone() };
    let failed = |failure| TaskError::Api { what: format!("Secret `{}/{}`", task.namespace, task.secret), failure };
    if place.get(client, ANSWER).await.map_err(failed)?.is_some() {
        return Ok(Created::Kept);
    }
    let issued = issue(&task.hosts, SystemTime::now(), VALID)?;
    match place.create(client, &issued, ANSWER).await {
        Ok(_) => Ok(Created::New),
        Err(Failure { reason: Reason::Conflict, .. }) => Ok(Created::Kept),
        Err(failure) => Err(failed(failure)),
    }
}

/// Writes the authorities of a Secret into configurations. Returned are those that were others before.
///
/// # Errors
///
/// [`TaskError`] when it cannot be done.
pub async fn patch(client: &Client, task: &Patch) -> Result<Vec<Kind>, TaskError> {
    let name = format!("{}/{}", task.namespace, task.secret);
    let place = Place { namespace: task.namespace.clone(), name: task.secret.clone() };
    let failed = |failure| TaskError::Api { what: format!("Secret `{name}`"), failure };
    let stored = place.get(client, ANSWER).await.map_err(failed)?;
    let authorities = stored.and_then(|stored| stored.authorities());
    let authorities = authorities.ok_or_else(|| TaskError::NoAuthorities(name.clone()))?;
    let mut changed = Vec::new();
    for (kind, has_to_be) in &task.kinds {
        if patch_one(client, task, *kind, *has_to_be, &authorities).await? {
            changed.push(*kind);
        }
    }
    Ok(changed)
}

async fn patch_one(
    client: &Client,
    task: &Patch,
    kind: Kind,
    has_to_be: bool,
    authorities: &str,
) -> Result<bool, TaskError> {
    let failed = |failure| TaskError::Api { what: format!("{} `{}`", kind.as_str(), task.webhook), failure };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let found = Configuration::get(client, kind, &task.webhook, ANSWER).await.map_err(failed)?;
        let Some(mut configuration) = found else {
            let missing = TaskError::NoConfiguration { kind: kind.as_str(), name: task.webhook.clone() };
            return if has_to_be { Err(missing) } else { Ok(false) };
        };
        if !configuration.set(authorities, task.failure_policy.as_deref(), |_| true) {
            return Ok(false);
        }
        match configuration.replace(client, ANSWER).await {
            Ok(_) => return Ok(true),
            Err(Failure { reason: Reason::Conflict, .. }) if attempt < ATTEMPTS => {}
            Err(failure) => return Err(failed(failure)),
        }
    }
}

//! The webhook's certificate: from files, or issued here and kept in a Secret.

mod configuration;
mod files;
mod issue;
mod keep;
mod secret;
mod tasks;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use tokio::sync::watch;

pub use self::configuration::Kind as ConfigurationKind;
pub use self::issue::IssueError;
pub use self::keep::SelfIssued;
pub use self::tasks::{Create, Created, Patch, TaskError, create, patch};
use super::Observer;

/// Where a webhook's certificate comes from.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the flags know no third way")]
pub enum CertificateSource {
    /// Files in PEM, which may be replaced at any time. The configuration of the webhook is somebody else's.
    Files {
        /// The chain, the certificate itself first.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// Issued here, kept in a Secret, renewed in time, and made known in the webhook's configuration.
    SelfIssued(Box<SelfIssued>),
}

impl CertificateSource {
    /// Keeps the certificate up to date, for ever.
    pub(super) async fn keep(self, shown: watch::Sender<Option<Arc<CertifiedKey>>>, observer: Arc<dyn Observer>) {
        match self {
            Self::Files { certificate, key } => files::follow(&certificate, &key, &shown, &*observer).await,
            Self::SelfIssued(settings) => keep::keep(*settings, shown, observer).await,
        }
    }
}

//! What a controller has to know beside the API server.

use std::time::Duration;

use ingress_core::lower::Options;
use ingress_core::object::ObjectRef;

use crate::resource::Scope;
use crate::watch::Timing;

/// What a controller watches, and how what it finds is read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The engine's options. Of several controllers in one cluster each needs a class selection of its own.
    pub engine: Options,
    /// `--watch-namespace`: where everything is watched that has a namespace.
    pub scope: Scope,
    /// `--watch-namespace-selector`: labels of the namespaces whose Ingresses count, in the API's syntax for selectors.
    pub namespace_selector: Option<Box<str>>,
    /// Secrets and ConfigMaps that are needed although no Ingress names them: those of `--default-ssl-certificate` and
    /// `--configmap`.
    pub always: Vec<ObjectRef>,
    /// How changes of Secrets are noticed.
    pub secrets: SecretAccess,
    /// Whether Services of type ExternalName lead nowhere (`--disable-svc-external-name`).
    pub no_external_names: bool,
    /// The least time between two compiles.
    pub gap: Duration,
    /// How long a snapshot may wait for Secrets and ConfigMaps that have not been read yet.
    pub patience: Duration,
    /// The same for the first snapshot, which has to wait for all of them.
    pub first_patience: Duration,
    /// How long requests to the API server may take, and pauses between them.
    pub timing: Timing,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: Options::default(),
            scope: Scope::Cluster,
            namespace_selector: None,
            always: Vec::new(),
            secrets: SecretAccess::default(),
            no_external_names: false,
            gap: Duration::from_millis(100),
            patience: Duration::from_secs(2),
            first_patience: Duration::from_secs(30),
            timing: Timing::default(),
        }
    }
}

/// How changes of Secrets are noticed. Either way only those that are referred to are ever read, one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two sizes of a Role")]
pub enum SecretAccess {
    /// One watch on the metadata of all Secrets in the scope: needs `get`, `list` and `watch` for it all.
    #[default]
    Scope,
    /// One watch on the metadata in each namespace that has a Secret which is referred to: needs a Role in each. Where that
    /// grants `get` alone, changes are found by reading again, within about half a minute.
    Namespaces,
}

//! A Kubernetes cluster as the source of the configuration: the flags for it, and the thread that follows it.

mod status;
mod webhook;
pub(crate) mod webhook_cert;

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use clap::Args;
use ingress_cli::input::SecretData;
use ingress_core::model::SecretState;
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::policy::CertificateId;
use ingress_core::publish::Reader;
use ingress_kube::webhook::Webhook;
use ingress_kube::{Client, ClientOptions, Controller, Scope, SecretAccess, State};
use ingress_proxy::observe::error_log::{ErrorLog, Level};
use ingress_proxy::observe::health::Health;
use ingress_proxy::observe::metrics::Metrics;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use self::status::{DutyFlags, StatusArgs};
use self::webhook::{Hook, HookSettings, WebhookArgs};
use super::plane::Plane;
use super::settings::SourceSettings;
use super::source;

/// Where the cluster is, and what of it counts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kubernetes")]
pub(super) struct ClusterArgs {
    /// Serve what a Kubernetes cluster has, in place of files: the one of --kubeconfig, of KUBECONFIG, or of the pod that
    /// this runs in
    #[arg(long, conflicts_with_all = ["files", "check", "pins"])]
    pub(super) kubernetes: bool,
    /// File with the address of the API server and credentials for it
    #[arg(long, id = "kubeconfig", value_name = "FILE")]
    kubeconfig: Option<String>,
    /// Address of the API server, in place of the one found elsewhere
    #[arg(long, id = "apiserver-host", value_name = "URL")]
    apiserver_host: Option<String>,
    /// File with the authorities that the API server's certificate may come from
    #[arg(long, id = "certificate-authority", value_name = "FILE")]
    certificate_authority: Option<String>,
    /// Only Ingresses in namespaces with these labels, such as 'public=yes'
    #[arg(long, id = "watch-namespace-selector", value_name = "LABELS", conflicts_with = "watch_namespace")]
    watch_namespace_selector: Option<String>,
    /// Watch Secrets in each namespace by itself, so that a Role in each is enough
    #[arg(long, id = "secrets-per-namespace")]
    secrets_per_namespace: bool,
    #[command(flatten)]
    status: StatusArgs,
    #[command(flatten)]
    webhook: WebhookArgs,
}

/// What the flags come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterSettings {
    webhook: Option<HookSettings>,
    client: ClientOptions,
    selector: Option<Box<str>>,
    secrets: SecretAccess,
    default_certificate: CertificateId,
    duties: DutyFlags,
}

impl ClusterArgs {
    /// None if files are served. A shadow writes nothing.
    pub(super) fn settings(
        self,
        default_certificate: &CertificateId,
        pod: &(String, String),
        is_shadow: bool,
    ) -> Option<ClusterSettings> {
        let Self {
            kubernetes,
            kubeconfig,
            apiserver_host,
            certificate_authority,
            watch_namespace_selector,
            secrets_per_namespace,
            status,
            webhook,
        } = self;
        // ingress-nginx's defaults are empty texts.
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        let path = |path| text(path).map(PathBuf::from);
        kubernetes.then(|| ClusterSettings {
            webhook: webhook.settings().filter(|_| !is_shadow),
            client: ClientOptions {
                kubeconfig: path(kubeconfig),
                apiserver_host: text(apiserver_host),
                certificate_authority: path(certificate_authority),
            },
            selector: text(watch_namespace_selector).map(Into::into),
            secrets: if secrets_per_namespace { SecretAccess::Namespaces } else { SecretAccess::Scope },
            default_certificate: default_certificate.clone(),
            duties: if is_shadow { status.without_duties() } else { status }.flags(pod),
        })
    }
}

/// What is said when the thread has panicked.
const LOST: &str = "the cluster is no longer followed: its thread has ended; what was read stays in force";

/// A cluster that has been found, and of which nothing has been read yet.
pub(super) struct Cluster {
    runtime: Runtime,
    client: Client,
    controller: Controller<Sink>,
    health: Arc<Health>,
    hook: Option<Hook>,
    metrics: Arc<Metrics>,
    errors: ErrorLog,
    duties: DutyFlags,
}

/// The thread that follows the cluster. When this is dropped it ends.
#[derive(Debug)]
pub(super) struct Follower {
    webhook: Option<Webhook>,
    end_duties: Option<oneshot::Sender<()>>,
    duties_ended: oneshot::Receiver<()>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Begins to end what this replica does for all, which is then another one's.
    pub(super) fn end_duties(&mut self) {
        drop(self.end_duties.take());
    }

    /// Waits until that is done: some seconds at most.
    pub(super) async fn duties_ended(&mut self) {
        // That there is nobody to say so any more is the way it is said.
        let _ = (&mut self.duties_ended).await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Whoever asks needs the other one.
        drop(self.webhook.take());
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Whoever panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Cluster {
    /// Finds the API server and the credentials, and asks for nothing.
    ///
    /// # Errors
    ///
    /// What is missing, for people.
    pub(super) fn open(
        cluster: ClusterSettings,
        source: SourceSettings,
        plane: Plane,
        health: Arc<Health>,
    ) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start a runtime: {error}"))?;
        let ClusterSettings { client, selector, secrets, default_certificate, duties, webhook } = cluster;
        let open =
            |webhook: HookSettings| webhook.open(client.clone(), Arc::clone(plane.metrics()), plane.errors().clone());
        let hook = webhook.map(open).transpose()?;
        // Without the runtime there is nobody who could carry out what a client leaves for later.
        let client = runtime.block_on(ingress_kube::connect(&client)).map_err(|error| error.to_string())?;
        let mut settings = ingress_kube::Settings::default();
        settings.always.extend(source.engine.config_map.clone());
        if let CertificateId::Secret { namespace, name } = default_certificate {
            settings.always.push(ObjectRef::new(Kind::Secret, namespace, name));
        }
        settings.engine = source.engine;
        settings.scope = source.watched.map_or(Scope::Cluster, |namespace| Scope::Namespace(namespace.into()));
        settings.namespace_selector = selector;
        settings.secrets = secrets;
        settings.no_external_names = source.no_external_names;
        let duties = duties.of(&settings.engine.classes);
        let (metrics, errors) = (Arc::clone(plane.metrics()), plane.errors().clone());
        let sink = Sink { plane, health: Arc::clone(&health), failing: 0 };
        let controller = Controller::new(client.clone(), settings, sink);
        Ok(Self { runtime, client, controller, health, metrics, errors, duties, hook })
    }

    /// A reader of the snapshots.
    pub(super) fn reader(&self) -> Reader {
        self.controller.reader()
    }

    /// Where the webhook listens.
    pub(super) fn listeners(&self) -> Vec<SocketAddr> {
        self.hook.as_ref().map(Hook::addresses).unwrap_or_default()
    }

    /// Reads the cluster and follows it, on a thread of its own.
    ///
    /// # Errors
    ///
    /// When there can be no thread.
    pub(super) fn follow(self) -> std::io::Result<Follower> {
        let Self { runtime, client, controller, health, metrics, errors, duties, hook } = self;
        let webhook = hook.map(|hook| hook.start(controller.handle())).transpose()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (end_duties, duties_end) = oneshot::channel();
        let (ended, duties_ended) = oneshot::channel::<()>();
        let handle = controller.handle();
        let thread = std::thread::Builder::new().name("kubernetes".to_owned()).spawn(move || {
            let told = errors.clone();
            let follow = async {
                tokio::spawn(async move {
                    duties.carry_out(client, handle, metrics, told, duties_end).await;
                    drop(ended);
                });
                tokio::select! {
                    () = controller.run() => {}
                    _ = stopped => {}
                }
            };
            if catch_unwind(AssertUnwindSafe(|| runtime.block_on(follow))).is_err() {
                errors.event(Level::Error, LOST, &[]);
                health.not_ready("the cluster is no longer followed");
            }
        })?;
        Ok(Follower { webhook, end_duties: Some(end_duties), duties_ended, stop: Some(stop), thread: Some(thread) })
    }
}

/// What the cluster says goes where it also goes from files.
#[derive(Debug)]
struct Sink {
    plane: Plane,
    health: Arc<Health>,
    failing: usize,
}

impl ingress_kube::Sink for Sink {
    fn secret(&mut self, name: &ObjectRef, data: &ingress_kube::SecretData) -> SecretState {
        let data: SecretData = data.iter().map(|(key, bytes)| (key, bytes.to_vec())).collect();
        source::Sink::secret(&mut self.plane, name, &data)
    }

    fn secret_gone(&mut self, name: &ObjectRef) {
        source::Sink::secret_gone(&mut self.plane, name);
    }

    fn in_force(&mut self, state: State<'_>) {
        let failing = state.failing().count();
        let newly_stale = failing.saturating_sub(self.failing);
        self.failing = failing;
        let State { snapshot, is_new, findings, .. } = state;
        let Some(snapshot) = snapshot else {
            let obstacles: Vec<String> =
                state.failing().map(|(resource, failure)| format!("cannot read {resource}: {failure}")).collect();
            if !obstacles.is_empty() {
                self.health.not_ready(obstacles.join("\n"));
            }
            return;
        };
        let state = source::State { snapshot, is_new, findings, stale_files: failing, newly_stale };
        source::Sink::in_force(&mut self.plane, state);
        self.health.ready();
    }

    fn say(&mut self, line: &str) {
        source::Sink::say(&mut self.plane, line);
    }
}

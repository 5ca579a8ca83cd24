//! Feeds the routing engine of [`ingress_core`] from a Kubernetes API server.
//!
//! A [`Controller`] watches the objects that routing reads, keeps them as the engine's own records, compiles what changed and
//! publishes a snapshot when it differs. It holds the bytes of a Secret for as long as it takes to hand them to its
//! [`Sink`], and only of Secrets that an accepted object refers to.
//!
//! ```text
//! API server -> watch -> convert -> store -> debounce -> Compiler -> Publisher, Sink, View
//!                                references -> fetch /
//! ```
//!
//! Nothing is published before everything that is needed has been read once. From then on whatever goes wrong between the
//! controller and the API server leaves the last snapshot in force, and shows in [`View::resources`].
//!
//! ```no_run
//! use ingress_kube::{ClientOptions, Controller, Settings, connect};
//! # use ingress_kube::{SecretData, Sink, State};
//! # use ingress_core::{model::SecretState, object::ObjectRef};
//! # struct Certificates;
//! # impl Sink for Certificates {
//! #     fn secret(&mut self, _: &ObjectRef, _: &SecretData) -> SecretState {
//! #         SecretState::default()
//! #     }
//! #     fn secret_gone(&mut self, _: &ObjectRef) {}
//! #     fn in_force(&mut self, _: State<'_>) {}
//! #     fn say(&mut self, line: &str) { eprintln!("{line}") }
//! # }
//! # async fn run() -> Result<(), ingress_kube::ConnectError> {
//! let client = connect(&ClientOptions::default()).await?;
//! let controller = Controller::new(client, Settings::default(), Certificates);
//! let reader = controller.reader(); // for the data plane
//! let mut views = controller.handle().views(); // for whoever writes status
//! controller.run().await;
//! # Ok(())
//! # }
//! ```

mod api;
mod client;
pub mod controller;
mod convert;
pub mod debounce;
mod duties;
mod events;
mod fetch;
mod leader;
mod rate;
mod references;
mod resource;
mod status;
mod store;
mod watch;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use self::api::{Failure, Reason};
pub use self::client::{ClientOptions, ConnectError, connect};
pub use self::controller::{Controller, Handle, NoTrial, SecretAccess, Settings, Sink, State, View};
pub use self::convert::{Address, IngressRecord, SecretData};
pub use self::duties::{Duties, DutySettings};
pub use self::leader::Election;
pub use self::resource::{Resource, Scope};
pub use self::status::{AddressSource, Pod, StatusSettings};
pub use self::store::ResourceStatus;
pub use self::watch::Timing;
pub use kube::Client;

pub(crate) use self::controller::now;

/// Where lines for the log go.
pub type Say = std::sync::Arc<dyn Fn(&str) + Send + Sync>;

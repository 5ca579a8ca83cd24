//! What a controller is told by its flags.

use crate::dialect::Dialects;
use crate::object::ObjectRef;
use crate::policy::{AddressRange, BackendRef};

/// The deprecated annotation that names a class, still honoured where the field is absent.
pub(super) const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// What lowering has to know beside the objects.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How claimed Ingresses are read.
    pub dialects: Dialects,
    /// Which Ingresses are claimed.
    pub classes: ClassSelection,
    /// The controller's default backend, used when no Ingress brings one (`--default-backend-service`).
    pub default_backend: Option<BackendRef>,
    /// The ConfigMap with the controller's settings (`--configmap`).
    pub config_map: Option<ObjectRef>,
    /// Whether Ingresses with a default backend are left out where it would take names that no host has
    /// (`--disable-catch-all`).
    pub disable_catch_all: bool,
    /// Addresses of endpoints that are used although a manifest must not name them (`--allow-endpoint-cidr`).
    pub allowed_endpoints: Vec<AddressRange>,
    /// How many routes have their requests counted apart from those of others; all without this. A host that is new or changed has all its
    /// routes among them if there is room, and keeps its place for as long as it is there.
    pub counted_routes: usize,
    /// Secret input to the hash functions of the indices. A process that compiles other people's objects draws one at its
    /// start, so that nobody can choose names that collide.
    pub hash_seed: u64,
}

impl Default for Options {
    /// Every Ingress is claimed and read as its class says; no default backend.
    fn default() -> Self {
        Self {
            dialects: Dialects::default(),
            classes: ClassSelection::All,
            default_backend: None,
            config_map: None,
            disable_catch_all: false,
            allowed_endpoints: Vec::new(),
            counted_routes: usize::MAX,
            hash_seed: 0,
        }
    }
}

/// Which Ingresses are claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClassSelection {
    /// Every Ingress, whatever its class.
    All,
    /// Those of one controller.
    Controller(ControllerClass),
}

/// How a controller recognises its Ingresses. The field `spec.ingressClassName` is looked at first, then the annotation
/// `kubernetes.io/ingress.class`, then [`watch_without_class`](Self::watch_without_class).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the four flags that ingress controllers have for this")]
pub struct ControllerClass {
    /// The `spec.controller` of the IngressClasses that are ours (`--controller-class`).
    pub controller: Box<str>,
    /// The annotation value that is ours (`--ingress-class`).
    pub ingress_class: Box<str>,
    /// Whether an Ingress that names no class is ours (`--watch-ingress-without-class`).
    pub watch_without_class: bool,
    /// Whether an IngressClass whose name is [`ingress_class`](Self::ingress_class) is ours whoever its controller is
    /// (`--ingress-class-by-name`).
    pub by_name: bool,
}

impl Default for ControllerClass {
    /// ingress-nginx's defaults.
    fn default() -> Self {
        Self {
            controller: "k8s.io/ingress-nginx".into(),
            ingress_class: "nginx".into(),
            watch_without_class: false,
            by_name: false,
        }
    }
}

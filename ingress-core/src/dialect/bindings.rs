//! Which dialect an Ingress is written in.

use std::sync::Arc;

use super::{Dialect, Kubernetes, Nginx, Tke};

/// Dialects by the controller and the class that an Ingress names.
#[derive(Clone, Debug)]
pub struct Dialects {
    controllers: Vec<(Box<str>, Arc<dyn Dialect>)>,
    classes: Vec<(Box<str>, Arc<dyn Dialect>)>,
    otherwise: Arc<dyn Dialect>,
}

impl Default for Dialects {
    /// ingress-nginx for its controller and the class `nginx`, TKE for the class `qcloud`, plain Kubernetes for all others.
    fn default() -> Self {
        Self::standard(Arc::new(Nginx::default()), Arc::new(Tke::default()))
    }
}

impl Dialects {
    /// Binds these two as [`default`](Self::default) does.
    #[must_use]
    pub fn standard(nginx: Arc<dyn Dialect>, tke: Arc<dyn Dialect>) -> Self {
        Self::only(Arc::new(Kubernetes))
            .controller("k8s.io/ingress-nginx", Arc::clone(&nginx))
            .class("nginx", nginx)
            .class("qcloud", tke)
    }

    /// One dialect for every Ingress.
    #[must_use]
    pub fn only(dialect: Arc<dyn Dialect>) -> Self {
        Self { controllers: Vec::new(), classes: Vec::new(), otherwise: dialect }
    }

    /// Reads the Ingresses of IngressClasses with this `spec.controller` in a dialect.
    #[must_use]
    pub fn controller(mut self, controller: &str, dialect: Arc<dyn Dialect>) -> Self {
        self.controllers.push((controller.into(), dialect));
        self
    }

    /// Reads the Ingresses that name this class in a dialect, where no IngressClass object says which controller it has.
    #[must_use]
    pub fn class(mut self, class: &str, dialect: Arc<dyn Dialect>) -> Self {
        self.classes.push((class.into(), dialect));
        self
    }

    /// Whether a dialect has been chosen for the IngressClasses with this `spec.controller`.
    #[must_use]
    pub fn has_controller(&self, controller: &str) -> bool {
        self.controllers.iter().any(|(name, _)| **name == *controller)
    }

    /// Whether a dialect has been chosen for this class.
    #[must_use]
    pub fn has_class(&self, class: &str) -> bool {
        self.classes.iter().any(|(name, _)| **name == *class)
    }

    /// The dialect for a class and the controller that it is known to have.
    #[must_use]
    pub fn of(&self, class: Option<&str>, controller: Option<&str>) -> &Arc<dyn Dialect> {
        let find = |list: &'_ [(Box<str>, Arc<dyn Dialect>)], wanted: Option<&str>| {
            list.iter().position(|(name, _)| wanted == Some(&**name))
        };
        let by_controller = find(&self.controllers, controller).and_then(|place| self.controllers.get(place));
        let by_class = || match controller {
            Some(_) => None,
            None => find(&self.classes, class).and_then(|place| self.classes.get(place)),
        };
        by_controller.or_else(by_class).map_or(&self.otherwise, |(_, dialect)| dialect)
    }

    /// The same bindings with other dialects in place of these.
    pub(crate) fn map(&self, mut to: impl FnMut(&Arc<dyn Dialect>) -> Arc<dyn Dialect>) -> Self {
        let mut each = |list: &[(Box<str>, Arc<dyn Dialect>)]| -> Vec<(Box<str>, Arc<dyn Dialect>)> {
            list.iter().map(|(name, dialect)| (name.clone(), to(dialect))).collect()
        };
        let (controllers, classes) = (each(&self.controllers), each(&self.classes));
        Self { controllers, classes, otherwise: to(&self.otherwise) }
    }
}

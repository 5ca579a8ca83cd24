//! Whose Ingress is it?

use std::collections::BTreeMap;
use std::sync::Arc;

use super::options::{CLASS_ANNOTATION, ClassSelection, ControllerClass, Options};
use super::validate;
use crate::diagnostic::{Code, Diagnostic, Effect, Severity};
use crate::dialect::{ClassField, Dialects};
use crate::model::{Ingress, IngressClass, Inputs};
use crate::object::{FieldPath, ObjectRef};

const CLASS_FIELD: FieldPath = FieldPath::named(&"spec.ingressClassName");

/// The valid IngressClasses of the input.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Classes {
    by_name: BTreeMap<Box<str>, Arc<IngressClass>>,
    defaults: Vec<Box<str>>,
}

impl Classes {
    /// Reads the classes; an invalid one is reported and counts as absent.
    pub(super) fn read(inputs: &Inputs, out: &mut Vec<Diagnostic>) -> Self {
        let mut classes = Self::default();
        for (object, class) in inputs.classes() {
            if !validate::ingress_class(object, class, out) {
                continue;
            }
            if class.is_default() {
                classes.defaults.push(class.metadata.name.clone());
            }
            classes.by_name.insert(class.metadata.name.clone(), Arc::clone(class));
        }
        classes
    }
}

/// The class of a claimed Ingress.
pub(super) struct Claim<'a> {
    /// Its name, by field or annotation.
    pub(super) class: Option<&'a str>,
    /// The controller that the class is known to have; none where the class is ours because of its name, and no dialect is known
    /// for that controller.
    pub(super) controller: Option<&'a str>,
}

/// Says whether a valid Ingress is claimed, and why not.
pub(super) fn claim<'a>(
    object: &Arc<ObjectRef>,
    ingress: &'a Ingress,
    classes: &'a Classes,
    options: &Options,
    dialects: &Dialects,
    out: &mut Vec<Diagnostic>,
) -> Option<Claim<'a>> {
    let annotation = ingress.metadata.annotations.get(CLASS_ANNOTATION).map(|value| &**value);
    let mut field = ingress.spec.ingress_class_name.as_deref();
    if field.is_none() && annotation.is_none() && !ingress.metadata.exists() {
        match classes.defaults.as_slice() {
            [] => {}
            [default] => field = Some(default),
            several => {
                out.push(two_defaults(object, several));
                return None;
            }
        }
    }
    let controller = field.and_then(|name| classes.by_name.get(name)).map(|class| &*class.spec.controller);
    let by_name = |name: &str| dialects.of(Some(name), None).semantics().class_field == ClassField::Name;
    let is_claimed = match &options.classes {
        ClassSelection::All => {
            if let Some(name) = field
                && !classes.by_name.is_empty()
                && !classes.by_name.contains_key(name)
            {
                out.push(class_not_found(object, name).with_outcome(Severity::Warning, Effect::None));
            }
            true
        }
        ClassSelection::Controller(ours) => match (field, annotation) {
            (Some(name), _) if *name == *ours.ingress_class && controller.is_none() && by_name(name) => true,
            (Some(name), _) => is_our_class(object, name, classes, ours, out),
            (None, Some(value)) if value == &*ours.ingress_class => true,
            (None, Some(value)) => {
                let field = FieldPath::text(format!("metadata.annotations[{CLASS_ANNOTATION}]"));
                let message = format!("not ours: class annotation is `{value}`, ours is `{}`", ours.ingress_class);
                out.push(Diagnostic::new(Code::NotClaimed, Some(Arc::clone(object)), field, message));
                false
            }
            (None, None) if ours.watch_without_class => true,
            (None, None) => {
                let message = "names no ingress class, and objects without one are not watched";
                let finding =
                    Diagnostic::new(Code::NoClass, Some(Arc::clone(object)), FieldPath::named(&"spec"), message);
                out.push(finding.with_help(
                    "set `spec.ingressClassName`, mark an IngressClass as default, or use --watch-ingress-without-class",
                ));
                false
            }
        },
    };
    let is_by_name = |controller: &str| matches!(&options.classes, ClassSelection::Controller(ours) if ours.by_name && *controller != *ours.controller);
    let controller = controller.filter(|name| !is_by_name(name) || dialects.has_controller(name));
    is_claimed.then_some(Claim { class: field.or(annotation), controller })
}

fn is_our_class(
    object: &Arc<ObjectRef>,
    name: &str,
    classes: &Classes,
    ours: &ControllerClass,
    out: &mut Vec<Diagnostic>,
) -> bool {
    let Some(class) = classes.by_name.get(name) else {
        out.push(class_not_found(object, name));
        return false;
    };
    if class.spec.controller == ours.controller || (ours.by_name && name == &*ours.ingress_class) {
        return true;
    }
    let theirs = &class.spec.controller;
    let message = format!("not ours: class `{name}` belongs to controller `{theirs}`, ours is `{}`", ours.controller);
    out.push(Diagnostic::new(Code::NotClaimed, Some(Arc::clone(object)), CLASS_FIELD, message));
    false
}

fn class_not_found(object: &Arc<ObjectRef>, name: &str) -> Diagnostic {
    let message = format!("IngressClass `{name}` is not in the input");
    Diagnostic::new(Code::ClassNotFound, Some(Arc::clone(object)), CLASS_FIELD, message)
        .with_help("a class is an object of its own; no controller flag creates it")
}

fn two_defaults(object: &Arc<ObjectRef>, names: &[Box<str>]) -> Diagnostic {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("names no class, and there are {} default classes: {}", names.len(), names.join(", "));
    Diagnostic::new(Code::TwoDefaultClasses, Some(Arc::clone(object)), CLASS_FIELD, message)
        .with_help("mark one IngressClass as default, or set `spec.ingressClassName`")
}

//! Annotations of one Ingress, read by type, with a finding for each that is wrong.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic};
use crate::model::Ingress;
use crate::object::{FieldPath, ObjectRef};
use crate::policy::FixedResponse;

/// The annotations of one Ingress under one prefix.
pub(super) struct Annotations<'a> {
    pub(super) object: &'a Arc<ObjectRef>,
    ingress: &'a Ingress,
    prefix: &'static str,
    out: &'a mut Vec<Diagnostic>,
    /// Whether some value makes the controller give the object up.
    pub(super) is_dropped: bool,
    /// What all routes of the object answer, if some value closes them.
    pub(super) refused: Option<FixedResponse>,
}

/// What a controller does with a value that it cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// It takes the default.
    Default,
    /// It gives the object up.
    Drop,
    /// It closes the routes of the object.
    Refuse,
}

impl<'a> Annotations<'a> {
    pub(super) fn new(
        object: &'a Arc<ObjectRef>,
        ingress: &'a Ingress,
        prefix: &'static str,
        out: &'a mut Vec<Diagnostic>,
    ) -> Self {
        Self { object, ingress, prefix, out, is_dropped: false, refused: None }
    }

    /// The keys under the prefix, without it.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = self.prefix;
        self.ingress.metadata.annotations.keys().filter_map(move |key| key.strip_prefix(prefix))
    }

    /// A value without the blanks around it; none if it is absent or empty.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.raw(key).map(str::trim).filter(|value| !value.is_empty())
    }

    /// A value as it stands, which may be empty.
    pub(super) fn raw(&self, key: &str) -> Option<&'a str> {
        self.ingress.metadata.annotations.get(&*format!("{}{key}", self.prefix)).map(|value| &**value)
    }

    /// A value that a test accepts; `form` says in words what it must be.
    pub(super) fn checked(&mut self, key: &str, is_good: fn(&str) -> bool, form: &str, bad: Bad) -> Option<&'a str> {
        let value = self.text(key)?;
        if is_good(value) {
            return Some(value);
        }
        self.bad(key, bad, format_args!("`{}` is not {form}", shown(value)));
        None
    }

    /// A Go boolean (`strconv.ParseBool`).
    pub(super) fn flag(&mut self, key: &str, bad: Bad) -> Option<bool> {
        let value = self.text(key)?;
        let flag = match value {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
            _ => None,
        };
        if flag.is_none() {
            self.bad(key, bad, format_args!("`{}` is neither `true` nor `false`", shown(value)));
        }
        flag
    }

    /// `on` or `off`.
    pub(super) fn switch(&mut self, key: &str, bad: Bad) -> Option<bool> {
        self.word(key, &["on", "off"], bad).map(|value| value == "on")
    }

    /// A decimal number (`strconv.Atoi`).
    pub(super) fn number(&mut self, key: &str, bad: Bad) -> Option<i64> {
        let value = self.text(key)?;
        let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
        let is_decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number = value.parse().ok().filter(|_| is_decimal);
        if number.is_none() {
            self.bad(key, bad, format_args!("`{}` is not a whole number", shown(value)));
        }
        number
    }

    /// A number that is not negative; a negative one is bad.
    pub(super) fn count(&mut self, key: &str, bad: Bad) -> Option<u32> {
        let number = self.number(key, bad)?;
        let count = u32::try_from(number).ok();
        if count.is_none() {
            self.bad(key, bad, format_args!("{number} is out of range"));
        }
        count
    }

    /// A number of bytes: digits and perhaps one of `b`, `k`, `m`, `g`, in either case.
    pub(super) fn size(&mut self, key: &str, bad: Bad) -> Option<u64> {
        let value = self.text(key)?;
        let size = size(value);
        if size.is_none() {
            self.bad(key, bad, format_args!("`{}` is not a size such as `8m`", shown(value)));
        }
        size
    }

    /// One of some words.
    pub(super) fn word(&mut self, key: &str, words: &[&'static str], bad: Bad) -> Option<&'static str> {
        let value = self.text(key)?;
        let word = words.iter().copied().find(|word| *word == value);
        if word.is_none() {
            self.bad(key, bad, format_args!("`{}` is none of `{}`", shown(value), words.join("`, `")));
        }
        word
    }

    /// Reports a value that cannot be read, and does what the controller does about it.
    pub(super) fn bad(&mut self, key: &str, bad: Bad, why: impl fmt::Display) {
        match bad {
            Bad::Default => self.report(Code::AnnotationInvalid, key, format!("{why}; the default is used")),
            Bad::Drop => {
                self.is_dropped = true;
                self.report(Code::AnnotationDropsIngress, key, format!("{why}; the Ingress is not served"));
            }
            Bad::Refuse => self.refuse(Code::AnnotationRefusesRoute, "annotation-invalid", key, why),
        }
    }

    /// Closes the routes of the object.
    pub(super) fn refuse(&mut self, code: Code, reason: &'static str, key: &str, why: impl fmt::Display) {
        self.refused.get_or_insert(FixedResponse { status: 503, reason });
        self.report(code, key, format!("{why}; requests get 503"));
    }

    /// Reports something about an annotation.
    pub(super) fn report(&mut self, code: Code, key: &str, message: String) {
        self.out.push(Diagnostic::new(code, Some(Arc::clone(self.object)), self.field(key), message));
    }

    /// The same, with what to do about it.
    pub(super) fn report_with_help(&mut self, code: Code, key: &str, message: String, help: &str) {
        let finding = Diagnostic::new(code, Some(Arc::clone(self.object)), self.field(key), message);
        self.out.push(finding.with_help(help));
    }

    /// The place of an annotation.
    pub(super) fn field(&self, key: &str) -> FieldPath {
        FieldPath::text(format!("metadata.annotations[{}{key}]", self.prefix))
    }
}

/// A number of bytes: digits and perhaps one of `b`, `k`, `m`, `g`, in either case.
pub(super) fn size(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'b' | b'B' => (text.get(..text.len() - 1)?, 0),
        b'k' | b'K' => (text.get(..text.len() - 1)?, 10),
        b'm' | b'M' => (text.get(..text.len() - 1)?, 20),
        b'g' | b'G' => (text.get(..text.len() - 1)?, 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?;
    number.checked_mul(1 << shift)
}

/// A value fit for a message: escaped, and no longer than a line.
pub(super) fn shown(value: &str) -> String {
    const MAX: usize = 60;
    let mut text: String = value.chars().take(MAX).flat_map(char::escape_debug).collect();
    if value.chars().nth(MAX).is_some() {
        text.push('…');
    }
    text
}

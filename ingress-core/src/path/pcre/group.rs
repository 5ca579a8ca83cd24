//! What an opening parenthesis begins.

use super::Unsupported;
use super::translator::Translator;

/// The options that a pattern may set and unset for the rest of a group.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    /// `i`
    pub(super) ignore_case: bool,
    /// `m`
    pub(super) multi_line: bool,
    /// `n`
    pub(super) no_capture: bool,
    /// `s`
    pub(super) dot_all: bool,
    /// `x`
    pub(super) extended: bool,
    /// `xx`
    pub(super) extended_more: bool,
    /// `U`
    pub(super) ungreedy: bool,
}

impl Translator<'_> {
    /// Reads what begins a group, or sets options, behind the parenthesis at `start`.
    pub(super) fn open(&mut self, start: usize) -> Result<(), Unsupported> {
        match self.rest() {
            // The `*` that comes next will have nothing to repeat.
            [b'*'] | [b'*', b')', ..] => self.open_capture(start),
            [b'*', ..] => Err(self.verb(start)),
            [b'?', ..] => {
                self.at += 1;
                self.open_special(start)
            }
            _ if self.flags.no_capture => self.open_group(start, "(?:"),
            _ => self.open_capture(start),
        }
    }

    fn open_capture(&mut self, start: usize) -> Result<(), Unsupported> {
        self.groups += 1;
        self.open_group(start, "(")
    }

    fn open_special(&mut self, start: usize) -> Result<(), Unsupported> {
        let (construct, length) = match self.rest() {
            [b':', ..] => {
                self.at += 1;
                return self.open_group(start, "(?:");
            }
            [b'P', b'<', ..] => {
                self.at += 2;
                return self.open_named(start, b'>');
            }
            [b'=' | b'!' | b'*', ..] => ("look-ahead", 1),
            [b'<', b'=' | b'!' | b'*', ..] => ("look-behind", 2),
            [b'<', ..] => {
                self.at += 1;
                return self.open_named(start, b'>');
            }
            [b'\'', ..] => {
                self.at += 1;
                return self.open_named(start, b'\'');
            }
            [b'>', ..] => ("atomic group", 1),
            [b'|', ..] => ("branch reset group", 1),
            [b'(', ..] => ("conditional group", 1),
            [b'C', ..] => ("callout", 1),
            [b'R', ..] | [b'0', ..] => ("recursion", 1),
            [b'1'..=b'9' | b'&', ..] => ("subroutine call", 1),
            [b'+' | b'-', b'0'..=b'9', ..] | [b'P', b'>', ..] => ("subroutine call", 2),
            [b'P', b'=', ..] => ("back-reference", 2),
            _ => return self.options(start),
        };
        Err(self.unsupported(construct, start, self.at + length))
    }

    fn open_named(&mut self, start: usize, end: u8) -> Result<(), Unsupported> {
        let rest = self.pattern.get(self.at..).unwrap_or_default();
        let name = rest.split(|c: char| !(c == '_' || c.is_ascii_alphanumeric())).next().unwrap_or_default();
        let problem = if name.is_empty() {
            "group without a name"
        } else if name.starts_with(|c: char| c.is_ascii_digit()) {
            "group name that begins with a digit"
        } else if name.len() > 32 {
            "group name of more than 32 characters"
        } else if !self.names.insert(name) {
            "second group of the same name"
        } else {
            self.at += name.len();
            if self.next() == Some(end) {
                return self.open_capture(start);
            }
            "group name that does not end"
        };
        Err(self.malformed(problem, start))
    }

    /// Options, for the rest of the group or for a group of their own.
    fn options(&mut self, start: usize) -> Result<(), Unsupported> {
        let mut flags = self.flags;
        let mut reset = Flags::default();
        let mut set = true;
        let mut hyphen_allowed = true;
        if self.take(b"^") {
            flags = Flags { ungreedy: flags.ungreedy, ..Flags::default() };
            hyphen_allowed = false;
        }
        let mut wanted = Flags::default();
        let opens = loop {
            let at = self.at;
            let target = if set { &mut wanted } else { &mut reset };
            match self.next() {
                None => return Err(self.malformed("parenthesis that is not closed", start)),
                Some(b')') => break false,
                Some(b':') => break true,
                Some(b'-') if set && hyphen_allowed => set = false,
                Some(b'-') => return Err(self.malformed("second hyphen in options", at)),
                Some(b'i') => target.ignore_case = true,
                Some(b'm') => target.multi_line = true,
                Some(b'n') => target.no_capture = true,
                Some(b's') => target.dot_all = true,
                Some(b'U') => target.ungreedy = true,
                Some(b'x') => {
                    target.extended = true;
                    if self.peek() == Some(b'x') {
                        target.extended_more = true;
                        self.at += 1;
                    }
                }
                Some(b'J') => return Err(self.unsupported("option for duplicate names", start, self.at)),
                Some(_) => return Err(self.malformed("unknown option", at)),
            }
        };
        let flags = combine(flags, wanted, reset);
        if opens {
            self.open_group(start, "(?:")?;
        } else {
            self.settle();
        }
        self.flags = flags;
        Ok(())
    }

    /// `(*…`: verbs, and names for what else is written with a question mark.
    fn verb(&self, start: usize) -> Unsupported {
        let rest = self.pattern.get(self.at + 1..).unwrap_or_default();
        let name = rest.split(|c: char| !(c == '_' || c.is_ascii_alphanumeric())).next().unwrap_or_default();
        let construct = match name {
            "pla" | "nla" | "napla" => "look-ahead",
            "plb" | "nlb" | "naplb" => "look-behind",
            "atomic" => "atomic group",
            "sr" | "asr" | "script_run" | "atomic_script_run" => "script run",
            _ if name.ends_with("lookahead") => "look-ahead",
            _ if name.ends_with("lookbehind") => "look-behind",
            _ => "verb",
        };
        self.unsupported(construct, start, self.at + 1 + name.len())
    }
}

/// What options make of those in force. Unsetting wins; `x` alone ends `xx`.
fn combine(flags: Flags, set: Flags, reset: Flags) -> Flags {
    let one = |before: bool, set: bool, reset: bool| (before || set) && !reset;
    let ends_more = reset.extended || (set.extended && !set.extended_more);
    Flags {
        ignore_case: one(flags.ignore_case, set.ignore_case, reset.ignore_case),
        multi_line: one(flags.multi_line, set.multi_line, reset.multi_line),
        no_capture: one(flags.no_capture, set.no_capture, reset.no_capture),
        dot_all: one(flags.dot_all, set.dot_all, reset.dot_all),
        extended: one(flags.extended, set.extended, reset.extended),
        extended_more: one(flags.extended_more, set.extended_more, ends_more),
        ungreedy: one(flags.ungreedy, set.ungreedy, reset.ungreedy),
    }
}

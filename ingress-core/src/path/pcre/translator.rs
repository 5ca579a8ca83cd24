//! One walk over a pattern, which writes the translation as it goes.

use std::collections::BTreeSet;
use std::mem;

use super::bytes::ByteSet;
use super::escape::Escape;
use super::facts::Facts;
use super::group::Flags;
use super::{Caveat, CaveatKind, Translated, Unsupported};

/// How deep PCRE lets parentheses be nested.
const NEST_LIMIT: usize = 250;

/// What the end of the subject is: there, or before a newline that is the last byte.
/// The end of a subject, or the place before its final newline, which is taken.
pub(in crate::path) const END: &str = r"(?:\n?\z)";

/// The state of the walk.
pub(super) struct Translator<'p> {
    pub(super) pattern: &'p str,
    /// The next byte of the pattern.
    pub(super) at: usize,
    pub(super) flags: Flags,
    /// The capturing groups opened so far.
    pub(super) groups: usize,
    pub(super) names: BTreeSet<&'p str>,
    /// Between `\Q` and `\E`.
    pub(super) quoted: bool,
    /// The innermost open group.
    group: Group,
    /// The groups around it.
    outer: Vec<Group>,
    branches: Vec<String>,
    out: String,
    caveats: Vec<Caveat>,
}

/// An open group, or the whole pattern.
#[derive(Default)]
struct Group {
    start: usize,
    /// The options to return to.
    flags: Flags,
    /// The alternatives before the current one.
    before: Option<Facts>,
    /// The current alternative without its last item.
    sequence: Facts,
    /// The last item, if it may be repeated.
    last: Option<Facts>,
}

impl<'p> Translator<'p> {
    /// Begins at the beginning.
    pub(super) fn new(pattern: &'p str, ignore_case: bool) -> Self {
        Self {
            pattern,
            at: 0,
            flags: Flags { ignore_case, ..Flags::default() },
            groups: 0,
            names: BTreeSet::new(),
            quoted: false,
            group: Group::default(),
            outer: Vec::new(),
            branches: Vec::new(),
            out: String::new(),
            caveats: Vec::new(),
        }
    }

    /// Walks to the end.
    pub(super) fn run(mut self) -> Result<Translated, Unsupported> {
        loop {
            self.skip_ignored()?;
            let start = self.at;
            let Some(byte) = self.next() else { break };
            self.item(byte, start)?;
        }
        if !self.outer.is_empty() {
            return Err(self.malformed("parenthesis that is not closed", self.group.start));
        }
        if let Some(caret) = self.alternatives().caret {
            return Err(self.unsupported("multi-line anchor with nothing behind it", caret, caret + 1));
        }
        self.branches.push(self.out);
        if self.groups == 0 {
            self.caveats.retain(|caveat| caveat.kind != CaveatKind::EmptyRepetition);
        }
        Ok(Translated { branches: self.branches, groups: self.groups, caveats: self.caveats })
    }

    fn item(&mut self, byte: u8, start: usize) -> Result<(), Unsupported> {
        match byte {
            _ if self.quoted => self.literal(byte),
            b'\\' => self.item_escape(start)?,
            b'[' => {
                let set = self.class(start)?;
                self.set(set);
            }
            b'(' => self.open(start)?,
            b')' => self.close(start)?,
            b'|' => self.alternative(),
            b'.' if self.flags.dot_all => self.set(ByteSet::of(|_| true)),
            b'.' => self.set(ByteSet::of(|byte| byte != b'\n')),
            b'^' if self.flags.multi_line => {
                self.assertion("(?m:^)", Facts { asserts: true, caret: Some(start), ..Facts::EMPTY });
            }
            b'^' => self.assertion("^", Facts { asserts: true, ..Facts::EMPTY }),
            b'$' if self.flags.multi_line => self.assertion("(?m:$)", Facts { asserts: true, ..Facts::EMPTY }),
            b'$' => self.assertion(END, Facts { end: Some(start), ..Facts::EMPTY }),
            b'*' => self.quantifier(start, 0, None)?,
            b'+' => self.quantifier(start, 1, None)?,
            b'?' => self.quantifier(start, 0, Some(1))?,
            b'{' => match self.counts(start)? {
                Some((min, max)) => self.quantifier(start, min, max)?,
                None => self.literal(byte),
            },
            _ => self.literal(byte),
        }
        Ok(())
    }

    fn item_escape(&mut self, start: usize) -> Result<(), Unsupported> {
        let asserting = Facts { asserts: true, ..Facts::EMPTY };
        let letter = match self.escape(start, false)? {
            Escape::Byte(byte) => {
                self.literal(byte);
                return Ok(());
            }
            Escape::Set(set) => {
                self.set(set);
                return Ok(());
            }
            Escape::Letter(letter) => letter,
        };
        match letter {
            b'A' => self.assertion("^", asserting),
            b'z' => self.assertion(r"\z", asserting),
            b'Z' => self.assertion(END, Facts { end: Some(start), ..Facts::EMPTY }),
            b'b' => self.assertion(r"\b", asserting),
            b'B' => self.assertion(r"\B", asserting),
            b'C' => self.set(ByteSet::of(|_| true)),
            b'N' if self.peek() == Some(b'{') => {
                let brace = self.at;
                self.at += 1;
                if self.counts(brace)?.is_none() {
                    return Err(self.malformed("named character", start));
                }
                self.at = brace;
                self.set(ByteSet::of(|byte| byte != b'\n'));
            }
            b'N' => self.set(ByteSet::of(|byte| byte != b'\n')),
            b'R' => {
                self.settle();
                self.out.push_str(r"(?:\r\n|[\n-\r\x85])");
                self.group.last = Some(Facts::taking(true));
            }
            _ => {
                let construct = match (letter, self.peek()) {
                    (b'g', Some(b'<' | b'\'')) => "subroutine call",
                    (b'g' | b'k', _) => "back-reference",
                    (b'G', _) => "anchor at the start of the search",
                    (b'K', _) => "reset of the match start",
                    _ => "extended grapheme cluster",
                };
                return Err(self.unsupported(construct, start, self.at));
            }
        }
        Ok(())
    }

    fn literal(&mut self, byte: u8) {
        let set = ByteSet::single(byte);
        self.set(if self.flags.ignore_case { set.ignoring_case() } else { set });
    }

    fn set(&mut self, set: ByteSet) {
        self.settle();
        set.write(&mut self.out);
        self.group.last = Some(Facts::taking(set.contains(b'\n')));
    }

    fn assertion(&mut self, text: &str, facts: Facts) {
        self.settle();
        self.out.push_str(text);
        self.absorb(facts);
    }

    /// Opens a group. Options that it is to have are set afterwards.
    pub(super) fn open_group(&mut self, start: usize, text: &str) -> Result<(), Unsupported> {
        if self.outer.len() >= NEST_LIMIT {
            return Err(self.malformed("parentheses nested too deeply", start));
        }
        self.settle();
        self.out.push_str(text);
        let group = Group { start, flags: self.flags, ..Group::default() };
        self.outer.push(mem::replace(&mut self.group, group));
        Ok(())
    }

    fn close(&mut self, start: usize) -> Result<(), Unsupported> {
        let Some(outer) = self.outer.pop() else {
            return Err(self.malformed("closing parenthesis without an opening one", start));
        };
        let facts = self.alternatives();
        self.out.push(')');
        self.flags = self.group.flags;
        self.group = outer;
        self.group.last = Some(facts);
        Ok(())
    }

    fn alternative(&mut self) {
        self.group.before = Some(self.alternatives());
        self.group.sequence = Facts::EMPTY;
        if self.outer.is_empty() {
            self.branches.push(mem::take(&mut self.out));
        } else {
            self.out.push('|');
        }
    }

    fn quantifier(&mut self, start: usize, min: u32, max: Option<u32>) -> Result<(), Unsupported> {
        let Some(mut facts) = self.group.last.take() else {
            return Err(self.malformed("quantifier with nothing to repeat", start));
        };
        match (min, max) {
            (0, None) => self.out.push('*'),
            (1, None) => self.out.push('+'),
            (0, Some(1)) => self.out.push('?'),
            (_, None) => self.out.push_str(&format!("{{{min},}}")),
            (_, Some(max)) if min == max => self.out.push_str(&format!("{{{min}}}")),
            (_, Some(max)) => self.out.push_str(&format!("{{{min},{max}}}")),
        }
        // Blanks and comments may stand before what modifies a quantifier.
        self.skip_ignored()?;
        let mut lazy = self.flags.ungreedy;
        if !self.quoted {
            if self.peek() == Some(b'+') {
                return Err(self.unsupported("possessive quantifier", start, self.at + 1));
            }
            lazy ^= self.take(b"?");
        }
        if lazy {
            self.out.push('?');
        }
        if max.is_none() && facts.nullable {
            self.caveat(CaveatKind::EmptyRepetition, start);
        }
        if max != Some(1)
            && let Some(end) = facts.newline_missed_by(facts)
        {
            self.caveat(CaveatKind::NewlineAfterEnd, end);
        }
        if min == 0 {
            facts = Facts { nullable: true, asserts: false, ..facts };
        }
        self.absorb(facts);
        Ok(())
    }

    /// Makes the last item a part of the sequence: nothing repeats it any more.
    pub(super) fn settle(&mut self) {
        if let Some(last) = self.group.last.take() {
            self.absorb(last);
        }
    }

    fn absorb(&mut self, next: Facts) {
        if let Some(end) = self.group.sequence.newline_missed_by(next) {
            self.caveat(CaveatKind::NewlineAfterEnd, end);
        }
        self.group.sequence = self.group.sequence.then(next);
    }

    /// What the alternatives of the innermost group may do.
    fn alternatives(&mut self) -> Facts {
        self.settle();
        let sequence = self.group.sequence;
        self.group.before.map_or(sequence, |before| before.or(sequence))
    }

    fn caveat(&mut self, kind: CaveatKind, at: usize) {
        if self.caveats.iter().all(|caveat| caveat.kind != kind) {
            self.caveats.push(Caveat { kind, column: self.column(at) });
        }
    }
}

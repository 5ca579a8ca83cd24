//! What is known about a piece of a pattern: enough to tell where a translation is not exact.

/// What a piece of a pattern may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// May match without taking a byte.
    pub(super) nullable: bool,
    /// May take a newline.
    pub(super) newline: bool,
    /// Has an assertion other than `$` that a subject may fail.
    pub(super) asserts: bool,
    /// Where it has a `$` or `\Z` that is not multi-line.
    pub(super) end: Option<usize>,
    /// Where it has a multi-line `^` behind which it takes nothing.
    pub(super) caret: Option<usize>,
}

impl Facts {
    /// A piece that matches nothing but the empty string, everywhere.
    pub(super) const EMPTY: Self = Self { nullable: true, newline: false, asserts: false, end: None, caret: None };

    /// A piece that takes one byte or more.
    pub(super) fn taking(newline: bool) -> Self {
        Self { nullable: false, newline, ..Self::EMPTY }
    }

    /// This piece with another behind it.
    pub(super) fn then(self, next: Self) -> Self {
        Self {
            nullable: self.nullable && next.nullable,
            newline: self.newline || next.newline,
            asserts: self.asserts || next.asserts,
            end: self.end.or(next.end),
            caret: next.caret.or(if next.nullable { self.caret } else { None }),
        }
    }

    /// This piece or another.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            nullable: self.nullable || other.nullable,
            newline: self.newline || other.newline,
            asserts: self.asserts || other.asserts,
            end: self.end.or(other.end),
            caret: self.caret.or(other.caret),
        }
    }

    /// Where it matters that this piece's `$` has taken the newline, if the other piece comes behind it.
    pub(super) fn newline_missed_by(self, next: Self) -> Option<usize> {
        self.end.filter(|_| next.asserts || (next.newline && !next.nullable))
    }
}

impl Default for Facts {
    fn default() -> Self {
        Self::EMPTY
    }
}

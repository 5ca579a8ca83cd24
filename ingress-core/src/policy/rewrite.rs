//! What becomes of a path on its way upstream.

use crate::path::Search;

/// Replaces the whole path by a text with groups of the rule's expression in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    expression: Search,
    text: Box<str>,
    pieces: Box<[Piece]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Group(usize),
}

impl Rewrite {
    /// A rewrite to `target`, in which `$1` to `$9` are the groups of `expression`.
    ///
    /// # Errors
    ///
    /// [`InvalidRewrite`] for a `$` that is not followed by such a digit.
    pub fn new(expression: Search, target: &str) -> Result<Self, InvalidRewrite> {
        Ok(Self { expression, text: target.into(), pieces: pieces(target)? })
    }

    /// Says whether [`new`](Self::new) would take this target.
    pub(crate) fn check(target: &str) -> Result<(), InvalidRewrite> {
        pieces(target).map(|_| ())
    }

    /// The target as it was written.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.text
    }

    /// The path that replaces a decoded path, not escaped. A group that took no part is empty; a slash in front that is
    /// missing is added.
    #[must_use]
    pub fn apply(&self, path: &[u8]) -> Vec<u8> {
        let mut path = self.fill(&self.pieces, path);
        if path.first() != Some(&b'/') {
            path.insert(0, b'/');
        }
        path
    }

    /// The same for another text with groups.
    pub(crate) fn apply_to(&self, text: &str, path: &[u8]) -> Vec<u8> {
        match pieces(text) {
            Ok(pieces) => self.fill(&pieces, path),
            Err(_) => text.as_bytes().to_vec(),
        }
    }

    fn fill(&self, pieces: &[Piece], path: &[u8]) -> Vec<u8> {
        let groups = match pieces.iter().any(|piece| matches!(piece, Piece::Group(_))) {
            true => self.expression.groups(path),
            false => Vec::new(),
        };
        let mut out = Vec::with_capacity(path.len() + self.text.len());
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Group(number) => {
                    out.extend_from_slice(groups.get(*number).copied().flatten().unwrap_or_default());
                }
            }
        }
        out
    }
}

fn pieces(target: &str) -> Result<Box<[Piece]>, InvalidRewrite> {
    let mut pieces = Vec::new();
    let mut rest = target;
    while let Some((before, after)) = rest.split_once('$') {
        if !before.is_empty() {
            pieces.push(Piece::Text(before.into()));
        }
        let digit = after.chars().next().and_then(|c| c.to_digit(10)).filter(|digit| *digit > 0);
        let digit = digit.and_then(|digit| usize::try_from(digit).ok()).ok_or(InvalidRewrite)?;
        pieces.push(Piece::Group(digit));
        rest = after.get(1..).unwrap_or_default();
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.into()));
    }
    Ok(pieces.into())
}

/// A `$` that does not name a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidRewrite;

impl std::fmt::Display for InvalidRewrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("has a `$` that is not followed by a digit from 1 to 9")
    }
}

impl std::error::Error for InvalidRewrite {}

//! A host name in the form that tables are searched with: one block of fixed size.
//!
//! Comparing and hashing a block needs no loop and no length; nearly every name fits. A longer name keeps its first bytes in
//! the block and its whole text beside it.

use crate::word::{self, WORD};

/// The longest name that a block holds whole; the byte that is left holds the length.
const INLINE: usize = 3 * WORD - 1;
/// In place of the length of a longer name.
const LONG: u128 = 0xff;

/// The bytes of a name and, in the last byte, its length.
pub(crate) type Block = [u128; 3];

/// A lower-case name, ready to be looked up. Keys are equal exactly if the names are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NameKey {
    block: Block,
    long: Option<Box<str>>,
}

impl NameKey {
    /// The key of a name.
    #[inline]
    pub(crate) fn new(name: &str) -> Self {
        match block(name.as_bytes()) {
            Some(block) => Self { block, long: None },
            None => Self::new_long(name),
        }
    }

    #[inline(never)]
    fn new_long(name: &str) -> Self {
        let word = |from: usize| word::first(name.as_bytes().get(from..).unwrap_or_default());
        let last = word(2 * WORD) & u128::MAX >> 8;
        Self { block: [word(0), word(WORD), last | LONG << 120], long: Some(name.into()) }
    }

    /// The key with this block, if that holds the whole name.
    pub(crate) fn of_block(block: &Block) -> Option<Self> {
        let [.., last] = block;
        (last >> 120 != LONG).then_some(Self { block: *block, long: None })
    }

    /// The block.
    #[inline]
    pub(crate) fn block(&self) -> &Block {
        &self.block
    }

    /// The whole name, where the block does not hold it.
    #[inline]
    pub(crate) fn long(&self) -> Option<&str> {
        self.long.as_deref()
    }
}

/// The block of a name that it holds whole.
#[inline]
pub(crate) fn block(name: &[u8]) -> Option<Block> {
    let second = || word::first(name.get(WORD..).unwrap_or_default());
    let [a, b, c] = match name.len() / WORD {
        0 => [word::first(name), 0, 0],
        1 => [word::first(name), word::rest(name, WORD), 0],
        _ if name.len() > INLINE => return None,
        _ => [word::first(name), second(), word::rest(name, 2 * WORD)],
    };
    Some([a, b, c | (name.len() as u128) << 120])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_where_names_do() {
        let mut names: Vec<String> = (0..=60).map(|length| "x".repeat(length)).collect();
        names.extend((1..=60).map(|length| format!("{}y", "x".repeat(length - 1))));
        names.extend((2..=60).map(|length| format!("y{}", "x".repeat(length - 1))));
        for (i, one) in names.iter().enumerate() {
            let key = NameKey::new(one);
            assert_eq!(NameKey::of_block(key.block()), key.long().is_none().then(|| key.clone()), "{one}");
            for (j, other) in names.iter().enumerate() {
                assert_eq!(NameKey::new(one) == NameKey::new(other), i == j, "{one} {other}");
            }
        }
    }
}

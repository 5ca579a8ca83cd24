//! A host name in the form that tables are searched with: one block of fixed size.
//!
//! Comparing and hashing a block needs no loop and no length; nearly every name fits. A longer name keeps its first bytes in
//! the block and its whole text beside it.

use std::fmt;

/// Bytes of a block; the last one holds the length.
pub(crate) const BLOCK: usize = 48;
/// The longest name that a block holds whole.
const INLINE: usize = BLOCK - 1;
/// In place of the length of a longer name.
const LONG: u8 = u8::MAX;

/// A lower-case name, ready to be looked up. Equal names have equal blocks, but for long ones that share their beginning.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct NameKey {
    block: [u8; BLOCK],
    long: Option<Box<str>>,
}

impl NameKey {
    /// The key of a name.
    #[inline]
    pub(crate) fn new(name: &str) -> Self {
        let mut block = [0; BLOCK];
        let bytes = name.as_bytes();
        if let Some(inline) = block.get_mut(..bytes.len()).filter(|inline| inline.len() <= INLINE) {
            inline.copy_from_slice(bytes);
            set_length(&mut block, u8::try_from(bytes.len()).unwrap_or(LONG));
            return Self { block, long: None };
        }
        for (to, from) in block.iter_mut().zip(bytes) {
            *to = *from;
        }
        set_length(&mut block, LONG);
        Self { block, long: Some(name.into()) }
    }

    /// The name.
    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        match &self.long {
            Some(name) => name,
            None => {
                let length = usize::from(self.block.last().copied().unwrap_or(0));
                let bytes = self.block.get(..length).unwrap_or_default();
                std::str::from_utf8(bytes).unwrap_or_default()
            }
        }
    }

    /// The block.
    #[inline]
    pub(crate) fn block(&self) -> &[u8; BLOCK] {
        &self.block
    }

    /// Whether the block does not hold the whole name.
    #[inline]
    pub(crate) fn is_long(&self) -> bool {
        self.long.is_some()
    }

    /// The key of what follows the first label and its dot; none without a dot or with an empty first label.
    pub(crate) fn without_first_label(&self) -> Option<Self> {
        let (label, rest) = self.as_str().split_once('.')?;
        (!label.is_empty()).then(|| Self::new(rest))
    }
}

fn set_length(block: &mut [u8; BLOCK], length: u8) {
    if let Some(last) = block.last_mut() {
        *last = length;
    }
}

impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_its_name_back_at_every_length() {
        for length in 0..=255 {
            let name = "x".repeat(length);
            let key = NameKey::new(&name);
            assert_eq!(key.as_str(), name);
            assert_eq!(key.is_long(), length > INLINE);
        }
    }

    #[test]
    fn keys_differ_where_names_do() {
        let names = ["a", "b", "", "a.b", &"x".repeat(47), &"x".repeat(48), &"x".repeat(49)];
        for (i, one) in names.iter().enumerate() {
            for (j, other) in names.iter().enumerate() {
                assert_eq!(NameKey::new(one) == NameKey::new(other), i == j, "{one} {other}");
            }
        }
    }

    #[test]
    fn the_first_label_goes() {
        let rest = |name| NameKey::new(name).without_first_label().map(|key| key.as_str().to_owned());
        assert_eq!(rest("a.b.c").as_deref(), Some("b.c"));
        assert_eq!(rest("a"), None);
        assert_eq!(rest(".b"), None);
        let long = format!("a.{}", "x".repeat(60));
        assert_eq!(rest(&long).map(|rest| rest.len()), Some(60));
    }
}

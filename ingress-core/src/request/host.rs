//! The host of a request, as text and as the key that tables are searched with.

use std::fmt;

use crate::host::NameKey;

/// A longer name is kept by the key.
const INLINE: usize = 48;

/// A host in lower case without port and final dot.
#[derive(Clone)]
pub(super) struct RequestHost {
    key: NameKey,
    text: [u8; INLINE],
    length: usize,
}

impl RequestHost {
    pub(super) fn new(name: &str) -> Self {
        let mut text = [0; INLINE];
        // A longer one is in the key.
        if let Some(to) = text.get_mut(..name.len()) {
            to.copy_from_slice(name.as_bytes());
        }
        Self { key: NameKey::new(name), text, length: name.len() }
    }

    pub(super) fn key(&self) -> &NameKey {
        &self.key
    }

    pub(super) fn as_str(&self) -> &str {
        let inline = || self.text.get(..self.length).and_then(|text| std::str::from_utf8(text).ok());
        self.key.long().or_else(inline).unwrap_or_default()
    }
}

impl fmt::Debug for RequestHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_gives_its_name_back_at_every_length() {
        for length in 0..=255 {
            let name = "x".repeat(length);
            assert_eq!(RequestHost::new(&name).as_str(), name);
        }
    }
}

//! The first bytes of a text as one number, so that they are compared and hashed without a loop.

/// Bytes of a word.
pub(crate) const WORD: usize = 16;

/// The first sixteen bytes, the first one lowest; bytes that are not there are zero.
#[inline]
pub(crate) fn first(text: &[u8]) -> u128 {
    match text.first_chunk::<WORD>() {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => short(text),
    }
}

/// Fewer than sixteen bytes: two overlapping loads rather than one byte after the other.
#[inline]
fn short(text: &[u8]) -> u128 {
    let length = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let low = u128::from(u64::from_le_bytes(*first));
        let high = u128::from(u64::from_le_bytes(*last));
        return low | high << (8 * (length - 8));
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let low = u128::from(u32::from_le_bytes(*first));
        let high = u128::from(u32::from_le_bytes(*last));
        return low | high << (8 * (length - 4));
    }
    text.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// The bytes from `from` on, of a text that is at least sixteen bytes long and ends fewer than sixteen bytes behind `from`:
/// the last sixteen bytes without those before `from`.
#[inline]
pub(crate) fn rest(text: &[u8], from: usize) -> u128 {
    let last = text.last_chunk::<WORD>().map_or(0, |last| u128::from_le_bytes(*last));
    let unwanted = (from + WORD).saturating_sub(text.len());
    u32::try_from(8 * unwanted).ok().and_then(|bits| last.checked_shr(bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytewise(text: &[u8]) -> u128 {
        text.iter().take(WORD).rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
    }

    #[test]
    fn words_are_their_bytes() {
        let text: Vec<u8> = (1..=47).collect();
        for length in 0..=text.len() {
            let (text, _) = text.split_at(length);
            assert_eq!(first(text), bytewise(text), "{length}");
            let from = length / WORD * WORD;
            if length >= WORD {
                assert_eq!(rest(text, from), bytewise(text.split_at(from).1), "{length} from {from}");
            }
        }
    }
}

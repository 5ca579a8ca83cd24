//! The known word that somebody probably meant.
//!
//! For hints in messages only: nothing is ever read as if the nearest word had been written.

use std::iter::{once, repeat};
use std::mem::swap;

/// Longer words are not compared. No key is half as long, and a hostile one may have 64 KiB.
const LONGEST: usize = 96;

/// The candidate with the fewest edits from `word`, the first of several; none when all are too far away.
///
/// An edit is a byte more, less or other, or two neighbours swapped. Case and `_` for `-` are no edits. Longer words
/// may have more of them: one up to seven bytes, two up to eleven, three beyond.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.as_bytes();
    if word.len() < 3 || word.len() > LONGEST {
        return None;
    }
    let mut allowed = (word.len() / 4).clamp(1, 3);
    let mut found = None;
    for candidate in candidates {
        if let Some(distance) = distance(word, candidate.as_bytes(), allowed) {
            found = Some(candidate);
            // Only a nearer one can replace it.
            match distance.checked_sub(1) {
                Some(less) => allowed = less,
                None => break,
            }
        }
    }
    found
}

/// The number of edits between two words (optimal string alignment), or none when it is more than `allowed`.
fn distance(word: &[u8], other: &[u8], allowed: usize) -> Option<usize> {
    if word.len().abs_diff(other.len()) > allowed {
        return None;
    }
    // Rows of the usual table: entry j is the distance to the first j bytes of `other`.
    let (mut before, mut row): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::with_capacity(other.len() + 1));
    let mut above: Vec<usize> = (0..=other.len()).collect();
    let mut last = None;
    for (length, byte) in (1..).zip(word.iter().map(fold)) {
        row.clear();
        row.push(length);
        let (mut left, mut last_other) = (length, None);
        // Two columns back, two rows up: where a swap comes from.
        let swaps = once(None).chain(before.iter().map(Some)).chain(repeat(None));
        for ((other, pair), origin) in other.iter().map(fold).zip(above.windows(2)).zip(swaps) {
            let &[diagonal, up] = pair else { continue };
            let mut best = (diagonal + usize::from(byte != other)).min(up + 1).min(left + 1);
            if let Some(origin) = origin.filter(|_| last == Some(other) && last_other == Some(byte)) {
                best = best.min(origin + 1);
            }
            row.push(best);
            left = best;
            last_other = Some(other);
        }
        // A swap looks two rows back, so one hopeless row is not the end.
        if row.iter().chain(&above).all(|&edits| edits > allowed) {
            return None;
        }
        swap(&mut before, &mut above);
        swap(&mut above, &mut row);
        last = Some(byte);
    }
    above.last().copied().filter(|&edits| edits <= allowed)
}

/// Bytes that are as good as equal are equal.
fn fold(byte: &u8) -> u8 {
    if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 7] = [
        "affinity",
        "app-root",
        "rewrite-target",
        "ssl-redirect",
        "proxy-read-timeout",
        "proxy-send-timeout",
        "canary",
    ];

    #[test]
    fn slips_of_the_pen_are_recognised() {
        for (word, key) in [
            ("rewrite-target", Some("rewrite-target")),
            ("Rewrite_Target", Some("rewrite-target")),
            ("rewrite-targte", Some("rewrite-target")),
            ("rewrite-targets", Some("rewrite-target")),
            ("ewrite-target", Some("rewrite-target")),
            ("write-target", Some("rewrite-target")),
            ("approot", Some("app-root")),
            ("sll-redirect", Some("ssl-redirect")),
            ("proxy-raed-time-out", Some("proxy-read-timeout")),
            ("canry", Some("canary")),
            ("acnary", Some("canary")),
            ("canaries", None),
            ("target", None),
            ("no-such-key", None),
            ("", None),
            ("ca", None),
        ] {
            assert_eq!(nearest(word, KEYS), key, "{word}");
        }
    }

    #[test]
    fn the_first_of_equally_near_ones_is_taken() {
        assert_eq!(nearest("limit-rqm", ["limit-rpm", "limit-rps", "limit-rqs"]), Some("limit-rpm"));
        assert_eq!(nearest("limit-rqm", ["limit-rqs", "limit-rpm"]), Some("limit-rqs"));
    }

    #[test]
    fn a_nearer_one_replaces_a_near_one() {
        assert_eq!(nearest("proxy-sent-timeout", KEYS), Some("proxy-send-timeout"));
        assert_eq!(nearest("abcdefgh", ["abcdexgx", "abcdefgx", "abcdefgy"]), Some("abcdefgx"));
    }

    #[test]
    fn long_words_cost_nothing() {
        let word = "a".repeat(1 << 16);
        assert_eq!(nearest(&word, [word.as_str()]), None);
        assert_eq!(nearest("canary", [word.as_str()]), None);
    }

    #[test]
    fn distances_are_those_of_the_full_table() {
        let words = ["", "a", "ab", "ba", "abc", "acb", "bca", "abcd", "badc", "dcba", "abdc", "aabb", "bbaa", "caabb"];
        for one in words {
            for two in words {
                let expected = full(one.as_bytes(), two.as_bytes());
                for allowed in 0..6 {
                    let found = distance(one.as_bytes(), two.as_bytes(), allowed);
                    assert_eq!(found, (expected <= allowed).then_some(expected), "{one} {two} {allowed}");
                }
            }
        }
    }

    /// The definition, without any economy.
    fn full(one: &[u8], two: &[u8]) -> usize {
        let mut table = vec![vec![0; two.len() + 1]; one.len() + 1];
        for i in 0..=one.len() {
            for j in 0..=two.len() {
                table[i][j] = if i == 0 || j == 0 {
                    i.max(j)
                } else {
                    let changed = table[i - 1][j - 1] + usize::from(one[i - 1] != two[j - 1]);
                    let mut best = changed.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                    if i > 1 && j > 1 && one[i - 1] == two[j - 2] && one[i - 2] == two[j - 1] {
                        best = best.min(table[i - 2][j - 2] + 1);
                    }
                    best
                };
            }
        }
        table[one.len()][two.len()]
    }
}

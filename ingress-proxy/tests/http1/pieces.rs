//! What becomes of bytes does not depend on how they were cut.

use std::sync::LazyLock;

use proptest::prelude::*;

use crate::support::corpus;
use crate::support::gate::{self, Gate};

/// All inputs.
static INPUTS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| ["controls", "hostile"].into_iter().flat_map(corpus::read).map(|input| input.bytes).collect());

fn run_cut(bytes: &[u8], cuts: &[usize]) -> Vec<gate::Outcome> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut gate = Gate::default();
    let mut begin = 0;
    for cut in cuts {
        gate.push(&bytes[begin..cut]);
        begin = cut;
    }
    gate.push(&bytes[begin..]);
    gate.end()
}

#[test]
fn every_input_cut_once_anywhere() {
    for bytes in INPUTS.iter().filter(|bytes| bytes.len() < 1_000) {
        let whole = gate::run(bytes);
        for cut in 0..=bytes.len() {
            assert_eq!(run_cut(bytes, &[cut]), whole, "{cut} of {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn every_input_byte_by_byte() {
    for bytes in INPUTS.iter().filter(|bytes| bytes.len() < 20_000) {
        let every: Vec<_> = (0..bytes.len()).collect();
        assert_eq!(run_cut(bytes, &every), gate::run(bytes), "{}", bytes.escape_ascii());
    }
}

proptest! {
    #[test]
    fn inputs_behind_one_another_cut_at_will(
        which in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let bytes = which.iter().map(|index| index.get(&INPUTS).as_slice()).collect::<Vec<_>>().concat();
        prop_assert_eq!(run_cut(&bytes, &cuts), gate::run(&bytes));
    }
}

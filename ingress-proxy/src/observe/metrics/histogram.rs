//! Histograms with ingress-nginx's default buckets.
//!
//! A bucket is found from the position of the value's highest bit: no two bounds share one, which the compiler checks.

use super::number::Counter;

/// Microseconds: 5 ms to 10 s.
pub(super) const TIMES: [u64; 11] =
    [5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000];
/// Bytes in steps of ten, for the sizes of requests and responses.
pub(super) const LENGTHS: [u64; 10] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];
/// Bytes by powers of ten, for what was sent. The first two are among [`LENGTHS`].
pub(super) const POWERS: [u64; 7] = [10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

const TIME_OCTAVES: [Octave; 64] = octaves(&TIMES, 0);
/// Behind [`LENGTHS`], which have the first two.
const POWER_OCTAVES: [Octave; 64] = octaves(&POWERS, LENGTHS.len() - 2);

/// The values with one highest bit.
#[derive(Clone, Copy)]
struct Octave {
    /// The slot of those that no bound among them is below.
    slot: usize,
    /// The bound of that slot, which may be among them.
    bound: u64,
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of bounds")]
const fn octaves(bounds: &[u64], first_slot: usize) -> [Octave; 64] {
    let mut table = [Octave { slot: 0, bound: u64::MAX }; 64];
    let mut bit = 0;
    while bit < 64 {
        let mut index = 0;
        while index < bounds.len() && (bounds[index].ilog2() as usize) < bit {
            index += 1;
        }
        table[bit].slot = first_slot + index;
        if index < bounds.len() {
            table[bit].bound = bounds[index];
        }
        bit += 1;
    }
    let mut index = 1;
    while index < bounds.len() {
        assert!(bounds[index - 1].ilog2() < bounds[index].ilog2());
        index += 1;
    }
    table
}

/// The slot of a value.
#[inline]
fn slot(octaves: &[Octave; 64], value: u64) -> usize {
    // 0 and 1 are of one slot.
    let bit = (value | 1).ilog2() as usize;
    octaves.get(bit).map_or(0, |octave| octave.slot.wrapping_add(usize::from(octave.bound < value)))
}

/// The slot of a number of microseconds.
#[inline]
pub(super) fn slot_of_time(microseconds: u64) -> usize {
    slot(&TIME_OCTAVES, microseconds)
}

/// Whether a number of microseconds is of the first slot.
#[inline]
pub(super) fn is_lowest_time(microseconds: u64) -> bool {
    let [lowest, ..] = TIMES;
    microseconds <= lowest
}

/// The slot of a number of bytes.
#[inline]
pub(super) fn slot_of_size(bytes: u64) -> usize {
    if bytes > 100 { slot(&POWER_OCTAVES, bytes) } else { (bytes.saturating_sub(1) / 10) as usize }
}

/// A histogram: the sum of what was observed, and buckets. The count is the sum of the buckets.
#[derive(Debug)]
pub(super) struct Histogram<const SLOTS: usize> {
    sum: Counter,
    slots: [Counter; SLOTS],
}

/// Durations in microseconds.
pub(super) type Times = Histogram<SLOTS_OF_TIMES>;
/// Numbers of bytes, by [`LENGTHS`] and behind them by the rest of [`POWERS`].
pub(super) type Sizes = Histogram<SLOTS_OF_SIZES>;

const SLOTS_OF_TIMES: usize = TIMES.len() + 1;
const SLOTS_OF_SIZES: usize = LENGTHS.len() + POWERS.len() - 1;

impl<const SLOTS: usize> Default for Histogram<SLOTS> {
    fn default() -> Self {
        Self { sum: Counter::default(), slots: std::array::from_fn(|_| Counter::default()) }
    }
}

impl<const SLOTS: usize> Histogram<SLOTS> {
    pub(super) const SLOTS: usize = SLOTS;

    /// Counts a value of a slot.
    pub(super) fn observe(&self, slot: usize, value: u64) {
        if let Some(bucket) = self.slots.get(slot) {
            bucket.increment();
        }
        self.sum.add(value);
    }
}

/// The same as plain numbers, summed over workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Total<const SLOTS: usize> {
    slots: [u64; SLOTS],
    /// The sum of what was observed.
    pub(super) sum: u64,
}

impl<const SLOTS: usize> Default for Total<SLOTS> {
    fn default() -> Self {
        Self { slots: [0; SLOTS], sum: 0 }
    }
}

impl<const SLOTS: usize> Total<SLOTS> {
    /// Adds what one worker has observed.
    pub(super) fn add(&mut self, histogram: &Histogram<SLOTS>) {
        for (total, bucket) in self.slots.iter_mut().zip(&histogram.slots) {
            *total = total.wrapping_add(bucket.get());
        }
        self.sum = self.sum.wrapping_add(histogram.sum.get());
    }

    /// Adds values of one slot, and their sum.
    pub(super) fn add_to_slot(&mut self, slot: usize, count: u64, sum: u64) {
        if let Some(total) = self.slots.get_mut(slot) {
            *total = total.wrapping_add(count);
        }
        self.sum = self.sum.wrapping_add(sum);
    }

    /// How many values were observed.
    pub(super) fn count(&self) -> u64 {
        self.slots.iter().sum()
    }

    /// Bounds with the values up to each and above the one before, the last without bound. `slot_of` says how many slots are
    /// at or below a bound.
    fn buckets<'a>(
        &'a self,
        bounds: &'a [u64],
        scale: f64,
        slots: impl Iterator<Item = usize> + 'a,
    ) -> impl Iterator<Item = (f64, u64)> + 'a {
        let ends = bounds.iter().map(move |bound| *bound as f64 / scale).chain([f64::INFINITY]);
        let mut start = 0;
        ends.zip(slots.chain([SLOTS])).map(move |(bound, end)| {
            let within = self.slots.get(start..end).unwrap_or_default().iter().sum();
            start = end;
            (bound, within)
        })
    }
}

impl Total<SLOTS_OF_TIMES> {
    /// Buckets in seconds.
    pub(super) fn times(&self) -> Vec<(f64, u64)> {
        self.buckets(&TIMES, 1e6, 1..=TIMES.len()).collect()
    }
}

impl Total<SLOTS_OF_SIZES> {
    /// Buckets in steps of ten bytes.
    pub(super) fn lengths(&self) -> Vec<(f64, u64)> {
        self.buckets(&LENGTHS, 1.0, 1..=LENGTHS.len()).collect()
    }

    /// Buckets by powers of ten bytes.
    pub(super) fn powers(&self) -> Vec<(f64, u64)> {
        self.buckets(&POWERS, 1.0, std::iter::once(1).chain(LENGTHS.len()..SLOTS_OF_SIZES)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By looking at every bound.
    fn expected(bounds: &[u64], values: &[u64]) -> Vec<u64> {
        let mut counts = vec![0; bounds.len() + 1];
        for value in values {
            counts[bounds.iter().filter(|bound| *bound < value).count()] += 1;
        }
        counts
    }

    #[test]
    fn buckets_are_those_of_the_bounds() {
        let mut values: Vec<u64> = (0..130).collect();
        for bound in TIMES.iter().chain(&POWERS) {
            values.extend([bound - 1, *bound, bound + 1]);
        }
        values.extend((0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit]));
        values.push(u64::MAX);
        let (times, sizes) = (Times::default(), Sizes::default());
        for value in &values {
            times.observe(slot_of_time(*value), *value);
            sizes.observe(slot_of_size(*value), *value);
        }
        let (mut time, mut size) = (Total::default(), Total::default());
        time.add(&times);
        size.add(&sizes);
        let counts = |buckets: Vec<(f64, u64)>| buckets.into_iter().map(|(_, count)| count).collect::<Vec<_>>();
        assert_eq!(counts(time.times()), expected(&TIMES, &values));
        assert_eq!(counts(size.lengths()), expected(&LENGTHS, &values));
        assert_eq!(counts(size.powers()), expected(&POWERS, &values));
        assert_eq!(time.count(), values.len() as u64);
        assert_eq!(time.times()[0].0, 0.005);
        assert_eq!(size.powers()[6].0, 1e7);
    }
}

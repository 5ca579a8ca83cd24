//! The floor: a table of exact hosts and prefixes that knows nothing else.
//!
//! A host is one slot of one cache line in an open-addressing table. Hosts with equal prefixes share one list of tests,
//! longest prefix first; a test is one masked comparison of the first sixteen bytes. It has no wildcards, no kinds of paths,
//! no names of more than 47 bytes, no updates and no protection from chosen collisions.

use std::collections::HashMap;

use crate::matcher::{Error, Matcher};
use crate::workload::{RouteId, Workload};

/// Bytes that are compared at once.
const HEAD: usize = 16;
/// The longest name that a slot has room for, beside its length.
const NAME: usize = 3 * HEAD - 1;

/// A flat table.
#[derive(Debug)]
pub struct Flat {
    /// A power of two of them, at least a quarter empty.
    slots: Box<[Slot]>,
    tests: Box<[Test]>,
    /// The bytes of all prefixes behind their heads.
    tails: Box<[u8]>,
}

/// One cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Slot {
    /// All zero in an empty slot.
    name: Name,
    first_test: u32,
    tests: u32,
    first_route: RouteId,
}

/// A name and its length, zero-padded. Names are equal where their numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Name([u128; 3]);

#[derive(Clone, Copy, Debug)]
struct Test {
    head: u128,
    mask: u128,
    tail: u32,
    length: u16,
    place: u16,
}

impl Flat {
    /// The table of a workload.
    ///
    /// # Errors
    ///
    /// A name is too long, or there are more tests or bytes than numbers.
    pub fn new(workload: &Workload) -> Result<Self, Error> {
        let hosts: Vec<_> = workload.hosts().collect();
        let size = (hosts.len() * 4 / 3 + 1).next_power_of_two();
        let mut slots = vec![Slot::default(); size].into_boxed_slice();
        let (mut tests, mut tails) = (Vec::new(), Vec::new());
        let mut known: HashMap<&[String], (u32, u32)> = HashMap::new();
        for host in hosts {
            let (first_test, count) = match known.get(host.prefixes) {
                Some(program) => *program,
                None => {
                    let program = (u32::try_from(tests.len())?, u32::try_from(host.prefixes.len())?);
                    append(host.prefixes, &mut tests, &mut tails)?;
                    known.insert(host.prefixes, program);
                    program
                }
            };
            let name = Name::new(&host.name()).ok_or("a name of no length, or of more than 47 bytes")?;
            let first_route = host.routes().next().map_or(0, |(_, route)| route);
            let mut place = name.hash() & (size - 1);
            while slots.get(place).is_some_and(|slot| slot.name != Name::default()) {
                place = (place + 1) & (size - 1);
            }
            if let Some(slot) = slots.get_mut(place) {
                *slot = Slot { name, first_test, tests: count, first_route };
            }
        }
        Ok(Self { slots, tests: tests.into(), tails: tails.into() })
    }

    #[inline]
    fn slot(&self, host: &str) -> Option<&Slot> {
        let name = Name::new(host)?;
        let mask = self.slots.len().wrapping_sub(1);
        let mut place = name.hash() & mask;
        loop {
            let slot = self.slots.get(place)?;
            if slot.name == name {
                return Some(slot);
            }
            if slot.name == Name::default() {
                return None;
            }
            place = (place + 1) & mask;
        }
    }

    #[inline]
    fn holds(&self, test: &Test, path: &[u8]) -> bool {
        let length = usize::from(test.length);
        if length > HEAD {
            let tail = test.tail as usize;
            if path.get(HEAD..length) != self.tails.get(tail..tail + length - HEAD) {
                return false;
            }
        }
        path.len() >= length && matches!(path.get(length), None | Some(b'/'))
    }
}

impl Matcher for Flat {
    #[inline]
    fn find(&self, host: &str, path: &str) -> Option<RouteId> {
        let slot = self.slot(host)?;
        let path = path.as_bytes();
        let head = head(path);
        let first = slot.first_test as usize;
        let tests = self.tests.get(first..first + slot.tests as usize)?;
        let found = tests.iter().find(|test| (head ^ test.head) & test.mask == 0 && self.holds(test, path))?;
        Some(slot.first_route + RouteId::from(found.place))
    }
}

impl Name {
    #[inline]
    fn new(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        let length = bytes.len();
        if length == 0 || length > NAME {
            return None;
        }
        // The bytes from `from` on, which are fewer than sixteen: the last sixteen without those before `from`.
        let rest = |from: usize| {
            let last = bytes.last_chunk().map_or(0, |last| u128::from_le_bytes(*last));
            last.checked_shr(u32::try_from(8 * (from + HEAD - length)).unwrap_or(0)).unwrap_or(0)
        };
        let whole = |from: usize| {
            let chunk = bytes.get(from..).and_then(<[u8]>::first_chunk);
            chunk.map_or(0, |chunk| u128::from_le_bytes(*chunk))
        };
        let [a, b, c] = match length / HEAD {
            0 => [head(bytes), 0, 0],
            1 => [whole(0), rest(HEAD), 0],
            _ => [whole(0), whole(HEAD), rest(2 * HEAD)],
        };
        Some(Self([a, b, c | (length as u128) << 120]))
    }

    /// Folded multiplication of 64-bit words.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are what is wanted")]
    fn hash(self) -> usize {
        let low = |number: u128| number as u64;
        let high = |number: u128| (number >> 64) as u64;
        let fold = |a: u64, b: u64| {
            let product = u128::from(a) * u128::from(b);
            low(product) ^ high(product)
        };
        let Self([a, b, c]) = self;
        let a = fold(low(a) ^ 0x243f_6a88_85a3_08d3, high(a) ^ 0x1319_8a2e_0370_7345);
        let b = fold(low(b) ^ 0xa409_3822_299f_31d1, high(b) ^ 0x082e_fa98_ec4e_6c89);
        let c = fold(low(c) ^ 0x4528_21e6_38d0_1377, high(c) ^ 0xbe54_66cf_34e9_0c6d);
        fold(a ^ b.rotate_left(17) ^ c.rotate_left(41), 0xc0ac_29b7_c97c_50dd) as usize
    }
}

fn append(prefixes: &[String], tests: &mut Vec<Test>, tails: &mut Vec<u8>) -> Result<(), Error> {
    let mut prefixes: Vec<(usize, &str)> = prefixes.iter().map(|it| it.trim_end_matches('/')).enumerate().collect();
    prefixes.sort_by_key(|(_, prefix)| std::cmp::Reverse(prefix.len()));
    for (place, prefix) in prefixes {
        let bytes = prefix.as_bytes();
        let unused = 128 - 8 * bytes.len().min(HEAD);
        let mask = u128::MAX.checked_shr(u32::try_from(unused)?).unwrap_or(0);
        let (tail, length) = (u32::try_from(tails.len())?, u16::try_from(bytes.len())?);
        tests.push(Test { head: head(bytes), mask, tail, length, place: u16::try_from(place)? });
        tails.extend_from_slice(bytes.get(HEAD..).unwrap_or_default());
    }
    Ok(())
}

/// The first sixteen bytes, zero-padded, from two loads that overlap.
#[inline]
fn head(bytes: &[u8]) -> u128 {
    if let Some(first) = bytes.first_chunk::<HEAD>() {
        return u128::from_le_bytes(*first);
    }
    let length = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << (8 * (length - 8));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u128::from(u32::from_le_bytes(*first)) | u128::from(u32::from_le_bytes(*last)) << (8 * (length - 4));
    }
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

//! Instructions and allocations, from what callgrind writes. Calls of the allocator are among the calls that it counts, so the
//! proxy needs no hooks and is the one that is shipped.

use std::collections::BTreeMap;

use benches::matcher::Error;

use super::{Figure, MOST_ALLOCATIONS, MOST_INSTRUCTIONS, Tally, Tool};
use crate::process::Launch;

/// What gives out memory, in libc and in Rust's library where that is not inlined.
const ALLOCATORS: [&str; 13] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "_mid_memalign",
    "__rust_alloc",
    "__rust_alloc_zeroed",
    "__rust_realloc",
    "__rdl_alloc",
    "__rdl_alloc_zeroed",
    "__rdl_realloc",
];
/// The name of the count of instructions, which no function has.
const INSTRUCTIONS: &str = "instructions in user space";
/// The callers to be named.
const CALLERS: usize = 5;

pub(super) const TOOL: Tool = Tool {
    name: "valgrind",
    connections: 16,
    requests: (1_000, 4_000),
    command: |program, found| {
        let file = format!("--callgrind-out-file={}", found.display());
        Launch::new(program).arg("--tool=callgrind").arg(file).arg("--compress-strings=no")
    },
    is_parent: false,
    read,
};

/// Of a whole run: instructions, and for each function how often it asked for memory.
fn read(text: &str) -> Result<Tally, Error> {
    let mut tally = Tally::new();
    let mut total = None;
    let (mut caller, mut called) = ("", "");
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            caller = name;
        } else if let Some(name) = line.strip_prefix("cfn=") {
            called = name;
        } else if let Some(calls) = line.strip_prefix("calls=") {
            // What an allocator does within itself is one allocation.
            if allocates(called) && !allocates(caller) {
                let count: u64 = calls.split(' ').next().unwrap_or_default().parse()?;
                *tally.entry(caller.to_owned()).or_default() += count;
            }
        } else if let Some(count) = line.strip_prefix("totals: ") {
            total = Some(count.trim().parse()?);
        }
    }
    if tally.is_empty() {
        return Err("not one allocation was seen, so those of requests would not be either".into());
    }
    tally.insert(INSTRUCTIONS.to_owned(), total.ok_or("callgrind wrote no totals")?);
    Ok(tally)
}

/// Whether a function is one that gives out memory.
fn allocates(name: &str) -> bool {
    // The second level of a recursion is `name'2`, a part of a function that the compiler has split `name.part.0`.
    let name = name.rsplit("::").next().unwrap_or_default();
    let name = name.split(['\'', '.']).next().unwrap_or_default();
    ALLOCATORS.contains(&name)
}

pub(super) fn figures(per_request: &BTreeMap<String, f64>) -> Vec<Figure> {
    let instructions = per_request.get(INSTRUCTIONS).copied().unwrap_or_default();
    let mut callers: Vec<(String, f64)> = per_request
        .iter()
        .filter(|(name, _)| *name != INSTRUCTIONS)
        .map(|(name, count)| (name.clone(), *count))
        .collect();
    let allocations = callers.iter().map(|(_, count)| count).sum();
    callers.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    callers.retain(|(_, count)| *count >= 0.005);
    callers.truncate(CALLERS);
    vec![
        Figure { what: INSTRUCTIONS, value: instructions, most: MOST_INSTRUCTIONS, parts: Vec::new() },
        Figure { what: "allocations", value: allocations, most: MOST_ALLOCATIONS, parts: callers },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_allocator_are_counted_by_caller() {
        let text = "fn=main\n1 2\ncfn=__rustc::__rust_alloc\ncalls=3 0\n1 9\ncfn=free\ncalls=7 0\n1 9\nfn=grow\n\
                    cfi=x.c\ncfn=realloc'2\ncalls=2 0\n1 1\nfn=_mid_memalign.constprop.0\ncfn=malloc\ncalls=2 0\n1 1\n\n\
                    totals: 123\n";
        let tally = read(text).unwrap();
        assert_eq!(tally, Tally::from([("main".into(), 3), ("grow".into(), 2), (INSTRUCTIONS.into(), 123)]));
        assert!(read("fn=main\ncfn=free\ncalls=1 0\n1 1\n\ntotals: 1\n").is_err());
        assert!(read("fn=main\n").is_err());
    }
}

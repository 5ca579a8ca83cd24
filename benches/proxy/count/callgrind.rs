//! Instructions and allocations, from what callgrind writes. Calls of the allocator are among the calls that it counts, so the
//! proxy needs no hooks and is the one that is shipped.

use benches::matcher::Error;

use super::{Count, Tally, Tool};
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
pub(super) const TOOL: Tool = Tool {
    name: "valgrind",
    connections: 16,
    requests: (1_000, 4_000),
    command: |program, found| {
        let file = format!("--callgrind-out-file={}", found.display());
        Launch::new(program).arg("--tool=callgrind").arg(file).arg("--compress-strings=no").arg("--compress-pos=no")
    },
    is_parent: false,
    read,
};

/// Of a whole run: for each function its own instructions, and how often it asked for memory.
fn read(text: &str) -> Result<Tally, Error> {
    let mut tally = Tally::new();
    let (mut caller, mut called) = ("", "");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("fn=") {
            caller = name;
        } else if let Some(name) = line.strip_prefix("cfn=") {
            called = name;
        } else if let Some(calls) = line.strip_prefix("calls=") {
            // What an allocator does within itself is one allocation.
            if allocates(called) && !allocates(caller) {
                *tally.entry((Count::Allocations, caller.to_owned())).or_default() += number(calls.split(' ').next())?;
            }
            // What the called function cost, which counts where that is.
            lines.next();
        } else if line.starts_with(|character: char| character.is_ascii_digit()) {
            *tally.entry((Count::Instructions, caller.to_owned())).or_default() += number(line.split(' ').nth(1))?;
        }
    }
    for count in [Count::Allocations, Count::Instructions] {
        if !tally.keys().any(|(found, _)| *found == count) {
            return Err(format!("callgrind saw no {count} at all, so it would not see those of requests").into());
        }
    }
    Ok(tally)
}

fn number(digits: Option<&str>) -> Result<u64, Error> {
    Ok(digits.ok_or("callgrind wrote a line without a number")?.parse()?)
}

/// Whether a function is one that gives out memory.
fn allocates(name: &str) -> bool {
    // The second level of a recursion is `name'2`, a part of a function that the compiler has split `name.part.0`.
    let name = name.rsplit("::").next().unwrap_or_default();
    let name = name.split(['\'', '.']).next().unwrap_or_default();
    ALLOCATORS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_allocator_are_counted_by_caller() {
        let text = "positions: line\nevents: Ir\n\nfn=main\n1 2\ncfn=__rustc::__rust_alloc\ncalls=3 0\n1 9\ncfn=free\n\
                    calls=7 0\n1 9\n5 40\nfn=grow\ncfi=x.c\ncfn=realloc'2\ncalls=2 0\n1 1\n\
                    fn=_mid_memalign.constprop.0\n1 4\ncfn=malloc\ncalls=2 0\n1 1\n\ntotals: 46\n";
        let expected = [
            ((Count::Instructions, "main".to_owned()), 42),
            ((Count::Instructions, "_mid_memalign.constprop.0".to_owned()), 4),
            ((Count::Allocations, "main".to_owned()), 3),
            ((Count::Allocations, "grow".to_owned()), 2),
        ];
        assert_eq!(read(text).unwrap(), Tally::from(expected));
        assert!(read("fn=main\n1 2\ncfn=free\ncalls=1 0\n1 1\n").is_err());
    }
}

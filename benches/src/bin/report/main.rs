//! All figures of one run as Markdown: `cargo run --release -p benches --bin report [-- LARGEST]`.
//!
//! `LARGEST` is the number of routes to stop at, a million without it. The process counts its allocations, which makes
//! building a little slower than it is in a proxy, never faster. Instruction counts are the work of `instructions`.

mod building;
mod hosts;
mod lookups;
mod memory;
mod regexes;
mod row;

use std::alloc::System;

use benches::matcher::Error;
use benches::objects::Shape;
use row::Row;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<(), Error> {
    let largest = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    println!("| matcher | routes | uniform ns | to ours | zipf ns | to ours | bytes/route | build ms | allocations |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    let measured = lookups::measure(largest)?;
    println!();
    println!("| figure | case | measured | target | met |");
    println!("|---|---|--:|--:|---|");
    for row in lookups::targets(&measured) {
        println!("{row}");
    }
    hosts::wildcards(&Row::print)?;
    hosts::many_prefixes(&Row::print)?;
    regexes::many(&Row::print)?;
    for routes in [100_000, 1_000_000].into_iter().filter(|routes| *routes <= largest) {
        memory::snapshots(routes, &Row::print)?;
        building::from_scratch(routes, &Row::print)?;
        for shape in [Shape::OnePath, Shape::TenPaths] {
            building::one_change(routes, shape, &Row::print)?;
        }
    }
    Ok(())
}

/// The bytes that are kept of what `make` gives, and the thing itself.
fn kept_bytes<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let region = Region::new(ALLOCATOR);
    let value = make();
    let change = region.change();
    (value, change.bytes_allocated.saturating_sub(change.bytes_deallocated))
}

/// How often memory is asked for.
fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.allocations + change.reallocations
}

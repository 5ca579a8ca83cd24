//! How fast and how small the engine is, beside other ways to do the same.
//!
//! The parts that the criterion benches (`benches/`), the report (`src/bin/report.rs`) and the instruction counts
//! (`src/bin/instructions.rs`) share: one workload, one trait for all matchers, one way to check and to time them.
//! Nothing here is part of the engine.

pub mod contenders;
pub mod flat;
pub mod keys;
pub mod linear;
pub mod matcher;
pub mod measure;
pub mod objects;
pub mod ours;
pub mod per_host;
pub mod random;
pub mod workload;

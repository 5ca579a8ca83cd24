//! Any annotations, settings and paths, in every dialect.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::annotations(bytes));

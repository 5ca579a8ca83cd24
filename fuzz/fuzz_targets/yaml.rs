//! Any text as manifests, all the way to decisions.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::yaml(bytes));

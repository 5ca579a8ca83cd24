//! Any request line and header fields: refused or understood, never half understood.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::host_and_path(bytes));

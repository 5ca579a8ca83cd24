//! Any bytes as a body in chunks and what follows it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::http1_chunked(bytes));

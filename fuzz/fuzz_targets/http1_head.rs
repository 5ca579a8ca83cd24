//! Any bytes on a connection of HTTP/1: refused, or one request that cannot be misread.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::http1_head(bytes));

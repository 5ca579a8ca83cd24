//! Any fields of a request over HTTP/2: refused, or one request that cannot be misread.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::http2_head(bytes));

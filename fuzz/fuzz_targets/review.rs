//! Any bytes as a question to the webhook.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::review(bytes));

//! Any bytes as the certificate and the key of a Secret.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::secret_pem(bytes));

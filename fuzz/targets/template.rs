//! Fuzzes any texts as templates that import one another.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slapos_fuzz::template(data));

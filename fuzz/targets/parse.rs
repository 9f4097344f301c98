//! Fuzzes any text as a profile.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slapos_fuzz::parse(data));

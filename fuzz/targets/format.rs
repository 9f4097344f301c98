//! Fuzzes any text written well.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slapos_fuzz::format(data));

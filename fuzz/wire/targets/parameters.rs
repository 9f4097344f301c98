//! Fuzzes any text as an instance's parameters.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slapos_fuzz_wire::parameters(data));

//! Fuzzes any texts as files that extend one another: all sections, one option, the lints.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slapos_fuzz::resolve(data));

//! Fuzzes any text as a marshalled value.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slapos_fuzz_wire::marshal(data));

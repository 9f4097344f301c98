//! Fuzzes any call of a master: forms, JSON-RPC, HATEOAS, REST, the panel.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slapos_fuzz_wire::call(data));

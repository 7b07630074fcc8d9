#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| controller_fuzz::handle(bytes));

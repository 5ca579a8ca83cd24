//! The compiled matcher decides as the reference does.

#![no_main]

libfuzzer_sys::fuzz_target!(|world: fuzz::world::World| fuzz::decide(world));

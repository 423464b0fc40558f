//! All targets in one binary, so that it is linked once; CHORUS_FUZZ says which.
#![no_main]

use chorus::fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("CHORUS_FUZZ").expect("CHORUS_FUZZ names a target");
    TARGETS.iter().find(|t| t.name == name).expect("CHORUS_FUZZ names no target of chorus::fuzz")
});

fuzz_target!(|data: &[u8]| {
    (CHOSEN.body)(data);
});

//! Seeds that once found something. Each says what.

use super::run;

fn holds(seed: u64) {
    let one = run::seed(seed, 1_000, false);
    assert!(one.wrong.is_empty(), "seed {seed:#x} at step {}: {:?}", one.step, one.wrong);
}

/// The first words to a callee were skipped by as much as it had rung.
#[test]
fn first_words_are_whole() {
    [0x12, 0x19, 0x33].into_iter().for_each(holds);
}

/// A recording stopped by REST was forgotten by a crash before its file was closed.
#[test]
fn a_stopped_recording_survives_a_crash() {
    [0x31, 0xd2].into_iter().for_each(holds);
}

/// After a restart two callbacks of the same millisecond left in the order of their ids.
#[test]
fn callbacks_keep_their_order_after_a_restart() {
    [0xa3, 0xfa].into_iter().for_each(holds);
}

//! The kill test's oracle on builds that are wrong on purpose: each planted bug is seen from outside.

use super::child::Place;
use super::kill::Ordeal;
use chorus::mutants::Mutant;

/// A bug shows after one kill or two, if the kill falls where it bites: on a machine that others slow down a callback's few
/// milliseconds were missed by six. After so many it is not found.
const KILLS_MAX: usize = 30;

/// What is planted, and the words in which the oracle complains of it.
const WRONG: &[(Mutant, &str)] = &[
    (Mutant::OrphanForgotten, "is up 5 s after the start"),
    (Mutant::CallbackLostOnCrash, "callbacks came as"),
    (Mutant::RecordingCallbackMissing, "nobody was told of the recording"),
    (Mutant::TerminalTwice, "was told as"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_oracle_of_the_kill_test_finds_wrong_builds() {
    let mut missed = vec![];
    for (mutant, words) in WRONG {
        let mut place = Place::new("wrong");
        place.extra.push(("CHORUS_MUTANT", format!("{mutant:?}")));
        let dir = place.dir.clone();
        let mut ordeal = Ordeal::begin("wrong", place, 0x3).await;
        for _ in 0..KILLS_MAX {
            if ordeal.faults.is_empty() {
                ordeal.kill().await;
                ordeal.reckon().await;
            }
        }
        let found = ordeal.faults.iter().find(|f| f.contains(words));
        println!("{mutant:?}: {}", found.map_or("not found", String::as_str));
        if found.is_none() {
            missed.push(format!("{mutant:?}: {:?}", ordeal.faults));
        }
        let _ = std::fs::remove_dir_all(dir);
    }
    assert!(missed.is_empty(), "not found: {missed:#?}");
}

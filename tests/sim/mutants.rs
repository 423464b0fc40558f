//! Planted bugs: each is found within 256 seeds, else the simulation is not to be believed.

use super::run;
use chorus::mutants::{Mutant, plant};

#[test]
fn mutants_are_all_found() {
    let mut missed = vec![];
    for m in Mutant::ALL {
        plant(Some(m));
        let sum = run::seeds(0..256, 1_000, 1);
        plant(None);
        match sum.failed.first() {
            Some((seed, step, what)) => {
                println!(
                    "{m:?}: seed {seed:#x}, step {step}: {}",
                    what.chars().take(200).collect::<String>()
                );
            }
            None => missed.push(m),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

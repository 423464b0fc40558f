//! The seeded simulation: one call with a crash at every commit, then everything at once.

mod chance;
mod docs;
#[cfg(feature = "mutants")]
mod mutants;
mod one_call;
mod run;

/// `CHORUS_SEED=0x2a cargo test sim -- --nocapture` replays one seed and prints its ladder up to the failing step.
fn asked_for() -> Option<u64> {
    let text = std::env::var("CHORUS_SEED").ok()?;
    let hex = text.strip_prefix("0x").map(|h| u64::from_str_radix(h, 16));
    Some(hex.unwrap_or_else(|| text.parse()).unwrap())
}

fn size() -> (u64, usize) {
    match (std::env::var("CHORUS_LONG").is_ok(), std::env::var("CHORUS_STEPS")) {
        (_, Ok(steps)) => (256, steps.parse().unwrap()),
        (true, _) => (4_096, 20_000),
        (false, _) => (256, 1_000),
    }
}

#[test]
fn seeds_keep_every_promise() {
    let (seeds, steps) = size();
    if let Some(seed) = asked_for() {
        let one = run::seed(seed, steps, true);
        println!("{}\nseed {seed:#x}, step {}: {:#?}", one.picture, one.step, one.wrong);
        assert!(one.wrong.is_empty());
        return;
    }
    let sum = run::seeds(0..seeds, steps, 12);
    for (what, n) in &sum.counted {
        println!("{n:>10}  {what}");
    }
    let failed: Vec<String> = sum
        .failed
        .iter()
        .map(|(seed, step, what)| format!("seed {seed:#x} at step {step}: {what}"))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..8 {
        let (a, b) = (run::seed(seed, 400, false), run::seed(seed, 400, true));
        assert_eq!((a.hash, a.step), (b.hash, b.step), "seed {seed}");
    }
}

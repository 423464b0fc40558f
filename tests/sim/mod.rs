//! The seeded simulation: one call with a crash at every commit, then everything at once.

mod chance;
mod docs;
mod late;
#[cfg(feature = "mutants")]
mod mutants;
mod one_call;
mod overload;
#[cfg(feature = "mutants")]
mod panics;
mod regressions;
mod run;

/// What must have occurred over the seeds: else they show nothing about it.
const OCCURS: &[&str] = &[
    "action phone dials",
    "action phone dials nobody",
    "action phone hangs up",
    "action phone presses keys",
    "action phone sends INFO",
    "action phone holds",
    "action phone resumes",
    "action phone sends UPDATE",
    "action phone changes its mind",
    "action phone falls silent",
    "action rest dials",
    "action rest redirects by url",
    "action rest redirects by twiml",
    "action rest completes",
    "action rest cancels",
    "action rest limits",
    "action rest records",
    "action rest pauses a recording",
    "action rest cuts a recording",
    "action rest resumes a recording",
    "action rest stops a recording",
    "action rest streams",
    "action rest stops a stream",
    "action agent sends a mark",
    "action agent clears",
    "action agent sends media",
    "action agent sends garbage",
    "action agent stops",
    "action agent closes",
    "action agents change",
    "app 500",
    "app audio",
    "app bad xml",
    "app callback refused",
    "app callback slow",
    "app empty",
    "app html",
    "app slow",
    "app text",
    "crash between",
    "crash unsynced",
    "crash untold",
    "crash unwritten",
    "effect Close",
    "effect CloseStream",
    "effect Commit",
    "effect Connect",
    "effect Decode",
    "effect Fetch",
    "effect Key",
    "effect Load",
    "effect LoadOutbox",
    "effect Log",
    "effect Move",
    "effect OpenPort",
    "effect OpenStream",
    "effect Plan",
    "effect Reply",
    "effect Resolve",
    "effect Send",
    "effect Speak",
    "fault clock set",
    "fault connection",
    "fault database down",
    "fault database up",
    "fault disk free",
    "fault disk full",
    "fault drain",
    "fault duplication",
    "fault freeze",
    "fault loss",
    #[cfg(feature = "mutants")]
    "fault panic",
    "fault ports back",
    "fault ports gone",
    "fault reordering",
    "status -> queued",
    "status -> ringing",
    "status in-progress -> completed",
    "status in-progress -> failed",
    "status initiated -> busy",
    "status initiated -> canceled",
    "status initiated -> failed",
    "status initiated -> in-progress",
    "status initiated -> no-answer",
    "status initiated -> ringing",
    "status queued -> canceled",
    "status queued -> failed",
    "status queued -> initiated",
    "status ringing -> busy",
    "status ringing -> canceled",
    "status ringing -> failed",
    "status ringing -> in-progress",
    "status ringing -> no-answer",
    "verb Connect Stream",
    "verb Dial",
    "verb Gather",
    "verb Hangup",
    "verb Pause",
    "verb Pause, Redirect",
    "verb Play",
    "verb Play digits",
    "verb Play missing",
    "verb Record",
    "verb Redirect",
    "verb Reject",
    "verb Say",
    "verb Start Recording",
    "verb Start Stream",
    "verb Stop Stream",
    "verb empty Dial",
    "verb unknown",
];

/// `CHORUS_SEED=0x2a cargo test sim -- --nocapture` replays one seed and prints its ladder up to the failing step.
fn asked_for() -> Option<u64> {
    let text = std::env::var("CHORUS_SEED").ok()?;
    let hex = text.strip_prefix("0x").map(|h| u64::from_str_radix(h, 16));
    Some(hex.unwrap_or_else(|| text.parse()).unwrap())
}

fn number(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().unwrap())
}

/// Which seeds, and how far. A long run may be cut into blocks: `CHORUS_FIRST=1024 CHORUS_SEEDS=512`.
fn size() -> (std::ops::Range<u64>, usize) {
    let (seeds, steps) = if std::env::var("CHORUS_LONG").is_ok() { (4_096, 20_000) } else { (256, 1_000) };
    let first = number("CHORUS_FIRST").unwrap_or(0);
    let seeds = number("CHORUS_SEEDS").unwrap_or(seeds);
    (first..first + seeds, number("CHORUS_STEPS").unwrap_or(steps) as usize)
}

#[test]
fn seeds_keep_every_promise() {
    let (seeds, steps) = size();
    if let Some(seed) = asked_for() {
        let one = run::seed(seed, steps, true);
        for (call, l) in &one.trace {
            println!("{call} {:>8} {} > {}: {}", l.at.0 - 1_700_000_000_000, l.from, l.to, l.what);
        }
        println!("{}\nseed {seed:#x}, step {}: {:#?}", one.picture, one.step, one.wrong);
        assert!(one.wrong.is_empty());
        return;
    }
    let sum = run::seeds(seeds, steps, 12);
    for (what, n) in &sum.counted {
        println!("{n:>10}  {what}");
    }
    if sum.failed.is_empty() {
        let never: Vec<&&str> = OCCURS.iter().filter(|what| !sum.counted.contains_key(**what)).collect();
        assert!(never.is_empty(), "never occurred: {never:?}");
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

//! Commits wait for each other under load alone.

use chorus::store::pace::Pace;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// Transactions come so far apart, in so many commits; how long the last commit waited.
fn waits(pace: &mut Pace, from: Instant, apart: Duration, commits: u32) -> Duration {
    let mut waited = Duration::ZERO;
    let mut at = from;
    for _ in 0..commits {
        waited = pace.wait(at);
        assert!(waited <= 4 * MS, "{waited:?}");
        let came = 1 + waited.as_micros() / apart.as_micros();
        pace.begins(at + waited, usize::try_from(came).unwrap());
        at += apart.max(waited);
    }
    waited
}

#[test]
fn who_comes_alone_waits_for_nothing() {
    let t = Instant::now();
    let mut pace = Pace::new(t);
    assert_eq!(pace.wait(t), Duration::ZERO);
    assert_eq!(waits(&mut pace, t, 5 * MS, 1_000), Duration::ZERO, "200 a second are no load");
}

#[test]
fn under_load_commits_are_a_beat_apart_until_it_is_over() {
    let t = Instant::now();
    let mut pace = Pace::new(t);
    // A thousand a second.
    assert!(waits(&mut pace, t, MS, 300) > 2 * MS);
    let after = t + Duration::from_secs(10);
    pace.begins(after, 1);
    pace.begins(after + 150 * MS, 1);
    assert_eq!(pace.wait(after + 151 * MS), Duration::ZERO, "the load is over");
}

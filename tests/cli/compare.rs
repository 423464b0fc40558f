//! Correlation says yes to the same speech wherever it lies, and no to anything else.

use chorus::cli::compare::{correlation, percentile, trimmed};
use chorus::rng::Rng;

/// Something like speech: noise in syllables of different loudness.
fn speech(seed: u64, seconds: usize) -> Vec<i16> {
    let mut rng = Rng::from_number(seed);
    (0..seconds * 8_000)
        .map(|i| {
            let loud = [0, 2_000, 6_000, 500][i / 1_000 % 4];
            if loud == 0 { 0 } else { rng.below(2 * loud) as i16 - loud as i16 }
        })
        .collect()
}

fn after(silence: usize, x: &[i16]) -> Vec<i16> {
    let mut all = vec![0; silence];
    all.extend_from_slice(x);
    all.extend_from_slice(&[0; 4_000]);
    all
}

#[test]
fn the_same_is_found_anywhere() {
    let said = speech(1, 3);
    for offset in [0, 1, 777, 20_000] {
        assert!(correlation(&said, &after(offset, &said)) > 0.999, "at {offset}");
    }
    let quieter: Vec<i16> = said.iter().map(|s| s / 4).collect();
    assert!(correlation(&said, &after(500, &quieter)) > 0.99, "quieter");
}

#[test]
fn a_slip_of_a_packet_costs_little() {
    let said = speech(2, 3);
    let mut heard = after(800, &said[..12_345]);
    heard.truncate(heard.len() - 4_000);
    heard.extend_from_slice(&[0; 160]);
    heard.extend_from_slice(&said[12_345..]);
    assert!(correlation(&said, &heard) > 0.9);
}

#[test]
fn a_trimmed_copy_counts() {
    let mut said = vec![0; 5_000];
    said.extend(speech(3, 2));
    assert!(correlation(&said, trimmed(&said)) > 0.99);
}

#[test]
fn something_else_is_not_the_same() {
    let said = speech(4, 3);
    assert!(correlation(&said, &speech(5, 4)) < 0.3, "another voice");
    assert_eq!(correlation(&said, &[]), 0.0);
    assert_eq!(correlation(&said, &[0; 50_000]), 0.0);
    assert_eq!(correlation(&[], &said), 0.0);
    let half = correlation(&said, &after(100, &said[..12_000]));
    assert!(half < 0.8, "half of it: {half}");
}

#[test]
fn percentiles_are_taken_from_sorted_values() {
    let values: Vec<u64> = (0..=100).collect();
    assert_eq!((percentile(&values, 0.5), percentile(&values, 0.99)), (Some(50), Some(99)));
    assert_eq!(percentile(&[], 0.5), None);
}

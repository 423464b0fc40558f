//! What `chorus bench` believes: content of frames, and which numbers are figures.

mod floor;

use chorus::cli::bench::figures::{Round, Row, median, percentile, spread};
use chorus::cli::bench::{mark, table};
use chorus::media::codec::g711::{pcm_from_ulaw, ulaw_from_pcm};

fn row(floor: &[f64], server: &[f64], goal: f64) -> Row {
    let rounds = |v: &[f64]| v.iter().map(|all| Round { all: *all, ..Round::default() }).collect();
    let (floor, server) = (rounds(floor), rounds(server));
    Row { name: "play", unit: "us/s", floor, server, goal: Some(goal), timed: "" }
}

/// The lines of a row as the table shows them.
fn text(r: &Row) -> String {
    table::text(&r.lines())
}

#[test]
fn a_frame_says_who_sent_it_also_after_the_way_through_pcm() {
    for (voice, number) in [(0, 0), (7, 65_535), (299, 1_000), (mark::FILE, 499)] {
        let frame = mark::frame(voice, number);
        assert_eq!(mark::read(&frame), Some((voice, number)));
        let again: Vec<u8> = frame.iter().map(|o| ulaw_from_pcm(pcm_from_ulaw(*o))).collect();
        assert_eq!(mark::read(&again), Some((voice, number)));
    }
}

#[test]
fn a_frame_with_one_wrong_octet_or_of_another_length_is_nobodys() {
    let frame = mark::frame(12, 34);
    for at in 0..frame.len() {
        let mut spoiled = frame;
        spoiled[at] ^= 1;
        assert_ne!(mark::read(&spoiled), Some((12, 34)), "octet {at}");
    }
    assert_eq!(mark::read(&frame[..159]), None);
    assert_eq!(mark::read(&[0xFF; 160]), None);
}

#[test]
fn percentiles_medians_and_spreads() {
    let mut values: Vec<u32> = (1..=100).rev().collect();
    assert_eq!(percentile(&mut values, 50), 51);
    assert_eq!(percentile(&mut values, 99), 100);
    assert_eq!(percentile(&mut [], 99), 0);
    assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
    assert_eq!(median([1.0, 3.0].into_iter()), 2.0);
    assert!((spread([95.0, 100.0, 105.0].into_iter()) - 0.1).abs() < 1e-9);
}

#[test]
fn a_ratio_above_the_goal_is_missed_and_a_wide_spread_is_no_figure() {
    assert!(text(&row(&[100.0, 102.0, 101.0], &[120.0, 121.0], 1.3)).contains(" ok "));
    assert!(text(&row(&[100.0, 102.0, 101.0], &[140.0, 141.0], 1.3)).contains("MISSED"));
    let wide = text(&row(&[100.0, 115.0, 101.0], &[120.0, 121.0], 1.3));
    assert!(wide.contains("NO FIGURE") && wide.contains("spread"), "{wide}");
}

#[test]
fn a_round_in_which_something_was_lost_is_no_figure() {
    let mut r = row(&[100.0; 3], &[110.0; 2], 1.3);
    r.server[1].fault = Some("14970 of 15000 arrived right (99.80 %)".to_owned());
    let text = text(&r);
    assert!(text.contains("NO FIGURE") && text.contains("14970 of 15000"), "{text}");
}

#[test]
fn a_floor_that_needs_more_than_its_unit_costs_is_told() {
    let mut r = row(&[100.0; 3], &[110.0; 2], 1.3);
    r.floor.iter_mut().for_each(|f| f.expected = Some(90.0));
    assert!(!text(&r).contains("MISSED") && text(&r).contains("+11 %"), "{}", text(&r));
    r.floor.iter_mut().for_each(|f| f.expected = Some(80.0));
    assert!(text(&r).contains("MISSED") && text(&r).contains("+25 %"), "{}", text(&r));
}

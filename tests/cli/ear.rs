//! What a phone counts of what it hears.

use chorus::cli::ear::{Ear, MARK, mark};
use chorus::clock::Mono;
use chorus::media::plan::Clip;
use chorus::media::rtp::Packet;
use chorus::rng::Rng;

fn packet(seq: u16, payload: &[u8]) -> Packet<'_> {
    Packet { marker: false, pt: 0, seq, ts: u32::from(seq) * 160, ssrc: 7, payload }
}

fn at(ms: u64) -> Mono {
    Mono(1_000_000 + ms * 1_000)
}

#[test]
fn gaps_are_lost_and_order_does_not_matter() {
    let mut ear = Ear::default();
    for seq in [65_534, 65_535, 1, 0, 4] {
        ear.on_rtp(at(0), &packet(seq, &[0xff; 160]));
    }
    assert_eq!((ear.received, ear.lost()), (5, 2), "2 and 3 are missing");
}

#[test]
fn a_packet_is_late_against_the_fastest() {
    let mut ear = Ear::default();
    ear.on_rtp(at(10), &packet(0, &[0xff; 160]));
    ear.on_rtp(at(25), &packet(1, &[0xff; 160]));
    ear.on_rtp(at(60), &packet(2, &[0xff; 160]));
    assert_eq!(ear.late, 0, "15 ms of jitter");
    ear.on_rtp(at(86), &packet(3, &[0xff; 160]));
    assert_eq!(ear.late, 1, "21 ms behind the fastest");
}

#[test]
fn audio_lies_where_its_timestamp_says() {
    let mut ear = Ear::default();
    ear.on_rtp(at(0), &packet(0, &[0x80; 160]));
    ear.on_rtp(at(40), &packet(2, &[0x80; 160]));
    assert_eq!(ear.samples.len(), 480);
    assert!(ear.samples[160..320].iter().all(|s| *s == 0), "the lost packet is silence");
    assert!(ear.samples[320..].iter().all(|s| *s > 30_000));
    assert_eq!(ear.loud_ms, 40);
}

#[test]
fn marks_are_found_across_packets_and_only_once() {
    let clip = mark(&Clip { ulaw: vec![0xff; 800] }, &mut Rng::from_number(9));
    let mut ear = Ear::default();
    ear.expect(&clip);
    for (i, p) in clip.ulaw.chunks(160).enumerate() {
        ear.sent(at(i as u64 * 20), p);
    }
    // The echo comes 30 ms later and is cut elsewhere.
    let echo: Vec<u8> = std::iter::repeat_n(0xff, 77).chain(clip.ulaw.iter().copied()).collect();
    for (i, p) in echo.chunks(160).enumerate() {
        ear.on_rtp(at(i as u64 * 20 + 30), &packet(i as u16, p));
    }
    assert_eq!(ear.trips.len(), 5, "{:?}", ear.trips);
    assert!(ear.trips.iter().all(|t| *t == 30_000), "{:?}", ear.trips);
    ear.on_rtp(at(900), &packet(9, &clip.ulaw[..160]));
    assert_eq!(ear.trips.len(), 5, "a second copy counts nothing");
    assert!(clip.ulaw[MARK..160].iter().all(|o| *o == 0xff), "only the mark was written");
}

//! Whose packets are believed (ruling 2.42).

use super::audio::{correlate, speech};
use super::rig::{Rig, through_ulaw};
use chorus::clock::Mono;
use chorus::media::event::MediaEvent;
use chorus::media::plan::{Codec, Track};
use chorus::media::rtp::Packet;
use chorus::media::source_lock::SourceLock;
use std::net::SocketAddr;
use std::time::Duration;

fn addr(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 9, 9, n], 4_000))
}

fn packet(seq: u16, ts: u32) -> Packet<'static> {
    Packet { marker: false, pt: 0, seq, ts, ssrc: 1, payload: &[0xFF; 160] }
}

const T: Mono = Mono(10_000_000);

fn negotiated() -> SourceLock {
    let mut lock = SourceLock::default();
    lock.negotiated(T, Some(addr(1)), 1);
    lock
}

/// Packets that an address sends from `seq` on; how many were believed.
fn sends(lock: &mut SourceLock, at: Mono, from: u8, seq: u16, n: u16) -> usize {
    let at = |i: u16| at + Duration::from_millis(u64::from(i) * 10);
    (0..n).filter(|i| lock.accept(at(*i), addr(from), &packet(seq + i, u32::from(seq + i) * 160))).count()
}

#[test]
fn before_a_negotiation_nobody_is_believed() {
    assert_eq!(sends(&mut SourceLock::default(), T, 1, 0, 10), 0);
}

#[test]
fn the_address_of_the_sdp_is_believed_at_once() {
    assert_eq!(sends(&mut negotiated(), T, 1, 0, 10), 10);
}

#[test]
fn another_source_is_believed_with_its_fourth_coherent_packet() {
    let mut lock = negotiated();
    assert_eq!(sends(&mut lock, T, 2, 0, 3), 0);
    assert_eq!(sends(&mut lock, T + Duration::from_millis(30), 2, 3, 5), 5);
    assert_eq!(lock.target(), Some(addr(2)));
    assert_eq!(sends(&mut lock, T, 1, 0, 9), 0, "the SDP's address is foreign now");
}

#[test]
fn only_one_switch_and_only_within_three_seconds() {
    let mut lock = negotiated();
    assert_eq!(sends(&mut lock, T, 2, 0, 8), 5);
    assert_eq!(sends(&mut lock, T, 3, 0, 20), 0);
    let mut late = negotiated();
    assert_eq!(sends(&mut late, T + Duration::from_millis(3_001), 2, 0, 20), 0);
    let mut in_time = negotiated();
    assert_eq!(sends(&mut in_time, T + Duration::from_millis(2_970), 2, 0, 4), 1);
}

#[test]
fn packets_that_do_not_belong_together_never_switch() {
    for spoil in 0..6 {
        let mut lock = negotiated();
        let mut believed = 0;
        for i in 0..20u16 {
            let t = T + Duration::from_millis(u64::from(i) * 20);
            let mut p = packet(i, u32::from(i) * 160);
            let mut from = addr(2);
            match spoil {
                0 => p.ssrc = u32::from(i),
                1 => p.pt = if i % 2 == 0 { 0 } else { 8 },
                2 => p.seq = i * 2,
                3 => p.ts = 5,
                4 => p.ts = u32::from(i) * 100_000,
                _ => from = addr(2 + (i % 2) as u8),
            }
            believed += usize::from(lock.accept(t, from, &p));
        }
        assert_eq!(believed, 0, "spoilt by {spoil}");
    }
}

#[test]
fn a_source_that_settled_at_the_sdp_is_not_taken_over() {
    let mut lock = negotiated();
    assert_eq!(sends(&mut lock, T, 1, 0, 4), 4);
    assert_eq!(sends(&mut lock, T, 2, 0, 50), 0);
}

#[test]
fn a_new_epoch_allows_one_more_switch_and_keeps_what_was_learned() {
    let mut lock = negotiated();
    sends(&mut lock, T, 2, 0, 4);
    lock.negotiated(T + Duration::from_secs(60), Some(addr(1)), 2);
    assert_eq!(lock.target(), Some(addr(2)), "the same SDP: no gap");
    let t = T + Duration::from_secs(61);
    assert_eq!(sends(&mut lock, t, 3, 0, 6), 3);
    assert_eq!(sends(&mut lock, t, 2, 4, 6), 0);
    lock.negotiated(t, Some(addr(7)), 3);
    assert_eq!(lock.target(), Some(addr(7)), "a new address counts at once");
    let again = lock.clone();
    lock.negotiated(t + Duration::from_secs(9), Some(addr(7)), 3);
    assert_eq!(format!("{lock:?}"), format!("{again:?}"), "the same epoch changes nothing");
}

#[test]
fn a_peer_that_moves_is_not_followed_back_to_where_it_was() {
    let mut lock = negotiated();
    assert_eq!(sends(&mut lock, T, 1, 0, 9), 9);
    let moved = T + Duration::from_secs(9);
    lock.negotiated(moved, Some(addr(5)), 2);
    // The old place sends until it has our answer; the new one begins after it.
    assert_eq!(sends(&mut lock, moved + Duration::from_millis(500), 1, 9, 25), 0);
    assert_eq!(sends(&mut lock, moved + Duration::from_millis(700), 5, 0, 9), 9);
    assert_eq!(lock.target(), Some(addr(5)));
    assert_eq!(sends(&mut lock, moved + Duration::from_millis(1_500), 1, 34, 25), 0, "it has settled");
    // A new address that says nothing, while the old source goes on: that is where the peer is.
    let again = moved + Duration::from_secs(9);
    lock.negotiated(again, Some(addr(6)), 3);
    assert_eq!(sends(&mut lock, again + Duration::from_millis(910), 5, 9, 9), 0);
    assert_eq!(sends(&mut lock, again + Duration::from_millis(1_000), 5, 18, 4), 1);
    assert_eq!(lock.target(), Some(addr(5)));
}

#[test]
fn a_peer_behind_nat_that_holds_and_comes_back_is_heard_at_once() {
    let mut lock = negotiated();
    assert_eq!(sends(&mut lock, T, 2, 0, 5), 2);
    lock.negotiated(T + Duration::from_secs(5), None, 2);
    assert_eq!(lock.target(), None, "held by 0.0.0.0: nothing is sent");
    let back = T + Duration::from_secs(9);
    lock.negotiated(back, Some(addr(1)), 3);
    assert_eq!(lock.target(), Some(addr(2)));
    assert_eq!(sends(&mut lock, back, 2, 50, 5), 5);
}

#[test]
fn a_burst_between_two_packets_of_the_peer_switches_nothing() {
    let mut lock = negotiated();
    for turn in 0..4u64 {
        let at = T + Duration::from_millis(turn * 20);
        let believed = (0..40u16)
            .filter(|i| {
                let seq = turn as u16 * 40 + i;
                let at = at + Duration::from_micros(u64::from(*i) * 400);
                lock.accept(at, addr(2), &packet(seq, u32::from(seq) * 160))
            })
            .count();
        assert_eq!(believed, 0, "turn {turn}");
        // The peer speaks at last, and at its own pace.
        assert_eq!(sends(&mut lock, at + Duration::from_millis(19), 1, turn as u16, 1), 1);
    }
    assert_eq!(lock.target(), Some(addr(1)));
}

#[test]
fn an_attacker_that_sprays_is_heard_by_nobody_and_hears_nothing() {
    let mut rig = Rig::new(1);
    let a = rig.leg(0, Codec::Pcmu);
    let b = rig.leg(0, Codec::Pcmu);
    rig.bridge(a, b, 1);
    let file = rig.record(a, 1, |r| r.track = Track::Inbound);
    let voice = speech(5, 3_000);
    rig.says(a, &voice);
    rig.run(100);
    let noise: Vec<u8> = (0..160).map(|i| (i * 37) as u8).collect();
    for i in 0..600u32 {
        rig.run(5);
        for k in 0..20 {
            let n = i * 20 + k;
            let seq = n as u16;
            let mut bytes = Vec::new();
            Packet { marker: false, pt: 0, seq, ts: n * 160, ssrc: 0xBAD, payload: &noise }.write(&mut bytes);
            rig.rtp_from(a, addr(66), &bytes);
        }
    }
    // The rig itself asserts that no packet goes to a stranger.
    let (lag, r) = correlate(&through_ulaw(&voice), &rig.phones[&b].pcm());
    assert!(r > 0.99 && lag.abs() < 320, "{lag} {r}");
    rig.close(a);
    rig.close(b);
    let heard = rig.files[&file].channel(0);
    assert!(correlate(&voice, &heard).1 > 0.98);
    let dropped = rig.events.iter().find_map(|(_, e)| match e {
        MediaEvent::Stats(l, s) if *l == a => Some(s.dropped),
        _ => None,
    });
    assert_eq!(dropped, Some(12_000));
    rig.assert_empty();
}

//! Keys in and out.

use super::audio::{share, speech};
use super::rig::{Network, Rig, clip};
use chorus::media::dtmf::incoming::KeyReader;
use chorus::media::dtmf::{code, frequencies, key};
use chorus::media::event::EngineCommand;
use chorus::media::plan::{Codec, Item};
use chorus::media::rtp::ts_after;

fn event(code: u8, end: bool, duration: u16) -> Vec<u8> {
    let [a, b] = duration.to_be_bytes();
    vec![code, 10 | if end { 0x80 } else { 0 }, a, b]
}

/// Packets (marker, timestamp, payload) through one reader.
fn read(packets: &[(bool, u32, Vec<u8>)]) -> String {
    let mut reader = KeyReader::default();
    packets
        .iter()
        .flat_map(|(m, ts, p)| reader.on_packet(*m, *ts, p).iter().filter_map(key).collect::<Vec<_>>())
        .collect()
}

fn press(c: u8, ts: u32, marker: bool) -> Vec<(bool, u32, Vec<u8>)> {
    let mut all: Vec<_> = (1..=5).map(|i| (marker && i == 1, ts, event(c, false, i * 160))).collect();
    all.extend((0..3).map(|_| (false, ts, event(c, true, 800))));
    all
}

#[test]
fn a_press_is_one_key_with_or_without_marker() {
    assert_eq!(read(&press(5, 1_000, true)), "5");
    assert_eq!(read(&press(5, 1_000, false)), "5");
    assert_eq!(read(&[press(1, 0, false), press(1, 2_000, false), press(11, 4_000, true)].concat()), "11#");
}

#[test]
fn any_one_packet_of_a_press_is_enough() {
    let all = press(9, 7_000, true);
    for p in &all {
        assert_eq!(read(std::slice::from_ref(p)), "9");
    }
    for cut in 1..all.len() {
        assert_eq!(read(&all[cut..]), "9", "without the first {cut}");
        assert_eq!(read(&all[..cut]), "9", "only the first {cut}");
    }
}

#[test]
fn stragglers_and_doubles_are_no_presses() {
    let (a, b) = (press(1, 1_000, true), press(2, 3_000, true));
    let mut mixed = a.clone();
    mixed.extend(b.clone());
    mixed.extend(a.iter().rev().cloned());
    mixed.extend(b);
    assert_eq!(read(&mixed), "12");
}

#[test]
fn keys_at_the_same_time_are_all_told() {
    let both = |d: u16, end| [event(1, end, d), event(3, end, d)].concat();
    let packets: Vec<_> =
        (1..=5).map(|i| (i == 1, 500, both(i * 160, false))).chain([(false, 500, both(800, true))]).collect();
    assert_eq!(read(&packets), "13");
    // The same key twice, packed into one packet one after the other.
    let twice = [event(4, true, 400), event(4, true, 400)].concat();
    assert_eq!(read(&[(true, 0, twice.clone()), (false, 0, twice.clone()), (false, 0, twice)]), "44");
    // Two streams of events that overlap.
    let (a, b) = (press(7, 1_000, true), press(8, 1_100, true));
    let woven: Vec<_> = a.into_iter().zip(b).flat_map(|(x, y)| [x, y]).collect();
    assert_eq!(read(&woven), "78");
}

#[test]
fn a_press_longer_than_a_segment_is_one() {
    let mut packets = Vec::new();
    for i in 1..1_000u32 {
        let at = i * 160;
        let segment = (at - 1) / 65_535;
        let start = segment * 65_535;
        packets.push((i == 1, start, event(6, false, (at - start).min(65_535) as u16)));
        if at - start > 65_375 {
            packets.push((false, start, event(6, false, 65_535)));
        }
    }
    assert_eq!(read(&packets), "6");
}

#[test]
fn a_sender_that_lets_the_timestamp_run_is_understood() {
    let mut packets: Vec<_> =
        (0..6u16).map(|i| (i == 0, u32::from(i) * 160, event(2, false, (i + 1) * 160))).collect();
    packets.extend((6..9).map(|i| (false, i * 160, event(2, true, 1_600))));
    assert_eq!(read(&packets), "2");
    packets.extend(packets.clone().into_iter().map(|(m, ts, p)| (m, ts + 4_000, p)));
    assert_eq!(read(&packets), "22");
}

#[test]
fn events_that_are_no_keys_and_halves_of_events_are_passed_over() {
    assert_eq!(
        read(&[(true, 0, event(16, false, 160)), (true, 9, event(255, true, 1)), (true, 9, vec![1, 2, 3])]),
        ""
    );
    assert_eq!(read(&[(true, 0, vec![])]), "");
}

#[test]
fn timestamps_that_jump_back_do_not_make_a_phone_dumb() {
    let mut packets: Vec<_> = (0..12u32).flat_map(|i| press(3, 500_000_000 + i * 4_000, true)).collect();
    packets.extend(press(4, 1_000, true));
    assert_eq!(read(&packets), format!("{}4", "3".repeat(12)));
}

#[test]
fn no_key_is_lost_or_doubled_on_bad_networks() {
    let digits: Vec<u8> = (0..400).map(|i| (i * 7 % 16) as u8).collect();
    let expected: String = digits.iter().filter_map(|c| key(*c)).collect();
    for loss in [0, 1, 3, 5, 10] {
        for jitter_ms in [0, 20, 60] {
            for (reorder, duplicate) in [(0, 0), (5, 5), (20, 20)] {
                let mut rig = Rig::new(1);
                rig.chance = super::audio::Lcg(u64::from(loss * 1_000 + jitter_ms * 10 + reorder));
                let leg = rig.leg(0, Codec::Pcmu);
                rig.plan(leg, |p| p.keys.report = true);
                rig.phone(leg).network = Network { loss, jitter_ms, reorder, duplicate };
                for c in &digits {
                    rig.press(leg, *c, 100, loss % 2 == 0);
                }
                rig.run(400 * 230);
                let mut heard = rig.keys(leg);
                let mut wanted = expected.clone();
                if jitter_ms > 20 {
                    // Presses follow each other after 60 ms: more jitter than that may exchange two, never lose one.
                    let sort = |s: &str| {
                        let mut v: Vec<char> = s.chars().collect();
                        v.sort_unstable();
                        v.into_iter().collect::<String>()
                    };
                    (heard, wanted) = (sort(&heard), sort(&wanted));
                }
                assert_eq!(heard, wanted, "loss {loss} jitter {jitter_ms} reorder {reorder}");
            }
        }
    }
}

#[test]
fn the_first_key_silences_the_prompt_at_once() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    let prompt = || vec![Item::Clip { clip: clip(&speech(1, 5_000)), times: 1 }];
    rig.plan(leg, |p| {
        p.keys.report = true;
        p.keys.silence_source = true;
    });
    rig.play(leg, 4, prompt(), true);
    rig.run(1_000);
    rig.press(leg, 5, 100, true);
    while rig.keys(leg).is_empty() {
        rig.step();
    }
    assert_eq!(rig.ended(leg), [4], "in the same call");
    let at =
        rig.events.iter().find(|(_, e)| matches!(e, chorus::media::event::MediaEvent::Key(..))).unwrap().0;
    rig.run(500);
    let mut after = rig.phones[&leg].got.iter().filter(|g| g.at_us > at);
    assert!(after.all(|g| g.payload == [0xFF; 160]), "nothing of the prompt leaves after the key");
    rig.play(leg, 4, prompt(), true);
    rig.run(500);
    assert_eq!((rig.ended(leg).len(), rig.keys(leg).as_str()), (1, "5"), "a repeated plan does not wake it");
}

#[test]
fn keys_that_are_played_are_events_with_three_ends() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    let list = vec![Item::Keys("1w2#".into()), Item::Clip { clip: clip(&speech(2, 200)), times: 1 }];
    rig.play(leg, 1, list, true);
    rig.run(2_000);
    let phone = &rig.phones[&leg];
    let keys = phone.keys();
    assert_eq!(keys.iter().map(|k| (k.0, k.2)).collect::<Vec<_>>(), [(1, 8), (2, 8), (11, 8)]);
    for (c, ts, _) in &keys {
        let packets: Vec<_> = phone.got.iter().filter(|g| g.pt == 101 && g.ts == *ts).collect();
        let durations: Vec<u16> =
            packets.iter().map(|g| u16::from_be_bytes([g.payload[2], g.payload[3]])).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800, 800]);
        let flags: Vec<u8> = packets.iter().map(|g| g.payload[1]).collect();
        assert_eq!(flags, [10, 10, 10, 10, 10, 0x8A, 0x8A, 0x8A], "volume and end bit of {c}");
        assert!(packets[0].marker && packets[1..].iter().all(|g| !g.marker));
    }
    assert_eq!(ts_after(keys[1].1, keys[0].1), 1_600 + 4_000, "w is half a second");
    assert_eq!(ts_after(keys[2].1, keys[1].1), 1_600);
    super::play::assert_one_stream(&rig, leg);
    assert_eq!(rig.ended(leg), [1]);
}

#[test]
fn keys_under_our_own_number_are_keys() {
    // The answer to our offer renumbers telephone-event, or leaves it out; the peer may send under the number we offered.
    for numbered in [Some(96), None] {
        let mut rig = Rig::new(1);
        let leg = rig.leg(0, Codec::Pcmu);
        rig.plan(leg, |p| {
            p.peer.as_mut().unwrap().dtmf_pt = numbered;
            p.keys.report = true;
        });
        rig.press(leg, 5, 100, true);
        rig.run(500);
        assert_eq!(rig.keys(leg), "5");
    }
}

#[test]
fn a_stall_loses_no_key() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    rig.play(leg, 1, vec![Item::Keys("123".into())], true);
    rig.run(250);
    rig.ticking = false;
    rig.run(300);
    rig.ticking = true;
    rig.run(800);
    let keys: Vec<_> = rig.phones[&leg].keys().iter().map(|k| (k.0, k.2)).collect();
    assert_eq!(keys, [(1, 8), (2, 8), (3, 8)]);
}

#[test]
fn a_peer_without_events_hears_dual_tones() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    rig.plan(leg, |p| p.peer.as_mut().unwrap().dtmf_pt = None);
    rig.play(leg, 1, vec![Item::Keys("0123456789*#ABCD".into())], true);
    rig.run(3_400);
    let heard = rig.phones[&leg].pcm();
    for (i, c) in "0123456789*#ABCD".chars().enumerate() {
        let [low, high] = frequencies(code(c).unwrap());
        let on = &heard[i * 1_600..i * 1_600 + 800];
        assert!(share(on, f64::from(low)) > 0.4 && share(on, f64::from(high)) > 0.4, "{c}");
        assert!(heard[i * 1_600 + 800..(i + 1) * 1_600].iter().all(|s| *s == 0));
    }
    assert!(rig.phones[&leg].got.iter().all(|g| g.pt == 0));
}

#[test]
fn a_key_by_info_reaches_the_other_end_of_a_bridge() {
    let mut rig = Rig::new(1);
    let (a, b) = (rig.leg(0, Codec::Pcmu), rig.leg(0, Codec::Pcma));
    rig.bridge(a, b, 1);
    rig.run(500);
    rig.command(0, EngineCommand::Key(a, '9'));
    rig.run(500);
    let events: Vec<_> = rig.phones[&b].got.iter().filter(|p| p.pt == 101).collect();
    assert_eq!(read(&events.iter().map(|p| (p.marker, p.ts, p.payload.clone())).collect::<Vec<_>>()), "9");
    assert_eq!(events.len(), 8, "five with the growing event, three ends");
}

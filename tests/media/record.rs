//! Recordings: content by correlation, alignment, gaps, limits, pauses, and a disk that fails.

use super::audio::{correlate, speech};
use super::rig::{Disk, Network, Rig, clip};
use chorus::media::event::{MediaEvent, TapEnd, TapEndReason};
use chorus::media::plan::{Codec, Item, Tap, TapId, Track};
use chorus::sid::RecordingSid;
use chorus::sip::event::LegId;

fn ends(rig: &Rig) -> Vec<(RecordingSid, TapEndReason, u64)> {
    rig.events
        .iter()
        .filter_map(|(_, e)| match e {
            MediaEvent::TapEnded(_, _, TapEnd { recording, reason, ms }) => Some((*recording, *reason, *ms)),
            _ => None,
        })
        .collect()
}

fn near(a: u64, b: u64, by: u64) -> bool {
    a.abs_diff(b) <= by
}

#[test]
fn each_channel_has_its_own_party_and_both_are_aligned() {
    for (a_codec, b_codec) in [(Codec::Pcmu, Codec::Pcmu), (Codec::Pcma, Codec::Pcmu)] {
        let mut rig = Rig::new(1);
        let a = rig.leg(0, a_codec);
        let b = rig.leg(0, b_codec);
        rig.bridge(a, b, 1);
        let file = rig.record(a, 1, |r| {
            r.track = Track::Both;
            r.channels = 2;
        });
        let (one, two) = (speech(1, 5_000), speech(2, 5_000));
        rig.says(a, &one);
        rig.says(b, &two);
        rig.run(6_000);
        rig.close(a);
        let f = &rig.files[&file];
        let (l1, r1) = correlate(&one, &f.channel(0));
        let (l2, r2) = correlate(&two, &f.channel(1));
        assert!(r1 > 0.98 && r2 > 0.98, "{r1} {r2}");
        assert!((0..320).contains(&l1) && (0..320).contains(&l2), "under 40 ms: {l1} {l2}");
        assert_eq!(ends(&rig), [(file, TapEndReason::Stopped, 6_000)]);
        let writes = &f.writes_us;
        assert!(writes.windows(2).all(|w| w[1] - w[0] <= 500_000), "handed over every 500 ms");
    }
}

#[test]
fn both_in_one_channel_are_added() {
    let mut rig = Rig::new(1);
    let a = rig.leg(0, Codec::Pcmu);
    let (voice, prompt) = (speech(1, 3_000), speech(2, 3_000));
    let file = rig.record(a, 1, |r| r.track = Track::Both);
    let out = rig.record(a, 2, |r| r.track = Track::Outbound);
    rig.says(a, &voice);
    rig.play(a, 1, vec![Item::Clip { clip: clip(&prompt), times: 1 }], true);
    rig.run(3_500);
    rig.close(a);
    let mixed = rig.files[&file].channel(0);
    let (_, r1) = correlate(&voice, &mixed);
    let (_, r2) = correlate(&prompt, &mixed);
    assert!(r1 > 0.5 && r2 > 0.5, "{r1} {r2}");
    assert!(correlate(&prompt, &rig.files[&out].channel(0)).1 > 0.99);
    assert!(correlate(&voice, &rig.files[&out].channel(0)).1 < 0.5);
}

#[test]
fn a_bad_network_makes_gaps_not_shrinkage() {
    for loss in [0, 3, 10, 20] {
        for jitter_ms in [0, 20, 60, 120] {
            for reorder in [0, 20] {
                let mut rig = Rig::new(1);
                let a = rig.leg(0, Codec::Pcmu);
                rig.phone(a).network = Network { loss, jitter_ms, reorder, duplicate: 2 };
                let file = rig.record(a, 1, |_| {});
                let voice = speech(u64::from(loss), 8_000);
                rig.says(a, &voice);
                rig.run(8_500);
                rig.close(a);
                let heard = rig.files[&file].channel(0);
                assert!(near(heard.len() as u64, 8_500 * 8, 160), "{}", heard.len());
                let (lag, r) = rig.alike_where_it_arrived(a, &voice, &heard);
                assert!(r > 0.97, "loss {loss} jitter {jitter_ms} reorder {reorder}: {r} {lag}");
                assert!((-80..=480 + i64::from(jitter_ms) * 8).contains(&lag), "{lag}");
            }
        }
    }
}

#[test]
fn a_stretch_without_packets_is_silence_of_its_length() {
    let mut rig = Rig::new(1);
    let a = rig.leg(0, Codec::Pcmu);
    let file = rig.record(a, 1, |_| {});
    let voice = speech(3, 6_000);
    rig.says(a, &voice);
    rig.run(2_000);
    rig.phone(a).network.loss = 100;
    rig.run(2_000);
    rig.phone(a).network.loss = 0;
    rig.run(2_500);
    rig.close(a);
    let heard = rig.files[&file].channel(0);
    let (before, r1) = correlate(&voice[..15_000], &heard[..17_000]);
    let (after, r2) = correlate(&voice[33_000..47_000], &heard[33_000..]);
    assert!(r1 > 0.98 && r2 > 0.98 && (before - after).abs() < 80, "{before} {r1} {after} {r2}");
    assert!(heard[16_500..31_500].iter().all(|s| *s == 0));
}

#[test]
fn a_clock_that_runs_off_is_followed() {
    for ppm in [-200i64, 200] {
        let mut rig = Rig::new(1);
        let a = rig.leg(0, Codec::Pcmu);
        let file = rig.record(a, 1, |_| {});
        // Ten minutes at 200 ppm are 120 ms.
        let voice = speech(4, 600_000);
        rig.says(a, &voice);
        let mut drift = 0i64;
        for _ in 0..120_000 {
            rig.step();
            drift += ppm;
            // One microsecond at a time, as a crystal would.
            let phone = rig.phone(a);
            let us = drift / 200;
            phone.next_us = phone.next_us.saturating_add_signed(us);
            drift -= us * 200;
        }
        rig.close(a);
        let heard = rig.files[&file].channel(0);
        assert!(near(heard.len() as u64, 4_800_000, 160), "not stretched: {}", heard.len());
        let n = heard.len();
        // What was said in the last ten seconds was said `shift` samples later or earlier than the phone's clock says.
        let shift = 600_000 * 8 * ppm / 1_000_000;
        let tail = 4_640_000usize;
        let (lag, r) = correlate(&voice[tail..tail + 40_000], &heard[tail..n.min(tail + 60_000)]);
        assert!(r > 0.9, "{r}");
        assert!((lag - shift).abs() < 320, "{ppm} ppm: at {lag}, should be near {shift}");
    }
}

#[test]
fn a_jump_of_timestamps_and_a_new_sender_leave_no_hole() {
    let mut rig = Rig::new(1);
    let a = rig.leg(0, Codec::Pcmu);
    let file = rig.record(a, 1, |_| {});
    let voice = speech(5, 6_000);
    rig.says(a, &voice);
    rig.run(2_000);
    rig.phone(a).ts = 99;
    rig.run(2_000);
    rig.phone(a).ssrc = 1_234_567;
    rig.phone(a).seq = 3;
    rig.phone(a).ts = 3_000_000_000;
    rig.run(2_500);
    rig.close(a);
    let (lag, r) = correlate(&voice, &rig.files[&file].channel(0));
    assert!(r > 0.98 && (0..320).contains(&lag), "{lag} {r}");
}

#[test]
fn silence_ends_it_and_length_ends_it() {
    let mut rig = Rig::new(1);
    let a = rig.leg(0, Codec::Pcmu);
    let quiet = rig.record(a, 1, |r| r.max_silence_ms = Some(2_000));
    let long = rig.record(a, 2, |r| r.max_length_ms = Some(4_999));
    let short = rig.record(a, 3, |r| r.max_length_ms = Some(1_000));
    rig.says(a, &speech(6, 3_000));
    rig.run(8_000);
    let mut ended = ends(&rig);
    ended.sort_by_key(|e| e.0);
    assert_eq!(ended.len(), 3);
    assert_eq!(ended[1], (long, TapEndReason::Length, 4_999));
    assert_eq!(ended[2], (short, TapEndReason::Length, 1_000));
    assert_eq!((ended[0].0, ended[0].1), (quiet, TapEndReason::Silence));
    assert!(near(ended[0].2, 5_000, 80), "{}", ended[0].2);
    rig.plan(a, |_| {});
    rig.run(1_000);
    assert_eq!(ends(&rig).len(), 3, "a plan that still names them starts nothing");
    rig.close(a);
    assert_eq!(ends(&rig).len(), 3);
    rig.assert_empty();
}

#[test]
fn silence_counts_from_the_start_and_without_any_packet() {
    let mut rig = Rig::new(1);
    let a = rig.leg(0, Codec::Pcmu);
    rig.record(a, 1, |r| r.max_silence_ms = Some(5_000));
    rig.run(5_100);
    assert!(ends(&rig).is_empty());
    rig.run(300);
    assert_eq!(ends(&rig)[0].1, TapEndReason::Silence);
}

#[test]
fn trimming_cuts_both_ends_and_nothing_else() {
    let mut rig = Rig::new(1);
    let a = rig.leg(0, Codec::Pcmu);
    let file = rig.record(a, 1, |r| r.trim = true);
    let nothing = rig.record(a, 2, |r| {
        r.trim = true;
        r.track = Track::Outbound;
    });
    let voice =
        [vec![0; 16_000], speech(7, 2_000), vec![0; 8_000], speech(8, 1_000), vec![0; 24_000]].concat();
    rig.says(a, &voice);
    rig.run(9_000);
    rig.close(a);
    let f = &rig.files[&file];
    let ms = f.closed_ms.unwrap();
    assert!((4_000..4_300).contains(&ms), "{ms}");
    let (lag, r) = correlate(&voice[16_000..48_000], &f.channel(0));
    assert!(r > 0.98 && (0..=900).contains(&lag), "{lag} {r}");
    assert_eq!(rig.files[&nothing].closed_ms, Some(0));
}

#[test]
fn a_pause_leaves_silence_or_nothing() {
    for skip in [false, true] {
        let mut rig = Rig::new(1);
        let a = rig.leg(0, Codec::Pcmu);
        let file = rig.record(a, 1, |r| r.skip = skip);
        let voice = speech(9, 6_000);
        rig.says(a, &voice);
        let pause = |rig: &mut Rig, on| {
            rig.plan(a, |p| match p.taps.get_mut(&TapId(1)) {
                Some(Tap::Record(r)) => r.paused = on,
                _ => unreachable!(),
            });
        };
        rig.run(2_000);
        pause(&mut rig, true);
        rig.run(2_000);
        pause(&mut rig, false);
        rig.run(2_000);
        rig.close(a);
        let heard = rig.files[&file].channel(0);
        let (first, r1) = correlate(&voice[..15_000], &heard[..16_200]);
        assert!(r1 > 0.98 && (0..320).contains(&first), "{first} {r1}");
        let (length, from) = if skip { (4_000, 16_000) } else { (6_000, 32_000) };
        assert!(near(heard.len() as u64 / 8, length, 20), "{skip} {}", heard.len());
        let (second, r2) = correlate(&voice[32_400..47_000], &heard[from + 400..]);
        assert!(r2 > 0.98 && second.abs() < 320, "{skip} {second} {r2}");
        if !skip {
            assert!(heard[16_400..31_900].iter().all(|s| *s == 0));
        }
    }
}

/// A kill leaves an empty file only of a recording that is younger than the ring's lag of 240 ms.
#[test]
fn the_first_frame_goes_to_the_disk_with_the_turn_that_takes_it_out_of_the_ring() {
    let mut rig = Rig::new(1);
    let a = rig.leg(0, Codec::Pcmu);
    rig.says(a, &speech(13, 3_000));
    let (start, file) = (rig.now_us, rig.record(a, 1, |_| {}));
    rig.run(2_000);
    let writes: Vec<u64> = rig.files[&file].writes_us.iter().map(|at| at - start).collect();
    // The lag, the frame itself, and the turn that it waits for.
    assert!(writes[0] <= 345_000 && writes.len() >= 5, "{writes:?}");
    rig.close(a);
    rig.assert_empty();
}

#[test]
fn a_slow_disk_ends_the_recording_and_not_the_call() {
    let mut rig = Rig::new(1);
    let a = rig.leg(0, Codec::Pcmu);
    let b = rig.leg(0, Codec::Pcmu);
    rig.bridge(a, b, 1);
    let file = rig.record(a, 1, |_| {});
    let voice = speech(10, 9_000);
    rig.says(a, &voice);
    rig.run(2_000);
    rig.disk = Disk::Stuck;
    rig.run(800);
    rig.disk = Disk::Good;
    rig.run(1_200);
    assert!(ends(&rig).is_empty(), "0.8 s are bridged by the buffers");
    rig.disk = Disk::Stuck;
    rig.run(4_000);
    assert!(ends(&rig).is_empty(), "told when the disk has closed it");
    rig.disk = Disk::Good;
    rig.disk_works();
    let ended = ends(&rig);
    assert_eq!((ended.len(), ended[0].1), (1, TapEndReason::Failed));
    assert!((4_500..7_000).contains(&ended[0].2), "{ended:?}");
    assert!(correlate(&voice[..32_000], &rig.files[&file].channel(0)).1 > 0.98, "valid up to there");
    rig.run(500);
    assert!(correlate(&voice[..40_000], &rig.phones[&b].pcm()).1 > 0.98, "the call heard nothing of it");
    rig.close(a);
    rig.close(b);
    rig.assert_empty();
}

/// A leg that speaks and is recorded.
fn recorded(seed: u64) -> (Rig, LegId, RecordingSid) {
    let mut rig = Rig::new(1);
    let a = rig.leg(0, Codec::Pcmu);
    rig.says(a, &speech(seed, 9_000));
    let file = rig.record(a, 1, |_| {});
    (rig, a, file)
}

#[test]
fn a_disk_that_hangs_does_not_hold_what_waits_for_the_recording() {
    let (mut rig, a, file) = recorded(11);
    rig.run(2_000);
    rig.disk = Disk::Stuck;
    rig.plan(a, |p| p.taps.clear());
    rig.run(9_900);
    assert!(ends(&rig).is_empty(), "a slow disk has ten seconds");
    rig.run(200);
    assert_eq!(ends(&rig), [(file, TapEndReason::Failed, 0)]);
    // Also when the leg is gone, and what the disk says in the end changes nothing.
    let other = rig.record(a, 2, |_| {});
    rig.run(500);
    rig.close(a);
    rig.run(10_100);
    assert_eq!(ends(&rig)[1..], [(other, TapEndReason::Failed, 0)]);
    rig.assert_empty();
    rig.disk = Disk::Good;
    rig.disk_works();
    assert_eq!(ends(&rig).len(), 2);
    rig.assert_empty();
}

#[test]
fn a_full_disk_ends_it_as_failed() {
    let (mut rig, a, file) = recorded(11);
    rig.run(3_000);
    rig.disk = Disk::Full;
    rig.run(1_000);
    let ended = ends(&rig);
    assert_eq!((ended.len(), ended[0].0, ended[0].1), (1, file, TapEndReason::Failed));
    assert!((2_000..3_000).contains(&ended[0].2), "{ended:?}");
    let never = rig.record(a, 2, |_| {});
    rig.run(100);
    let ended = ends(&rig);
    assert_eq!(ended[1], (never, TapEndReason::Failed, 0));
    rig.disk = Disk::Good;
    rig.close(a);
    assert_eq!(ends(&rig).len(), 2);
    rig.assert_empty();
}

#[test]
fn a_recording_that_the_plan_drops_ends_there() {
    let (mut rig, a, file) = recorded(12);
    rig.run(1_235);
    rig.plan(a, |p| p.taps.clear());
    assert_eq!(ends(&rig), [(file, TapEndReason::Stopped, 1_235)]);
    assert_eq!(rig.files[&file].closed_ms, Some(1_235));
}

//! What is played: items, growth of the list, tones, keys, the tick and its stalls.

use super::audio::{correlate, share, sine, speech};
use super::rig::{Rig, START_US, clip, through_ulaw};
use chorus::media::event::MediaEvent;
use chorus::media::plan::{Codec, Item, Source, SourceId};
use chorus::media::rtp::{seq_after, ts_after};
use chorus::media::tone::{beep, knows, ringback};

/// What a phone got has one SSRC, a sequence without holes and timestamps that only grow.
pub fn assert_one_stream(rig: &Rig, leg: chorus::sip::event::LegId) {
    let got = &rig.phones[&leg].got;
    for (a, b) in got.iter().zip(got.iter().skip(1)) {
        assert_eq!(a.ssrc, b.ssrc);
        assert_eq!(seq_after(b.seq, a.seq), 1, "at {} us", b.at_us - START_US);
        let step = ts_after(b.ts, a.ts);
        assert!(step > 0 || (step == 0 && b.pt == 101), "timestamp went {step} at {} us", b.at_us - START_US);
    }
}

#[test]
fn a_clip_is_heard_whole_and_its_end_is_told() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let mut rig = Rig::new(1);
        let leg = rig.leg(0, codec);
        let voice = speech(1, 2_000);
        rig.play(leg, 1, vec![Item::Clip { clip: clip(&voice), times: 1 }], true);
        rig.run(1_980);
        assert!(rig.ended(leg).is_empty(), "not before it was heard");
        rig.run(60);
        assert_eq!(rig.ended(leg), [1]);
        let (lag, r) = correlate(&through_ulaw(&voice), &rig.phones[&leg].pcm());
        assert!(lag == 0 && r > 0.999, "{codec:?} {lag} {r}");
        let got = &rig.phones[&leg].got;
        assert!(got[0].marker && got[1..].iter().all(|g| !g.marker), "a talkspurt begins once");
        assert!(got.iter().all(|g| g.payload.len() == 160));
        let silence = if codec == Codec::Pcmu { 0xFF } else { 0xD5 };
        assert_eq!(got.len(), 102);
        assert!(got[100..].iter().all(|g| g.payload == [silence; 160]), "and then silence goes on");
        assert_one_stream(&rig, leg);
        rig.close(leg);
        rig.assert_empty();
    }
}

#[test]
fn items_follow_each_other_without_a_gap_whatever_their_length() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    let (a, b) = (sine(400.0, 133, 8_000.0), speech(2, 511));
    let list = vec![
        Item::Clip { clip: clip(&a), times: 2 },
        Item::Silence(77),
        Item::Clip { clip: clip(&b), times: 1 },
        Item::Clip { clip: clip(&[]), times: 3 },
    ];
    rig.play(leg, 1, list, true);
    rig.run(1_200);
    let mut expected = [a.clone(), a, vec![0; 77 * 8], b].concat();
    let heard = rig.phones[&leg].pcm();
    expected.resize(heard.len(), 0);
    assert!(heard == through_ulaw(&expected));
    assert_eq!(rig.ended(leg), [1]);
}

#[test]
fn a_list_may_grow_while_it_plays_and_ends_when_closed() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    let parts: Vec<_> = (0..4).map(|i| speech(i, 260)).collect();
    let item = |i: usize| Item::Clip { clip: clip(&parts[i]), times: 1 };
    rig.play(leg, 9, vec![item(0)], false);
    rig.run(100);
    rig.play(leg, 9, vec![item(0), item(1), item(2)], false);
    rig.run(1_500);
    assert!(rig.ended(leg).is_empty(), "open: waits for more");
    let heard = rig.phones[&leg].pcm();
    let mut expected = through_ulaw(&[parts[0].clone(), parts[1].clone(), parts[2].clone()].concat());
    expected.resize(heard.len(), 0);
    assert!(heard == expected, "appending left no gap, and silence goes on");
    rig.play(leg, 9, vec![item(0), item(1), item(2), item(3)], true);
    rig.run(400);
    assert_eq!(rig.ended(leg), [9]);
    assert_one_stream(&rig, leg);
    rig.play(leg, 9, vec![item(0), item(1), item(2), item(3)], true);
    rig.run(400);
    assert_eq!(rig.ended(leg), [9], "the same plan again starts nothing");
}

#[test]
fn a_new_id_starts_anew_and_a_missing_one_stops() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    let voice = speech(3, 2_000);
    let list = || vec![Item::Clip { clip: clip(&voice), times: 1 }];
    rig.play(leg, 1, list(), true);
    rig.run(500);
    rig.play(leg, 2, list(), true);
    rig.run(500);
    rig.plan(leg, |p| p.source = None);
    let n = rig.phones[&leg].got.len();
    rig.run(1_000);
    assert!(rig.phones[&leg].got[n..].iter().all(|g| g.payload == [0xFF; 160]), "only silence is sent");
    assert!(rig.ended(leg).is_empty(), "what the plan stopped is not reported");
    let heard = rig.phones[&leg].pcm();
    let (lag, r) = correlate(&through_ulaw(&voice)[..3_900], &heard[4_000..]);
    assert!(lag == 0 && r > 0.99, "{lag} {r}");
    assert_one_stream(&rig, leg);
}

#[test]
fn ringback_repeats_until_it_is_replaced() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    rig.plan(leg, |p| p.source = Some((SourceId(1), Source::Tone(ringback("uk")))));
    rig.run(6_500);
    let heard = rig.phones[&leg].pcm();
    for round in 0..2 {
        let at = round * 24_000;
        for on in [at..at + 3_200, at + 4_800..at + 8_000] {
            let part = &heard[on];
            assert!(share(part, 400.0) > 0.45 && share(part, 450.0) > 0.45);
        }
        assert!(heard[at + 3_200..at + 4_800].iter().chain(&heard[at + 8_000..at + 24_000]).all(|s| *s == 0));
    }
    assert!(knows("uk") && !knows("atlantis"));
    assert_eq!(ringback("atlantis"), ringback("us"));
    let codes = "at au bg br be ch cl cn cz de dk ee es fi fr gr hu il in it lt jp mx my nl no nz ph pl pt ru se sg th uk us us-old tw ve za";
    for code in codes.split(' ') {
        assert!(knows(code), "{code}");
        let c = ringback(code);
        assert!(c.0.iter().any(|(_, hz)| hz.is_empty()) && c.0.iter().any(|(_, hz)| !hz.is_empty()));
    }
}

#[test]
fn the_beep_is_one_tone_that_does_not_click() {
    let pcm: Vec<i16> = beep().ulaw.iter().map(|o| chorus::media::codec::g711::pcm_from_ulaw(*o)).collect();
    assert!(share(&pcm, 1_000.0) > 0.97);
    assert!(pcm[0] == 0 && pcm[pcm.len() - 1].abs() < 300);
    assert!(pcm.iter().any(|s| *s > 6_000));
}

#[test]
fn the_peer_gets_the_packet_time_it_wants() {
    for ptime in [10u8, 20, 30, 40, 60] {
        let mut rig = Rig::new(1);
        let leg = rig.leg(0, Codec::Pcmu);
        rig.plan(leg, |p| p.peer.as_mut().unwrap().ptime = ptime);
        let voice = speech(4, 1_200);
        rig.play(leg, 1, vec![Item::Clip { clip: clip(&voice), times: 1 }], true);
        rig.run(1_300);
        assert!(rig.phones[&leg].got.iter().all(|g| g.payload.len() == usize::from(ptime) * 8));
        let heard = rig.phones[&leg].pcm();
        let differs = heard.iter().zip(through_ulaw(&voice)).position(|(a, b)| *a != b);
        assert_eq!((differs, heard.len() >= 9_600 - 320), (None, true), "{ptime}");
        assert_one_stream(&rig, leg);
    }
}

#[test]
fn after_a_stall_two_late_frames_leave_and_nothing_of_the_clip_is_lost() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    let voice = speech(5, 3_000);
    rig.play(leg, 1, vec![Item::Clip { clip: clip(&voice), times: 1 }], true);
    rig.run(1_000);
    rig.ticking = false;
    rig.run(500);
    let n = rig.phones[&leg].got.len();
    rig.ticking = true;
    rig.run(20);
    assert_eq!(rig.phones[&leg].got.len() - n, 2);
    rig.run(1_600);
    assert_eq!(rig.ended(leg), [0; 0], "it waited during the stall");
    rig.run(500);
    assert_eq!(rig.ended(leg), [1]);
    // What a phone puts together that knows no time: all of it, in order.
    let got = &rig.phones[&leg].got;
    let all: Vec<u8> = got.iter().flat_map(|g| g.payload.iter().copied()).collect();
    assert!(chorus::cli::compare::samples(&all)[..24_000] == through_ulaw(&voice)[..], "every sample");
    assert!(got.windows(2).all(|w| w[1].seq == w[0].seq.wrapping_add(1)), "nothing looks lost");
    let steps: Vec<_> = got.windows(2).map(|w| (ts_after(w[1].ts, w[0].ts), w[1].marker)).collect();
    let pauses: Vec<_> = steps.iter().filter(|(step, _)| *step != 160).collect();
    assert!(matches!(pauses[..], [(160.., true)]), "one pause, after which a talkspurt begins: {pauses:?}");
    rig.close(leg);
    let late = rig.events.iter().find_map(|(_, e)| match e {
        MediaEvent::Stats(_, s) => Some(s.late),
        _ => None,
    });
    assert_eq!(late, Some(2));
}

#[test]
fn ticks_at_odd_times_keep_the_rate() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    let voice = speech(6, 10_000);
    rig.play(leg, 1, vec![Item::Clip { clip: clip(&voice), times: 1 }], true);
    rig.ticking = false;
    let mut chance = super::audio::Lcg(4);
    let start = rig.now_us;
    for i in 0..480u64 {
        rig.now_us = start + i * 20_000 + u64::from(chance.below(4_000));
        let now = rig.now();
        for phase in 0..4 {
            rig.engines[0].on_tick(now, phase, &mut rig.out);
            rig.engines[0].on_tick(now, phase, &mut rig.out);
        }
        rig.perform(0);
    }
    assert_eq!(rig.phones[&leg].got.len(), 480);
    assert_one_stream(&rig, leg);
}

#[test]
fn legs_are_spread_over_the_phases() {
    let mut rig = Rig::new(1);
    let legs: Vec<_> = (0..8).map(|_| rig.leg(0, Codec::Pcmu)).collect();
    assert_eq!(rig.engines[0].legs_in_phases(), [2, 2, 2, 2]);
    for l in legs {
        rig.close(l);
    }
    assert_eq!(rig.engines[0].legs_in_phases(), [0; 4]);
}

#[test]
fn on_hold_nothing_is_sent_and_time_runs_on() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    let voice = speech(7, 2_000);
    rig.play(leg, 1, vec![Item::Clip { clip: clip(&voice), times: 1 }], true);
    rig.run(500);
    rig.plan(leg, |p| p.peer.as_mut().unwrap().send = false);
    let n = rig.phones[&leg].got.len();
    rig.run(500);
    assert_eq!(rig.phones[&leg].got.len(), n);
    rig.plan(leg, |p| p.peer.as_mut().unwrap().send = true);
    rig.run(1_100);
    assert_eq!(rig.ended(leg), [1]);
    let heard = rig.phones[&leg].pcm();
    assert!(heard[9_000..15_000] == through_ulaw(&voice)[9_000..15_000]);
}

#[test]
fn silence_of_the_peer_is_told_once_and_not_on_hold() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    rig.plan(leg, |p| p.silent_after_s = Some(10));
    let silent = |rig: &Rig| -> Vec<u64> {
        let at = rig.events.iter().filter(|(_, e)| matches!(e, MediaEvent::Silent(l) if *l == leg));
        at.map(|(at, _)| (at - START_US) / 1_000).collect()
    };
    rig.says(leg, &[]);
    rig.run(20_000);
    assert!(silent(&rig).is_empty(), "packets of silence are packets");
    rig.phone(leg).sending = false;
    rig.run(9_900);
    assert!(silent(&rig).is_empty());
    rig.run(10_000);
    let told = silent(&rig);
    assert!(told.len() == 1 && (29_980..30_020).contains(&told[0]), "{told:?}");
    rig.phone(leg).sending = true;
    rig.run(100);
    rig.phone(leg).sending = false;
    rig.run(5_000);
    rig.plan(leg, |p| p.peer.as_mut().unwrap().recv = false);
    rig.run(60_000);
    assert_eq!(silent(&rig).len(), 1, "on hold nobody waits");
    rig.plan(leg, |p| p.peer.as_mut().unwrap().recv = true);
    rig.run(9_900);
    assert_eq!(silent(&rig).len(), 1);
    rig.run(300);
    assert_eq!(silent(&rig).len(), 2);
    rig.phone(leg).sending = true;
    rig.run(100);
    rig.phone(leg).sending = false;
    rig.plan(leg, |p| {
        let peer = p.peer.as_mut().unwrap();
        (peer.rtp, peer.send) = (None, false);
    });
    rig.run(60_000);
    assert_eq!(silent(&rig).len(), 2, "hold by c=0.0.0.0 is hold");
}

#[test]
fn early_media_without_a_packet_does_not_count_against_the_answered_call() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    rig.run(50_000);
    rig.plan(leg, |p| p.silent_after_s = Some(10));
    let silent = |rig: &Rig| rig.events.iter().any(|(_, e)| matches!(e, MediaEvent::Silent(_)));
    rig.run(9_900);
    assert!(!silent(&rig));
    rig.run(300);
    assert!(silent(&rig));
}

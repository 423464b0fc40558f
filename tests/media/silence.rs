//! Silence: what a peer hears while there is nothing to say, and comfort noise (RFC 3389) of a peer that says nothing.

use super::audio::{correlate, speech};
use super::play::assert_one_stream;
use super::rig::{Rig, clip};
use super::stream;
use chorus::media::comfort::Noise;
use chorus::media::event::{MediaEvent, TapEndReason};
use chorus::media::level;
use chorus::media::plan::{Codec, Item, Source, SourceId, Track};
use chorus::media::rtp::Packet;
use chorus::sip::event::LegId;

/// The phone stops sending with a packet of comfort noise at that level.
fn fall_silent(rig: &mut Rig, leg: LegId, level: u8) {
    let phone = rig.phone(leg);
    phone.sending = false;
    let (seq, ts, ssrc, from) = (phone.seq, phone.ts, phone.ssrc, phone.addr);
    phone.seq = seq.wrapping_add(1);
    let mut bytes = Vec::new();
    Packet { marker: false, pt: 13, seq, ts, ssrc, payload: &[level, 127, 3] }.write(&mut bytes);
    rig.rtp_from(leg, from, &bytes);
}

fn effective(pcm: &[i16]) -> f64 {
    (pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt()
}

#[test]
fn the_level_is_that_of_the_packet_but_always_silence() {
    for (octet, expected) in [(55, 57.1), (60, 32.1), (65, 18.1), (0x80 | 60, 32.1), (30, 101.6), (0, 101.6)]
    {
        let mut noise = Noise::of(&[octet]);
        let pcm: Vec<i16> = (0..8_000).map(|_| noise.sample()).collect();
        let rms = effective(&pcm);
        assert!((rms / expected - 1.0).abs() < 0.05, "-{octet} dBov: {rms}, should be {expected}");
        assert!(level::is_silent(&pcm));
        let mean = pcm.iter().map(|s| f64::from(*s)).sum::<f64>() / 8_000.0;
        assert!(mean.abs() < 3.0, "no offset: {mean}");
    }
    for payload in [&[][..], &[127][..], &[90][..]] {
        let mut noise = Noise::of(payload);
        assert!((0..100).all(|_| noise.octet() == 0xFF));
    }
}

#[test]
fn while_there_is_nothing_to_say_silence_is_sent_without_a_gap() {
    // Before anything is planned; after what was played; in an open list; between bridges.
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let mut rig = Rig::new(1);
        let (leg, other) = (rig.leg(0, codec), rig.leg(0, codec));
        rig.run(1_000);
        rig.play(leg, 1, vec![Item::Clip { clip: clip(&speech(1, 330)), times: 1 }], true);
        rig.run(1_000);
        rig.play(leg, 2, vec![Item::Silence(50)], false);
        rig.run(1_000);
        rig.says(other, &speech(2, 1_000));
        rig.bridge(leg, other, 3);
        rig.run(1_000);
        rig.plan(leg, |p| p.source = None);
        rig.run(16_000);
        let got = &rig.phones[&leg].got;
        let gap = got.windows(2).map(|w| w[1].at_us - w[0].at_us).max();
        assert!(gap <= Some(40_000), "{gap:?}");
        assert!((998..=1_002).contains(&got.len()), "50 packets a second: {}", got.len());
        let silence = if codec == Codec::Pcmu { 0xFF } else { 0xD5 };
        assert!(got[got.len() - 700..].iter().all(|g| g.payload == [silence; 160]));
        assert_one_stream(&rig, leg);
    }
}

#[test]
fn a_bridged_leg_whose_partner_is_mute_hears_silence_after_a_second_and_then_the_partner() {
    let mut rig = Rig::new(1);
    let (a, b) = (rig.leg(0, Codec::Pcmu), rig.leg(0, Codec::Pcmu));
    rig.bridge(a, b, 1);
    rig.says(a, &speech(1, 1_000));
    rig.run(1_000);
    rig.phone(a).sending = false;
    rig.run(3_000);
    let voice = speech(2, 1_000);
    rig.says(a, &voice);
    rig.run(1_100);
    let got = &rig.phones[&b].got;
    let gap = got.windows(2).map(|w| w[1].at_us - w[0].at_us).max().unwrap();
    assert!((980_000..=1_040_000).contains(&gap), "{gap}");
    assert_one_stream(&rig, b);
    let (lag, r) = correlate(&voice, &rig.phones[&b].pcm()[30_000..]);
    assert!(r > 0.98, "{lag} {r}");
    rig.phone(a).sending = false;
    rig.phone(b).sending = false;
    rig.close(a);
    rig.run(2_000);
    let last = rig.phones[&b].got.last().unwrap().at_us;
    assert!(rig.now_us - last <= 20_000, "a partner that is gone is silence too");
}

#[test]
fn comfort_noise_is_heard_in_recordings_and_streams_until_audio_comes() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    let file = rig.record(leg, 1, |_| {});
    stream::open(&mut rig, leg, Track::Inbound, false);
    rig.says(leg, &speech(1, 2_000));
    rig.run(2_000);
    fall_silent(&mut rig, leg, 55);
    rig.run(2_000);
    fall_silent(&mut rig, leg, 65);
    rig.run(1_000);
    let voice = speech(2, 2_000);
    rig.says(leg, &voice);
    rig.run(2_000);
    let streamed = stream::heard(&rig, "inbound");
    rig.close(leg);
    for heard in [rig.files[&file].channel(0), streamed] {
        for (part, expected) in [(&heard[17_000..31_000], 57.0), (&heard[33_000..39_000], 18.0)] {
            let rms = effective(part);
            assert!((rms / expected - 1.0).abs() < 0.25, "{rms}, should be {expected}");
            let quiet = part.chunks(160).filter(|f| f.iter().all(|s| *s == 0)).count();
            assert_eq!(quiet, 0, "without a hole");
        }
        let (lag, r) = correlate(&voice[..14_000], &heard[38_000..]);
        assert!(r > 0.98, "{lag} {r}");
    }
}

#[test]
fn comfort_noise_lets_a_recording_end_by_silence() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    rig.record(leg, 1, |r| r.max_silence_ms = Some(3_000));
    rig.says(leg, &speech(1, 1_000));
    rig.run(1_000);
    fall_silent(&mut rig, leg, 20);
    rig.run(4_000);
    let ended = rig.events.iter().find_map(|(at, e)| match e {
        MediaEvent::TapEnded(_, _, end) => Some((*at, end.reason)),
        _ => None,
    });
    assert_eq!(ended.map(|(_, reason)| reason), Some(TapEndReason::Silence));
}

#[test]
fn a_bridge_passes_comfort_noise_on_or_makes_it() {
    for agreed in [true, false] {
        let mut rig = Rig::new(1);
        let (a, b) = (rig.leg(0, Codec::Pcmu), rig.leg(0, Codec::Pcma));
        if agreed {
            rig.plan(b, |p| p.peer.as_mut().unwrap().cn_pt = Some(13));
        }
        let file = rig.record(b, 1, |r| r.track = Track::Outbound);
        rig.plan(b, |p| p.source = Some((SourceId(1), Source::Leg(a))));
        rig.says(a, &speech(1, 1_000));
        rig.run(1_000);
        let before = rig.phones[&b].got.len();
        fall_silent(&mut rig, a, 55);
        rig.run(900);
        let got = &rig.phones[&b].got[before..];
        match agreed {
            true => {
                assert_eq!(got.len(), 1, "one packet stands for all that silence");
                assert_eq!((got[0].pt, &got[0].payload[..]), (13, &[55, 127, 3][..]));
            }
            false => {
                assert!((44..=46).contains(&got.len()) && got.iter().all(|g| g.pt == 8), "{}", got.len());
                let heard = rig.phones[&b].pcm();
                let rms = effective(&heard[9_000..14_000]);
                assert!((45.0..70.0).contains(&rms), "{rms}");
            }
        }
        let voice = speech(2, 1_000);
        rig.says(a, &voice);
        rig.run(1_200);
        assert_one_stream(&rig, b);
        let heard = rig.phones[&b].pcm();
        let (_, r) = correlate(&voice[..7_000], &heard[14_500..]);
        assert!(r > 0.98, "agreed: {agreed}: {r}");
        rig.close(b);
        let recorded = rig.files[&file].channel(0);
        let rms = effective(&recorded[9_000..14_000]);
        assert!((45.0..70.0).contains(&rms), "agreed {agreed}: what {rms}");
    }
}

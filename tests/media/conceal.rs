//! Lost packets in recordings and streams: what stands in for them is closer to what was said than silence, and does not click.

use super::audio::{Lcg, correlate, sine, speech};
use super::rig::{Network, Rig, clip, through_ulaw};
use super::stream;
use chorus::media::codec::g711::pcm_from_ulaw;
use chorus::media::conceal::{Concealer, HISTORY, LOST};
use chorus::media::plan::{Codec, Item, Track};

/// Signal to noise in dB of what was heard against what was said.
fn snr(said: &[i16], heard: &[i16]) -> f64 {
    let power = |x: &mut dyn Iterator<Item = f64>| x.map(|s| s * s).sum::<f64>();
    let signal = power(&mut said.iter().map(|s| f64::from(*s)));
    let noise = power(&mut said.iter().zip(heard).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    10.0 * (signal / noise.max(1.0)).log10()
}

/// How far the levels of 10 ms each are apart, in dB: the hole that a listener and a recogniser mind.
fn levels_apart(said: &[i16], heard: &[i16]) -> f64 {
    let level = |f: &[i16]| {
        let power = f.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / f.len() as f64;
        10.0 * (power + 100.0).log10()
    };
    let all: Vec<f64> =
        said.chunks(80).zip(heard.chunks(80)).map(|(a, b)| (level(a) - level(b)).powi(2)).collect();
    (all.iter().sum::<f64>() / all.len() as f64).sqrt()
}

fn steepest(x: &[i16]) -> i32 {
    x.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap()
}

/// Speech of the embedded voice.
fn spoken() -> Vec<i16> {
    let text = "A call is accepted when its answer has left, and what is lost on the way is made up from what was heard before. \
                Please hold the line, and somebody will be with you shortly. The number you have dialled is not in use.";
    let mut samples = Vec::new();
    flite_rs::Engine::try_new().unwrap().synthesize_streaming(text, |period| {
        samples.extend_from_slice(period);
        flite_rs::Flow::Continue
    });
    through_ulaw(&samples)
}

/// Said, heard of it with losses, and what would be heard if losses were silence; aligned. Several calls, one after the other.
fn through(loss: u32, streamed: bool) -> [Vec<i16>; 3] {
    let calls = (1..=5).map(|seed| one_call(seed, loss, streamed));
    calls.reduce(|all, one| [0, 1, 2].map(|i| [all[i].clone(), one[i].clone()].concat())).unwrap()
}

fn one_call(seed: u64, loss: u32, streamed: bool) -> [Vec<i16>; 3] {
    let mut rig = Rig::new(1);
    rig.chance = Lcg(seed);
    let leg = rig.leg(0, Codec::Pcmu);
    let voice = spoken();
    let ms = voice.len() as u64 / 8;
    rig.phone(leg).network = Network { loss, ..Network::default() };
    let file = rig.record(leg, 1, |_| {});
    if streamed {
        stream::open(&mut rig, leg, Track::Inbound, false);
    }
    rig.says(leg, &voice);
    rig.run(ms + 1_000);
    let silent = rig.arrived(leg, &voice);
    let heard = match streamed {
        true => stream::heard(&rig, "inbound"),
        false => {
            rig.close(leg);
            rig.files[&file].channel(0)
        }
    };
    let (lag, _) = correlate(&silent, &heard);
    let lag = usize::try_from(lag).unwrap();
    let n = voice.len() - 8_000;
    [voice[..n].to_vec(), heard[lag..lag + n].to_vec(), silent[..n].to_vec()]
}

#[test]
fn without_loss_not_a_bit_is_changed() {
    for streamed in [false, true] {
        let [said, heard, _] = through(0, streamed);
        assert!(said == heard, "streamed: {streamed}");
    }
}

#[test]
fn a_concealed_loss_is_nearer_to_what_was_said_than_silence_and_does_not_click() {
    for streamed in [false, true] {
        for loss in [1, 5, 10] {
            let [said, heard, silent] = through(loss, streamed);
            let (with, without) = (levels_apart(&said, &heard), levels_apart(&said, &silent));
            assert!(
                with < without / 2.0,
                "{loss} % streamed {streamed}: {with:.2} dB, silence {without:.2} dB"
            );
            // The pitch of speech glides, so that the wave itself is no nearer than silence; out of place it would be 3 dB farther.
            let (wave, none) = (snr(&said, &heard), snr(&said, &silent));
            assert!(wave > none - 1.5, "{loss} % streamed {streamed}: {wave:.2} dB, silence {none:.2} dB");
            // A click is a step that the voice itself never makes.
            assert!(steepest(&heard) <= steepest(&said), "{} {}", steepest(&heard), steepest(&said));
        }
    }
}

/// A voice that holds its note, where a wrong place or a wrong sign would show in the wave.
#[test]
fn where_the_pitch_is_steady_the_wave_goes_on() {
    for hz in [70.0, 110.0, 180.0] {
        let note: Vec<i16> = (1..6)
            .map(|h| sine(hz * f64::from(h), 400, 9_000.0 / f64::from(h)))
            .reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a.saturating_add(*b)).collect())
            .unwrap();
        for loss in [1, 5] {
            let mut lossy = note.clone();
            let mut r = Lcg(loss);
            lossy.chunks_mut(160).skip(2).filter(|_| r.percent(loss as u32 * 5)).for_each(|f| f.fill(LOST));
            let silent: Vec<i16> = lossy.iter().map(|s| if *s == LOST { 0 } else { *s }).collect();
            let (mut concealer, mut history) = (Concealer::default(), [0; HISTORY]);
            for frame in lossy.chunks_mut(160) {
                concealer.mend(&history, frame);
                history.copy_within(160.., 0);
                history[160..].copy_from_slice(frame);
            }
            let (with, without) = (snr(&note, &lossy), snr(&note, &silent));
            assert!(with > without + 4.0, "{hz} Hz: {with:.1} dB, silence {without:.1} dB");
        }
    }
}

#[test]
fn a_steady_tone_goes_on_through_a_loss() {
    let tone = through_ulaw(&sine(200.0, 200, 8_000.0));
    let mut history = [0; HISTORY];
    history.copy_from_slice(&tone[..HISTORY]);
    let mut frame = [LOST; 160];
    frame[80..].copy_from_slice(&tone[HISTORY + 80..HISTORY + 160]);
    let mut concealer = Concealer::default();
    concealer.mend(&history, &mut frame);
    assert!(snr(&tone[HISTORY..HISTORY + 160], &frame) > 25.0);
    assert!(!concealer.is_active(), "the loss is over");
    assert!(frame[120..] == tone[HISTORY + 120..HISTORY + 160], "and what follows is left alone");
}

#[test]
fn a_long_loss_fades_within_60_ms() {
    let mut r = Lcg(3);
    for seed in 0..20 {
        let voice = through_ulaw(&speech(seed, 1_000));
        let mut history = [0; HISTORY];
        history.copy_from_slice(&voice[3_000..3_000 + HISTORY]);
        let mut concealer = Concealer::default();
        let mut frame = vec![LOST; 800 + r.below(200) as usize];
        concealer.mend(&history, &mut frame);
        assert!(frame[480..].iter().all(|s| *s == 0));
        assert!(frame.iter().all(|s| *s != LOST));
        let peak = history.iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!(frame.iter().all(|s| s.unsigned_abs() <= peak + peak / 4), "never louder than the voice");
    }
}

#[test]
fn what_is_no_loss_is_not_concealed() {
    // A key between two words: events take sequence numbers, nothing was lost. And a peer that sends nothing for a while.
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    let file = rig.record(leg, 1, |_| {});
    stream::open(&mut rig, leg, Track::Inbound, false);
    rig.says(leg, &sine(307.0, 10_000, 8_000.0));
    rig.run(1_000);
    rig.press(leg, 5, 100, true);
    rig.run(1_000);
    rig.phone(leg).sending = false;
    rig.run(1_000);
    rig.phone(leg).sending = true;
    rig.run(1_000);
    let streamed = stream::heard(&rig, "inbound");
    rig.close(leg);
    for heard in [rig.files[&file].channel(0), streamed] {
        let loud = heard.iter().filter(|s| s.abs() > 50).count();
        // 3 s of a tone less 8 events.
        let said = 3 * 8_000 - 8 * 160;
        assert!((said - 300..=said).contains(&loud), "{loud} of {said}");
    }
}

#[test]
fn what_is_played_to_a_leg_is_never_a_loss() {
    let mut rig = Rig::new(1);
    let (a, b) = (rig.leg(0, Codec::Pcmu), rig.leg(0, Codec::Pcmu));
    let file = rig.record(a, 1, |r| r.track = Track::Outbound);
    let (one, two) = (sine(300.0, 400, 8_000.0), speech(2, 400));
    rig.says(b, &two);
    for i in 0..10 {
        rig.play(a, i, vec![Item::Clip { clip: clip(&one), times: 1 }], true);
        rig.run(600);
        rig.bridge(a, b, 100 + i);
        rig.run(200);
        rig.play(a, 200 + i, vec![Item::Silence(200)], true);
        rig.run(200);
    }
    rig.close(a);
    let heard = rig.files[&file].channel(0);
    let tone: Vec<i16> = clip(&one).ulaw.iter().map(|o| pcm_from_ulaw(*o)).collect();
    for i in 0..10 {
        let at = i * 8_000;
        let (lag, r) = correlate(&tone, &heard[at..at + 4_800]);
        assert!(r > 0.999, "{i}: {r}");
        let after = &heard[at + lag as usize + 3_200..at + lag as usize + 4_400];
        assert!(after.iter().all(|s| *s == 0), "{i}: nothing goes on after the tone");
    }
}

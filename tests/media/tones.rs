//! Keys as tones: what is one, what is none.

use super::audio::{Lcg, sine, speech};
use chorus::media::codec::g711;
use chorus::media::dtmf::{frequencies, key, tones::ToneReader};
use chorus::media::plan::Codec;
use chorus::speech::{Provider, Speech, embedded::Embedded};

/// The tones of a key: milliseconds, peaks of row and column, both off their frequency by this share.
fn press(code: u8, ms: usize, row: f64, column: f64, off: f64) -> Vec<i16> {
    let [low, high] = frequencies(code).map(|hz| f64::from(hz) * (1.0 + off));
    sine(low, ms, row).iter().zip(sine(high, ms, column)).map(|(a, b)| a.saturating_add(b)).collect()
}

fn silence(ms: usize) -> Vec<i16> {
    vec![0; ms * 8]
}

fn octets(codec: Codec, pcm: &[i16]) -> Vec<u8> {
    let ulaw = pcm.iter().map(|s| g711::ulaw_from_pcm(*s));
    match codec {
        Codec::Pcmu => ulaw.collect(),
        Codec::Pcma => ulaw.map(g711::alaw_from_ulaw).collect(),
    }
}

/// The keys that are found, in packets of 20 ms of which some are lost.
fn found_with(codec: Codec, pcm: &[i16], lost: impl Fn(usize) -> bool) -> String {
    let mut reader = ToneReader::default();
    let packets: Vec<Vec<u8>> = octets(codec, pcm).chunks(160).map(<[u8]>::to_vec).collect();
    let heard = packets.iter().enumerate().filter(|(n, _)| !lost(*n));
    let codes = heard.filter_map(|(n, p)| reader.on_audio(n as i64, n as u32 * 160, codec, p));
    codes.filter_map(key).collect()
}

fn found(codec: Codec, pcm: &[i16]) -> String {
    found_with(codec, pcm, |_| false)
}

/// Noise of this peak, with a level of peak / sqrt(3).
fn noisy(pcm: &[i16], peak: f64) -> Vec<i16> {
    let mut chance = Lcg(3);
    let mut noise = || (f64::from(chance.below(20_001)) / 10_000.0 - 1.0) * peak;
    pcm.iter().map(|s| (f64::from(*s) + noise()) as i16).collect()
}

const ALL: &str = "0123456789*#ABCD";

fn all_keys(ms: usize, pause: usize, row: f64, column: f64, off: f64) -> Vec<i16> {
    let mut pcm = silence(33);
    for code in 0..16 {
        pcm.extend(press(code, ms, row, column, off));
        pcm.extend(silence(pause));
    }
    pcm
}

#[test]
fn every_key_of_40_ms_is_found_once_in_both_laws() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        for (peak, ms) in
            [(8_000.0, 40), (8_000.0, 50), (8_000.0, 100), (8_000.0, 2_000), (400.0, 40), (15_000.0, 40)]
        {
            let pcm = all_keys(ms, 40, peak, peak, 0.0);
            assert_eq!(found(codec, &pcm), ALL, "{codec:?}, {ms} ms, {peak}");
        }
    }
}

#[test]
fn wherever_a_key_begins_it_is_found() {
    for shift in 0..160 {
        let pcm = [vec![0; shift], press(5, 40, 6_000.0, 6_000.0, 0.0), silence(80)].concat();
        assert_eq!(found(Codec::Pcmu, &pcm), "5", "{shift} samples in");
    }
}

#[test]
fn twist_and_frequencies_within_q24_are_taken_and_beyond_are_not() {
    let db = |n: f64| 10f64.powf(n / 20.0);
    for off in [-0.015, 0.015] {
        assert_eq!(found(Codec::Pcmu, &all_keys(50, 50, 6_000.0, 6_000.0, off)), ALL, "{off}");
    }
    for (row, column) in [(6_000.0, 6_000.0 * db(4.0)), (6_000.0, 6_000.0 * db(-8.0))] {
        assert_eq!(found(Codec::Pcmu, &all_keys(50, 50, row, column, 0.0)), ALL, "{row} {column}");
    }
    for (row, column) in [(2_000.0, 2_000.0 * db(8.0)), (12_000.0, 12_000.0 * db(-13.0))] {
        assert_eq!(found(Codec::Pcmu, &all_keys(50, 50, row, column, 0.0)), "", "{row} {column}");
    }
    assert_eq!(found(Codec::Pcmu, &all_keys(50, 50, 60.0, 60.0, 0.0)), "", "too faint");
}

#[test]
fn what_is_too_short_is_no_key_and_a_drop_out_does_not_make_two() {
    assert_eq!(found(Codec::Pcmu, &all_keys(23, 100, 6_000.0, 6_000.0, 0.0)), "");
    let tone = press(7, 60, 6_000.0, 6_000.0, 0.0);
    for gap in 1..=10 {
        assert_eq!(found(Codec::Pcmu, &[tone.clone(), silence(gap), tone.clone()].concat()), "7", "{gap} ms");
    }
    assert_eq!(found(Codec::Pcmu, &[tone.clone(), silence(40), tone.clone()].concat()), "77");
}

#[test]
fn keys_are_found_under_noise() {
    // 15 dB and 10 dB below both tones together.
    for peak in [1_850.0, 3_300.0] {
        let pcm = noisy(&all_keys(60, 60, 6_000.0, 6_000.0, 0.0), peak);
        assert_eq!(found(Codec::Pcmu, &pcm), ALL, "{peak}");
    }
}

#[test]
fn a_lost_packet_within_a_key_does_not_make_two_of_it() {
    let pcm = [silence(20), press(9, 200, 6_000.0, 6_000.0, 0.0), silence(100)].concat();
    for n in 0..11 {
        assert_eq!(found_with(Codec::Pcmu, &pcm, |i| i == n), "9", "packet {n} is lost");
    }
}

#[test]
fn who_sends_no_silence_presses_twice_all_the_same() {
    let tone = octets(Codec::Pcmu, &press(3, 80, 6_000.0, 6_000.0, 0.0));
    let mut reader = ToneReader::default();
    let mut keys = 0;
    // No packet is missing, but time passed between the fourth and the fifth.
    for (n, p) in tone.chunks(160).chain(tone.chunks(160)).enumerate() {
        let pause = if n >= 4 { 4_000 } else { 0 };
        keys += usize::from(reader.on_audio(n as i64, n as u32 * 160 + pause, Codec::Pcmu, p).is_some());
    }
    assert_eq!(keys, 2);
}

#[test]
fn other_tones_are_no_keys() {
    for hz in [
        [350.0, 440.0],
        [440.0, 480.0],
        [480.0, 620.0],
        [1_000.0, 1_000.0],
        [697.0, 770.0],
        [1_209.0, 1_477.0],
    ] {
        let pcm: Vec<i16> =
            sine(hz[0], 2_000, 6_000.0).iter().zip(sine(hz[1], 2_000, 6_000.0)).map(|(a, b)| a + b).collect();
        assert_eq!(found(Codec::Pcmu, &pcm), "", "{hz:?}");
    }
    let three = press(1, 2_000, 4_000.0, 4_000.0, 0.0);
    let three: Vec<i16> = three.iter().zip(sine(1_477.0, 2_000, 4_000.0)).map(|(a, b)| a + b).collect();
    assert_eq!(found(Codec::Pcmu, &three), "", "two columns");
}

/// Talk-off: no key in half an hour of made speech, and none in what the embedded voice says.
#[tokio::test]
async fn speech_is_no_key() {
    let mut minutes = 0;
    for seed in 0..30 {
        let pcm = speech(seed, 60_000);
        assert_eq!(found(Codec::Pcmu, &pcm), "", "seed {seed}");
        minutes += 1;
    }
    let text = "The quick brown fox jumps over the lazy dog. She sells sea shells by the sea shore. How now, brown cow? \
        Peter Piper picked a peck of pickled peppers. One, two, three, four, five, six, seven, eight, nine, ten. \
        Please press one for sales, press two for support, or stay on the line. Your call is important to us. \
        Oh, you will see why we were away all year, Emily and I. Moon, noon, soon, rule, blue, true, who knew? \
        Eee, aaa, ooo, uuu, mmm, nnn, lll, rrr. Unusual music amuses humans. My number is five five five, oh one oh oh.";
    let speech = Speech { text: text.to_owned(), voice: String::new(), language: "en-US".to_owned() };
    let clip = Embedded::new(1).unwrap().speak(&speech).await.unwrap();
    let pcm: Vec<i16> = clip.ulaw.iter().map(|o| g711::pcm_from_ulaw(*o)).collect();
    for gain in [0.3, 1.0, 2.5] {
        let loud: Vec<i16> = pcm.iter().map(|s| (f64::from(*s) * gain) as i16).collect();
        assert_eq!(found(Codec::Pcmu, &loud), "", "{gain}");
    }
    println!("no key in {minutes} minutes of made speech and {} s of the embedded voice", pcm.len() / 8_000);
}

//! Signals to send and a way to find them again in what was heard. Other rooms use this too.

use std::f64::consts::TAU;

/// A small deterministic generator for tests.
pub struct Lcg(pub u64);

impl Lcg {
    pub fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    pub fn below(&mut self, n: u32) -> u32 {
        self.next() % n.max(1)
    }

    pub fn percent(&mut self, p: u32) -> bool {
        self.below(100) < p
    }
}

/// Something like speech at 8 kHz: syllables of 120-300 ms with a gliding pitch, harmonics that fade, breath between. Never
/// periodic, so that a correlation has one peak.
pub fn speech(seed: u64, ms: usize) -> Vec<i16> {
    let mut r = Lcg(seed.wrapping_mul(0x9E37_79B9).wrapping_add(1));
    let mut out = Vec::with_capacity(ms * 8);
    let mut phase = 0.0f64;
    while out.len() < ms * 8 {
        let len = 960 + r.below(1_440) as usize;
        let (from, to) = (90.0 + f64::from(r.below(120)), 90.0 + f64::from(r.below(120)));
        let colour = 0.4 + f64::from(r.below(50)) / 100.0;
        for i in 0..len {
            let t = i as f64 / len as f64;
            phase += TAU * (from + (to - from) * t) / 8_000.0;
            let envelope = (t * std::f64::consts::PI).sin().powf(0.5);
            let voice: f64 = (1..12).map(|h| (phase * f64::from(h)).sin() * colour.powi(h)).sum();
            let breath = f64::from(r.below(2_000)) / 1_000.0 - 1.0;
            out.push(((voice * 6_000.0 + breath * 500.0) * envelope) as i16);
        }
        let pause = r.below(320) as usize;
        out.extend(std::iter::repeat_n(0, pause));
    }
    out.truncate(ms * 8);
    out
}

/// A sine.
pub fn sine(hz: f64, ms: usize, peak: f64) -> Vec<i16> {
    (0..ms * 8).map(|i| ((TAU * hz * i as f64 / 8_000.0).sin() * peak) as i16).collect()
}

/// Where `sent` lies in `heard`: the lag in samples (positive: later) and how alike they are there (1 is the same), over lags of
/// up to 6,000 samples either way.
pub fn correlate(sent: &[i16], heard: &[i16]) -> (i64, f64) {
    correlate_within(sent, heard, 6_000)
}

/// As [`correlate`], with the largest lag in samples. At least half of `sent` must overlap. The lag is sought on every fourth
/// sample (averaged) of the first four seconds, then refined; the likeness is that of all samples.
pub fn correlate_within(sent: &[i16], heard: &[i16], most: i64) -> (i64, f64) {
    let coarse = |x: &[i16]| -> Vec<f32> {
        let all = x.chunks_exact(4).map(|c| c.iter().map(|s| f32::from(*s)).sum());
        all.collect()
    };
    let fine = |x: &[i16]| -> Vec<f32> { x.iter().map(|s| f32::from(*s)).collect() };
    let head = sent.len().min(32_000);
    let (a, b) = (coarse(&sent[..head]), coarse(&heard[..heard.len().min(head + most as usize)]));
    let (rough, _) = best(&a, &b, -most / 4..=most / 4);
    best(&fine(sent), &fine(heard), rough * 4 - 6..=rough * 4 + 6)
}

fn best(a: &[f32], b: &[f32], lags: std::ops::RangeInclusive<i64>) -> (i64, f64) {
    let at = |lag: i64| -> f64 {
        let (x, y) = if lag >= 0 {
            (a, b.get(lag as usize..).unwrap_or(&[]))
        } else {
            (a.get((-lag) as usize..).unwrap_or(&[]), b)
        };
        let n = x.len().min(y.len());
        if n * 2 < a.len() {
            return 0.0;
        }
        let (x, y) = (&x[..n], &y[..n]);
        let (mut dot, mut xx, mut yy) = (0.0f32, 0.0f32, 0.0f32);
        for (p, q) in x.iter().zip(y) {
            dot += p * q;
            xx += p * p;
            yy += q * q;
        }
        if xx <= 0.0 || yy <= 0.0 { 0.0 } else { f64::from(dot) / (f64::from(xx) * f64::from(yy)).sqrt() }
    };
    lags.map(|lag| (lag, at(lag))).fold((0, -1.0), |best, c| if c.1 > best.1 { c } else { best })
}

/// The power of one frequency, relative to all power in the samples (1: nothing else in it).
pub fn share(samples: &[i16], hz: f64) -> f64 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (i, s) in samples.iter().enumerate() {
        let (x, w) = (f64::from(*s), TAU * hz * i as f64 / 8_000.0);
        re += x * w.cos();
        im += x * w.sin();
        all += x * x;
    }
    if all == 0.0 { 0.0 } else { 2.0 * (re * re + im * im) / (all * samples.len() as f64) }
}

#[test]
fn a_delayed_copy_is_found_where_it_is_and_another_voice_is_not() {
    let voice = speech(1, 1_000);
    let mut late = vec![0; 333];
    late.extend(&voice);
    let (lag, r) = correlate(&voice, &late);
    assert_eq!(lag, 333);
    assert!(r > 0.99, "{r}");
    assert!(correlate(&voice, &speech(2, 1_000)).1 < 0.5);
    let (lag, r) = correlate(&late, &voice);
    assert!(lag == -333 && r > 0.99, "{lag} {r}");
    assert!(correlate(&voice, &vec![0; 8_000]).1 < 0.01, "silence is like nothing");
}

#[test]
fn the_share_of_a_frequency_is_its_power() {
    let tone = sine(440.0, 200, 8_000.0);
    assert!(share(&tone, 440.0) > 0.99);
    assert!(share(&tone, 500.0) < 0.01);
}

//! Tones made here: ringback by country, the beep before a recording, and the oscillator under them.

use super::codec::g711::{ULAW_SILENCE, ulaw_from_pcm};
use super::plan::{Cadence, Clip};
use std::f64::consts::TAU;

/// Frequencies in one tone; more are ignored.
pub const FREQUENCIES: usize = 4;
/// Peak of all frequencies together, about -12 dBm0.
const PEAK: f64 = 8_000.0;
const BEEP_HZ: u16 = 1_000;
const BEEP_MS: usize = 400;

/// One sine by the recurrence y(n) = 2 cos(w) y(n-1) - y(n-2): two multiplications a sample, no table.
#[derive(Copy, Clone, Debug, Default)]
struct Sine {
    k: f64,
    y1: f64,
    y2: f64,
}

/// Up to four sines, added.
#[derive(Copy, Clone, Debug, Default)]
pub struct Oscillator([Sine; FREQUENCIES]);

impl Oscillator {
    /// Starts at phase 0 with the given peak for the sum.
    pub fn new(hz: &[u16], peak: f64) -> Oscillator {
        let n = hz.len().clamp(1, FREQUENCIES) as f64;
        let mut sines = [Sine::default(); FREQUENCIES];
        for (sine, hz) in sines.iter_mut().zip(hz) {
            let w = TAU * f64::from(*hz) / 8_000.0;
            // y(-1) and y(-2) of a sine that is 0 at n = 0.
            *sine = Sine { k: 2.0 * w.cos(), y1: -w.sin() * peak / n, y2: -(2.0 * w).sin() * peak / n };
        }
        Oscillator(sines)
    }

    /// The next sample.
    pub fn sample(&mut self) -> i16 {
        let mut sum = 0.0;
        for s in &mut self.0 {
            let y = s.k * s.y1 - s.y2;
            s.y2 = s.y1;
            s.y1 = y;
            sum += y;
        }
        sum as i16
    }
}

/// Where a repeating tone is.
#[derive(Clone, Debug, Default)]
pub struct TonePlayer {
    segment: usize,
    left: u32,
    silent: bool,
    oscillator: Oscillator,
    running: bool,
}

impl TonePlayer {
    /// Fills `out` with the next samples in mu-law. A cadence without length is silence.
    pub fn pull(&mut self, cadence: &Cadence, out: &mut [u8]) {
        for octet in out {
            if self.left == 0 && !self.enter(cadence) {
                *octet = ULAW_SILENCE;
                continue;
            }
            self.left -= 1;
            *octet = if self.silent { ULAW_SILENCE } else { ulaw_from_pcm(self.oscillator.sample()) };
        }
    }

    /// Goes to the next segment that has a length.
    fn enter(&mut self, cadence: &Cadence) -> bool {
        for _ in 0..cadence.0.len() {
            self.segment = if self.running { self.segment + 1 } else { 0 };
            self.running = true;
            if self.segment >= cadence.0.len() {
                self.segment = 0;
            }
            if let Some((ms, hz)) = cadence.0.get(self.segment).filter(|(ms, _)| *ms > 0) {
                self.left = ms.saturating_mul(8);
                self.silent = hz.is_empty();
                self.oscillator = Oscillator::new(hz, PEAK);
                return true;
            }
        }
        false
    }
}

/// The beep before a recording, with 5 ms ramps so that it does not click.
pub fn beep() -> Clip {
    let mut oscillator = Oscillator::new(&[BEEP_HZ], PEAK);
    let n = BEEP_MS * 8;
    let ulaw = (0..n)
        .map(|i| {
            let ramp = (i.min(n - 1 - i) as f64 / 40.0).min(1.0);
            ulaw_from_pcm((f64::from(oscillator.sample()) * ramp) as i16)
        })
        .collect();
    Clip { ulaw }
}

type Row = (&'static str, &'static [(u32, &'static [u16])]);

/// ITU-T E.180 supplement 2, as far as these countries are in it. A tone that is modulated there (400 Hz x 25 Hz) is written as
/// its two side tones.
const RINGBACK: &[Row] = &[
    ("at", &[(1000, &[420]), (5000, &[])]),
    ("au", &[(400, &[413, 438]), (200, &[]), (400, &[413, 438]), (2000, &[])]),
    ("be", &[(1000, &[425]), (3000, &[])]),
    ("bg", &[(1000, &[425]), (4000, &[])]),
    ("br", &[(1000, &[425]), (4000, &[])]),
    ("ch", &[(1000, &[425]), (4000, &[])]),
    ("cl", &[(1000, &[400]), (3000, &[])]),
    ("cn", &[(1000, &[450]), (4000, &[])]),
    ("cz", &[(1000, &[425]), (4000, &[])]),
    ("de", &[(1000, &[425]), (4000, &[])]),
    ("dk", &[(1000, &[425]), (4000, &[])]),
    ("ee", &[(1000, &[425]), (4000, &[])]),
    ("es", &[(1500, &[425]), (3000, &[])]),
    ("fi", &[(1000, &[425]), (4000, &[])]),
    ("fr", &[(1500, &[440]), (3500, &[])]),
    ("gr", &[(1000, &[425]), (4000, &[])]),
    ("hu", &[(1250, &[425]), (3750, &[])]),
    ("il", &[(1000, &[400]), (3000, &[])]),
    ("in", &[(400, &[375, 425]), (200, &[]), (400, &[375, 425]), (2000, &[])]),
    ("it", &[(1000, &[425]), (4000, &[])]),
    ("jp", &[(1000, &[385, 415]), (2000, &[])]),
    ("lt", &[(1000, &[425]), (4000, &[])]),
    ("mx", &[(1000, &[425]), (4000, &[])]),
    ("my", &[(400, &[425]), (200, &[]), (400, &[425]), (2000, &[])]),
    ("nl", &[(1000, &[425]), (4000, &[])]),
    ("no", &[(1000, &[425]), (4000, &[])]),
    ("nz", &[(400, &[400, 450]), (200, &[]), (400, &[400, 450]), (2000, &[])]),
    ("ph", &[(1000, &[425, 480]), (4000, &[])]),
    ("pl", &[(1000, &[425]), (4000, &[])]),
    ("pt", &[(1000, &[425]), (5000, &[])]),
    ("ru", &[(800, &[425]), (3200, &[])]),
    ("se", &[(1000, &[425]), (5000, &[])]),
    ("sg", &[(400, &[401, 449]), (200, &[]), (400, &[401, 449]), (2000, &[])]),
    ("th", &[(1000, &[400]), (4000, &[])]),
    ("tw", &[(1000, &[440, 480]), (2000, &[])]),
    ("uk", &[(400, &[400, 450]), (200, &[]), (400, &[400, 450]), (2000, &[])]),
    ("us", &[(2000, &[440, 480]), (4000, &[])]),
    ("us-old", &[(2000, &[380, 460]), (4000, &[])]),
    ("ve", &[(1000, &[425]), (4000, &[])]),
    ("za", &[(400, &[367, 433]), (200, &[]), (400, &[367, 433]), (2000, &[])]),
];

/// Whether `code` (Dial's ringTone) has a ringback of its own.
pub fn knows(code: &str) -> bool {
    RINGBACK.iter().any(|(name, _)| *name == code)
}

/// The ringback of a country as Dial's ringTone names it; that of the US for an unknown code.
pub fn ringback(code: &str) -> Cadence {
    let us: &[(u32, &[u16])] = &[(2000, &[440, 480]), (4000, &[])];
    let steps = RINGBACK.iter().find(|(name, _)| *name == code).map_or(us, |(_, steps)| steps);
    Cadence(steps.iter().map(|(ms, hz)| (*ms, hz.to_vec())).collect())
}

//! Concealment of lost packets for recordings and streams, in the spirit of ITU-T G.711 appendix I: the last pitch period goes on
//! and fades within 60 ms, and what comes after the loss is blended in. A bridge conceals nothing: the gap in the
//! sequence is forwarded, and the listener's own concealment knows better.

/// Samples of the past that a concealment is made from (two frames).
pub const HISTORY: usize = 320;
/// Stands in a row of samples for one that was lost. G.711 never decodes to it.
pub const LOST: i16 = i16::MIN;

/// Shortest and longest pitch period in samples: 200 to 66 Hz.
const PERIODS: std::ops::RangeInclusive<usize> = 40..=PERIOD_MAX;
const PERIOD_MAX: usize = 120;
/// Samples over which the period is searched.
const WINDOW: usize = 160;
/// Samples that are concealed at full level (10 ms), and at all (60 ms).
const FULL: usize = 80;
const LONGEST: usize = 480;
/// Samples over which a joint is smoothed (4 ms).
const JOINT: usize = 32;
/// The level in 1/256, and the least of it: what resembles its own past goes on as loud, a hiss that would become a tone does not.
const WHOLE: i64 = 256;
const HALF: i64 = WHOLE / 2;
/// Bits of a sample whose squares can be added over a window.
const PRODUCT_BITS: u32 = 11;

/// What goes on in place of lost audio of one direction.
#[derive(Clone, Debug)]
pub struct Concealer {
    period: [i16; PERIOD_MAX],
    len: usize,
    /// Samples made since the loss began; None: nothing is lost.
    made: Option<usize>,
    /// Samples of real audio since then.
    blended: usize,
    /// How far the first sample would lie from the last real one.
    step: i64,
    /// How much of the period is heard once the joint is passed.
    level: i64,
}

impl Default for Concealer {
    fn default() -> Concealer {
        Concealer { period: [0; PERIOD_MAX], len: 1, made: None, blended: 0, step: 0, level: WHOLE }
    }
}

impl Concealer {
    /// Whether a loss is being concealed, or blended out.
    pub fn is_active(&self) -> bool {
        self.made.is_some()
    }

    /// A loss begins after these samples.
    pub fn begin(&mut self, history: &[i16; HISTORY]) {
        let (len, likeness) = period(history);
        let quarter = len / 4;
        let last = |n: usize| history.get(HISTORY - n..).unwrap_or_default();
        self.period.iter_mut().zip(last(len)).for_each(|(to, from)| *to = *from);
        // The end of the period becomes what came before its beginning, so that it repeats without a step.
        let before = last(len + quarter).iter();
        for (i, (end, other)) in self.period.iter_mut().take(len).skip(len - quarter).zip(before).enumerate()
        {
            *end = mix(*end, *other, i + 1, quarter);
        }
        let at = |n: usize| last(n).first().copied().map_or(0, i64::from);
        self.step = at(1) - at(len + 1);
        self.len = len;
        self.level = ((likeness * WHOLE as f64) as i64).clamp(HALF, WHOLE);
        self.made = Some(0);
        self.blended = 0;
    }

    /// The next sample of the concealment.
    pub fn sample(&mut self) -> i16 {
        let Some(n) = self.made else { return 0 };
        self.made = Some(n + 1);
        if n >= LONGEST {
            return 0;
        }
        let repeated = self.period.get(n % self.len).copied().map_or(0, i64::from);
        let (joint, before) = (JOINT as i64, JOINT.saturating_sub(n) as i64);
        let joined = repeated + self.step * before / joint;
        let level = self.level + (WHOLE - self.level) * before / joint;
        let left = (LONGEST - n.max(FULL)) as i64;
        let faded = joined * level * left / (WHOLE * (LONGEST - FULL) as i64);
        faded.clamp(i64::from(LOST) + 1, i64::from(i16::MAX)) as i16
    }

    /// The next sample of real audio after a loss: blended with the concealment for a while.
    pub fn blend(&mut self, real: i16) -> i16 {
        if self.made.is_none() {
            return real;
        }
        let made = self.sample();
        self.blended += 1;
        if self.blended >= JOINT {
            self.made = None;
        }
        mix(made, real, self.blended, JOINT)
    }

    /// Replaces what is [`LOST`] in a frame that follows the history.
    pub fn mend(&mut self, history: &[i16; HISTORY], frame: &mut [i16]) {
        for i in 0..frame.len() {
            let Some((past, [sample, ..])) = frame.split_at_mut_checked(i) else { return };
            if *sample != LOST {
                *sample = self.blend(*sample);
                continue;
            }
            if !self.is_active() || self.blended > 0 {
                let mut recent = [0; HISTORY];
                let before = history.iter().chain(past.iter());
                recent.iter_mut().zip(before.skip(i)).for_each(|(to, from)| *to = *from);
                self.begin(&recent);
            }
            *sample = self.sample();
        }
    }
}

/// `share` of `of` parts of `b`, the rest of `a`.
fn mix(a: i16, b: i16, share: usize, of: usize) -> i16 {
    let (share, of) = (share as i32, of.max(1) as i32);
    ((i32::from(a) * (of - share) + i32::from(b) * share) / of) as i16
}

/// The lag at which the last samples resemble those before them the most, and how much they do (0 to 1).
fn period(history: &[i16; HISTORY]) -> (usize, f64) {
    // Small enough that the sum of a window's products fits 32 bits: then many are added at a time.
    let peak = history.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    let excess = (u16::BITS - peak.leading_zeros()).saturating_sub(PRODUCT_BITS);
    let scaled = history.map(|s| s >> excess);
    let last = scaled.get(HISTORY - WINDOW..).unwrap_or_default();
    let own = product(last, last).max(1.0);
    let mut best = (PERIOD_MAX, 0.0);
    for lag in PERIODS {
        let earlier = scaled.get(HISTORY - WINDOW - lag..HISTORY - lag).unwrap_or_default();
        let likeness = product(last, earlier) / (own * product(earlier, earlier).max(1.0)).sqrt();
        if likeness > best.1 {
            best = (lag, likeness);
        }
    }
    best
}

fn product(a: &[i16], b: &[i16]) -> f64 {
    let terms = a.iter().zip(b).map(|(a, b)| i32::from(*a).wrapping_mul(i32::from(*b)));
    f64::from(terms.fold(0_i32, i32::wrapping_add))
}

//! How loud a piece of audio is; what counts as silence.

/// Mean magnitude below which 20 ms count as silence (about -46 dBm0): above line noise and comfort noise, below quiet speech.
pub const SILENCE: u32 = 160;

/// Samples of which the magnitudes together fit 32 bits.
const PART: usize = 4_096;

/// Mean magnitude of PCM samples; 0 for none.
pub fn mean(samples: &[i16]) -> u32 {
    // A part's sum fits 32 bits, so that the loop over it may be checked once and done on many samples at a time.
    let part = |p: &[i16]| p.iter().fold(0_u32, |sum, s| sum.wrapping_add(u32::from(s.unsigned_abs())));
    let sum: u64 = samples.chunks(PART).map(|p| u64::from(part(p))).sum();
    sum.checked_div(samples.len() as u64).unwrap_or(0) as u32
}

/// Whether the samples count as silence.
pub fn is_silent(samples: &[i16]) -> bool {
    mean(samples) < SILENCE
}

//! How loud a piece of audio is; what counts as silence.

/// Mean magnitude below which 20 ms count as silence (about -46 dBm0): above line noise and comfort noise, below quiet speech.
pub const SILENCE: u32 = 160;

/// Mean magnitude of PCM samples; 0 for none.
pub fn mean(samples: &[i16]) -> u32 {
    let sum: u64 = samples.iter().map(|s| u64::from(s.unsigned_abs())).sum();
    sum.checked_div(samples.len() as u64).unwrap_or(0) as u32
}

/// Whether the samples count as silence.
pub fn is_silent(samples: &[i16]) -> bool {
    mean(samples) < SILENCE
}

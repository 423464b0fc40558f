//! G.711 (ITU-T): mu-law and A-law against 16-bit PCM, and against each other. Tables are made at compile time from the
//! two laws; encoding is arithmetic (measured faster than a 64 kB table).

/// mu-law silence (+0).
pub const ULAW_SILENCE: u8 = 0xFF;
/// A-law silence (+0; the smallest positive step).
pub const ALAW_SILENCE: u8 = 0xD5;

const ULAW_BIAS: i32 = 0x84;
const ULAW_CLIP: i32 = 32_635;

/// One mu-law octet as PCM.
const fn expand_ulaw(octet: u8) -> i16 {
    let u = !octet;
    let exponent = (u >> 4) & 7;
    let mantissa = (u & 0x0F) as i32;
    let magnitude = (((mantissa << 3) + ULAW_BIAS) << exponent) - ULAW_BIAS;
    if u & 0x80 != 0 { -magnitude as i16 } else { magnitude as i16 }
}

/// One A-law octet as PCM.
const fn expand_alaw(octet: u8) -> i16 {
    let a = octet ^ 0x55;
    let exponent = (a >> 4) & 7;
    let mantissa = (a & 0x0F) as i32;
    let magnitude =
        if exponent == 0 { (mantissa << 4) + 8 } else { ((mantissa << 4) + 0x108) << (exponent - 1) };
    if a & 0x80 != 0 { magnitude as i16 } else { -magnitude as i16 }
}

/// PCM to mu-law: sign, exponent, four bits of mantissa, inverted.
#[inline]
pub const fn ulaw_from_pcm(sample: i16) -> u8 {
    let negative = sample < 0;
    let mut magnitude = if negative { -(sample as i32) } else { sample as i32 };
    if magnitude > ULAW_CLIP {
        magnitude = ULAW_CLIP;
    }
    let biased = magnitude + ULAW_BIAS;
    // biased is 0x84..=0x7FFF, so its highest bit is 7..=14.
    let exponent = 24 - biased.leading_zeros() as i32;
    let mantissa = (biased >> (exponent + 3)) & 0x0F;
    let sign = if negative { 0x80 } else { 0 };
    !(sign | ((exponent as u8) << 4) | mantissa as u8)
}

/// PCM to A-law: 13 bits, sign, exponent, four bits of mantissa, every other bit inverted.
#[inline]
pub const fn alaw_from_pcm(sample: i16) -> u8 {
    let negative = sample < 0;
    // One's complement for negative samples, as in ITU-T G.191.
    let magnitude = if negative { !(sample as i32) } else { sample as i32 } >> 4;
    let (exponent, mantissa) = if magnitude < 16 {
        (0, magnitude)
    } else {
        // magnitude is 16..=2047: its highest bit is 4..=10.
        let exponent = 28 - magnitude.leading_zeros() as i32;
        (exponent, (magnitude >> (exponent - 1)) & 0x0F)
    };
    let sign = if negative { 0 } else { 0x80 };
    (sign | ((exponent as u8) << 4) | mantissa as u8) ^ 0x55
}

macro_rules! table {
    ($(#[$doc:meta])* $name:ident: $t:ty = |$octet:ident| $value:expr) => {
        $(#[$doc])*
        static $name: [$t; 256] = {
            let mut table = [0; 256];
            let mut rest: &mut [$t] = &mut table;
            let mut $octet: u8 = 0;
            while let Some((first, tail)) = rest.split_first_mut() {
                *first = $value;
                rest = tail;
                $octet = $octet.wrapping_add(1);
            }
            table
        };
    };
}

table!(ULAW_PCM: i16 = |octet| expand_ulaw(octet));
table!(ALAW_PCM: i16 = |octet| expand_alaw(octet));
table!(ULAW_ALAW: u8 = |octet| alaw_from_pcm(expand_ulaw(octet)));
table!(ALAW_ULAW: u8 = |octet| ulaw_from_pcm(expand_alaw(octet)));

/// One mu-law octet as PCM.
#[inline]
pub fn pcm_from_ulaw(octet: u8) -> i16 {
    ULAW_PCM.get(usize::from(octet)).copied().unwrap_or(0)
}

/// One A-law octet as PCM.
#[inline]
pub fn pcm_from_alaw(octet: u8) -> i16 {
    ALAW_PCM.get(usize::from(octet)).copied().unwrap_or(0)
}

/// One mu-law octet in A-law.
#[inline]
pub fn alaw_from_ulaw(octet: u8) -> u8 {
    ULAW_ALAW.get(usize::from(octet)).copied().unwrap_or(ALAW_SILENCE)
}

/// One A-law octet in mu-law.
#[inline]
pub fn ulaw_from_alaw(octet: u8) -> u8 {
    ALAW_ULAW.get(usize::from(octet)).copied().unwrap_or(ULAW_SILENCE)
}

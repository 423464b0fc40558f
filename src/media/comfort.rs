//! Comfort noise (RFC 3389): a peer that suppresses silence tells how loud the room is, and the noise is made here for whoever cannot
//! be told: recordings, streams, and a bridged peer that did not agree to it. The level is taken, the spectrum is not: the
//! noise is white.

use super::codec::g711::ulaw_from_pcm;

/// The overload point of G.711 (0 dBov): a square wave of this amplitude.
const OVERLOAD: f64 = 32_124.0;
/// The loudest that is made, in -dBov. The peer says that nobody speaks, so it must count as silence here too
/// (`level::SILENCE`): a Record would never time out otherwise.
const LOUDEST: u8 = 50;
/// The quietest; below it mu-law has nothing but zero.
const QUIETEST: u8 = 80;

/// A source of noise.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Noise {
    /// Samples are spread evenly from -peak to peak.
    peak: u16,
    chance: u32,
}

impl Noise {
    /// As the payload of a comfort noise packet says: its first octet is the level in -dBov. One without a level is silence.
    pub fn of(payload: &[u8]) -> Noise {
        let level = payload.first().map_or(QUIETEST, |l| (l & 0x7F).clamp(LOUDEST, QUIETEST));
        // The effective value of evenly spread samples is their peak by the root of three.
        let peak = OVERLOAD * 3_f64.sqrt() * 10_f64.powf(-f64::from(level) / 20.0);
        Noise { peak: if level == QUIETEST { 0 } else { peak as u16 }, chance: 0x9E37_79B9 }
    }

    /// The next sample.
    pub fn sample(&mut self) -> i16 {
        // xorshift: nothing secret hangs on it.
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 17;
        self.chance ^= self.chance << 5;
        let spread = i32::from(self.peak) * 2 + 1;
        let at = (i64::from(self.chance >> 8) * i64::from(spread)) >> 24;
        (at as i32 - i32::from(self.peak)) as i16
    }

    /// The next octet in mu-law.
    pub fn octet(&mut self) -> u8 {
        ulaw_from_pcm(self.sample())
    }
}

//! What a phone hears: audio in its place by RTP's clock, what was lost and late, when it was loud, and which marks came
//! back. A mark is a short pattern of quiet samples that occurs nowhere else.

use crate::clock::Mono;
use crate::media::codec::g711::{pcm_from_alaw, pcm_from_ulaw};
use crate::media::level;
use crate::media::plan::Clip;
use crate::media::rtp::{Packet, seq_after};
use crate::rng::Rng;
use std::collections::HashMap;

/// Octets of a mark: 60 random bits.
pub const MARK: usize = 10;
/// Audio kept: an hour.
const SAMPLES_MAX: usize = 3_600 * 8_000;
/// A packet that comes this much after its time (the fastest packet's) is late, microseconds.
pub const LATE_US: i64 = 20_000;
/// Samples a timestamp may run ahead before it begins a new clock: 10 s.
const JUMP: i64 = 80_000;
/// Mean magnitude from which 20 ms are speech or a tone.
const LOUD: u32 = 400;

/// Writes a mark at the beginning of every packet of a clip.
pub fn mark(clip: &Clip, rng: &mut Rng) -> Clip {
    let mut ulaw = clip.ulaw.clone();
    for packet in ulaw.chunks_mut(160) {
        for octet in packet.iter_mut().take(MARK) {
            // The lowest segments of mu-law: at most 400 of 32,768, so that nobody hears a click.
            *octet = 0x60 | (rng.next_u64() as u8 & 0x9f);
        }
    }
    Clip { ulaw }
}

/// Finds known marks in a row of octets that comes in pieces.
#[derive(Debug, Default)]
struct Finder {
    tail: Vec<u8>,
}

impl Finder {
    fn feed(&mut self, octets: &[u8], mut each: impl FnMut([u8; MARK])) {
        self.tail.extend_from_slice(octets);
        for window in self.tail.windows(MARK) {
            if let Ok(m) = <[u8; MARK]>::try_from(window) {
                each(m);
            }
        }
        let keep = self.tail.len().saturating_sub(MARK - 1);
        self.tail.drain(..keep);
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Ear {
    /// What was heard, 8 kHz.
    pub samples: Vec<i16>,
    /// Packets.
    pub received: u64,
    /// Packets that came more than [`LATE_US`] after their time.
    pub late: u64,
    /// When it was last loud.
    pub loud_at: Option<Mono>,
    /// How long it was loud in all, in milliseconds.
    pub loud_ms: u64,
    /// Round trips of marks, in microseconds.
    pub trips: Vec<u64>,
    first: Option<(u32, u32, i64)>,
    lost_before: u64,
    base: Option<(u16, i64, i64, u64)>,
    sent: HashMap<[u8; MARK], Mono>,
    finder: Finder,
    fastest: Option<i64>,
}

impl Ear {
    /// Marks whose journey shall be measured.
    pub fn expect(&mut self, clip: &Clip) {
        for packet in clip.ulaw.chunks(160) {
            if let Some(m) = packet.first_chunk::<MARK>() {
                self.sent.insert(*m, Mono(0));
            }
        }
    }

    /// A packet of ours leaves.
    pub fn sent(&mut self, now: Mono, payload: &[u8]) {
        if let Some(at) = payload.first_chunk::<MARK>().and_then(|m| self.sent.get_mut(m)) {
            *at = now;
        }
    }

    /// Lost packets: gaps in the sequence numbers.
    pub fn lost(&self) -> u64 {
        let now =
            self.base.map_or(0, |(_, first, high, n)| ((high - first + 1).max(0) as u64).saturating_sub(n));
        self.lost_before.saturating_add(now)
    }

    /// A packet came.
    pub fn on_rtp(&mut self, now: Mono, p: &Packet<'_>) {
        self.received += 1;
        self.count(p);
        let decode: fn(u8) -> i16 = match p.pt {
            0 => pcm_from_ulaw,
            8 => pcm_from_alaw,
            _ => return,
        };
        let (ssrc, first, offset) = *self.first.get_or_insert((p.ssrc, p.ts, 0));
        let mut at = offset + i64::from(p.ts.wrapping_sub(first) as i32);
        if ssrc != p.ssrc || at < 0 || at > self.samples.len() as i64 + JUMP {
            at = self.samples.len() as i64;
            self.first = Some((p.ssrc, p.ts, at));
            self.fastest = None;
        }
        self.time(now, at);
        self.hear(now, at, p.payload.iter().map(|o| decode(*o)));
        let sent = &mut self.sent;
        let trips = &mut self.trips;
        self.finder.feed(p.payload, |m| {
            if sent.get(&m).is_some_and(|at| *at > Mono(0))
                && let Some(left) = sent.remove(&m)
            {
                trips.push(now.since(left).as_micros() as u64);
            }
        });
    }

    fn count(&mut self, p: &Packet<'_>) {
        let seq = p.seq;
        self.base = Some(match self.base {
            Some((last, first, high, n)) => {
                let step = i64::from(seq_after(seq, last));
                if step.abs() > 3_000 {
                    self.lost_before = self.lost();
                    (seq, 0, 0, 1)
                } else {
                    let newest = if step > 0 { seq } else { last };
                    (newest, first, high + step.max(0), n + 1)
                }
            }
            None => (seq, 0, 0, 1),
        });
    }

    fn time(&mut self, now: Mono, at: i64) {
        let transit = now.0 as i64 - at * 125;
        let fastest = self.fastest.map_or(transit, |f| f.min(transit));
        self.fastest = Some(fastest);
        if transit - fastest > LATE_US {
            self.late += 1;
        }
    }

    fn hear(&mut self, now: Mono, at: i64, audio: impl ExactSizeIterator<Item = i16>) {
        let start = usize::try_from(at).unwrap_or(0);
        let end = start.saturating_add(audio.len());
        if end > SAMPLES_MAX {
            return;
        }
        if self.samples.len() < end {
            self.samples.resize(end, 0);
        }
        let Some(place) = self.samples.get_mut(start..end) else { return };
        place.iter_mut().zip(audio).for_each(|(slot, s)| *slot = s);
        if level::mean(place) >= LOUD {
            self.loud_at = Some(now);
            self.loud_ms += place.len() as u64 / 8;
        }
    }
}

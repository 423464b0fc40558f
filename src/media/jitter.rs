//! The jitter buffer of recordings: a ring of 20 frames on the media clock. Both directions are put at the place their
//! timestamps name, so late and reordered packets fall into their gaps, both channels stay aligned, and what never comes is
//! concealed or silence, not shrinkage.

use super::conceal::{Concealer, HISTORY, LOST};
use super::rtp::ts_after;

/// Samples in 20 ms.
pub const FRAME: usize = 160;
/// Frames in the ring.
pub const FRAMES: usize = 20;
/// Frames that are taken out at a time.
pub const TURN_FRAMES: usize = 4;
/// How far behind the clock frames are taken out: packets up to this late still find their place (240 ms).
pub const LAG: i64 = 12 * FRAME as i64;
/// Samples in the ring.
pub const CAPACITY: usize = FRAMES * FRAME;

/// A packet this much before its place proves that the anchor was late by as much: half of the room before the ring's end.
const EARLY_MAX: i64 = 320;
/// A packet this late (1 s) belongs to another timeline.
const LATE_MAX: i64 = 8_000;
/// So many packets in a row (0.5 s) that came too late for the ring: the sender's clock stood still, it is followed.
const LATE_RUN: u32 = 25;
/// Packets between two looks at the drift (about 1 s).
const WINDOW: u32 = 50;
/// Drift below this (15 ms) is left alone: a steady place is worth more than an exact one.
const DRIFT_MAX: i64 = 120;
/// Packets at the start (0.2 s, before anything is taken out) of which each that is earlier than all before it sets the place.
const LEARNING: u32 = 10;

/// Finds the place of a sender's timestamps on the media clock: where the least delayed packets arrive.
#[derive(Clone, Debug, Default)]
pub struct Anchor {
    last: Option<(u32, i64)>,
    least: i64,
    count: u32,
    late: u32,
    learned: u32,
}

impl Anchor {
    /// The place of a packet with timestamp `ts` that arrived at `at` (samples of the media clock), and by how much the
    /// packets before it turned out to have been late.
    pub fn place(&mut self, at: i64, ts: u32) -> (i64, i64) {
        let Some((last_ts, last_place)) = self.last else {
            return (self.start(at, ts), 0);
        };
        let mut place = last_place.saturating_add(ts_after(ts, last_ts));
        let delay = at.saturating_sub(place);
        self.late = if delay > LAG { self.late + 1 } else { 0 };
        if !(-LATE_MAX..=LATE_MAX).contains(&delay) || self.late >= LATE_RUN {
            return (self.start(at, ts), 0);
        }
        let mut moved = 0;
        if delay < if self.learned < LEARNING { 0 } else { -EARLY_MAX } {
            place = at;
            moved = -delay;
        }
        self.learned = self.learned.saturating_add(1);
        self.least = self.least.min(at.saturating_sub(place));
        self.count += 1;
        if self.count >= WINDOW {
            if self.least.abs() > DRIFT_MAX {
                place = place.saturating_add(self.least);
            }
            self.count = 0;
            self.least = i64::MAX;
        }
        self.last = Some((ts, place));
        (place, moved)
    }

    fn start(&mut self, at: i64, ts: u32) -> i64 {
        *self = Anchor { last: Some((ts, at)), least: i64::MAX, count: 0, late: 0, learned: 0 };
        at
    }
}

/// The ring: two channels of PCM.
#[derive(Debug)]
pub struct Timeline {
    channels: [Box<[i16]>; 2],
    /// Something was ever put there: what was not needs no clearing.
    used: [bool; 2],
    base: i64,
    past: [Past; 2],
}

/// What was taken from a channel last, from which a loss is concealed.
#[derive(Debug)]
struct Past {
    samples: [i16; HISTORY],
    concealer: Concealer,
}

impl Past {
    /// Mends a frame that is taken, and remembers it. A frame without a loss is left as it is.
    fn take(&mut self, frame: &mut [i16; FRAME]) {
        if self.concealer.is_active() || frame.contains(&LOST) {
            self.concealer.mend(&self.samples, frame);
        }
        self.samples.copy_within(FRAME.., 0);
        self.samples.iter_mut().rev().zip(frame.iter().rev()).for_each(|(to, from)| *to = *from);
    }
}

impl Default for Past {
    fn default() -> Past {
        Past { samples: [0; HISTORY], concealer: Concealer::default() }
    }
}

impl Timeline {
    /// Empty, its first sample at place 0.
    pub fn new() -> Timeline {
        let ring = || vec![0i16; CAPACITY].into_boxed_slice();
        Timeline { channels: [ring(), ring()], used: [false; 2], base: 0, past: Default::default() }
    }

    /// The place of the next sample to be taken.
    pub fn base(&self) -> i64 {
        self.base
    }

    /// Puts samples at a place of channel 0 or 1. What lies before the base or beyond the ring is dropped.
    pub fn put(&mut self, channel: usize, place: i64, samples: impl ExactSizeIterator<Item = i16>) {
        let len = samples.len() as i64;
        let Some(ring) = self.channels.get_mut(channel) else { return };
        let skip = self.base.saturating_sub(place).max(0);
        let limit = self.base.saturating_add(CAPACITY as i64);
        if skip >= len || place >= limit {
            return;
        }
        if let Some(used) = self.used.get_mut(channel) {
            *used = true;
        }
        let first = place + skip;
        let at = first.rem_euclid(CAPACITY as i64) as usize;
        let (before, after) = ring.split_at_mut_checked(at).unwrap_or_default();
        let mut samples = samples.skip(skip as usize).take((limit - first) as usize);
        // One loop a part: an adapter over both would ask at every sample in which of them it is.
        after.iter_mut().zip(&mut samples).for_each(|(slot, s)| *slot = s);
        before.iter_mut().zip(&mut samples).for_each(|(slot, s)| *slot = s);
    }

    /// Marks what lies between two places as lost. A packet that comes late after all takes its place.
    pub fn lose(&mut self, channel: usize, from: i64, to: i64) {
        let from = from.max(self.base);
        let len = usize::try_from(to.saturating_sub(from)).unwrap_or(0).min(CAPACITY);
        self.put(channel, from, std::iter::repeat_n(LOST, len));
    }

    /// Moves what a channel holds to earlier places; what would lie before the base is dropped.
    pub fn shift(&mut self, channel: usize, by: i64) {
        let Some(ring) = self.channels.get_mut(channel) else { return };
        let by = usize::try_from(by).unwrap_or(0).min(CAPACITY);
        ring.rotate_left(by);
        // What lay before the new first place has come round to the end.
        let end = self.base.rem_euclid(CAPACITY as i64) as usize + CAPACITY - by;
        let (before, after) = ring.split_at_mut_checked(end % CAPACITY).unwrap_or_default();
        after.iter_mut().chain(before).take(by).for_each(|s| *s = 0);
    }

    /// Takes the next frame of both channels, its losses concealed, leaving silence.
    pub fn take(&mut self) -> [[i16; FRAME]; 2] {
        let at = self.base.rem_euclid(CAPACITY as i64) as usize;
        let mut frame = [[0; FRAME]; 2];
        let used = self.channels.iter_mut().zip(&mut self.past).zip(self.used);
        for (out, ((ring, past), used)) in frame.iter_mut().zip(used) {
            if !used {
                continue;
            }
            if let Some(part) = ring.get_mut(at..at + FRAME) {
                out.copy_from_slice(part);
                part.fill(0);
            }
            past.take(out);
        }
        self.base += FRAME as i64;
        frame
    }

    /// Whether the next `frames` frames hold something louder than silence on one of the channels.
    pub fn loud_within(&self, frames: usize, channels: [bool; 2]) -> bool {
        let at = self.base.rem_euclid(CAPACITY as i64) as usize;
        self.channels.iter().zip(channels).filter(|(_, listen)| *listen).any(|(ring, _)| {
            let (before, after) = ring.split_at_checked(at).unwrap_or_default();
            after
                .chunks_exact(FRAME)
                .chain(before.chunks_exact(FRAME))
                .take(frames)
                .any(|f| !f.contains(&LOST) && !super::level::is_silent(f))
        })
    }
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline::new()
    }
}

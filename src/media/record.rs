//! One recording: takes what both directions carry, puts it on the media clock, and hands PCM to the disk in two buffers
//! that change places. Bounds: the ring of `jitter`, two buffers of one second.
//!
//! What costs is the memory that is touched, and threads that wake up: a recording takes four frames out of the ring at a time,
//! and those of one phase change their buffers on the same tick, so that the disk thread wakes up once for all of them.

mod party;

use super::comfort::Noise;
use super::event::TapEndReason;
use super::jitter::{FRAME, LAG, TURN_FRAMES, Timeline};
use super::level;
use super::plan::{RecordTap, Track};
use super::reception::samples;
use crate::clock::Mono;
use party::Party;

/// Samples of one buffer: what the disk may be late by (1 s).
const BUFFER: usize = 8_000;
/// Between two turns of a recording: 80 ms in samples of the media clock.
const TURN: i64 = TURN_FRAMES as i64 * FRAME as i64;
/// Buffers change on every fifth turn: 400 ms.
const TURNS: i64 = 5;
/// A phase has its turns this much after the phase before it: the disk has a quarter of the recordings at a time.
const APART: i64 = 800;
/// From this fill on a buffer does not wait for that: the other one came back too late for its turn.
const FULL: usize = 3_360;
/// After a second without a packet of the peer nothing is known of its silence: it is counted only while packets come, or comfort
/// noise stands for them (Twilio: no RTP, no silence detected).
const UNHEARD: i64 = 8_000;
/// Frames before the first sound that trimming keeps.
const LEAD: usize = 5;
/// Samples after the last sound that trimming keeps.
const TAIL: u64 = 800;

/// The number of the turn that recordings of a leg of this phase have now: its change is what they wait for.
pub fn turn(now: Mono, phase: u8) -> i64 {
    samples(now).saturating_sub(i64::from(phase) * APART).div_euclid(TURN)
}

/// Which side of the leg audio is from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// From the peer.
    Inbound = 0,
    /// To the peer.
    Outbound = 1,
}

/// A recording at work.
#[derive(Debug)]
pub struct Recorder {
    /// As the plan has it now.
    pub tap: RecordTap,
    timeline: Timeline,
    parties: [Party; 2],
    start: i64,
    paused_at: Option<i64>,
    buffers: [Option<Vec<u8>>; 2],
    full: Option<Vec<u8>>,
    /// In which `TURNS` the last turn was.
    round: i64,
    /// The disk has something of it.
    begun: bool,
    /// Samples that were put into buffers.
    written: u64,
    /// `written` after the last loud frame.
    loud_end: u64,
    leading: bool,
    silent_samples: u64,
    /// The place at which the peer's last audio arrived.
    heard_until: i64,
}

impl Recorder {
    /// Begins now. Allocates all it will need.
    pub fn new(now: Mono, tap: RecordTap) -> Recorder {
        let size = BUFFER * 2 * usize::from(tap.channels.clamp(1, 2));
        let paused_at = (tap.paused && tap.skip).then_some(0);
        Recorder {
            leading: tap.trim,
            tap,
            timeline: Timeline::new(),
            parties: [Party::new(0), Party::new(1)],
            start: samples(now),
            paused_at,
            buffers: [Some(Vec::with_capacity(size)), Some(Vec::with_capacity(size))],
            full: None,
            round: 0,
            begun: false,
            written: 0,
            loud_end: 0,
            silent_samples: 0,
            heard_until: -UNHEARD,
        }
    }

    /// Octets of one sample of all channels.
    fn octets(&self) -> u64 {
        2 * u64::from(self.tap.channels.clamp(1, 2))
    }

    /// Milliseconds that were recorded.
    pub fn ms(&self) -> u64 {
        self.kept() / 8
    }

    /// Samples that stay in the file.
    fn kept(&self) -> u64 {
        if self.tap.trim { self.written.min(self.loud_end.saturating_add(TAIL)) } else { self.written }
    }

    /// For `DiskOp::Close`: octets to keep if something is cut off.
    pub fn keep(&self) -> Option<u64> {
        (self.kept() < self.written).then(|| self.kept() * self.octets())
    }

    fn clock(&self, now: Mono) -> i64 {
        samples(now).saturating_sub(self.start)
    }

    fn listens(&self) -> [bool; 2] {
        match self.tap.track {
            Track::Inbound => [true, false],
            Track::Outbound => [false, true],
            Track::Both => [true, true],
        }
    }

    /// The plan changed what may change: pause, skip and the limits.
    pub fn update(&mut self, now: Mono, tap: &RecordTap) {
        let was = self.tap.paused && self.tap.skip;
        let is = tap.paused && tap.skip;
        if !was && is {
            let at = self.clock(now);
            self.flush_to(at);
            self.paused_at = Some(at);
        }
        if was && !is {
            let paused = self.clock(now).saturating_sub(self.paused_at.take().unwrap_or(0));
            self.start = self.start.saturating_add(paused);
            // The flush went on to a whole frame.
            self.start = self.start.min(samples(now).saturating_sub(self.timeline.base()));
            self.parties.iter_mut().for_each(Party::reset);
        }
        if tap.paused != self.tap.paused {
            self.parties.iter_mut().for_each(Party::interrupt);
        }
        self.tap.paused = tap.paused;
        self.tap.skip = tap.skip;
        self.tap.max_silence_ms = tap.max_silence_ms;
        self.tap.max_length_ms = tap.max_length_ms;
    }

    /// The side, if it is recorded or waited for now, with what it puts its audio into, and the place of this moment.
    fn party(&mut self, now: Mono, side: Side) -> Option<(&mut Party, &mut Timeline, i64)> {
        let [inbound, outbound] = self.listens();
        let listens =
            if side == Side::Inbound { inbound || self.tap.max_silence_ms.is_some() } else { outbound };
        if self.tap.paused || !listens {
            return None;
        }
        let at = self.clock(now);
        Some((self.parties.get_mut(side as usize)?, &mut self.timeline, at))
    }

    /// Audio of one side with its timestamp. `sequence`: extended number, and whether the timestamps have nothing to do with those
    /// before; None for audio made here.
    pub fn put(
        &mut self,
        now: Mono,
        side: Side,
        sequence: Option<(i64, bool)>,
        ts: u32,
        pcm: impl ExactSizeIterator<Item = i16>,
    ) {
        let Some((party, timeline, at)) = self.party(now, side) else { return };
        party.audio(timeline, at, sequence, ts, pcm);
        if side == Side::Inbound {
            self.heard_until = self.heard_until.max(at);
        }
    }

    /// Comfort noise of one side.
    pub fn comfort(&mut self, now: Mono, side: Side, ext: i64, ts: u32, noise: Noise) {
        if let Some((party, timeline, at)) = self.party(now, side) {
            party.comfort(timeline, at, ext, ts, noise);
        }
    }

    /// A packet of one side that is neither.
    pub fn other(&mut self, side: Side, ext: i64) {
        if let Some(party) = self.parties.get_mut(side as usize) {
            party.other(ext);
        }
    }

    /// What comes of one side next is of another sequence.
    pub fn interrupt(&mut self, side: Side) {
        if let Some(party) = self.parties.get_mut(side as usize) {
            party.interrupt();
        }
    }

    fn comfort_until(&mut self, until: i64) {
        self.parties.iter_mut().for_each(|p| p.comfort_until(&mut self.timeline, until));
    }

    /// A new turn: frames older than the lag are written. Some if the recording ended by itself.
    pub fn on_turn(&mut self, now: Mono, turn: i64) -> Option<TapEndReason> {
        let until = if self.paused_at.is_none() { self.clock(now).saturating_sub(LAG) } else { 0 };
        self.comfort_until(until);
        let mut end = None;
        while end.is_none() && self.timeline.base().saturating_add(FRAME as i64) <= until {
            end = self.frame(FRAME);
        }
        let round = turn.div_euclid(TURNS);
        if std::mem::replace(&mut self.round, round) != round {
            self.swap();
        }
        end
    }

    /// The recording ends: everything up to now is written.
    pub fn finish(&mut self, now: Mono) {
        if self.paused_at.is_none() {
            let until = self.clock(now);
            self.flush_to(until);
        }
    }

    fn flush_to(&mut self, until: i64) {
        self.comfort_until(until);
        while self.timeline.base() < until {
            let n = usize::try_from(until - self.timeline.base()).unwrap_or(0).min(FRAME);
            if self.frame(n).is_some() {
                return;
            }
        }
    }

    /// Writes `n` samples of the next frame.
    fn frame(&mut self, n: usize) -> Option<TapEndReason> {
        let listens = self.listens();
        if self.leading && self.timeline.loud_within(LEAD, listens) {
            self.leading = false;
        }
        let comfort = self.parties.first().is_some_and(Party::is_comfort);
        let heard = comfort || self.timeline.base() < self.heard_until.saturating_add(UNHEARD);
        let frame = self.timeline.take();
        let [inbound, outbound] = &frame;
        let quiet = level::is_silent(inbound);
        let [hears_in, hears_out] = listens;
        let loud = (hears_in && !quiet) || (hears_out && !level::is_silent(outbound));
        if !self.leading {
            let left = self.tap.max_length_ms.map(|ms| (ms.saturating_mul(8)).saturating_sub(self.written));
            let n = left.map_or(n, |l| n.min(usize::try_from(l).unwrap_or(n)));
            if !self.write(inbound, outbound, n) {
                return Some(TapEndReason::Failed);
            }
            if loud {
                self.loud_end = self.written;
            }
            if self.tap.max_length_ms.is_some_and(|ms| self.written >= ms.saturating_mul(8)) {
                return Some(TapEndReason::Length);
            }
        }
        self.silent_samples = match quiet && !self.tap.paused {
            true if heard => self.silent_samples + n as u64,
            true => self.silent_samples,
            false => 0,
        };
        let limit = self.tap.max_silence_ms?;
        (self.silent_samples >= u64::from(limit) * 8).then_some(TapEndReason::Silence)
    }

    fn write(&mut self, inbound: &[i16; FRAME], outbound: &[i16; FRAME], n: usize) -> bool {
        let size = BUFFER * 2 * usize::from(self.tap.channels.clamp(1, 2));
        let octets = size / BUFFER;
        let [Some(buffer), _] = &mut self.buffers else { return false };
        // Never beyond the capacity: the last frame that would not fit has ended the recording.
        let start = buffer.len();
        buffer.resize(start + n * octets, 0);
        let room = buffer.get_mut(start..).unwrap_or_default();
        let both = inbound.iter().zip(outbound);
        match (octets, self.tap.track) {
            (4, _) => room.as_chunks_mut::<4>().0.iter_mut().zip(both).for_each(|(slot, (i, o))| {
                let ([a, b], [c, d]) = (i.to_le_bytes(), o.to_le_bytes());
                *slot = [a, b, c, d];
            }),
            (_, Track::Inbound) => put_samples(room, inbound.iter().copied()),
            (_, Track::Outbound) => put_samples(room, outbound.iter().copied()),
            (_, Track::Both) => put_samples(room, both.map(|(i, o)| i.saturating_add(*o))),
        }
        self.written += n as u64;
        let len = buffer.len();
        // The first frame goes at once, so that a kill leaves an empty file only of a recording that was younger than the lag.
        let hurry = !self.begun || len >= FULL * octets;
        (hurry && self.swap()) || len + FRAME * octets <= size
    }

    /// What there is goes to the disk, if the other buffer is back to be filled.
    fn swap(&mut self) -> bool {
        let [filling, other] = &mut self.buffers;
        let ready = self.full.is_none() && other.is_some() && filling.as_ref().is_some_and(|b| !b.is_empty());
        if ready {
            self.begun = true;
            self.full = std::mem::replace(filling, other.take());
        }
        ready
    }

    /// A buffer that shall go to the disk.
    pub fn take_full(&mut self) -> Option<Vec<u8>> {
        self.full.take()
    }

    /// What is left in the buffers at the end.
    pub fn take_rest(&mut self) -> Option<Vec<u8>> {
        let [filling, _] = &mut self.buffers;
        filling.take().filter(|b| !b.is_empty())
    }

    /// A buffer came back.
    pub fn give_back(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        let [_, other] = &mut self.buffers;
        if other.is_none() {
            *other = Some(buffer);
        }
    }

    /// The recording goes on in another engine, where a buffer that is with the disk will not come back.
    pub fn moved(&mut self) {
        let size = BUFFER * self.octets() as usize;
        let [_, other] = &mut self.buffers;
        if other.is_none() {
            *other = Some(Vec::with_capacity(size));
        }
    }
}

/// Little endian, as many as there is room for. The length of a slot is known here, so that no sample costs a call.
fn put_samples(room: &mut [u8], samples: impl Iterator<Item = i16>) {
    room.as_chunks_mut::<2>().0.iter_mut().zip(samples).for_each(|(slot, s)| *slot = s.to_le_bytes());
}

//! Audio of one direction on its way to streams: frames of 20 ms, sent in the order of arrival with at most one packet held back
//! for one that is missing, so that nothing waits. Gaps are filled by concealment, so that frames count time; when nothing comes,
//! silence goes on by the tick, or the noise that the peer announced.

use super::codec::g711::{ULAW_SILENCE, pcm_from_ulaw, ulaw_from_pcm};
use super::comfort::Noise;
use super::conceal::{Concealer, HISTORY};
use super::jitter::FRAME;
use super::reception::samples;
use crate::clock::Mono;
use std::time::Duration;

/// Longest packet: 60 ms.
pub const PACKET: usize = 480;
/// A held packet waits this long for the missing one.
const HOLD: Duration = Duration::from_millis(30);
/// Without packets for this long the tick takes over.
const QUIET: Duration = Duration::from_millis(60);
/// Missing packets that are filled at once; more are left to the tick.
const FILL_MAX: i64 = 10;
/// Frames ahead of time beyond which audio is dropped: what a burst after a stall may add (400 ms).
const AHEAD_MAX: i64 = 20;
/// Silent frames that one tick adds at most.
const TICK_MAX: i64 = 5;

/// Room that one input can need.
pub const FRAMES_MAX: usize = 64;

/// Frames that leave, in an array that is used again.
pub type Frames = Vec<[u8; FRAME]>;

#[derive(Debug)]
struct Held {
    ext: i64,
    since: Mono,
    len: usize,
    ulaw: [u8; PACKET],
}

/// One direction of one leg.
#[derive(Debug)]
pub struct Feed {
    started: i64,
    sent: i64,
    part: [u8; FRAME],
    part_len: usize,
    expected: Option<i64>,
    held: Option<Held>,
    heard: Option<Mono>,
    /// Silent frames that the tick added since the last audio.
    ticked: i64,
    /// What silence sounds like now, if the peer said so.
    noise: Option<Noise>,
    /// The last two frames, from which a loss is concealed.
    past: [u8; HISTORY],
    concealer: Concealer,
}

impl Feed {
    /// Begins now.
    pub fn new(now: Mono) -> Feed {
        Feed {
            started: samples(now),
            sent: 0,
            part: [ULAW_SILENCE; FRAME],
            part_len: 0,
            expected: None,
            held: None,
            heard: None,
            ticked: 0,
            noise: None,
            past: [ULAW_SILENCE; HISTORY],
            concealer: Concealer::default(),
        }
    }

    /// A packet of audio with its extended sequence number.
    pub fn on_audio(&mut self, now: Mono, ext: i64, restart: bool, ulaw: &[u8], out: &mut Frames) {
        self.heard = Some(now);
        if restart {
            self.new_sequence(now, out);
        }
        let expected = *self.expected.get_or_insert(ext);
        if ext < expected {
            return;
        }
        if ext == expected {
            self.push(now, ulaw, out);
            self.expected = Some(ext.saturating_add(1));
            if self.held.as_ref().is_some_and(|h| h.ext == ext.saturating_add(1)) {
                self.release(now, out);
            }
        } else if self.held.is_none() {
            let len = ulaw.len().min(PACKET);
            let mut held = Held { ext, since: now, len, ulaw: [ULAW_SILENCE; PACKET] };
            held.ulaw.iter_mut().zip(ulaw).for_each(|(to, from)| *to = *from);
            self.held = Some(held);
        } else if self.held.as_ref().is_some_and(|h| h.ext > ext) {
            // The missing one was more than one packet back: this one goes first.
            self.fill(ext - expected, ulaw.len(), out);
            self.push_mended(now, ulaw, out);
            self.expected = Some(ext.saturating_add(1));
            if self.held.as_ref().is_some_and(|h| h.ext == ext.saturating_add(1)) {
                self.release(now, out);
            }
        } else {
            self.release(now, out);
            self.on_audio(now, ext, false, ulaw, out);
        }
    }

    /// Audio that has no sequence: made here, in order.
    pub fn on_made(&mut self, now: Mono, ulaw: &[u8], out: &mut Frames) {
        self.new_sequence(now, out);
        self.heard = Some(now);
        self.push(now, ulaw, out);
    }

    /// The next packet is of another sequence.
    pub fn new_sequence(&mut self, now: Mono, out: &mut Frames) {
        self.release(now, out);
        self.expected = None;
        self.noise = None;
    }

    /// The peer falls silent, with this noise.
    pub fn on_comfort(&mut self, now: Mono, ext: i64, noise: Noise, out: &mut Frames) {
        self.on_other(now, ext, out);
        if self.expected.is_none_or(|e| e <= ext.saturating_add(1)) {
            self.noise = Some(noise);
            // The tick takes over at once.
            self.heard = None;
        }
    }

    /// A packet of the sequence that is no audio.
    pub fn on_other(&mut self, now: Mono, ext: i64, out: &mut Frames) {
        if self.expected.is_some_and(|e| ext >= e) {
            self.release(now, out);
            self.expected = Some(ext.saturating_add(1));
        }
    }

    /// Time passes: a packet held too long goes, and silence goes on where nothing comes.
    pub fn on_tick(&mut self, now: Mono, out: &mut Frames) {
        if self.held.as_ref().is_some_and(|h| now.since(h.since) >= HOLD) {
            self.release(now, out);
        }
        if self.heard.is_some_and(|h| now.since(h) < QUIET) {
            return;
        }
        for _ in 0..self.behind(now).clamp(0, TICK_MAX) {
            for _ in 0..FRAME {
                let octet = self.noise.as_mut().map_or(ULAW_SILENCE, Noise::octet);
                self.octet(octet, out);
            }
            self.ticked += 1;
        }
    }

    /// The held packet goes, with silence for what was missed before it.
    fn release(&mut self, now: Mono, out: &mut Frames) {
        let Some(held) = self.held.take() else { return };
        let missing = held.ext - self.expected.unwrap_or(held.ext);
        self.fill(missing, held.len, out);
        if let Some(ulaw) = held.ulaw.get(..held.len) {
            self.push_mended(now, ulaw, out);
        }
        self.expected = Some(held.ext.saturating_add(1));
    }

    /// Frames that time has gone on by beyond what was sent.
    fn behind(&self, now: Mono) -> i64 {
        (samples(now) - self.started) / FRAME as i64 - self.sent
    }

    /// Stands in for lost packets, less what the tick has added in their time.
    fn fill(&mut self, packets: i64, len: usize, out: &mut Frames) {
        let octets = packets.clamp(0, FILL_MAX) * len as i64;
        let owed = (octets - self.ticked * FRAME as i64).max(0);
        // After silence there is nothing to go on from.
        if owed > 0 && self.ticked == 0 {
            self.begin_concealment();
        }
        for _ in 0..owed {
            let octet = if self.concealer.is_active() {
                ulaw_from_pcm(self.concealer.sample())
            } else {
                ULAW_SILENCE
            };
            self.octet(octet, out);
        }
    }

    fn begin_concealment(&mut self) {
        let mut history = [0; HISTORY];
        let part = self.part.iter().take(self.part_len);
        let before = self.past.iter().chain(part).skip(self.part_len);
        history.iter_mut().zip(before).for_each(|(to, from)| *to = pcm_from_ulaw(*from));
        self.concealer.begin(&history);
    }

    /// Audio after a loss: what stood in for the loss goes over into it.
    fn push_mended(&mut self, now: Mono, ulaw: &[u8], out: &mut Frames) {
        if !self.concealer.is_active() {
            return self.push(now, ulaw, out);
        }
        let mut mended = [ULAW_SILENCE; PACKET];
        mended.iter_mut().zip(ulaw).for_each(|(to, from)| *to = *from);
        let mended = mended.get_mut(..ulaw.len()).unwrap_or_default();
        for octet in &mut *mended {
            if !self.concealer.is_active() {
                break;
            }
            *octet = ulaw_from_pcm(self.concealer.blend(pcm_from_ulaw(*octet)));
        }
        self.push(now, mended, out);
    }

    fn push(&mut self, now: Mono, ulaw: &[u8], out: &mut Frames) {
        self.ticked = 0;
        self.noise = None;
        if self.behind(now) < -AHEAD_MAX {
            return;
        }
        if let (0, Ok(frame)) = (self.part_len, <[u8; FRAME]>::try_from(ulaw)) {
            self.emit(frame, out);
            return;
        }
        ulaw.iter().for_each(|o| self.octet(*o, out));
    }

    fn octet(&mut self, octet: u8, out: &mut Frames) {
        if let Some(slot) = self.part.get_mut(self.part_len) {
            *slot = octet;
        }
        self.part_len += 1;
        if self.part_len >= FRAME {
            self.part_len = 0;
            self.emit(self.part, out);
        }
    }

    fn emit(&mut self, frame: [u8; FRAME], out: &mut Frames) {
        self.sent += 1;
        self.past.copy_within(FRAME.., 0);
        self.past.iter_mut().rev().zip(frame.iter().rev()).for_each(|(to, from)| *to = *from);
        out.push(frame);
    }
}

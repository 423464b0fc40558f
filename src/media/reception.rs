//! What arrived and what did not: sequence numbers extended beyond 16 bits, duplicates, loss and jitter
//! (RFC 3550 appendix A.1, A.3, A.8).

use super::rtp::{Packet, seq_after, ts_after};
use crate::clock::Mono;

/// A gap ahead of this many packets is taken for a restarted sender.
const DROPOUT_MAX: i32 = 3_000;
/// A packet further behind than this is taken for a restarted sender.
const MISORDER_MAX: i32 = 100;
/// Differences of transit above this (samples) are jumps of the sender's clock, not jitter.
const TRANSIT_JUMP: i64 = 8_000;

/// The media clock: samples of 8 kHz since the monotonic clock's start.
pub fn samples(now: Mono) -> i64 {
    i64::try_from(now.0 / 125).unwrap_or(i64::MAX)
}

/// What a packet is in its sequence.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The newest so far. `ext` counts on for ever, also over restarts; `restart`: timestamps have nothing to do with
    /// those before.
    New {
        /// Extended sequence number.
        ext: i64,
        /// New sender or new sequence.
        restart: bool,
    },
    /// Came after a later one.
    Late {
        /// Extended sequence number.
        ext: i64,
    },
    /// Seen before, too old, or a wild jump that the next packet must confirm.
    Ignore,
}

/// State of one receiver.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    ssrc: Option<u32>,
    high_seq: u16,
    cycles: u32,
    high_ext: i64,
    base_ext: i64,
    seen: u64,
    received: u64,
    earlier_lost: u64,
    suspect: Option<u16>,
    transit: Option<i64>,
    jitter_16: i64,
    reported_expected: u64,
    reported_received: u64,
}

impl Reception {
    /// Classifies a packet and counts it.
    pub fn on_packet(&mut self, p: &Packet<'_>) -> Arrival {
        if self.ssrc != Some(p.ssrc) {
            return self.restart(p);
        }
        let ahead = seq_after(p.seq, self.high_seq);
        if !(-MISORDER_MAX..=DROPOUT_MAX).contains(&ahead) {
            if self.suspect == Some(p.seq) {
                return self.restart(p);
            }
            self.suspect = Some(p.seq.wrapping_add(1));
            return Arrival::Ignore;
        }
        self.suspect = None;
        let ext = self.high_ext.saturating_add(i64::from(ahead));
        if ahead > 0 {
            if p.seq < self.high_seq {
                self.cycles = self.cycles.wrapping_add(1);
            }
            self.high_seq = p.seq;
            self.high_ext = ext;
            self.seen = self.seen.checked_shl(ahead.unsigned_abs()).unwrap_or(0) | 1;
            self.received = self.received.saturating_add(1);
            return Arrival::New { ext, restart: false };
        }
        let bit = 1u64.checked_shl(ahead.unsigned_abs()).unwrap_or(0);
        if bit == 0 || self.seen & bit != 0 || ext < self.base_ext {
            return Arrival::Ignore;
        }
        self.seen |= bit;
        self.received = self.received.saturating_add(1);
        Arrival::Late { ext }
    }

    fn restart(&mut self, p: &Packet<'_>) -> Arrival {
        self.earlier_lost = self.lost();
        let ext = self.high_ext.saturating_add(1);
        *self = Reception {
            ssrc: Some(p.ssrc),
            high_seq: p.seq,
            high_ext: ext,
            base_ext: ext,
            seen: 1,
            received: 1,
            earlier_lost: self.earlier_lost,
            jitter_16: self.jitter_16,
            ..Reception::default()
        };
        Arrival::New { ext, restart: true }
    }

    /// Takes an audio packet into the jitter (events do not count: their timestamps stand still).
    pub fn on_timing(&mut self, now: Mono, ts: u32) {
        let transit = i64::from((samples(now) as u32).wrapping_sub(ts));
        if let Some(before) = self.transit {
            let d = ts_after(transit as u32, before as u32).abs();
            if d < TRANSIT_JUMP {
                self.jitter_16 += d - ((self.jitter_16 + 8) >> 4);
            }
        }
        self.transit = Some(transit);
    }

    fn expected(&self) -> u64 {
        if self.ssrc.is_none() {
            return 0;
        }
        u64::try_from(self.high_ext - self.base_ext + 1).unwrap_or(0)
    }

    /// Packets that never came, over all senders.
    pub fn lost(&self) -> u64 {
        self.earlier_lost.saturating_add(self.expected().saturating_sub(self.received))
    }

    /// Interarrival jitter in samples.
    pub fn jitter(&self) -> u32 {
        u32::try_from(self.jitter_16 >> 4).unwrap_or(0)
    }

    /// The sender's SSRC.
    pub fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// For a report block: (fraction lost since the last call, cumulative loss, extended highest sequence number).
    pub fn report(&mut self) -> (u8, u32, u32) {
        let expected = self.expected();
        let interval = expected.saturating_sub(self.reported_expected);
        let got = self.received.saturating_sub(self.reported_received);
        self.reported_expected = expected;
        self.reported_received = self.received;
        let lost = interval.saturating_sub(got);
        let fraction = (lost << 8).checked_div(interval).unwrap_or(0).min(255);
        let total = expected.saturating_sub(self.received).min(0x7F_FFFF);
        (fraction as u8, total as u32, (self.cycles << 16) | u32::from(self.high_seq))
    }
}

//! What a session sends.

use super::{Phase, Session};
use crate::clock::Now;
use crate::media::plan::Track;
use crate::streams::buf::StreamBuf;
use crate::streams::frame;
use crate::streams::message::{self, Counters};

/// How far the clock of the messages may be from ours before it is set again.
const DRIFT_MS: u64 = 200;

impl Session {
    /// Audio of the call, normally 20 ms: one media message, which may be dropped if the agent does not read. `Both` is
    /// taken as inbound: a frame has one direction.
    pub fn frame(&mut self, now: Now, track: Track, ulaw: &[u8], out: &mut StreamBuf) {
        if self.phase != Phase::Open || ulaw.is_empty() {
            return;
        }
        let outbound = track == Track::Outbound;
        let timestamp = self.timestamp(now, outbound, ulaw.len());
        self.chunk = self.chunk.saturating_add(1);
        let counters = Counters { sequence: self.next_sequence(), chunk: self.chunk, timestamp };
        let (key, sid) = (self.key_of_mask(), &self.sid);
        out.push(now.mono, true, |v| {
            frame::write(v, frame::TEXT, key, |v| message::media(v, counters, sid, outbound, ulaw));
        });
    }

    /// Steps by the length of the audio; set anew where the call's audio paused or ran ahead; never goes back.
    fn timestamp(&mut self, now: Now, outbound: bool, octets: usize) -> u64 {
        let real = now.mono.since(self.opened).as_millis() as u64;
        let [inbound, other] = &mut self.clock;
        let next = if outbound { other } else { inbound };
        let expected = next.unwrap_or(real);
        let timestamp = if real > expected.saturating_add(DRIFT_MS) { real } else { expected };
        // Audio that comes late and all at once would run ahead of the clock for ever.
        let ahead = timestamp > real.saturating_add(DRIFT_MS);
        *next = Some(timestamp.saturating_add(if ahead { 0 } else { octets as u64 / 8 }));
        timestamp
    }

    /// The caller pressed a key; only agents of bidirectional streams hear of it.
    pub fn key(&mut self, now: Now, digit: char, out: &mut StreamBuf) {
        if self.phase != Phase::Open || !self.start.bidirectional {
            return;
        }
        let (sequence, key, sid) = (self.next_sequence(), self.key_of_mask(), &self.sid);
        out.push(now.mono, false, |v| {
            frame::write(v, frame::TEXT, key, |v| message::dtmf(v, sequence, sid, digit));
        });
        self.note(true, "dtmf");
    }

    pub(super) fn echo(&mut self, now: Now, name: &str, out: &mut StreamBuf) {
        let (sequence, key, sid) = (self.next_sequence(), self.key_of_mask(), &self.sid);
        out.push(now.mono, false, |v| {
            frame::write(v, frame::TEXT, key, |v| message::mark(v, sequence, sid, name));
        });
        self.note(true, "mark");
    }

    pub(super) fn send_stop(&mut self, now: Now, out: &mut StreamBuf) {
        let (sequence, key) = (self.next_sequence(), self.key_of_mask());
        let (sid, start) = (&self.sid, &self.start);
        out.push(now.mono, false, |v| {
            frame::write(v, frame::TEXT, key, |v| message::stop(v, sequence, sid, start));
        });
        self.note(true, "stop");
        self.send_close(now, 1000, out);
    }

    pub(super) fn send_close(&mut self, now: Now, code: u16, out: &mut StreamBuf) {
        let key = self.key_of_mask();
        out.push(now.mono, false, |v| {
            frame::write(v, frame::CLOSE, key, |v| v.extend_from_slice(&code.to_be_bytes()));
        });
    }

    pub(super) fn next_sequence(&mut self) -> u64 {
        self.sequence = self.sequence.saturating_add(1);
        self.sequence
    }

    pub(super) fn key_of_mask(&mut self) -> [u8; 4] {
        (self.rng.next_u64() as u32).to_ne_bytes()
    }
}

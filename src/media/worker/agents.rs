//! (s) What the loop does with stream connections.

use super::counters;
use super::link::Broken;
use super::run::Thread;
use super::slots::Which;
use super::stream::{Phase, StreamSocket};
use crate::clock::Now;
use crate::media::engine::StreamInput;
use crate::media::event::{AgentEvent, MediaEvent};
use crate::sid::StreamSid;
use crate::streams::codes;
use crate::streams::connect::Dialled;
use crate::streams::handshake::Verdict;

/// Reads of one connection before the others have their turn.
const READS_AT_ONCE: usize = 4;

impl Thread {
    /// A connection for a stream; closed again if the stream has ended meanwhile.
    pub(super) fn connected(&mut self, now: Now, stream: StreamSid, d: Dialled) {
        if !self.streams.is_expected(stream) {
            return;
        }
        let made = StreamSocket::new(now, stream, d).and_then(|s| {
            self.streams.insert(s, self.poll.registry()).map_err(|e| (codes::BROKEN_PIPE, e.to_string()))
        });
        match made {
            Ok(slot) => {
                self.write_stream(slot);
                self.read_stream(slot);
            }
            Err((code, words)) => self.stream_failed(now, stream, code, words),
        }
    }

    fn on_stream(&mut self, now: Now, stream: StreamSid, input: StreamInput<'_>) {
        let leg = self.streams.leg_of(stream);
        self.guarded(now, leg, |engine, out| engine.on_stream(now, stream, input, out));
    }

    pub(super) fn stream_failed(&mut self, now: Now, stream: StreamSid, code: u32, words: String) {
        self.streams.forget(stream);
        self.on_stream(now, stream, StreamInput::Failed { code, words });
        self.flush(now);
    }

    pub(super) fn send_stream(&mut self, now: Now, stream: StreamSid, droppable: bool, bytes: &[u8]) {
        let leg = self.streams.leg_of(stream);
        let Some((slot, socket)) = self.streams.by_id(stream) else { return };
        let sent = socket.send(now, droppable, bytes);
        counters::add(&self.counters.stream_out, bytes.len() as u64);
        counters::add(&self.counters.stream_dropped, sent.dropped);
        if let Some(leg) = leg.filter(|_| sent.warn) {
            let words = "the agent does not read fast enough; audio of the call to it was dropped".to_owned();
            let warning = AgentEvent::Warning { code: codes::UPSTREAM_OVERFLOW, words };
            self.events.push(MediaEvent::Agent(leg, stream, warning), &self.counters);
        }
        if sent.deaf {
            self.again.push(Which::Stream(slot));
        }
        if sent.hopeless {
            self.broken.push(stream);
        }
    }

    /// The engine has said its last word on this stream.
    pub(super) fn end_stream(&mut self, now: Now, stream: StreamSid) {
        let slot = self.streams.by_id(stream).map(|(slot, _)| slot);
        self.streams.forget(stream);
        let Some(slot) = slot else { return };
        let Some(socket) = self.streams.get_mut(slot) else { return };
        if socket.phase == Phase::Upgrading {
            self.streams.remove(slot, self.poll.registry());
            return;
        }
        socket.end(now);
        self.streams.wait_for(slot, true, self.poll.registry());
        self.write_stream(slot);
    }

    /// There is no use in this connection any more.
    pub(super) fn lost(&mut self, now: Now, stream: StreamSid) {
        if let Some((slot, _)) = self.streams.by_id(stream) {
            self.gone(now, slot, None);
        }
    }

    /// A connection is over; the engine hears of it if it still holds the stream.
    fn gone(&mut self, now: Now, slot: usize, why: Option<Broken>) {
        let Some(s) = self.streams.remove(slot, self.poll.registry()) else { return };
        match s.phase {
            Phase::Upgrading => {
                let (code, words) = s.failure(why);
                self.stream_failed(now, s.stream, code, words);
            }
            Phase::Open => {
                self.on_stream(now, s.stream, StreamInput::Eof);
                self.flush(now);
            }
            Phase::Ending => {}
        }
    }

    pub(super) fn write_stream(&mut self, slot: usize) {
        let Some(s) = self.streams.get_mut(slot) else { return };
        if !s.flush() {
            self.again.push(Which::Stream(slot));
        }
    }

    /// Reads what the agent of a leg said, on the leg's tick.
    pub(super) fn read_agent(&mut self, stream: StreamSid) {
        let Some((slot, socket)) = self.streams.by_id(stream) else { return };
        if socket.phase == Phase::Open && self.streams.wait_for(slot, false, self.poll.registry()) {
            self.read_stream(slot);
        }
    }

    pub(super) fn read_stream(&mut self, slot: usize) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut left = true;
        for _ in 0..READS_AT_ONCE {
            let Some(s) = self.streams.get_mut(slot) else {
                left = false;
                break;
            };
            let (deaf, waited_for) = (s.deaf, s.waited_for);
            let read = s.link.read(&mut scratch);
            // On the tick a short read has taken all there was; a socket that wakes the worker up must be read until it is empty.
            let all = !waited_for && s.link.is_plain() && matches!(read, Ok(Some(n)) if n < scratch.len());
            let now = self.stamp();
            match read {
                Ok(None) if deaf => self.gone(now, slot, None),
                Ok(None) => left = false,
                Ok(Some(0)) => self.gone(now, slot, None),
                Err(why) => self.gone(now, slot, Some(why)),
                Ok(Some(n)) => {
                    counters::add(&self.counters.stream_in, n as u64);
                    self.on_octets(now, slot, scratch.get_mut(..n).unwrap_or_default());
                    left = !all;
                }
            }
            if !left {
                break;
            }
        }
        self.scratch = scratch;
        if left && self.streams.get_mut(slot).is_some() {
            self.again.push(Which::Stream(slot));
        }
    }

    fn on_octets(&mut self, now: Now, slot: usize, bytes: &mut [u8]) {
        let Some(s) = self.streams.get_mut(slot) else { return };
        let stream = s.stream;
        let mut frames = 0;
        match s.phase {
            Phase::Ending => return,
            Phase::Open => {}
            Phase::Upgrading => match s.handshake.as_mut().map_or(Verdict::More, |h| h.on_bytes(bytes)) {
                Verdict::More => return,
                Verdict::Failed { code, words } => {
                    self.streams.remove(slot, self.poll.registry());
                    return self.stream_failed(now, stream, code, words);
                }
                Verdict::Open { used } => {
                    s.phase = Phase::Open;
                    s.deadline = None;
                    s.handshake = None;
                    frames = used;
                    self.on_stream(now, stream, StreamInput::Opened);
                    self.flush(now);
                }
            },
        }
        // What came in the same segment as the 101 is frames already.
        if let Some(rest) = bytes.get_mut(frames..).filter(|r| !r.is_empty()) {
            self.on_stream(now, stream, StreamInput::Bytes(rest));
            self.flush(now);
        }
    }

    pub(super) fn check_deadlines(&mut self, now: Now) {
        while let Some(slot) = self.streams.overdue(now.mono) {
            let Some(s) = self.streams.remove(slot, self.poll.registry()) else { return };
            if s.phase == Phase::Upgrading {
                let words = "the agent did not answer the handshake within 5 s".to_owned();
                self.stream_failed(now, s.stream, codes::TIMEOUT, words);
            }
        }
    }
}

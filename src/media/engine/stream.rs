//! Streams of one leg: frames of both directions go to their sessions, what the agent says is pulled by the tick.

use super::leg::LegState;
use super::out::{Out, StreamInput};
use crate::clock::Now;
use crate::media::dtmf;
use crate::media::event::{AgentEvent, MediaEvent, StreamStart};
use crate::media::feed::Frames;
use crate::media::jitter::FRAME;
use crate::media::plan::Track;
use crate::sid::StreamSid;

/// A stream and what speaks its dialect.
#[derive(Debug)]
pub(super) struct StreamState {
    pub sid: StreamSid,
}

impl LegState {
    pub(super) fn open_stream(&mut self, _now: Now, start: &StreamStart) {
        self.streams.push(StreamState { sid: start.stream });
    }

    pub(super) fn close_stream(&mut self, sid: StreamSid, o: &mut Out) {
        self.streams.retain(|s| s.sid != sid);
        o.end_stream(sid);
    }

    pub(super) fn close_streams(&mut self, o: &mut Out) {
        self.streams.drain(..).for_each(|s| o.end_stream(s.sid));
    }

    /// What came from the agent. True: the stream is over.
    pub(super) fn on_stream(
        &mut self,
        _now: Now,
        sid: StreamSid,
        input: StreamInput<'_>,
        o: &mut Out,
    ) -> bool {
        if let StreamInput::Failed { code, words } = input {
            o.event(MediaEvent::Agent(self.id, sid, AgentEvent::Failed { code, words }));
            return true;
        }
        false
    }

    /// Frames of one direction to those that listen to it.
    pub(super) fn feed_streams(&mut self, _now: Now, _track: Track, frames: &mut Frames, _o: &mut Out) {
        frames.clear();
    }

    /// A key goes to the call, to the agent, and silences the source.
    pub(super) fn key(&mut self, code: u8, o: &mut Out) {
        let Some(key) = dtmf::key(code) else { return };
        if self.plan.keys.report {
            o.event(MediaEvent::Key(self.id, key));
        }
        if self.plan.keys.silence_source && self.hears().is_none() {
            self.end_source(o);
        }
    }

    /// The next 20 ms of the agent's audio.
    pub(super) fn pull_agent(&mut self, _now: Now, _sid: StreamSid, _ulaw: &mut [u8; FRAME]) {}

    /// Marks that the last frame reached, after its packet.
    pub(super) fn echo_marks(&mut self, _o: &mut Out) {}
}

//! Streams of one leg: frames of both directions go to their sessions, what the agent says is pulled by the tick.

use super::leg::LegState;
use super::out::{Item, Out, StreamInput};
use super::taps::TapKind;
use crate::clock::Now;
use crate::media::dtmf;
use crate::media::event::{AgentEvent, MediaEvent, StreamStart};
use crate::media::feed::Frames;
use crate::media::jitter::FRAME;
use crate::media::plan::Track;
use crate::rng::Rng;
use crate::sid::StreamSid;
use crate::sip::event::LegId;
use crate::streams::{Session, StreamBuf, audio::Budget};

/// A stream, what speaks its dialect, and what that has to say.
pub(super) struct StreamState {
    pub sid: StreamSid,
    /// Its agent speaks to the peer.
    pub bidirectional: bool,
    session: Session,
    buf: StreamBuf,
}

impl StreamState {
    /// What the session wrote leaves, in whole frames; its notes go to the call.
    fn flush(&mut self, leg: LegId, o: &mut Out) {
        let stream = self.sid;
        self.buf.drain(|droppable, frame| {
            o.send(Item::SendStream { stream, droppable }, |bytes| bytes.extend_from_slice(frame));
        });
        while let Some(event) = self.session.poll_event() {
            o.event(MediaEvent::Agent(leg, stream, event));
        }
    }

    fn close(mut self, now: Now, leg: LegId, o: &mut Out) {
        self.session.close(now, &mut self.buf);
        self.flush(leg, o);
        o.end_stream(self.sid);
    }
}

impl LegState {
    pub(super) fn open_stream(&mut self, now: Now, start: &StreamStart, rng: Rng, budget: Budget) {
        let session = Session::new(start, now).with_rng(rng).with_budget(budget);
        let (sid, bidirectional) = (start.stream, start.bidirectional);
        self.streams.push(StreamState { sid, bidirectional, session, buf: StreamBuf::new() });
    }

    fn take_stream(&mut self, sid: StreamSid) -> Option<StreamState> {
        let at = self.streams.iter().position(|s| s.sid == sid)?;
        Some(self.streams.swap_remove(at))
    }

    pub(super) fn close_stream(&mut self, now: Now, sid: StreamSid, o: &mut Out) {
        if let Some(stream) = self.take_stream(sid) {
            stream.close(now, self.id, o);
        }
    }

    pub(super) fn close_streams(&mut self, now: Now, o: &mut Out) {
        let id = self.id;
        self.streams.drain(..).for_each(|s| s.close(now, id, o));
    }

    /// What came from the agent. True: the stream is over.
    pub(super) fn on_stream(
        &mut self,
        now: Now,
        sid: StreamSid,
        input: StreamInput<'_>,
        o: &mut Out,
    ) -> bool {
        let id = self.id;
        let Some(s) = self.streams.iter_mut().find(|s| s.sid == sid) else { return true };
        let mut events = Vec::new();
        match input {
            StreamInput::Opened => {
                s.session.opened(now, &mut s.buf);
                events.push(AgentEvent::Opened);
            }
            StreamInput::Failed { code, words } => {
                o.event(MediaEvent::Agent(id, sid, AgentEvent::Failed { code, words }));
                self.take_stream(sid);
                return true;
            }
            StreamInput::Bytes(bytes) => s.session.on_bytes(now, bytes, &mut events, &mut s.buf),
            StreamInput::Eof => s.session.eof(&mut events),
        }
        events.into_iter().for_each(|e| o.event(MediaEvent::Agent(id, sid, e)));
        s.flush(id, o);
        let over = s.session.is_over();
        if over {
            self.take_stream(sid);
            o.end_stream(sid);
        }
        over
    }

    /// Frames of one direction to those that listen to it.
    pub(super) fn feed_streams(&mut self, now: Now, track: Track, frames: &mut Frames, o: &mut Out) {
        if frames.is_empty() {
            return;
        }
        let id = self.id;
        for t in &self.taps {
            let TapKind::Stream(sid, wants) = t.kind else { continue };
            if wants != track && wants != Track::Both {
                continue;
            }
            if let Some(s) = self.streams.iter_mut().find(|s| s.sid == sid) {
                frames.iter().for_each(|f| s.session.frame(now, track, f, &mut s.buf));
                s.flush(id, o);
            }
        }
        frames.clear();
    }

    /// A key goes to the call, to the agents, and silences the source.
    pub(super) fn key(&mut self, now: Now, code: u8, o: &mut Out) {
        let Some(key) = dtmf::key(code) else { return };
        let id = self.id;
        if self.plan.keys.report {
            o.event(MediaEvent::Key(id, key));
        }
        for s in &mut self.streams {
            s.session.key(now, key, &mut s.buf);
            s.flush(id, o);
        }
        if self.plan.keys.silence_source && self.hears().is_none() {
            self.end_source(o);
        }
    }

    /// The next 20 ms of the agent's audio.
    pub(super) fn pull_agent(&mut self, now: Now, sid: StreamSid, ulaw: &mut [u8; FRAME]) {
        let ptime = self.plan.peer.as_ref().map_or(20, |p| p.ptime);
        if let Some(s) = self.streams.iter_mut().find(|s| s.sid == sid) {
            s.session.set_packet(ptime);
            s.session.pull(now, ulaw, &mut s.buf);
        }
    }

    /// Marks that were reached leave after the packet of this frame.
    pub(super) fn echo_marks(&mut self, o: &mut Out) {
        let id = self.id;
        self.streams.iter_mut().for_each(|s| s.flush(id, o));
    }
}

//! Connect Stream: the caller speaks with an agent until the agent closes, the call ends or a REST update comes.

use super::Phase;
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::notify;
use crate::call::streams::Open;
use crate::media::event::AgentEvent;
use crate::media::plan::{Keys, Source, Track};
use crate::sid::StreamSid;
use twiml::verb::{Connect, Start, Stop, Stream, StreamTrack};

/// The verb while it runs.
pub struct Streaming {
    /// Its stream.
    pub stream: StreamSid,
}

fn track_of(t: StreamTrack) -> Track {
    match t {
        StreamTrack::Inbound => Track::Inbound,
        StreamTrack::Outbound => Track::Outbound,
        StreamTrack::Both => Track::Both,
    }
}

impl Call {
    /// Opens the stream and lets the caller hear it.
    pub(in crate::call) fn begin_connect(&mut self, cx: &mut Cx<'_>, connect: Connect) {
        let Some(s) = connect.stream else {
            notify::write(cx, &self.row, 12200, "<Connect> needs a <Stream>: nothing to connect to");
            return self.next(cx, twiml::Event::Connected { params: vec![] });
        };
        let stream = StreamSid::new(cx.rng);
        let open = self.open_of(stream, &s, Track::Inbound, true);
        if !self.begin_stream(cx, open) {
            return self.next(cx, twiml::Event::Connected { params: vec![] });
        }
        self.phase = Phase::Streaming(Streaming { stream });
        self.play(cx, Source::Agent(stream), Keys::default());
    }

    /// Start Stream and Start Recording: in the background, the next verb runs at once.
    pub(in crate::call) fn start(&mut self, cx: &mut Cx<'_>, start: &Start) {
        for s in &start.streams {
            let stream = StreamSid::new(cx.rng);
            let track = track_of(s.track);
            let open = self.open_of(stream, s, track, false);
            self.begin_stream(cx, open);
            self.send_plan(cx);
        }
        if let Some(r) = &start.recording {
            self.start_recording(cx, r);
        }
        self.next(cx, twiml::Event::Next);
    }

    /// Stop Stream by name; an unknown name is a warning.
    pub(in crate::call) fn stop(&mut self, cx: &mut Cx<'_>, stop: &Stop) {
        for name in &stop.streams {
            match self.streams.named(name) {
                Some(stream) => self.close_stream(cx, stream),
                None => notify::write(cx, &self.row, 12200, "<Stop><Stream> names no stream of this call"),
            }
        }
        self.next(cx, twiml::Event::Next);
    }

    fn open_of(&self, stream: StreamSid, s: &Stream, track: Track, bidirectional: bool) -> Open {
        Open {
            stream,
            url: s.url.clone(),
            name: s.name.clone(),
            track,
            bidirectional,
            parameters: s.parameters.clone(),
            callback: s.status_callback.as_ref().and_then(|u| self.hook_of(u, s.status_callback_method)),
        }
    }

    /// What the agent's side of a stream did.
    pub(in crate::call) fn on_agent(&mut self, cx: &mut Cx<'_>, stream: StreamSid, event: AgentEvent) {
        let over = self.stream_event(cx, stream, event);
        if let (true, Phase::Streaming(s)) = (over, &self.phase)
            && s.stream == stream
        {
            self.phase = Phase::Ending;
            self.hush(cx);
            self.next(cx, twiml::Event::Connected { params: vec![] });
        }
    }
}

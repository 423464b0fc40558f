//! Agents: their connections, in virtual time.

use super::World;
use super::queue::{Ev, StreamIn};
use chorus::media::engine::StreamInput;
use chorus::sid::StreamSid;
use chorus::switch::WorkerId;

impl World {
    pub(super) fn connect(&mut self, worker: WorkerId, c: &chorus::call::event::StreamConnect) {
        let input = if self.agents_down {
            StreamIn::Failed(31902)
        } else {
            self.line("chorus", "agent", "WebSocket upgrade");
            self.agents.insert(c.stream, self.agent.clone_fresh());
            StreamIn::Opened
        };
        self.at(10_000, Ev::ToEngine(worker.0, c.stream, input));
    }

    pub(super) fn feed_engine(&mut self, worker: usize, stream: StreamSid, input: StreamIn) {
        let mut out = std::mem::take(&mut self.out);
        let now = self.now;
        for engine in &mut self.engines {
            // The stream lives where its leg does; the others ignore it.
            match &input {
                StreamIn::Opened => engine.on_stream(now, stream, StreamInput::Opened, &mut out),
                StreamIn::Failed(code) => {
                    let words = "the agent refused the connection".to_owned();
                    engine.on_stream(now, stream, StreamInput::Failed { code: *code, words }, &mut out);
                }
                StreamIn::Bytes(b) => {
                    engine.on_stream(now, stream, StreamInput::Bytes(&mut b.clone()), &mut out)
                }
                StreamIn::Eof => engine.on_stream(now, stream, StreamInput::Eof, &mut out),
            }
        }
        self.out = out;
        self.drain_engine(worker);
    }

    pub(super) fn feed_agent(&mut self, stream: StreamSid, bytes: &[u8]) {
        let Some(agent) = self.agents.get_mut(&stream) else { return };
        let back = if bytes.is_empty() { agent.ended() } else { agent.on_bytes(bytes) };
        let heard: Vec<String> = agent.take_lines();
        for what in heard {
            self.line("chorus", "agent", &what);
        }
        for b in back {
            let input = match b {
                crate::kit::agent::Back::Bytes(what, bytes) => {
                    if let Some(what) = what {
                        self.line("agent", "chorus", &what);
                    }
                    StreamIn::Bytes(bytes)
                }
                crate::kit::agent::Back::Eof => StreamIn::Eof,
            };
            self.at(1_000, Ev::ToEngine(0, stream, input));
        }
        if self.quiet && self.agents.get(&stream).is_some_and(|a| a.closed) {
            self.agents.remove(&stream);
        }
    }

    /// Lets the test's agent say something.
    pub fn agent_says(&mut self, stream: StreamSid, text: &str) {
        let Some(agent) = self.agents.get_mut(&stream) else { return };
        let bytes = agent.text(text);
        self.line("agent", "chorus", text);
        self.at(1_000, Ev::ToEngine(0, stream, StreamIn::Bytes(bytes)));
    }

    pub fn agent_closes(&mut self, stream: StreamSid) {
        let Some(agent) = self.agents.get_mut(&stream) else { return };
        let bytes = agent.close();
        self.line("agent", "chorus", "close");
        self.at(1_000, Ev::ToEngine(0, stream, StreamIn::Bytes(bytes)));
    }
}

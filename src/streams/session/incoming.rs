//! What the agent says, and what follows from it.

use super::{MARKS_MAX, Mark, Once, Phase, Session};
use crate::clock::Now;
use crate::media::event::AgentEvent;
use crate::streams::buf::StreamBuf;
use crate::streams::codes;
use crate::streams::frame::{self, Got, Violation};
use crate::streams::message::{self, Incoming};

impl Session {
    /// Octets of the agent, in any pieces, after the 101.
    pub fn on_bytes(
        &mut self,
        now: Now,
        bytes: &mut [u8],
        events: &mut Vec<AgentEvent>,
        out: &mut StreamBuf,
    ) {
        let mut rest: &[u8] = bytes;
        // The reader is lent to the loop, so that what it hands out may be used while the session changes.
        let mut reader = std::mem::take(&mut self.reader);
        while matches!(self.phase, Phase::Open | Phase::Closing) {
            let step = reader.read(rest);
            let (used, got) = match step {
                Ok(s) => s,
                Err(v) => {
                    self.violated(now, v, out);
                    break;
                }
            };
            let done = used == 0 && got.is_none();
            if let Some(got) = got {
                self.on_message(now, got, out);
            }
            rest = rest.get(used..).unwrap_or_default();
            if done || rest.is_empty() {
                break;
            }
        }
        self.reader = reader;
        events.append(&mut self.pending);
    }

    fn on_message(&mut self, now: Now, got: Got<'_>, out: &mut StreamBuf) {
        match got {
            Got::Close { code } => self.closed_by_agent(now, code, out),
            Got::Ping(data) if self.phase == Phase::Open => {
                let key = self.key_of_mask();
                out.push(now.mono, false, |v| {
                    frame::write(v, frame::PONG, key, |v| v.extend_from_slice(data));
                });
            }
            Got::Binary if self.phase == Phase::Open => {
                self.warn(Once::Undecodable, codes::UNDECODABLE, "the agent sent a binary message");
            }
            Got::Text(text) if self.phase == Phase::Open => self.on_text(now, text, out),
            _ => {}
        }
    }

    fn on_text(&mut self, now: Now, text: &[u8], out: &mut StreamBuf) {
        let read = message::read(&self.sid, text);
        if read.is_err() && std::str::from_utf8(text).is_err() {
            return self.violated(now, Violation { close: 1007, words: "a text message is not UTF-8" }, out);
        }
        match read {
            Ok(Incoming::Stop(fields)) => self.stopped_by_agent(now, fields, out),
            // A unidirectional agent has nothing to say.
            Ok(_) if !self.start.bidirectional => {}
            Ok(Incoming::Media(payload)) => self.on_media(now, &payload),
            Ok(Incoming::Mark(name)) => self.on_mark(now, &name, out),
            Ok(Incoming::Clear) => {
                self.note(false, "clear");
                self.audio.clear();
                self.taken = self.queued;
                while let Some(mark) = self.marks.pop_front() {
                    self.echo(now, &mark.name, out);
                }
            }
            Err(invalid) => {
                let words = format!("the agent sent a message that is ignored: {}", invalid.0);
                self.warn(Once::Invalid, codes::INVALID, &words);
            }
        }
    }

    fn on_media(&mut self, now: Now, payload: &message::Payload<'_>) {
        let before = self.audio.len();
        let mut all = true;
        payload.decode(|audio| all &= self.audio.push(audio));
        self.queued = self.queued.saturating_add(self.audio.len().saturating_sub(before) as u64);
        self.last_media = now.mono;
        if !all {
            let words = "more than ten minutes of the agent's audio wait to be heard, the rest was discarded";
            self.warn(Once::Discarded, codes::AUDIO_DISCARDED, words);
        }
    }

    fn on_mark(&mut self, now: Now, name: &str, out: &mut StreamBuf) {
        self.note(false, "mark");
        // A packet of 20 ms left with its pull; a longer one may still be collecting.
        let longer = self.packet > super::PACKET;
        let collecting = self.last_taken.map(|t| self.echo_from(t)).filter(|d| longer && *d > now.mono);
        let due = collecting.filter(|_| self.audio.is_empty());
        if self.audio.is_empty() && self.marks.is_empty() && due.is_none() {
            return self.echo(now, name, out);
        }
        if self.marks.len() >= MARKS_MAX {
            return self.warn(Once::Invalid, codes::INVALID, "too many marks wait for their audio");
        }
        let due = due.or_else(|| self.audio.is_empty().then_some(now.mono));
        self.marks.push_back(Mark { after: self.queued, due, name: name.into() });
    }

    fn stopped_by_agent(&mut self, now: Now, fields: Vec<(String, String)>, out: &mut StreamBuf) {
        self.note(false, "stop");
        self.warn(Once::Invalid, codes::INVALID, "the agent sent stop, which ends the stream");
        self.send_stop(now, out);
        self.phase = Phase::Closing;
        self.over(None, "the agent sent stop".to_owned(), Some(fields));
    }

    fn closed_by_agent(&mut self, now: Now, code: Option<u16>, out: &mut StreamBuf) {
        if self.phase == Phase::Open {
            self.send_close(now, code.unwrap_or(1000), out);
            let clean = matches!(code, None | Some(1000 | 1001));
            let words = match code {
                Some(c) => format!("the agent closed with {c}"),
                None => "the agent closed".to_owned(),
            };
            self.over((!clean).then_some(codes::CLOSED_BY_AGENT), words, None);
        }
        self.phase = Phase::Over;
    }

    fn violated(&mut self, now: Now, v: Violation, out: &mut StreamBuf) {
        if self.phase == Phase::Open {
            self.send_close(now, v.close, out);
            self.over(Some(codes::PROTOCOL), format!("the agent broke the protocol: {}", v.words), None);
        }
        self.phase = Phase::Over;
    }

    fn over(&mut self, code: Option<u32>, words: String, stop: Option<Vec<(String, String)>>) {
        self.pending.push(AgentEvent::Closed { code, words, stop });
        self.forget();
    }
}

//! One stream's conversation with its agent.
//!
//! ```text
//!   Connecting --opened--> Open --close()----------------> Closing --close frame, eof--> Over
//!       |                   |  \--agent: stop------------> Closing
//!       |                   |--agent: close frame--------> Over
//!       |                   |--violation, eof------------> Over
//!       '--close()----------+----------------------------> Over
//! ```

use super::audio::{Audio, Budget};
use super::frame::{self, Got, Reader, Violation};
use super::message::{self, Counters, Incoming, SidText};
use super::{buf::StreamBuf, codes};
use crate::clock::{Mono, Now};
use crate::media::event::{AgentEvent, StreamStart};
use crate::media::plan::Track;
use crate::rng::Rng;
use std::{collections::VecDeque, time::Duration};

/// Octets of 20 ms.
pub const FRAME: usize = 160;
/// mu-law silence.
pub const SILENCE: u8 = 0xFF;
/// Marks that may wait for their audio; more are refused with 31951.
pub const MARKS_MAX: usize = 512;
/// Less than a frame waits this long for its rest before it is played with silence behind it.
const HOLD: Duration = Duration::from_millis(40);
/// Messages of a stream that the timeline hears of.
const NOTES_MAX: u32 = 200;
/// How far the clock of the messages may be from ours before it is set again.
const DRIFT_MS: u64 = 200;
const MS: u64 = 1_000;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Open,
    Closing,
    Over,
}

/// One of the warnings that are reported once.
#[derive(Copy, Clone)]
enum Once {
    Discarded = 0,
    Undecodable = 1,
    Invalid = 2,
}

/// A mark and the number of the octet that it stands behind.
#[derive(Debug)]
struct Mark {
    after: u64,
    name: Box<str>,
}

/// The state of one stream.
pub struct Session {
    start: StreamStart,
    sid: SidText,
    phase: Phase,
    rng: Rng,
    reader: Reader,
    sequence: u64,
    chunk: u64,
    opened: Mono,
    /// Next timestamp of each track, in milliseconds.
    clock: [Option<u64>; 2],
    audio: Audio,
    /// Octets of the agent that were queued, and that left the queue, ever.
    queued: u64,
    taken: u64,
    last_media: Mono,
    marks: VecDeque<Mark>,
    warned: [bool; 3],
    notes: u32,
    pending: Vec<AgentEvent>,
}

impl Session {
    /// Before the connection is there. The mask keys come from a generator seeded by the SID; see [`Session::with_rng`].
    pub fn new(start: &StreamStart, now: Now) -> Session {
        let mut sid = [0; message::SID];
        let text = start.stream.to_string();
        sid.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        Session {
            start: start.clone(),
            sid,
            phase: Phase::Connecting,
            rng: Rng::from_number(start.stream.0 as u64),
            reader: Reader::new(),
            sequence: 0,
            chunk: 0,
            opened: now.mono,
            clock: [None; 2],
            audio: Audio::default(),
            queued: 0,
            taken: 0,
            last_media: now.mono,
            marks: VecDeque::new(),
            warned: [false; 3],
            notes: 0,
            pending: Vec::new(),
        }
    }

    /// With mask keys that nobody can guess (RFC 6455 10.3): the worker's generator is forked for each session.
    #[must_use]
    pub fn with_rng(mut self, rng: Rng) -> Session {
        self.rng = rng;
        self
    }

    /// With a bound on the audio of all sessions together.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Session {
        self.audio = Audio::new(budget);
        self
    }

    /// What the stream is.
    pub fn start(&self) -> &StreamStart {
        &self.start
    }

    /// Octets of the agent that wait to be heard.
    pub fn waiting(&self) -> usize {
        self.audio.len()
    }

    /// Nothing more will be sent or heard.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Over)
    }

    /// A note for the timeline that arose outside `on_bytes` (a mark echoed by `pull`, `connected`, `dtmf` ...).
    pub fn poll_event(&mut self) -> Option<AgentEvent> {
        if self.pending.is_empty() { None } else { Some(self.pending.remove(0)) }
    }

    /// The 101 came: `connected` and `start` go out. Frames before this are not sent.
    pub fn opened(&mut self, now: Now, out: &mut StreamBuf) {
        if self.phase != Phase::Connecting {
            return;
        }
        self.phase = Phase::Open;
        self.opened = now.mono;
        let key = self.key_of_mask();
        out.push(now.mono, false, |v| frame::write(v, frame::TEXT, key, message::connected));
        self.note(true, "connected");
        let (sequence, key) = (self.next_sequence(), self.key_of_mask());
        let (sid, start) = (&self.sid, &self.start);
        out.push(now.mono, false, |v| {
            frame::write(v, frame::TEXT, key, |v| message::start(v, sequence, sid, start));
        });
        self.note(true, "start");
    }

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
        let real = now.mono.since(self.opened).as_micros() as u64 / MS;
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

    /// The agent's audio that is due in this tick. Returns how many octets of `out` are the agent's; if any are, the rest
    /// is silence, otherwise `out` is left alone. Marks whose audio was handed out by an earlier call are echoed: so an
    /// echo leaves 20 ms after the last packet before it did, when that packet has been heard.
    pub fn pull(&mut self, now: Now, out: &mut [u8; FRAME], echo: &mut StreamBuf) -> usize {
        if self.phase != Phase::Open {
            return 0;
        }
        while let Some(mark) = self.marks.front().filter(|m| m.after <= self.taken) {
            let name = mark.name.clone();
            self.marks.pop_front();
            self.echo(now, &name, echo);
        }
        if self.audio.is_empty() || self.holds(now) {
            return 0;
        }
        let n = self.audio.pop(out);
        self.taken = self.taken.saturating_add(n as u64);
        if let Some(rest) = out.get_mut(n..) {
            rest.fill(SILENCE);
        }
        n
    }

    /// Less than a frame is there and its rest may still come. A mark says that nothing belongs to it.
    fn holds(&self, now: Now) -> bool {
        let marked = self.marks.front().is_some_and(|m| m.after <= self.queued);
        self.audio.len() < FRAME && !marked && now.mono.since(self.last_media) < HOLD
    }

    /// We end it: `stop` and a close frame. Repeating it does nothing.
    pub fn close(&mut self, now: Now, out: &mut StreamBuf) {
        match self.phase {
            Phase::Open => {
                self.send_stop(now, out);
                self.phase = Phase::Closing;
            }
            Phase::Connecting => self.phase = Phase::Over,
            Phase::Closing | Phase::Over => {}
        }
        self.forget();
    }

    /// The connection ended without a close frame.
    pub fn eof(&mut self, events: &mut Vec<AgentEvent>) {
        events.append(&mut self.pending);
        if self.phase == Phase::Open {
            let words = "the agent's connection broke without a close frame".to_owned();
            events.push(AgentEvent::Closed {
                code: Some(codes::BROKEN_PIPE),
                words,
                stopped_by_agent: false,
            });
        }
        self.phase = Phase::Over;
        self.forget();
    }

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
            Got::Close { code } => return self.closed_by_agent(now, code, out),
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
            Ok(Incoming::Stop) => self.stopped_by_agent(now, out),
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
        if self.audio.is_empty() && self.marks.is_empty() {
            return self.echo(now, name, out);
        }
        if self.marks.len() >= MARKS_MAX {
            return self.warn(Once::Invalid, codes::INVALID, "too many marks wait for their audio");
        }
        self.marks.push_back(Mark { after: self.queued, name: name.into() });
    }

    fn echo(&mut self, now: Now, name: &str, out: &mut StreamBuf) {
        let (sequence, key, sid) = (self.next_sequence(), self.key_of_mask(), &self.sid);
        out.push(now.mono, false, |v| {
            frame::write(v, frame::TEXT, key, |v| message::mark(v, sequence, sid, name));
        });
        self.note(true, "mark");
    }

    fn stopped_by_agent(&mut self, now: Now, out: &mut StreamBuf) {
        self.note(false, "stop");
        self.warn(Once::Invalid, codes::INVALID, "the agent sent stop, which ends the stream");
        self.send_stop(now, out);
        self.phase = Phase::Closing;
        self.over(None, "the agent sent stop".to_owned(), true);
    }

    fn closed_by_agent(&mut self, now: Now, code: Option<u16>, out: &mut StreamBuf) {
        if self.phase == Phase::Open {
            self.send_close(now, code.unwrap_or(1000), out);
            let clean = matches!(code, None | Some(1000 | 1001));
            let words = match code {
                Some(c) => format!("the agent closed with {c}"),
                None => "the agent closed".to_owned(),
            };
            self.over((!clean).then_some(codes::CLOSED_BY_AGENT), words, false);
        }
        self.phase = Phase::Over;
    }

    fn violated(&mut self, now: Now, v: Violation, out: &mut StreamBuf) {
        if self.phase == Phase::Open {
            self.send_close(now, v.close, out);
            self.over(Some(codes::PROTOCOL), format!("the agent broke the protocol: {}", v.words), false);
        }
        self.phase = Phase::Over;
    }

    fn over(&mut self, code: Option<u32>, words: String, stopped_by_agent: bool) {
        self.pending.push(AgentEvent::Closed { code, words, stopped_by_agent });
        self.forget();
    }

    /// What waits is of no use any more.
    fn forget(&mut self) {
        self.audio = Audio::default();
        self.marks = VecDeque::new();
    }

    fn send_stop(&mut self, now: Now, out: &mut StreamBuf) {
        let (sequence, key) = (self.next_sequence(), self.key_of_mask());
        let (sid, start) = (&self.sid, &self.start);
        out.push(now.mono, false, |v| {
            frame::write(v, frame::TEXT, key, |v| message::stop(v, sequence, sid, start));
        });
        self.note(true, "stop");
        self.send_close(now, 1000, out);
    }

    fn send_close(&mut self, now: Now, code: u16, out: &mut StreamBuf) {
        let key = self.key_of_mask();
        out.push(now.mono, false, |v| {
            frame::write(v, frame::CLOSE, key, |v| v.extend_from_slice(&code.to_be_bytes()));
        });
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence = self.sequence.saturating_add(1);
        self.sequence
    }

    fn key_of_mask(&mut self) -> [u8; 4] {
        (self.rng.next_u64() as u32).to_ne_bytes()
    }

    fn note(&mut self, sent: bool, what: &'static str) {
        if self.notes < NOTES_MAX {
            self.notes += 1;
            self.pending.push(AgentEvent::Message { sent, what });
        }
    }

    fn warn(&mut self, once: Once, code: u32, words: &str) {
        let Some(warned) = self.warned.get_mut(once as usize) else { return };
        if !std::mem::replace(warned, true) {
            self.pending.push(AgentEvent::Warning { code, words: words.to_owned() });
        }
    }
}

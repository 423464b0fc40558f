//! One stream's conversation with its agent.
//!
//! ```text
//!   Connecting --opened--> Open --close()----------------> Closing --close frame, eof--> Over
//!       |                   |  \--agent: stop------------> Closing
//!       |                   |--agent: close frame--------> Over
//!       |                   |--violation, eof------------> Over
//!       '--close()----------+----------------------------> Over
//! ```

mod incoming;
mod outgoing;

use super::audio::{Audio, Budget};
use super::frame::{self, Reader};
use super::message::{self, SidText};
use super::{buf::StreamBuf, codes};
use crate::clock::{Mono, Now};
use crate::media::event::{AgentEvent, StreamStart};
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
/// The usual RTP packet.
const PACKET: Duration = Duration::from_millis(20);
/// A tick may come this much early.
const EARLY: Duration = Duration::from_millis(5);
/// Messages of a stream that the timeline hears of.
const NOTES_MAX: u32 = 200;

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
    /// Its audio was handed out: from this time on it may be echoed.
    due: Option<Mono>,
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
    last_taken: Option<Mono>,
    /// Audio of one RTP packet to the caller.
    packet: Duration,
    marks: VecDeque<Mark>,
    warned: [bool; 3],
    notes: u32,
    pending: Vec<AgentEvent>,
}

impl std::fmt::Debug for Session {
    /// Without the audio and without keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({}, {:?}, {} octets wait)", self.start.stream, self.phase, self.audio.len())
    }
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
            last_taken: None,
            packet: PACKET,
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

    /// How long the RTP packets to the caller are (its ptime): what is pulled may wait that long for its packet, and so do
    /// marks behind it.
    pub fn set_packet(&mut self, ms: u8) {
        self.packet = Duration::from_millis(u64::from(ms.clamp(20, 60)));
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

    /// The agent's audio that is due in this tick. Returns how many octets of `out` are the agent's; if any are, the rest
    /// is silence, otherwise `out` is left alone. Marks whose audio was handed out a packet's time ago are echoed: so an
    /// echo leaves after the last packet before it, about when that packet has been heard.
    pub fn pull(&mut self, now: Now, out: &mut [u8; FRAME], echo: &mut StreamBuf) -> usize {
        if self.phase != Phase::Open {
            return 0;
        }
        let is_due = |m: &Mark| m.due.is_some_and(|d| d <= now.mono);
        while self.marks.front().is_some_and(is_due) {
            let Some(mark) = self.marks.pop_front() else { break };
            self.echo(now, &mark.name, echo);
        }
        if self.audio.is_empty() || self.holds(now) {
            return 0;
        }
        let n = self.audio.pop(out);
        self.taken = self.taken.saturating_add(n as u64);
        self.last_taken = Some(now.mono);
        let (taken, due) = (self.taken, self.echo_from(now.mono));
        let reached = self.marks.iter_mut().take_while(|m| m.after <= taken);
        reached.filter(|m| m.due.is_none()).for_each(|m| m.due = Some(due));
        if let Some(rest) = out.get_mut(n..) {
            rest.fill(SILENCE);
        }
        n
    }

    /// When what was taken at `then` has left in its packet.
    fn echo_from(&self, then: Mono) -> Mono {
        then + self.packet.saturating_sub(EARLY)
    }

    /// Less than a frame is there and its rest may still come. A mark says that nothing belongs to it.
    fn holds(&self, now: Now) -> bool {
        let marked = self.marks.iter().any(|m| m.due.is_none());
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
            events.push(AgentEvent::Closed { code: Some(codes::BROKEN_PIPE), words, stop: None });
        }
        self.phase = Phase::Over;
        self.forget();
    }

    /// What waits is of no use any more.
    fn forget(&mut self) {
        self.audio = Audio::default();
        self.marks = VecDeque::new();
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

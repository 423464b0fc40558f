//! What the engine is told beside plans, and what it reports.

use super::plan::{MediaPlan, SourceId, TapId, Track};
use crate::sid::{AccountSid, CallSid, RecordingSid, StreamSid};
use crate::sip::event::LegId;
use serde::{Deserialize, Serialize};

/// To an engine. Sockets travel beside it in the shell's `WorkerCommand`.
#[derive(Debug)]
pub enum EngineCommand {
    /// A leg begins to exist: its port is bound. `ssrc` and first sequence number come from the switch's generator.
    Open {
        /// The leg.
        leg: LegId,
        /// Our SSRC on it.
        ssrc: u32,
    },
    /// Replaces the leg's plan.
    Plan(LegId, Box<MediaPlan>),
    /// Describes a stream before a plan names it.
    OpenStream(Box<StreamStart>),
    /// Ends a stream with `stop` and a close frame, also if no plan ever named it.
    CloseStream(StreamSid),
    /// A key that came by INFO: treated as if it had come by RTP (reported, passed on, streamed, it interrupts).
    Key(LegId, char),
    /// The leg is over: final `Stats`, its taps end, its port drains.
    Close(LegId),
}

/// What a stream needs to know to speak Twilio's dialect.
#[derive(Clone, Debug)]
pub struct StreamStart {
    /// The stream.
    pub stream: StreamSid,
    /// The leg it listens to.
    pub leg: LegId,
    /// For `start`.
    pub account: AccountSid,
    /// For `start`.
    pub call: CallSid,
    /// For `start.tracks`.
    pub track: Track,
    /// Connect/Stream: the agent may send media, mark, clear; it gets dtmf and mark.
    pub bidirectional: bool,
    /// `start.customParameters`, in the document's order.
    pub parameters: Vec<(String, String)>,
}

/// What the agent's side of a stream did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentEvent {
    /// 101 came; `connected` and `start` are on their way.
    Opened,
    /// Never opened: a Twilio code (31901 ...) and a sentence.
    Failed {
        /// 31901-31924.
        code: u32,
        /// For Notifications.
        words: String,
    },
    /// Was open and is over. `code` is 31921, 31924 ... if it was not a clean end.
    Closed {
        /// Twilio code of an unclean end.
        code: Option<u32>,
        /// For Notifications.
        words: String,
        /// The agent's `stop` message ended it (31951 is noted, ruling 2.3): the fields that it wants in the BYE.
        stop: Option<Vec<(String, String)>>,
    },
    /// Worth a notification once per stream: 31930, 31931, 31950, 31951.
    Warning {
        /// Twilio code.
        code: u32,
        /// For Notifications.
        words: String,
    },
    /// A message passed, for the timeline: `mark`, `clear`, `dtmf`, `start` ...; never media, never a payload.
    Message {
        /// Sent by us?
        sent: bool,
        /// Its event name.
        what: &'static str,
    },
}

/// Why a recording ended by itself, with what is in the file. Also reported when a plan or `Close` ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapEnd {
    /// Which.
    pub recording: RecordingSid,
    /// Why.
    pub reason: TapEndReason,
    /// Milliseconds of audio in the file.
    pub ms: u64,
}

/// Why a recording ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum TapEndReason {
    /// The plan or the leg ended it.
    Stopped,
    /// `max_silence_ms`.
    Silence,
    /// `max_length_ms`.
    Length,
    /// The disk was full or too slow; the file is valid up to `ms`.
    Failed,
}

/// Figures of one leg, kept on the call.
#[derive(Copy, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// RTP packets received and accepted.
    pub received: u64,
    /// RTP packets sent.
    pub sent: u64,
    /// Lost on the way to us (RFC 3550 A.3).
    pub lost: u64,
    /// Dropped: foreign source, malformed.
    pub dropped: u64,
    /// Interarrival jitter in microseconds (RFC 3550 A.8).
    pub jitter_us: u64,
    /// The peer's report: lost on the way to it.
    pub remote_lost: u64,
    /// The peer's report: jitter in microseconds.
    pub remote_jitter_us: u64,
    /// Round trip by RTCP in microseconds, 0 if unknown.
    pub rtt_us: u64,
    /// Mean opinion score times 100 (E-model from loss, jitter, delay), 0 if unknown.
    pub mos_x100: u16,
    /// Packets that left more than 20 ms after their time.
    pub late: u64,
}

impl Stats {
    /// For the call's timeline; what is not known is left out.
    pub fn words(&self) -> String {
        let ms = |us: u64| us as f64 / 1_000.0;
        let mut out = format!(
            "RTP {} received, {} lost, {} dropped, jitter {:.1} ms; {} sent, {} late, {} lost, jitter {:.1} ms",
            self.received,
            self.lost,
            self.dropped,
            ms(self.jitter_us),
            self.sent,
            self.late,
            self.remote_lost,
            ms(self.remote_jitter_us),
        );
        if self.rtt_us > 0 {
            out.push_str(&format!("; round trip {:.1} ms", ms(self.rtt_us)));
        }
        if self.mos_x100 > 0 {
            out.push_str(&format!("; MOS {}.{:02}", self.mos_x100 / 100, self.mos_x100 % 100));
        }
        out
    }
}

/// From an engine to the call of the leg.
#[derive(Clone, Debug)]
pub enum MediaEvent {
    /// The source played all it had (closed lists only), or was silenced by a key.
    SourceEnded(LegId, SourceId),
    /// A key, once per press.
    Key(LegId, char),
    /// A key that shall be sent to the peer by INFO.
    SendKey(LegId, char),
    /// A recording ended.
    TapEnded(LegId, TapId, TapEnd),
    /// A stream.
    Agent(LegId, StreamSid, AgentEvent),
    /// Nothing came for `silent_after_s`.
    Silent(LegId),
    /// At the end of the leg, and on RTCP.
    Stats(LegId, Stats),
}

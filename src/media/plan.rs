//! What a leg shall do now. The call sets a leg's plan, the latest wins; the engine compares it with the one it has
//! **by id**: a known id goes on without a gap, a new one starts, a missing one stops.

use super::srtp::Crypto;
use crate::sid::{RecordingSid, StreamSid};
use crate::sip::event::LegId;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

/// Names one source; events about it carry it, and the call ignores an id it no longer holds.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u64);

/// Names one tap.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TapId(pub u64);

/// G.711, 8 kHz.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Codec {
    /// mu-law, static payload type 0.
    #[default]
    Pcmu,
    /// A-law, static payload type 8.
    Pcma,
}

impl Codec {
    /// As SDP names it.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }

    /// Its static payload type.
    pub fn pt(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
        }
    }

    /// Of SDP's name.
    pub fn parse(name: &str) -> Option<Codec> {
        [Codec::Pcmu, Codec::Pcma].into_iter().find(|c| c.name().eq_ignore_ascii_case(name))
    }
}

/// How keys travel between the peer and us.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtmf {
    /// As events in RTP (RFC 4733); to a peer without them as tones.
    #[default]
    #[serde(rename = "rfc4733")]
    Events,
    /// By SIP INFO; no events are offered.
    Info,
    /// As tones in what is heard, which are looked for; no events are offered.
    Inband,
    /// As events if the peer has them, else as tones.
    Auto,
}

impl Dtmf {
    /// The API's words.
    pub const WORDS: &[&str] = &["rfc4733", "info", "inband", "auto"];

    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Dtmf::Events => "rfc4733",
            Dtmf::Info => "info",
            Dtmf::Inband => "inband",
            Dtmf::Auto => "auto",
        }
    }

    /// Of the API's word.
    pub fn parse(text: &str) -> Option<Dtmf> {
        [Dtmf::Events, Dtmf::Info, Dtmf::Inband, Dtmf::Auto].into_iter().find(|d| d.as_str() == text)
    }

    /// Are events offered and taken?
    pub fn by_events(self) -> bool {
        matches!(self, Dtmf::Events | Dtmf::Auto)
    }
}

/// What the SDP negotiation found about the far end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where its RTP is expected and ours goes; None before an answer is known.
    pub rtp: Option<SocketAddr>,
    /// RTCP, if not RTP port + 1.
    pub rtcp: Option<SocketAddr>,
    /// Codec both ways.
    pub codec: Codec,
    /// Payload type of the codec as the peer numbers it.
    pub pt: u8,
    /// How keys travel.
    pub dtmf: Dtmf,
    /// Payload type of telephone-event/8000, if agreed.
    pub dtmf_pt: Option<u8>,
    /// Payload type of comfort noise, if agreed.
    pub cn_pt: Option<u8>,
    /// We may send (the peer receives).
    pub send: bool,
    /// The peer may send.
    pub recv: bool,
    /// Packet time in milliseconds that the peer wants (10-60).
    pub ptime: u8,
    /// The keys of SRTP; None: RTP in clear.
    pub crypto: Option<Box<Crypto>>,
    /// Counts negotiations: a new number allows one more source switch (ruling 2.42).
    pub epoch: u32,
}

impl Peer {
    /// The peer's keys are looked for in what it says.
    pub fn by_tones(&self) -> bool {
        self.dtmf == Dtmf::Inband || self.dtmf == Dtmf::Auto && self.dtmf_pt.is_none()
    }
}

/// Decoded, resampled audio: mu-law, 8 kHz, mono; shared by every call that plays it.
#[derive(Debug, PartialEq, Eq)]
pub struct Clip {
    /// One octet a sample.
    pub ulaw: Vec<u8>,
}

impl Clip {
    /// Length in milliseconds.
    pub fn ms(&self) -> u64 {
        self.ulaw.len() as u64 / 8
    }
}

/// One thing to play.
#[derive(Clone, Debug)]
pub enum Item {
    /// Audio, `times` times.
    Clip {
        /// The audio.
        clip: Arc<Clip>,
        /// At least 1.
        times: u32,
    },
    /// Silence in milliseconds.
    Silence(u32),
    /// Keys sent as RFC 4733 events (in-band tones where the peer has no telephone-event): `0-9 * # A-D`, `w` 0.5 s, `W` 1 s.
    Keys(String),
}

/// Repeating tone: pairs of (milliseconds, frequencies in Hz; none = silence).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cadence(pub Vec<(u32, Vec<u16>)>);

/// What the leg hears.
#[derive(Clone, Debug)]
pub enum Source {
    /// A list of items in order. Not `closed`: more may be appended under the same id; `SourceEnded` comes only when it is
    /// closed and played.
    Clips {
        /// Items already played are kept in the list, so that its prefix is stable.
        list: Vec<Item>,
        /// Nothing more will be appended.
        closed: bool,
    },
    /// A tone until replaced (ringback).
    Tone(Cadence),
    /// What the agent of a bidirectional stream sends.
    Agent(StreamSid),
    /// The other leg of a bridge, forwarded on arrival. Keys of the other leg are passed on too.
    Leg(LegId),
}

/// Which direction, as the platform sees it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Track {
    /// What we receive from this leg.
    Inbound,
    /// What we play to this leg.
    Outbound,
    /// Both.
    Both,
}

/// Something that listens.
#[derive(Clone, Debug)]
pub enum Tap {
    /// Writes a WAV file (PCM 16 bit, 8 kHz).
    Record(RecordTap),
    /// Sends frames to a stream that was opened with `EngineCommand::OpenStream`.
    Stream {
        /// Which.
        stream: StreamSid,
        /// Which frames.
        track: Track,
    },
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordTap {
    /// Names the file.
    pub recording: RecordingSid,
    /// Which audio. `Both` with one channel is mixed.
    pub track: Track,
    /// 1, or 2: inbound left, outbound right.
    pub channels: u8,
    /// Nothing is written while true (REST pause). See `skip`.
    pub paused: bool,
    /// What a pause leaves in the file: true nothing, false silence.
    pub skip: bool,
    /// Ends by itself after this many milliseconds of inbound silence (Record's timeout).
    pub max_silence_ms: Option<u32>,
    /// Ends by itself at this length in milliseconds.
    pub max_length_ms: Option<u64>,
    /// Leading and trailing silence is cut off.
    pub trim: bool,
}

/// What happens with the keys that the peer presses.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Report them (they are always counted, and passed on by a bridge).
    pub report: bool,
    /// The first key silences the source at once, inside the worker (barge-in): the source counts as ended.
    pub silence_source: bool,
}

/// The whole plan of one leg.
#[derive(Clone, Debug, Default)]
pub struct MediaPlan {
    /// What it hears; None: silence.
    pub source: Option<(SourceId, Source)>,
    /// Who listens.
    pub taps: BTreeMap<TapId, Tap>,
    /// Keys.
    pub keys: Keys,
    /// The far end; None until SDP is known.
    pub peer: Option<Peer>,
    /// End the leg's wait for packets after this many seconds without RTP and RTCP (`Silent`); None: never.
    pub silent_after_s: Option<u32>,
}

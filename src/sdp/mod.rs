//! Offer and answer (RFC 3264) for one G.711 audio stream, over `sdp-types`. What a side is willing to agree to are its [`Terms`].
//!
//! ```text
//! their offer  -> read -> Remote -> Terms::answer(local)  -> our SDP + media::plan::Peer
//! Terms::offer(local) -> their answer -> read -> Remote -> Terms::accept -> media::plan::Peer
//! ```

mod clean;
mod crypto;
mod face;
pub mod fuzz;
mod negotiate;
mod read;
mod terms;
mod write;

pub use crypto::CryptoLine;
pub use face::facing;
pub use negotiate::{accept_answer, answer};
pub use read::{Audio, Format, MediaLine, Remote, read};
pub use terms::{Srtp, Terms};
pub use write::offer;

use std::{fmt, net::IpAddr};

/// Longest document in octets.
pub const SDP_MAX: usize = 16 * 1024;
/// Most m-lines in one document.
pub const MEDIA_MAX: usize = 32;
/// Payload type of telephone-event in our offers.
pub const DTMF_PT: u8 = 101;
/// Payload type of comfort noise (RFC 3389), static.
pub const CN_PT: u8 = 13;
/// Packet time that we offer, in milliseconds.
pub const PTIME: u8 = 20;
/// Shortest and longest packet time that we send; what is longer we do not take either.
pub const PTIME_RANGE: (u8, u8) = (10, 60);

/// Our side of a document.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Address for RTP, as this peer should see it.
    pub ip: IpAddr,
    /// RTP port; RTCP is on the next.
    pub port: u16,
    /// Stays the same in one dialog.
    pub session_id: u64,
    /// Grows by one with each document of ours that differs from the one before.
    pub version: u64,
}

/// Who sends, as the writer of the document sees it.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both; what no attribute says.
    #[default]
    SendRecv,
    /// The writer sends only (hold with music).
    SendOnly,
    /// The writer receives only.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    /// The attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// What an answer says to it if the answerer is willing to do all (RFC 3264 section 6.1).
    pub fn mirrored(self) -> Direction {
        match self {
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            other => other,
        }
    }

    /// Does the writer send?
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Does the writer receive?
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
}

/// A body that is no usable SDP: 400, or 488 for an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SdpError {
    /// Longer than [`SDP_MAX`] or more m-lines than [`MEDIA_MAX`].
    TooLong,
    /// It does not begin with `v=0`.
    NotSdp,
    /// A line that matters cannot be read; which and why.
    Malformed(String),
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SdpError::TooLong => f.write_str("the SDP is too long"),
            SdpError::NotSdp => f.write_str("the body does not begin with v=0"),
            SdpError::Malformed(why) => write!(f, "the SDP cannot be read: {why}"),
        }
    }
}

/// The two sides share no audio: 488 with the Warning that [`NoCommonCodec::warning`] writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCommonCodec {
    /// Warning code of RFC 3261 section 20.43: 301 address family, 302 transport (SRTP), 304 no audio, 305 codecs.
    pub code: u16,
    words: String,
}

impl NoCommonCodec {
    fn new(code: u16, words: impl Into<String>) -> NoCommonCodec {
        NoCommonCodec { code, words: words.into() }
    }

    /// For the log and Notifications: what was offered (`G722/8000`, `opus/48000`, RTP/SAVP) and what is spoken here. Never a key.
    pub fn words(&self) -> String {
        self.words.clone()
    }

    /// The value of the Warning header; `agent` is our host or name.
    pub fn warning(&self, agent: &str) -> String {
        format!("{} {agent} {}", self.code, crate::sip::wire::quote(&self.words))
    }
}

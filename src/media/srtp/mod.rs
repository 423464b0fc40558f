//! SRTP (RFC 3711, RFC 7714) for one leg: packets are protected and opened where they lie, without an allocation. AES and HMAC are
//! libraries (`aes`, `ring`); here is only what the RFCs put around them. Keys come and go by SDP (RFC 4568, `sdp::crypto`), live
//! as long as their leg and are never written anywhere.
//!
//! ```text
//!  RTP   | header | payload                          |        -> Outbound::rtp
//!  SRTP  | header | payload, encrypted               | tag |  -> Inbound::rtp
//!        |<-------- authenticated, and the ROC ----->|
//!  RTCP  | first 8 octets | rest                     |
//!  SRTCP | first 8 octets | rest, encrypted | E+index| tag |     AES-CM; with GCM the tag stands before E+index
//! ```

mod derive;
mod inbound;
mod keys;
mod outbound;
mod transform;

pub use derive::{Label, derive};
pub use inbound::{Inbound, ROLLOVERS_TRIED, STREAMS_MAX, WINDOW};
pub use keys::{Crypto, MasterKey, OwnKeys};
pub use outbound::Outbound;
pub use transform::{Session, TAG_MAX};

/// A crypto suite (RFC 4568 section 6.2, RFC 7714 section 14.2).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-CM with an 80-bit tag: what every peer has.
    AesCm80,
    /// AES-GCM with a 128-bit tag.
    AesGcm,
    /// AES-CM with a 32-bit tag on RTP; RTCP keeps 80 bits.
    AesCm32,
}

impl Suite {
    /// In the order in which they are offered. Some peers look at the first line only, so the one that all have is the first;
    /// the short tag is the last.
    pub const ALL: [Suite; 3] = [Suite::AesCm80, Suite::AesGcm, Suite::AesCm32];

    /// As SDP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Suite::AesCm80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesGcm => "AEAD_AES_128_GCM",
            Suite::AesCm32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Of SDP's name.
    pub fn parse(name: &str) -> Option<Suite> {
        Suite::ALL.into_iter().find(|s| s.as_str().eq_ignore_ascii_case(name))
    }

    /// Octets of master key and salt together: what stands after `inline:`.
    pub fn key_length(self) -> usize {
        keys::KEY + self.salt_length()
    }

    /// Octets of the master salt.
    pub fn salt_length(self) -> usize {
        match self {
            Suite::AesCm80 | Suite::AesCm32 => 14,
            Suite::AesGcm => 12,
        }
    }
}

//! What a trunk says of media: the terms of its calls.

use crate::media::plan::Dtmf;
use crate::media::srtp::OwnKeys;
use crate::rng::Rng;
use crate::sdp::{Srtp, Terms};
use crate::store::rows::TrunkRow;
use serde::{Deserialize, Serialize};

/// Whether the media of a trunk are encrypted.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SrtpPolicy {
    /// Never.
    #[default]
    Off,
    /// Where the peer wants it.
    Optional,
    /// Always, or there is no call.
    Required,
}

impl SrtpPolicy {
    /// The API's words.
    pub const WORDS: &[&str] = &["off", "optional", "required"];

    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            SrtpPolicy::Off => "off",
            SrtpPolicy::Optional => "optional",
            SrtpPolicy::Required => "required",
        }
    }

    /// Of the API's word.
    pub fn parse(text: &str) -> Option<SrtpPolicy> {
        [SrtpPolicy::Off, SrtpPolicy::Optional, SrtpPolicy::Required].into_iter().find(|p| p.as_str() == text)
    }
}

/// What a trunk says of media; of a peer without a trunk nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrunkMedia {
    /// Encryption.
    pub srtp: SrtpPolicy,
    /// Codecs in their order (PCMU, PCMA); empty: both, the peer's order.
    pub codecs: Vec<crate::media::plan::Codec>,
    /// Packet time in milliseconds; None: the peer's, 20 in our offers.
    pub ptime: Option<u8>,
    /// How keys travel.
    pub dtmf: Dtmf,
}

/// The terms of a call over `trunk`; `secure`: encrypted, whatever the trunk says. Keys are made only where they may be needed, so
/// that `chance` stands still otherwise.
pub fn terms(trunk: Option<&TrunkRow>, secure: bool, chance: &mut Rng) -> Terms {
    let mut keys = || Box::new(OwnKeys::new(chance.fork()));
    let Some(media) = trunk.map(|t| &t.media) else {
        let srtp = if secure { Srtp::Required(keys()) } else { Srtp::Off };
        return Terms { srtp, ..Terms::default() };
    };
    let srtp = match media.srtp {
        _ if secure => Srtp::Required(keys()),
        SrtpPolicy::Off => Srtp::Off,
        SrtpPolicy::Optional => Srtp::Optional(keys()),
        SrtpPolicy::Required => Srtp::Required(keys()),
    };
    let usual = Terms::default();
    let ours_first = !media.codecs.is_empty();
    Terms {
        codecs: if ours_first { media.codecs.clone() } else { usual.codecs },
        ours_first,
        ptime: media.ptime,
        dtmf: media.dtmf,
        srtp,
    }
}

//! What our side is willing to agree to: the trunk says it, offers and answers keep to it.

use super::{DTMF_PT, PTIME};
use crate::media::plan::{Codec, Dtmf};
use crate::media::srtp::OwnKeys;

/// Encryption of media.
#[derive(Debug, Default)]
pub enum Srtp {
    /// Never: an offer of RTP/SAVP is refused.
    #[default]
    Off,
    /// Where the peer has it: our offers are RTP/AVP with `a=crypto`, which peers that do not know it pass over.
    Optional(Box<OwnKeys>),
    /// Nothing else: our offers are RTP/SAVP, offers without keys are refused.
    Required(Box<OwnKeys>),
}

impl Srtp {
    /// Our keys, if there may be any.
    pub fn keys(&self) -> Option<&OwnKeys> {
        match self {
            Srtp::Off => None,
            Srtp::Optional(keys) | Srtp::Required(keys) => Some(keys),
        }
    }

    /// Other keys from now on.
    pub fn renew(&mut self) {
        match self {
            Srtp::Off => {}
            Srtp::Optional(keys) | Srtp::Required(keys) => keys.renew(),
        }
    }

    /// Whether nothing may go in clear.
    pub fn is_required(&self) -> bool {
        matches!(self, Srtp::Required(_))
    }
}

/// The terms of one leg.
#[derive(Debug)]
pub struct Terms {
    /// In the order of our offers; at least one.
    pub codecs: Vec<Codec>,
    /// Answers take the first of ours that the peer has; otherwise the first of the peer's.
    pub ours_first: bool,
    /// Packet time that we want, in milliseconds; None: 20 in offers, the peer's in answers.
    pub ptime: Option<u8>,
    /// How keys travel.
    pub dtmf: Dtmf,
    /// Encryption.
    pub srtp: Srtp,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            ours_first: false,
            ptime: None,
            dtmf: Dtmf::default(),
            srtp: Srtp::Off,
        }
    }
}

impl Terms {
    /// Packet time of our offers.
    pub(super) fn offered_ptime(&self) -> u8 {
        self.ptime.unwrap_or(PTIME)
    }

    /// telephone-event in our offers.
    pub(super) fn offered_dtmf(&self) -> Option<u8> {
        self.dtmf.by_events().then_some(DTMF_PT)
    }
}

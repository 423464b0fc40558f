//! RFC 3264: what both sides agree on.

use super::{
    Local, NoCommonCodec,
    crypto::CryptoLine,
    read::{Audio, Remote},
    terms::{Srtp, Terms},
    write,
};
use crate::media::plan::{Codec, Peer};
use crate::media::srtp::Crypto;

/// What was chosen of the peer's document.
pub(super) struct Agreed<'a> {
    pub audio: &'a Audio,
    pub codec: Codec,
    pub pt: u8,
    /// The peer's line that was taken.
    pub crypto: Option<CryptoLine>,
}

/// An answer without terms of a trunk.
pub fn answer(remote: &Remote, local: &Local) -> Result<(String, Peer), NoCommonCodec> {
    Terms::default().answer(remote, local)
}

/// What an answer to an offer without terms of a trunk means.
pub fn accept_answer(remote: &Remote) -> Result<Peer, NoCommonCodec> {
    Terms::default().accept(remote)
}

impl Terms {
    /// Our answer to an offer, and what the engine must know. The caller sets [`Peer::epoch`]. One codec is answered, so that nobody
    /// changes in mid-call. Every other m-line comes back with port 0.
    pub fn answer(&self, remote: &Remote, local: &Local) -> Result<(String, Peer), NoCommonCodec> {
        let agreed = self.agree(remote)?;
        if agreed.audio.rtp().is_some_and(|a| a.is_ipv4() != local.ip.to_canonical().is_ipv4()) {
            return Err(NoCommonCodec::new(301, "the address family of the SDP is not ours"));
        }
        let peer = self.peer(&agreed);
        Ok((write::answer(remote, &agreed, local, self), peer))
    }

    /// What the answer to our offer means for the engine. The caller sets [`Peer::epoch`].
    pub fn accept(&self, remote: &Remote) -> Result<Peer, NoCommonCodec> {
        Ok(self.peer(&self.agree(remote)?))
    }

    /// The audio line with a codec of ours, one with keys before one without; if there is none, what is wrong with the first.
    fn agree<'a>(&self, remote: &'a Remote) -> Result<Agreed<'a>, NoCommonCodec> {
        let mut refused = None;
        let mut clear = None;
        for audio in &remote.audio {
            match self.take(audio) {
                Ok(agreed) if agreed.crypto.is_some() || self.srtp.keys().is_none() => return Ok(agreed),
                Ok(agreed) => clear = clear.or(Some(agreed)),
                Err(e) => refused = refused.or(Some(e)),
            }
        }
        let none = || NoCommonCodec::new(304, "the peer offered no audio");
        clear.ok_or_else(|| refused.unwrap_or_else(none))
    }

    fn take<'a>(&self, audio: &'a Audio) -> Result<Agreed<'a>, NoCommonCodec> {
        let crypto = self.crypto(audio)?;
        let has = |codec: &Codec| audio.codecs().find(|(c, _)| c == codec);
        let chosen = match self.ours_first {
            true => self.codecs.iter().find_map(has),
            false => audio.codecs().find(|(c, _)| self.codecs.contains(c)),
        };
        let (codec, pt) = chosen.ok_or_else(|| self.no_codec(audio))?;
        Ok(Agreed { audio, codec, pt, crypto })
    }

    /// The peer's line that is taken; None: the media go in clear.
    fn crypto(&self, audio: &Audio) -> Result<Option<CryptoLine>, NoCommonCodec> {
        let refuse = |words: String| Err(NoCommonCodec::new(302, words));
        let proto = &audio.proto;
        let secure = audio.is_secure();
        if !secure && !audio.is_plain() {
            return refuse(format!("only RTP/AVP and RTP/SAVP are spoken here, the peer offered {proto}"));
        }
        match (&self.srtp, audio.crypto.first()) {
            (Srtp::Off, _) if secure => {
                refuse(format!("SRTP is off here (srtp of the trunk), the peer offered {proto}"))
            }
            (Srtp::Off, _) => Ok(None),
            (_, Some(line)) => Ok(Some(*line)),
            (_, None) if secure => refuse(format!("no common crypto suite: {} are spoken here", suites())),
            (Srtp::Required(_), None) => refuse(format!(
                "SRTP is required here (srtp of the trunk), the peer offered {proto} without a key"
            )),
            (Srtp::Optional(_), None) => Ok(None),
        }
    }

    fn no_codec(&self, audio: &Audio) -> NoCommonCodec {
        let ours: Vec<&str> = self.codecs.iter().map(|c| c.name()).collect();
        let offered = match names(audio) {
            none if none.is_empty() => "none".to_owned(),
            offered => offered.join(", "),
        };
        let spoken = if ours.len() == 1 { "is spoken here" } else { "are spoken here" };
        let ours = ours.join(" and ");
        NoCommonCodec::new(305, format!("no common codec: the peer offered {offered}; {ours} {spoken}"))
    }

    fn peer(&self, agreed: &Agreed<'_>) -> Peer {
        let audio = agreed.audio;
        let ours = |line: CryptoLine| self.srtp.keys().and_then(|keys| keys.of(line.key.suite()));
        let crypto = agreed.crypto.and_then(|line| Some(Crypto { ours: ours(line)?, theirs: line.key }));
        Peer {
            rtp: audio.rtp(),
            rtcp: audio.rtcp,
            codec: agreed.codec,
            pt: agreed.pt,
            dtmf: self.dtmf,
            dtmf_pt: audio.dtmf_pt().filter(|_| self.dtmf.by_events()),
            cn_pt: audio.cn_pt(),
            // RFC 2543 held a call by an address that receives nothing.
            send: audio.direction.receives() && !audio.is_zero(),
            recv: audio.direction.sends(),
            ptime: audio.packet_time(self.ptime),
            crypto: crypto.map(Box::new),
            epoch: 0,
        }
    }
}

fn suites() -> String {
    crate::media::srtp::Suite::ALL.map(|s| s.as_str()).join(", ")
}

fn names(audio: &Audio) -> Vec<String> {
    let name = |f: &super::Format| match (f.name.as_str(), f.clock) {
        ("", _) => format!("payload type {}", f.pt),
        (name, 0) => name.to_owned(),
        (name, clock) => format!("{name}/{clock}"),
    };
    audio.formats.iter().filter(|f| !f.name.eq_ignore_ascii_case("telephone-event")).map(name).collect()
}

//! RFC 3264: what both sides agree on.

use super::{
    Local, NoCommonCodec,
    read::{Audio, Remote},
    write,
};
use crate::media::plan::{Codec, Peer};

/// Our answer to an offer, and what the engine must know. The caller sets [`Peer::epoch`]. One codec is answered, the
/// first of the peer's that we have, so that nobody changes in mid-call. Every other m-line comes back with port 0.
pub fn answer(remote: &Remote, local: &Local) -> Result<(String, Peer), NoCommonCodec> {
    let (audio, codec, pt) = agree(remote)?;
    if audio.rtp().is_some_and(|a| a.is_ipv4() != local.ip.to_canonical().is_ipv4()) {
        return Err(NoCommonCodec { code: 301, offered: Vec::new() });
    }
    Ok((write::answer(remote, audio, local, codec, pt), peer(audio, codec, pt)))
}

/// What the answer to our offer means for the engine. The caller sets [`Peer::epoch`].
pub fn accept_answer(remote: &Remote) -> Result<Peer, NoCommonCodec> {
    let (audio, codec, pt) = agree(remote)?;
    Ok(peer(audio, codec, pt))
}

fn agree(remote: &Remote) -> Result<(&Audio, Codec, u8), NoCommonCodec> {
    let audio = remote.audio.as_ref().ok_or(NoCommonCodec { code: 304, offered: Vec::new() })?;
    if !audio.is_plain() {
        return Err(NoCommonCodec { code: 302, offered: vec![audio.proto.clone()] });
    }
    let (codec, pt) =
        audio.codecs().next().ok_or_else(|| NoCommonCodec { code: 305, offered: names(audio) })?;
    Ok((audio, codec, pt))
}

fn names(audio: &Audio) -> Vec<String> {
    let name = |f: &super::Format| match (f.name.as_str(), f.clock) {
        ("", _) => format!("payload type {}", f.pt),
        (name, 0) => name.to_owned(),
        (name, clock) => format!("{name}/{clock}"),
    };
    audio.formats.iter().filter(|f| !f.name.eq_ignore_ascii_case("telephone-event")).map(name).collect()
}

fn peer(audio: &Audio, codec: Codec, pt: u8) -> Peer {
    Peer {
        rtp: audio.rtp(),
        rtcp: audio.rtcp,
        codec,
        pt,
        dtmf_pt: audio.dtmf_pt(),
        cn_pt: audio.cn_pt(),
        // RFC 2543 held a call by an address that receives nothing.
        send: audio.direction.receives() && !audio.is_zero(),
        recv: audio.direction.sends(),
        ptime: audio.ptime,
        epoch: 0,
    }
}

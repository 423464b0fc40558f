//! Codecs, packet time and keys that a peer does not take.

use super::Answer;
use super::vary::Variation;
use crate::media::plan::Codec;
use crate::sdp::{self, NoCommonCodec, Terms};
use crate::sip::wire::Message;
use crate::store::rows::TrunkRow;
use crate::trunk::media::{SrtpPolicy, TrunkMedia};
use serde_json::json;

/// What a [`NoCommonCodec`] says of codecs.
const NO_CODEC: u16 = 305;

/// What the trunk cannot agree to of the audio that an answer has.
pub fn unfit(terms: &Terms, answer: &Message) -> Option<NoCommonCodec> {
    answer.code().filter(|code| (101..300).contains(code))?;
    let remote = sdp::read(answer.sdp()?.as_ref()).ok()?;
    terms.accept(&remote).err()
}

/// Why it was refused. Some say it in a Warning, some in SDP of their own (RFC 3261 section 21.4.26).
pub(super) fn refused(trunk: &TrunkRow, message: &Message, said: &str) -> String {
    let ours = names(&offered(&trunk.media)).join(" and ");
    let theirs = formats(message);
    if wants_keys(message, said) && trunk.media.srtp != SrtpPolicy::Required {
        return "the peer wants encrypted audio (SRTP).".to_owned();
    }
    match theirs.is_empty() {
        true => format!(
            "the peer takes none of our codecs ({ours}): allow PCMU or PCMA (G.711) there, or it wants SRTP otherwise than srtp says."
        ),
        false => format!(
            "the peer takes {}, the trunk offers {ours}: look at codecs, or allow PCMU or PCMA (G.711) there.",
            theirs.join(", ")
        ),
    }
}

fn wants_keys(message: &Message, said: &str) -> bool {
    let body = String::from_utf8_lossy(&message.body).to_ascii_lowercase();
    said.to_ascii_lowercase().contains("srtp") || body.contains("rtp/savp") || body.contains("crypto")
}

/// What the peer's own SDP names, events excepted.
fn formats(message: &Message) -> Vec<String> {
    let read = message.sdp().and_then(|body| sdp::read(body.as_ref()).ok());
    let audio = read.into_iter().flat_map(|remote| remote.audio).flat_map(|audio| audio.formats);
    let is_codec = |name: &String| !name.is_empty() && !name.eq_ignore_ascii_case("telephone-event");
    audio.map(|f| f.name).filter(is_codec).collect()
}

fn names(codecs: &[Codec]) -> Vec<&'static str> {
    codecs.iter().map(|c| c.name()).collect()
}

/// What the trunk offers.
fn offered(media: &TrunkMedia) -> Vec<Codec> {
    if media.codecs.is_empty() { Terms::default().codecs } else { media.codecs.clone() }
}

/// Other audio: what the answer speaks of first.
pub(super) fn variations(trunk: &TrunkRow, answer: &Answer) -> Vec<Variation> {
    let media = &trunk.media;
    let with = |mistake, change, media: TrunkMedia| Variation {
        mistake,
        patch: vec![change],
        row: TrunkRow { media, ..trunk.clone() },
    };
    let keys = keys(media.srtp).iter().map(|srtp| {
        let change = ("srtp", json!(srtp.as_str()));
        with("SRTP", change, TrunkMedia { srtp: *srtp, ..media.clone() })
    });
    let other = others_first(media, &answer.message);
    let change = ("codecs", json!(names(&other)));
    let codec = with("The codec", change, TrunkMedia { codecs: other, ..media.clone() });
    let change = ("ptime", json!(null));
    let ptime =
        media.ptime.map(|_| with("The packet time", change, TrunkMedia { ptime: None, ..media.clone() }));
    let about_codecs = answer.unfit.as_ref().is_some_and(|e| e.code == NO_CODEC)
        || answer.unfit.is_none() && media.codecs.len() == 1 && !formats(&answer.message).is_empty();
    match about_codecs {
        true => std::iter::once(codec).chain(ptime).chain(keys).collect(),
        false => keys.chain([codec]).chain(ptime).collect(),
    }
}

/// What else may be said of keys, the safer first. What is optional stands in its offer as `a=crypto` in RTP/AVP, which not everybody
/// takes for an offer of keys, or passes over.
fn keys(now: SrtpPolicy) -> &'static [SrtpPolicy] {
    match now {
        SrtpPolicy::Off => &[SrtpPolicy::Required],
        SrtpPolicy::Optional => &[SrtpPolicy::Required, SrtpPolicy::Off],
        SrtpPolicy::Required => &[SrtpPolicy::Optional, SrtpPolicy::Off],
    }
}

/// Both codecs, beginning with what the peer has named, else with what was not offered first.
fn others_first(media: &TrunkMedia, answer: &Message) -> Vec<Codec> {
    let theirs = formats(answer);
    let first = offered(media).first().copied();
    let mut both = vec![Codec::Pcmu, Codec::Pcma];
    both.sort_by_key(|codec| {
        let named = theirs.iter().any(|name| name.eq_ignore_ascii_case(codec.name()));
        (!named, Some(*codec) == first)
    });
    both
}

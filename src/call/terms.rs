//! On what terms a leg speaks: its trunk's, and those of another trunk if the call goes another way; and what cannot be agreed on.

use super::call::Call;
use super::cx::Cx;
use super::leg::Leg;
use super::target::Target;
use crate::media::plan::Peer;
use crate::sdp::{NoCommonCodec, Terms};
use crate::sid::TrunkSid;
use crate::sip::event::Caller;
use crate::trunk::media;
use bytes::Bytes;

/// Our name in a Warning.
const AGENT: &str = "chorus";

/// Another way of an outbound call: what was offered there, and on what terms.
pub(super) struct Way {
    trunk: Option<TrunkSid>,
    uri: String,
    terms: Terms,
    offer: Bytes,
}

/// What whom a spare leg calls was offered, on the way that is taken and on the others.
pub(super) struct Offers {
    terms: Terms,
    offer: Bytes,
    ways: Vec<Way>,
}

/// An SDP that cannot be answered.
pub(super) struct Unusable {
    pub(super) words: String,
    pub(super) warning: Option<NoCommonCodec>,
}

impl Unusable {
    pub(super) fn plain(words: &str) -> Unusable {
        Unusable { words: words.to_owned(), warning: None }
    }

    /// For the 488 (RFC 3261 section 20.43). What cannot be read at all is a miscellaneous one.
    pub(super) fn warning(&self) -> (String, String) {
        let value = match &self.warning {
            Some(none) => none.warning(AGENT),
            None => format!("399 {AGENT} {}", crate::sip::wire::quote(&self.words)),
        };
        ("Warning".to_owned(), value)
    }
}

/// The terms of calls over a trunk; `secure`: encrypted, whatever it says.
pub(super) fn of(cx: &mut Cx<'_>, trunk: Option<TrunkSid>, secure: bool) -> Terms {
    let tables = cx.tables.clone();
    media::terms(trunk.and_then(|sid| tables.trunks.trunk(sid)), secure, cx.rng)
}

/// The terms of whoever sends an INVITE, over this trunk if over any.
pub(super) fn of_caller(cx: &mut Cx<'_>, trunk: Option<TrunkSid>, caller: &Caller) -> Terms {
    let secure = matches!(caller, Caller::Door(door, _) if cx.tables.is_secure(*door));
    of(cx, trunk, secure)
}

impl Leg {
    /// The peer says media with another key than before: it may have become another peer, which shall not share our key with the
    /// one before (RFC 4568 section 7.1.4 leaves it to us).
    pub(super) fn is_rekeyed(&self, peer: &Peer) -> bool {
        let theirs = |p: &Peer| p.crypto.as_ref().map(|c| c.theirs);
        let before = self.peer().and_then(theirs);
        before.is_some() && theirs(peer).is_some() && theirs(peer) != before
    }
}

impl Call {
    /// The offer of the first way; the other ways get theirs, each with keys of its own.
    pub(super) fn offer_to(&mut self, cx: &mut Cx<'_>, target: &mut Target) -> Option<Bytes> {
        self.leg.terms = of(cx, target.trunk, target.secure);
        let offer = self.leg.own_offer()?;
        self.leg.ways = ways(cx, &self.leg, target)?;
        Some(offer)
    }

    /// The call goes another way.
    pub(super) fn rerouted(&mut self, trunk: Option<TrunkSid>, uri: &str) {
        let Some(way) = take(&mut self.leg.ways, trunk, uri) else { return };
        self.leg.terms = way.terms;
        self.leg.offered_instead(&way.offer);
    }
}

impl Offers {
    /// To somebody else than the leg's peer: neither its trunk's terms nor its key are theirs.
    pub(super) fn beside(cx: &mut Cx<'_>, leg: &Leg, target: &mut Target) -> Option<Offers> {
        let terms = of(cx, target.trunk, target.secure);
        let offer = leg.offer_in(&terms)?;
        Some(Offers { terms, offer, ways: ways(cx, leg, target)? })
    }

    /// The offer on the way that is taken.
    pub(super) fn offer(&self) -> Bytes {
        self.offer.clone()
    }

    /// The call goes another way.
    pub(super) fn rerouted(&mut self, trunk: Option<TrunkSid>, uri: &str) {
        let Some(way) = take(&mut self.ways, trunk, uri) else { return };
        (self.terms, self.offer) = (way.terms, way.offer);
    }

    /// Whom they were made to is the leg's peer from now on, as soon as its answer is read.
    pub(super) fn are_taken(self, leg: &mut Leg) {
        leg.terms = self.terms;
        leg.offered_instead(&self.offer);
        leg.forget_peer();
    }
}

/// The other ways of a call get their offers, each on the terms of its trunk and with keys of its own.
fn ways(cx: &mut Cx<'_>, leg: &Leg, target: &mut Target) -> Option<Vec<Way>> {
    let made = target.alternatives.iter_mut().map(|way| {
        let terms = of(cx, way.trunk, way.secure);
        way.offer = leg.offer_in(&terms)?;
        Some(Way { trunk: way.trunk, uri: way.uri.clone(), terms, offer: way.offer.clone() })
    });
    made.collect()
}

fn take(ways: &mut Vec<Way>, trunk: Option<TrunkSid>, uri: &str) -> Option<Way> {
    let at = ways.iter().position(|way| way.trunk == trunk && way.uri == uri)?;
    Some(ways.swap_remove(at))
}

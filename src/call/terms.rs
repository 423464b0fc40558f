//! On what terms a leg speaks: its trunk's, and those of another trunk if the call goes another way.

use super::call::Call;
use super::cx::Cx;
use super::leg::Leg;
use super::target::Target;
use crate::media::plan::Peer;
use crate::sdp::Terms;
use crate::sid::TrunkSid;
use crate::sip::event::Caller;
use crate::trunk::media;
use bytes::Bytes;

/// Another way of an outbound call: what was offered there, and on what terms.
pub(super) struct Way {
    trunk: Option<TrunkSid>,
    uri: String,
    terms: Terms,
    offer: Bytes,
}

/// The terms of calls over a trunk; `secure`: encrypted, whatever it says.
pub(super) fn of(cx: &mut Cx<'_>, trunk: Option<TrunkSid>, secure: bool) -> Terms {
    let tables = cx.tables.clone();
    media::terms(trunk.and_then(|sid| tables.trunks.trunk(sid)), secure, cx.rng)
}

/// The terms of whoever sends an INVITE.
pub(super) fn of_caller(cx: &mut Cx<'_>, caller: &Caller) -> Terms {
    let secure = matches!(caller, Caller::Door(door, _) if cx.tables.is_secure(*door));
    of(cx, caller.trunk(), secure)
}

/// The ways of a call to a new party.
pub(super) struct Ways {
    taken: Way,
    others: Vec<Way>,
}

impl Ways {
    /// The first offer.
    pub(super) fn offer(&self) -> Bytes {
        self.taken.offer.clone()
    }

    /// It goes another way.
    pub(super) fn rerouted(&mut self, trunk: Option<TrunkSid>, uri: &str) {
        if let Some(at) = self.others.iter().position(|way| way.trunk == trunk && way.uri == uri) {
            self.taken = self.others.swap_remove(at);
        }
    }
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
        self.leg.ways = self.ways_of(cx, target)?;
        Some(offer)
    }

    /// What is offered on the other ways of a target.
    fn ways_of(&self, cx: &mut Cx<'_>, target: &mut Target) -> Option<Vec<Way>> {
        let mut ways = Vec::with_capacity(target.alternatives.len());
        for way in &mut target.alternatives {
            let terms = of(cx, way.trunk, way.secure);
            way.offer = self.leg.offer_in(&terms)?;
            let (uri, offer) = (way.uri.clone(), way.offer.clone());
            ways.push(Way { trunk: way.trunk, uri, terms, offer });
        }
        Some(ways)
    }

    /// The same to a new party that may take the peer's place: the leg's own terms stay until it does.
    pub(super) fn offer_to_spare(&self, cx: &mut Cx<'_>, target: &mut Target) -> Option<Ways> {
        let terms = of(cx, target.trunk, target.secure);
        let offer = self.leg.offer_in(&terms)?;
        let first = Way { trunk: target.trunk, uri: target.uri.clone(), terms, offer };
        Some(Ways { others: self.ways_of(cx, target)?, taken: first })
    }

    /// The new party has taken the place: what it was offered is what the leg has said.
    pub(super) fn take_terms(&mut self, ways: Ways) {
        self.leg.terms = ways.taken.terms;
        self.leg.offered_instead(&ways.taken.offer);
    }

    /// The call goes another way.
    pub(super) fn rerouted(&mut self, trunk: Option<TrunkSid>, uri: &str) {
        let at = self.leg.ways.iter().position(|way| way.trunk == trunk && way.uri == uri);
        let Some(way) = at.map(|at| self.leg.ways.swap_remove(at)) else { return };
        self.leg.terms = way.terms;
        self.leg.offered_instead(&way.offer);
    }
}

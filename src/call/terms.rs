//! On what terms a leg speaks: its trunk's, and those of another trunk if the call goes another way.

use super::call::Call;
use super::cx::Cx;
use super::leg::Leg;
use super::target::Target;
use crate::media::plan::Peer;
use crate::sdp::Terms;
use crate::sid::TrunkSid;
use crate::trunk::media;
use bytes::Bytes;

/// Another way of an outbound call: what was offered there, and on what terms.
pub(super) struct Way {
    trunk: Option<TrunkSid>,
    uri: String,
    terms: Terms,
    offer: Bytes,
}

/// The terms of calls over a trunk.
pub(super) fn of(cx: &mut Cx<'_>, trunk: Option<TrunkSid>) -> Terms {
    let tables = cx.tables.clone();
    media::terms(trunk.and_then(|sid| tables.trunks.trunk(sid)), cx.rng)
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
        self.leg.terms = of(cx, target.trunk);
        let offer = self.leg.own_offer()?;
        for way in &mut target.alternatives {
            let terms = of(cx, way.trunk);
            way.offer = self.leg.offer_in(&terms)?;
            let (uri, offer) = (way.uri.clone(), way.offer.clone());
            self.leg.ways.push(Way { trunk: way.trunk, uri, terms, offer });
        }
        Some(offer)
    }

    /// The call goes another way.
    pub(super) fn rerouted(&mut self, trunk: Option<TrunkSid>, uri: &str) {
        let at = self.leg.ways.iter().position(|way| way.trunk == trunk && way.uri == uri);
        let Some(way) = at.map(|at| self.leg.ways.swap_remove(at)) else { return };
        self.leg.terms = way.terms;
        self.leg.offered_instead(&way.offer);
    }
}

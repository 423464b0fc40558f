//! The call's one leg: what was negotiated with the peer, and the plan that follows from what the call is doing.

use super::call::Call;
use super::cx::Cx;
use super::event::Effect;
use super::terms::Unusable;
use crate::media::plan::{Keys, MediaPlan, Peer, Source, SourceId};
use crate::sdp;
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::event::{Cause, DialogIds, Invite, LegId, OfferId, SipCmd};
use crate::store::rows::{CallStatus, Direction};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};

/// Signalling and media state of a leg.
pub struct Leg {
    /// Its id.
    pub id: LegId,
    /// Our RTP address, once a port is open.
    pub local: Option<SocketAddr>,
    /// A port was asked for.
    pub asked: bool,
    /// The port is open: closing it brings final figures.
    pub open: bool,
    /// Close was said, figures are awaited.
    pub closing: bool,
    /// Where the peer's first message came from.
    pub near: Option<SocketAddr>,
    /// Hops that the INVITE may still take; what a Dial sends because of it takes one less (RFC 7332).
    pub hops: u8,
    /// The offer of an inbound INVITE.
    pub offer: Option<Bytes>,
    /// Our INVITE was given to the endpoint, or an inbound one came: there is something to hang up.
    pub invited: bool,
    /// 200 was sent or received.
    pub answered: bool,
    /// ACK came (inbound).
    pub confirmed: bool,
    /// Its last event came.
    pub over: bool,
    /// The status that a hang-up of ours shall end in.
    pub wanted_end: Option<CallStatus>,
    /// Twilio code of a failure.
    pub error: Option<u32>,
    /// `X-` headers of its last message.
    pub last_headers: Vec<(String, String)>,
    /// Negotiations so far.
    epoch: u32,
    /// Version of our last SDP document.
    version: u64,
    /// That document: one that says the same is the same (RFC 3264 section 8).
    said: String,
    plan: MediaPlan,
    /// The peer's last document.
    remote: Option<sdp::Remote>,
    /// What a 183 has said already; the 200 says the same.
    early: Option<Bytes>,
    /// What may be agreed on: the trunk's word.
    pub(super) terms: sdp::Terms,
    /// The same for the other ways that an outbound call may go.
    pub(super) ways: Vec<super::terms::Way>,
}

impl Leg {
    /// A leg before any negotiation.
    pub fn new(id: LegId) -> Leg {
        Leg {
            id,
            local: None,
            asked: false,
            open: false,
            closing: false,
            near: None,
            hops: MAX_FORWARDS,
            offer: None,
            invited: false,
            answered: false,
            confirmed: false,
            over: false,
            wanted_end: None,
            error: None,
            last_headers: Vec::new(),
            epoch: 0,
            version: 1,
            said: String::new(),
            plan: MediaPlan::default(),
            remote: None,
            early: None,
            terms: sdp::Terms::default(),
            ways: Vec::new(),
        }
    }

    /// Takes in an INVITE.
    pub fn offered(&mut self, invite: &Invite) {
        self.near = Some(invite.flow.remote);
        self.hops = invite.max_forwards;
        self.offer = invite.offer.clone();
        self.invited = true;
    }

    /// Is there a dialog or transaction that a hang-up must end?
    pub fn signalled(&self, direction: Direction) -> bool {
        direction.came_in() || self.invited
    }

    /// The negotiated far end.
    pub fn peer(&self) -> Option<&Peer> {
        self.plan.peer.as_ref()
    }

    /// It was answered by who sees us under this address: what we write from now on says so.
    pub fn seen_at(&mut self, ip: IpAddr) {
        if let Some(local) = self.local.as_mut().filter(|_| !ip.is_unspecified()) {
            local.set_ip(ip);
        }
    }

    /// Our answer ahead of the 200; None without an offer or a codec.
    pub fn early_answer(&mut self) -> Option<Bytes> {
        self.offer.as_ref()?;
        let body = self.answer().ok()?;
        self.early = Some(body.clone());
        Some(body)
    }

    /// The answer says what early media said before it. Who sends nothing before the answer may still be learned from it on
    /// (ruling 2.42).
    pub fn answered_as_said(&mut self) {
        if let Some(peer) = self.plan.peer.take() {
            self.set_peer(peer);
        }
    }

    /// Our answer to the offer of whoever takes the peer's place, or an offer of ours, on these terms and under the address at which
    /// it sees us. The peer before is forgotten; if it cannot be answered all stays as it was.
    pub(super) fn answer_anew(
        &mut self,
        offer: Option<&Bytes>,
        terms: sdp::Terms,
        seen: IpAddr,
    ) -> Result<Bytes, Unusable> {
        let terms = std::mem::replace(&mut self.terms, terms);
        let (local, peer) = (self.local, self.plan.peer.take());
        self.seen_at(seen);
        let answer = match offer {
            Some(offer) => self.answer_to(offer),
            None => self.own_offer().ok_or_else(|| Unusable::plain("no RTP port is open")),
        };
        if answer.is_err() {
            (self.terms, self.local, self.plan.peer) = (terms, local, peer);
        }
        answer
    }

    /// Nobody is there for a while.
    pub fn forget_peer(&mut self) {
        self.plan.peer = None;
    }

    fn set_peer(&mut self, mut peer: Peer) {
        self.epoch += 1;
        peer.epoch = self.epoch;
        self.plan.peer = Some(peer);
    }

    /// Our answer to the INVITE's offer, or an offer of our own to an offerless one.
    fn answer(&mut self) -> Result<Bytes, Unusable> {
        if let Some(said) = self.early.clone() {
            self.answered_as_said();
            return Ok(said);
        }
        match self.offer.take() {
            Some(offer) => self.answer_to(&offer),
            None => self.own_offer().ok_or_else(|| Unusable::plain("no RTP port is open")),
        }
    }

    /// Our answer to an offer; the plan has the new peer.
    fn answer_to(&mut self, offer: &[u8]) -> Result<Bytes, Unusable> {
        let remote = sdp::read(offer).map_err(|e| Unusable::plain(&e.to_string()))?;
        let local = self.document().ok_or_else(|| Unusable::plain("no RTP port is open"))?;
        let answer = |terms: &sdp::Terms, local: &sdp::Local| {
            terms.answer(&remote, local).map_err(|e| Unusable { words: e.words(), warning: Some(e) })
        };
        let (mut body, mut peer) = answer(&self.terms, &local)?;
        if self.is_rekeyed(&peer) {
            self.terms.srtp.renew();
            (body, peer) = answer(&self.terms, &local)?;
        }
        if self.said_otherwise(&body) {
            let local = self.new_version(local);
            (body, _) = answer(&self.terms, &local)?;
        }
        // A refresh must not disturb who is heard (RFC 3264 section 8).
        if !self.is_refresh(&remote) {
            self.set_peer(peer);
        }
        self.remote = Some(remote);
        Ok(self.say(body))
    }

    /// In an answered call: does the peer say again what it said last?
    fn is_refresh(&self, remote: &sdp::Remote) -> bool {
        self.answered && self.plan.peer.is_some() && self.remote.as_ref() == Some(remote)
    }

    /// An offer of ours.
    pub fn own_offer(&mut self) -> Option<Bytes> {
        let local = self.document()?;
        let mut body = self.terms.offer(&local, sdp::Direction::SendRecv);
        if self.said_otherwise(&body) {
            let local = self.new_version(local);
            body = self.terms.offer(&local, sdp::Direction::SendRecv);
        }
        Some(self.say(body))
    }

    /// The same offer in the terms of another way. Whoever gets it has not seen the first, so it begins at the same version.
    pub(super) fn offer_in(&self, terms: &sdp::Terms) -> Option<Bytes> {
        Some(terms.offer(&self.document()?, sdp::Direction::SendRecv).into())
    }

    /// What was offered on the way that is taken now.
    pub(super) fn offered_instead(&mut self, offer: &Bytes) {
        self.said = String::from_utf8_lossy(offer).into_owned();
    }

    /// The head of our next document, if it says what the last one said.
    fn document(&self) -> Option<sdp::Local> {
        let local = self.local?;
        Some(sdp::Local { ip: local.ip(), port: local.port(), session_id: self.id.0, version: self.version })
    }

    /// Did we say something else before? The first document is of the first version.
    fn said_otherwise(&self, body: &str) -> bool {
        !self.said.is_empty() && body != self.said
    }

    /// The head of a document that differs from the last one.
    fn new_version(&mut self, local: sdp::Local) -> sdp::Local {
        self.version += 1;
        sdp::Local { version: self.version, ..local }
    }

    fn say(&mut self, body: String) -> Bytes {
        self.said = body.clone();
        body.into()
    }
}

impl Call {
    /// Sends the plan that the leg has now.
    pub(super) fn send_plan(&mut self, cx: &mut Cx<'_>) {
        if self.leg.open && !self.leg.over {
            let limit = cx.settings.silent_after_s;
            self.leg.plan.silent_after_s = (limit > 0 && self.leg.answered).then_some(limit);
            self.leg.plan.taps = self.recordings.taps().chain(self.streams.taps()).collect();
            cx.push(Effect::Plan(self.leg.id, Box::new(self.leg.plan.clone())));
        }
    }

    /// Plays something new; what played before stops.
    pub(super) fn play(&mut self, cx: &mut Cx<'_>, source: Source, keys: Keys) -> SourceId {
        let id = cx.ids.source();
        self.leg.plan.source = Some((id, source));
        self.leg.plan.keys = keys;
        self.send_plan(cx);
        id
    }

    /// Goes on with the same source id: a longer list, or other keys.
    pub(super) fn replan(&mut self, cx: &mut Cx<'_>, source: Option<(SourceId, Source)>, keys: Keys) {
        self.leg.plan.source = source;
        self.leg.plan.keys = keys;
        self.send_plan(cx);
    }

    /// Nothing is played any more; keys are still counted.
    pub(super) fn hush(&mut self, cx: &mut Cx<'_>) {
        self.leg.plan.source = None;
        self.leg.plan.keys = Keys::default();
        self.send_plan(cx);
    }

    /// A plan that asks for nothing; sent with the next change.
    pub(super) fn forget_plan(&mut self) {
        self.leg.plan.source = None;
        self.leg.plan.keys = Keys::default();
    }

    /// Gives the endpoint our 200: its row is written first.
    pub(super) fn answer_leg(&mut self, cx: &mut Cx<'_>) {
        let body = match self.leg.answer() {
            Ok(body) => body,
            Err(e) => {
                super::notify::write(cx, &self.row, 32011, &e.words);
                return self.refuse_media(cx, e);
            }
        };
        self.leg.answered = true;
        let answer = Effect::Sip(SipCmd::Answer { leg: self.leg.id, body, headers: vec![] });
        self.advance(cx, CallStatus::InProgress, vec![answer]);
        self.send_plan(cx);
    }

    fn refuse_media(&mut self, cx: &mut Cx<'_>, e: Unusable) {
        let headers = vec![e.warning()];
        let cause = Cause::new(488, "Not Acceptable Here");
        self.leg.wanted_end = Some(CallStatus::Failed);
        self.row.cause = Some(cause.clone());
        self.phase = super::phase::Phase::Ending;
        cx.push(Effect::Sip(SipCmd::Refuse { leg: self.leg.id, cause, headers }));
    }

    /// The peer's SDP to an offer of ours. False if it cannot be used.
    pub(super) fn take_answer(&mut self, cx: &mut Cx<'_>, body: Option<&Bytes>) -> bool {
        let Some(body) = body else {
            return self.leg.peer().is_some();
        };
        let remote = sdp::read(body).ok();
        let peer = remote.as_ref().and_then(|r| self.leg.terms.accept(r).ok());
        self.leg.remote = remote.or(self.leg.remote.take());
        match peer {
            Some(peer) => {
                self.leg.set_peer(peer);
                self.send_plan(cx);
                true
            }
            None => self.leg.peer().is_some(),
        }
    }

    /// ACK: what waited for the answer begins.
    pub(super) fn on_confirmed(&mut self, cx: &mut Cx<'_>, body: Option<Bytes>) {
        if self.leg.confirmed || self.leg.over {
            // The ACK of an INVITE that took this leg's place brings the answer, if the offer was ours.
            if !self.leg.over && !self.take_answer(cx, body.as_ref()) {
                self.give_up(cx, Cause::new(488, "Not Acceptable Here"), CallStatus::Completed);
            }
            return;
        }
        self.leg.confirmed = true;
        // Our 200 may have carried an offer: without an answer there is nobody to speak to.
        if !self.take_answer(cx, body.as_ref()) {
            let cause = Cause::new(488, "Not Acceptable Here");
            return self.give_up(cx, cause, CallStatus::Failed);
        }
        self.after_answer(cx);
    }

    /// Hold, resume, a new address, a refresh without change; the same call goes on.
    pub(super) fn on_offer(&mut self, cx: &mut Cx<'_>, offer: OfferId, body: Option<Bytes>) {
        let leg = self.leg.id;
        let answer = match &body {
            Some(body) => self.leg.answer_to(body),
            None => self.leg.own_offer().ok_or_else(|| Unusable::plain("no RTP port is open")),
        };
        match answer {
            Ok(body) if !self.leg.over => {
                cx.push(Effect::Sip(SipCmd::AcceptOffer { leg, offer, body: Some(body) }));
                self.send_plan(cx);
            }
            answer => {
                let cause = Cause::new(488, "Not Acceptable Here");
                let headers = answer.err().iter().map(Unusable::warning).collect();
                cx.push(Effect::Sip(SipCmd::RefuseOffer { leg, offer, cause, headers }));
            }
        }
    }

    /// The answer to the offer in our 200, or to our re-INVITE.
    pub(super) fn on_offer_answered(&mut self, cx: &mut Cx<'_>, body: Option<Bytes>) {
        if body.as_ref().and_then(|b| sdp::read(b).ok()).is_some_and(|r| self.leg.is_refresh(&r)) {
            return;
        }
        self.take_answer(cx, body.as_ref());
    }

    /// The dialog of an answered outbound leg goes into the row.
    pub(super) fn keep_dialog(&mut self, dialog: DialogIds) {
        self.row.dialog = Some(dialog);
    }
}

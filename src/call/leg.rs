//! The call's one leg: what was negotiated with the peer, and the plan that follows from what the call is doing.

use super::call::Call;
use super::cx::Cx;
use super::event::Effect;
use crate::media::plan::{Keys, MediaPlan, Peer, Source, SourceId};
use crate::sdp;
use crate::sip::event::{Cause, DialogIds, Invite, LegId, OfferId, SipCmd};
use crate::store::rows::{CallStatus, Direction};
use bytes::Bytes;
use std::net::SocketAddr;

/// Signalling and media state of a leg.
pub struct Leg {
    /// Its id.
    pub id: LegId,
    /// Our RTP address, once a port is open.
    pub local: Option<SocketAddr>,
    /// The port is open: closing it brings final figures.
    pub open: bool,
    /// Close was said, figures are awaited.
    pub closing: bool,
    /// Where the peer's first message came from.
    pub near: Option<SocketAddr>,
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
    /// Our SDP session.
    session: sdp::Session,
    plan: MediaPlan,
    /// What a 183 has said already; the 200 says the same.
    early: Option<Bytes>,
}

impl Leg {
    /// A leg before any negotiation.
    pub fn new(id: LegId) -> Leg {
        Leg {
            id,
            local: None,
            open: false,
            closing: false,
            near: None,
            offer: None,
            invited: false,
            answered: false,
            confirmed: false,
            over: false,
            wanted_end: None,
            error: None,
            last_headers: Vec::new(),
            epoch: 0,
            session: sdp::Session::new(id.0),
            plan: MediaPlan::default(),
            early: None,
        }
    }

    /// Takes in an INVITE.
    pub fn offered(&mut self, invite: &Invite) {
        self.near = Some(invite.flow.remote);
        self.offer = invite.offer.clone();
        self.invited = true;
    }

    /// Is there a dialog or transaction that a hang-up must end?
    pub fn signalled(&self, direction: Direction) -> bool {
        direction == Direction::Inbound || self.invited
    }

    /// The negotiated far end.
    pub fn peer(&self) -> Option<&Peer> {
        self.plan.peer.as_ref()
    }

    /// Our answer ahead of the 200; None without an offer or a codec.
    pub fn early_answer(&mut self) -> Option<Bytes> {
        self.offer.as_ref()?;
        let body = self.answer().ok()?;
        self.early = Some(body.clone());
        Some(body)
    }

    fn set_peer(&mut self, mut peer: Peer) {
        self.epoch += 1;
        peer.epoch = self.epoch;
        self.plan.peer = Some(peer);
    }

    /// Our answer to the INVITE's offer, or an offer of our own to an offerless one.
    fn answer(&mut self) -> Result<Bytes, sdp::SdpError> {
        if let Some(said) = &self.early {
            return Ok(said.clone());
        }
        let Some(local) = self.local else {
            return Err(sdp::SdpError::new("no port"));
        };
        match self.offer.take() {
            Some(offer) => {
                let remote = sdp::read(&offer)?;
                let (body, peer) = sdp::answer(&remote, &mut self.session, local)?;
                self.set_peer(peer);
                Ok(body)
            }
            None => Ok(sdp::offer(&mut self.session, local)),
        }
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
                self.leg.error = Some(13214);
                super::notify::write(cx, &self.row, 32011, &format!("the offer has no codec that Chorus speaks: {e}"));
                return self.refuse_media(cx, &e);
            }
        };
        self.leg.answered = true;
        let answer = Effect::Sip(SipCmd::Answer { leg: self.leg.id, body, headers: vec![] });
        self.advance(cx, CallStatus::InProgress, vec![answer]);
        self.send_plan(cx);
    }

    fn refuse_media(&mut self, cx: &mut Cx<'_>, e: &sdp::SdpError) {
        let host = cx.settings.public_url.split("//").nth(1).unwrap_or("chorus");
        let host = host.split([':', '/']).next().unwrap_or("chorus");
        let warning = format!("305 {host} \"{e}\"");
        let cause = Cause::new(488, "Not Acceptable Here");
        self.leg.wanted_end = Some(CallStatus::Failed);
        self.row.cause = Some(cause.clone());
        self.phase = super::phase::Phase::Ending;
        cx.push(Effect::Sip(SipCmd::Refuse {
            leg: self.leg.id,
            cause,
            headers: vec![("Warning".to_owned(), warning)],
        }));
    }

    /// Our offer for an INVITE of ours.
    pub(super) fn offer(&mut self) -> Option<Bytes> {
        let local = self.leg.local?;
        Some(sdp::offer(&mut self.leg.session, local))
    }

    /// The peer's SDP to an offer of ours. False if it cannot be used.
    pub(super) fn take_answer(&mut self, cx: &mut Cx<'_>, body: Option<&Bytes>) -> bool {
        let Some(body) = body else {
            return self.leg.peer().is_some();
        };
        match sdp::read(body).and_then(|r| sdp::accept(&r)) {
            Ok(peer) => {
                self.leg.set_peer(peer);
                self.send_plan(cx);
                true
            }
            Err(_) => self.leg.peer().is_some(),
        }
    }

    /// ACK: what waited for the answer begins.
    pub(super) fn on_confirmed(&mut self, cx: &mut Cx<'_>, body: Option<Bytes>) {
        if self.leg.confirmed || self.leg.over {
            return;
        }
        self.leg.confirmed = true;
        if body.is_some() && !self.take_answer(cx, body.as_ref()) {
            let cause = Cause::new(488, "Not Acceptable Here");
            return self.give_up(cx, cause, CallStatus::Failed);
        }
        self.after_answer(cx);
    }

    /// Hold, resume, a new address, a refresh without change; the same call goes on.
    pub(super) fn on_offer(&mut self, cx: &mut Cx<'_>, offer: OfferId, body: Option<Bytes>) {
        let leg = self.leg.id;
        let (Some(local), true) = (self.leg.local, !self.leg.over) else {
            let cause = Cause::new(488, "Not Acceptable Here");
            return cx.push(Effect::Sip(SipCmd::RefuseOffer { leg, offer, cause }));
        };
        let Some(body) = body else {
            let body = Some(sdp::offer(&mut self.leg.session, local));
            return cx.push(Effect::Sip(SipCmd::AcceptOffer { leg, offer, body }));
        };
        let answer = sdp::read(&body).and_then(|r| sdp::answer(&r, &mut self.leg.session, local));
        match answer {
            Ok((body, peer)) => {
                self.leg.set_peer(peer);
                cx.push(Effect::Sip(SipCmd::AcceptOffer { leg, offer, body: Some(body) }));
                self.send_plan(cx);
            }
            Err(_) => {
                let cause = Cause::new(488, "Not Acceptable Here");
                cx.push(Effect::Sip(SipCmd::RefuseOffer { leg, offer, cause }));
            }
        }
    }

    /// The answer to the offer in our 200.
    pub(super) fn on_offer_answered(&mut self, cx: &mut Cx<'_>, body: Option<Bytes>) {
        self.take_answer(cx, body.as_ref());
    }

    /// The dialog of an answered outbound leg goes into the row.
    pub(super) fn keep_dialog(&mut self, dialog: DialogIds) {
        self.row.dialog = Some(dialog);
    }
}

//! Another dialog takes the place of a call's own while its document, its Dial, its stream and its recordings go on: whom its peer
//! has transferred it to, or whoever sent an INVITE with Replaces (RFC 3891).
//!
//! ```text
//!  REFER, nobody stays --> INVITE to the new party on a spare leg --2xx--> the legs change places, BYE to the referrer
//!                             |-- refused, 60 s --> NOTIFY; as before, or the end if the referrer has left meanwhile
//! ```

use super::call::Call;
use super::cx::Cx;
use super::event::Effect;
use super::phase::calling::early_dialog;
use super::rights::Pbx;
use super::target::Target;
use super::terms::{self, Offers};
use super::timers::TimerKind;
use super::transfer::Transfer;
use crate::sid::TrunkSid;
use crate::sip::event::{Caller, Cause, DialogIds, Invite, LegId, Side, SipCmd, SipEvent};
use crate::store::rows::{CallStatus, DoorSid};
use bytes::Bytes;
use std::time::Duration;

/// How long the new party may ring.
const RING: Duration = Duration::from_secs(60);

/// A leg that shall take the place of the call's own.
pub struct Spare {
    leg: LegId,
    trunk: Option<TrunkSid>,
    offers: Offers,
    /// What its last 1xx said of media.
    early: Option<Bytes>,
    /// The referrer has left: how.
    left: Option<(Cause, Vec<(String, String)>)>,
}

impl Call {
    /// Calls the new party; what it hears and says will be this leg's.
    pub(super) fn call_spare(&mut self, cx: &mut Cx<'_>, mut target: Target) {
        let leg = cx.ids.leg();
        let Some(offers) = Offers::beside(cx, &self.leg, &mut target) else {
            return self.on_transferring(cx, 500, "No RTP port is open".to_owned());
        };
        let dialog = early_dialog(cx, &target.uri);
        let mut row = self.row.clone();
        row.dialog = Some(dialog.clone());
        self.row.spare_dialog = Some(dialog);
        let offer = offers.offer();
        let spare = Spare { leg, trunk: target.trunk, offers, early: None, left: None };
        self.transfer = Transfer::Spare(Box::new(spare));
        self.timers.arm(TimerKind::Ring, cx.now.mono + RING);
        let invite = Effect::Sip(SipCmd::Invite(Box::new(target.invite(leg, &row, offer))));
        let unwritten = Effect::Undialled(leg, Cause::new(503, "The database is not available"));
        let commit = self.write_row(vec![invite], vec![unwritten]);
        cx.push(commit);
    }

    /// What happens on a leg that is not the call's own.
    pub(super) fn on_spare(&mut self, cx: &mut Cx<'_>, leg: LegId, event: SipEvent) {
        if let SipEvent::Seen { sent, what, .. } = event {
            let (from, to) = if sent { ("chorus", "phone") } else { ("phone", "chorus") };
            return cx.trace(from, to, what);
        }
        if !self.has_spare(leg) {
            return;
        }
        match event {
            SipEvent::Progress { code, body, .. } => self.spare_progressed(cx, code, body),
            SipEvent::Answered { dialog, body, .. } => self.spare_answered(cx, *dialog, body),
            SipEvent::Ended { cause, .. } => self.spare_failed(cx, cause),
            SipEvent::Rerouted { trunk, uri, .. } => {
                if let Transfer::Spare(spare) = &mut self.transfer {
                    (spare.trunk, spare.early) = (trunk, None);
                    spare.offers.rerouted(trunk, &uri);
                }
            }
            _ => {}
        }
    }

    fn has_spare(&self, leg: LegId) -> bool {
        matches!(&self.transfer, Transfer::Spare(spare) if spare.leg == leg)
    }

    /// Does it still want this leg called?
    pub fn wants(&self, leg: LegId) -> bool {
        !self.is_ending() && (self.leg.id == leg || self.has_spare(leg))
    }

    /// An answer in a reliable 1xx is the only one (RFC 3262 section 5).
    fn spare_progressed(&mut self, cx: &mut Cx<'_>, code: u16, body: Option<Bytes>) {
        if let (Transfer::Spare(spare), Some(_)) = (&mut self.transfer, &body) {
            spare.early = body;
        }
        if code == 180 || code == 183 {
            self.notify_referrer(cx, 180, String::new());
        }
    }

    pub(super) fn notify_referrer(&self, cx: &mut Cx<'_>, code: u16, words: String) {
        cx.push(Effect::Sip(SipCmd::NotifyRefer { leg: self.leg.id, code, words }));
    }

    /// The new party is the call's peer from now on.
    fn spare_answered(&mut self, cx: &mut Cx<'_>, dialog: DialogIds, body: Option<Bytes>) {
        let Transfer::Spare(spare) = std::mem::take(&mut self.transfer) else { return };
        self.timers.disarm(TimerKind::Ring);
        let Spare { leg: with, trunk, offers, early, .. } = *spare;
        let own = self.leg.id;
        offers.are_taken(&mut self.leg);
        self.leg.seen_at(dialog.flow.local.ip());
        self.notify_referrer(cx, 200, String::new());
        cx.push(Effect::Sip(SipCmd::Swap { leg: own, with }));
        self.row.dialog = Some(dialog);
        self.row.spare_dialog = None;
        self.row.trunk = trunk;
        (self.pbx, self.refer_url) = (None, None);
        // As after every 2xx: who is ACKed must be found in the row.
        let ack = || vec![Effect::Sip(SipCmd::Acknowledge { leg: own })];
        let commit = self.write_row(ack(), ack());
        cx.push(commit);
        cx.trace("chorus", "chorus", "goes on with the new party");
        // The legs have changed places: this is the referrer's.
        let cause = Cause::new(200, "Transferred");
        cx.push(Effect::Sip(SipCmd::Hangup { leg: with, cause, headers: vec![] }));
        if !self.take_answer(cx, body.or(early).as_ref()) {
            self.give_up(cx, Cause::new(488, "Not Acceptable Here"), CallStatus::Completed);
        }
    }

    fn spare_failed(&mut self, cx: &mut Cx<'_>, cause: Cause) {
        let Transfer::Spare(spare) = std::mem::take(&mut self.transfer) else { return };
        self.timers.disarm(TimerKind::Ring);
        (self.row.transferred_to, self.row.spare_dialog) = (None, None);
        let code = if cause.code < 300 { 480 } else { cause.code };
        self.notify_referrer(cx, code, cause.words);
        match spare.left {
            Some((cause, headers)) => self.on_ended(cx, Side::Peer, cause, headers),
            None => {
                let commit = self.write_row(vec![], vec![]);
                cx.push(commit);
            }
        }
    }

    /// The new party has rung for too long. False: it is not that.
    pub(super) fn spare_rang_out(&mut self, cx: &mut Cx<'_>) -> bool {
        let Transfer::Spare(spare) = &self.transfer else { return false };
        let cause = Cause::new(487, "No answer");
        cx.push(Effect::Sip(SipCmd::Hangup { leg: spare.leg, cause, headers: vec![] }));
        true
    }

    /// The referrer has hung up; the call waits for the new party. False: it ends.
    pub(super) fn waits_for_spare(
        &mut self,
        cx: &mut Cx<'_>,
        by: Side,
        cause: &Cause,
        headers: &[(String, String)],
    ) -> bool {
        let Transfer::Spare(spare) = &mut self.transfer else { return false };
        if by == Side::Us || spare.left.is_some() {
            return false;
        }
        spare.left = Some((cause.clone(), headers.to_vec()));
        self.leg.forget_peer();
        self.send_plan(cx);
        true
    }

    /// Is there nobody at its own leg?
    pub fn is_vacant(&self) -> bool {
        matches!(&self.transfer, Transfer::Spare(spare) if spare.left.is_some())
    }

    /// Nobody wants the new party any more.
    pub(super) fn drop_spare(&mut self, cx: &mut Cx<'_>, spare: &Spare) {
        self.timers.disarm(TimerKind::Ring);
        (self.row.transferred_to, self.row.spare_dialog) = (None, None);
        self.notify_referrer(cx, 487, String::new());
        let cause = Cause::new(487, "Call is over");
        cx.push(Effect::Sip(SipCmd::Hangup { leg: spare.leg, cause, headers: vec![] }));
        if !self.is_ending() {
            let commit = self.write_row(vec![], vec![]);
            cx.push(commit);
        }
    }

    /// An INVITE with Replaces over this trunk: its sender is the call's peer from now on.
    pub(super) fn on_replaced(
        &mut self,
        cx: &mut Cx<'_>,
        leg: LegId,
        invite: &Invite,
        trunk: Option<TrunkSid>,
        caller: &Caller,
    ) {
        let refuse = |code: u16, words: &str, headers| {
            Effect::Sip(SipCmd::Refuse { leg, cause: Cause::new(code, words), headers })
        };
        let rings = self.leg.invited && !self.leg.answered && !self.leg.over;
        if !(self.leg.answered || rings) || self.is_ending() || self.is_vacant() {
            return cx.push(refuse(481, "Call/Transaction Does Not Exist", vec![]));
        }
        let terms = terms::of_caller(cx, trunk, caller);
        let seen = invite.flow.local.ip();
        let body = match self.leg.answer_anew(invite.offer.as_ref(), terms, seen) {
            Ok(body) => body,
            Err(unusable) => return cx.push(refuse(488, "Not Acceptable Here", vec![unusable.warning()])),
        };
        self.row.trunk = trunk;
        self.pbx = match caller {
            Caller::Door(DoorSid::Trunk(sid), _) => {
                cx.tables.elastic(*sid).map(|t| Box::new(Pbx::taking_over(&t.row, &self.row)))
            }
            _ => None,
        };
        if rings {
            return self.pick_up(cx, leg, invite, &body);
        }
        self.row.dialog = Some(invite.dialog.clone());
        self.leg.near = Some(invite.flow.remote);
        let own = self.leg.id;
        let cause = Cause::new(200, "Replaced");
        let go_on = || {
            vec![
                Effect::Sip(SipCmd::Swap { leg: own, with: leg }),
                Effect::Sip(SipCmd::Answer { leg: own, body: body.clone(), headers: vec![] }),
                Effect::Sip(SipCmd::Hangup { leg, cause: cause.clone(), headers: vec![] }),
            ]
        };
        cx.trace("phone", "chorus", "INVITE with Replaces: goes on with its sender");
        let commit = self.write_row(go_on(), go_on());
        cx.push(commit);
        self.send_plan(cx);
    }
}

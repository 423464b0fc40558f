//! 2xx to an INVITE of ours: the first one makes the leg's dialog; a retransmitted one gets its ACK again; every other,
//! from a fork or after the end, is ACKed and its dialog left by BYE at once (RFC 3261 13.2.2.4).

use super::engine::reason_header;
use super::leg::{Auth, Calling, Cancel, Phase, Stage};
use super::{Endpoint, Fork, User};
use crate::clock::Mono;
use crate::sip::dialog::Dialog;
use crate::sip::event::{Cause, Flow, LegId, SipEvent, SipOut};
use crate::sip::session;
use crate::sip::transaction::{InviteClientEvent, Machine};
use crate::sip::wire::{Message, Method};
use bytes::Bytes;

/// Most dialogs that one INVITE of ours may make; further ones are passed over.
const FORKS_MAX: usize = 16;

impl Endpoint {
    /// A 2xx whose Call-ID may be ours.
    pub(super) fn on_success(&mut self, now: Mono, flow: Flow, message: &Message) {
        if self.is_reinvites(message) {
            return;
        }
        let Some(call) = self.calls.get(message.call_id()) else { return };
        if message.from_tag().as_deref() != Some(call.local_tag.as_str()) {
            return;
        }
        let to_tag = message.to_tag().unwrap_or_default();
        let number = message.cseq().map(|c| c.number);
        // A later try may be answered under the same tag as an earlier one.
        if let Some(fork) = call.forks.iter().find(|f| f.to_tag == to_tag && Some(f.cseq) == number) {
            let ack = (fork.flow, fork.ack.clone());
            let waits = |id: &LegId| self.legs.get(id).is_some_and(|l| l.ack.as_ref() == Some(&ack));
            return match call.leg.filter(waits) {
                Some(leg) => self.release_ack(leg),
                None => self.out.push_back(SipOut::Send(ack.0, ack.1)),
            };
        }
        let full = call.forks.len() >= FORKS_MAX;
        let waiting = call.leg.filter(|id| {
            self.legs.get(id).is_some_and(|l| {
                let Phase::Calling(c) = &l.phase else { return false };
                (c.cseq().is_some() && c.cseq() == number) || c.twins.iter().any(|t| Some(t.cseq) == number)
            })
        });
        match waiting {
            Some(leg) => self.on_answer(now, leg, flow, message),
            None if full => {}
            None => self.leave_fork(now, flow, message),
        }
    }

    /// A 2xx to a re-INVITE of ours came again; its dialog lives, and is no fork.
    fn is_reinvites(&mut self, message: &Message) -> bool {
        let leg = self.find_leg(message.call_id(), &message.from_tag().unwrap_or_default());
        let (Some(id), Some(number)) = (leg, message.cseq().map(|c| c.number)) else { return false };
        let Some(leg) = self.legs.get(&id) else { return false };
        let tag = message.to_tag().unwrap_or_default();
        let first =
            self.calls.get(message.call_id()).is_none_or(|c| c.forks.iter().any(|f| f.cseq == number));
        if matches!(leg.phase, Phase::Calling(_)) || leg.dialog.ids.remote_tag != tag || first {
            return false;
        }
        self.repeat_refresh_ack(id, number);
        true
    }

    /// The first 2xx of a leg that waits for it.
    fn on_answer(&mut self, now: Mono, id: LegId, flow: Flow, message: &Message) {
        let mut dialog = Dialog::uac(message, flow);
        dialog.ids.hidden = self.answers_behind_nat(id, &flow, message);
        let Some(leg) = self.leg_mut(id) else { return };
        let own = leg.dialog.ids.local_cseq;
        let number = message.cseq().map_or(own, |c| c.number);
        let remote_cseq = leg.early(&dialog.ids.remote_tag).and_then(|e| e.dialog.remote_cseq);
        leg.dialog = Dialog { remote_cseq, ..dialog.clone() };
        let Phase::Calling(mut calling) = std::mem::replace(&mut leg.phase, Phase::Up) else { return };
        // Requests of this dialog go on above every number that was used.
        leg.dialog.ids.local_cseq = own.max(number);
        let dialog = leg.dialog.clone();
        leg.auth = auth(&calling, flow);
        let trunk = calling.cmd.trunk.filter(|_| calling.aside.is_none());
        leg.trunk = trunk;
        leg.digest = calling.digest.clone();
        leg.refresh.learn(calling.min_se.map(|(least, _)| least));
        leg.refresh.hear(message);
        leg.refresh.set(session::agreed(now, message));
        let offered = crate::sdp::facing(&calling.cmd.offer, dialog.ids.flow.local.ip());
        leg.say(Some(&offered));
        if let Some(trunk) = trunk {
            self.challengers.learn(trunk, flow.remote, calling.realms.clone());
        }
        self.seen(id, false, "200 INVITE".to_owned());
        let ack = self.acknowledgement(&dialog, number, &calling.authorization);
        if let Some(leg) = self.leg_mut(id) {
            leg.ack = Some(ack);
        }
        if !self.config.ack_waits || calling.cancel != Cancel::No {
            self.release_ack(id);
        }
        // What the others need not call a missed call (RFC 3326).
        let elsewhere = || reason_header(&Cause::new(200, "Call completed elsewhere"));
        calling.reason.get_or_insert_with(elsewhere);
        let by_twin = self.lose_but(now, &mut calling, message);
        if let Stage::Sent { txn, .. } = calling.stage
            && !by_twin
        {
            // A 2xx under a foreign branch answers the INVITE too: its machine must not wait on.
            self.run(txn, |machine, out| {
                if let Machine::InviteClient(m) = machine {
                    m.on(now, InviteClientEvent::Success, out);
                }
            });
        }
        if calling.cancel == Cancel::No {
            let headers = message.headers.with_prefix("X-");
            let body = message.sdp();
            let dialog = Box::new(dialog.ids);
            return self.emit(SipEvent::Answered { leg: id, dialog, body, headers });
        }
        // It crossed our CANCEL, or a hangup that waited for a 1xx.
        let verdict = self.legs.get(&id).and_then(|l| l.verdict.clone());
        if let Some(verdict) = verdict {
            self.leave(now, id, verdict.cause, Vec::new());
        }
    }

    /// Sends the ACK that waits, if one does.
    pub(super) fn release_ack(&mut self, id: LegId) {
        if let Some((flow, ack)) = self.legs.get_mut(&id).and_then(|l| l.ack.take()) {
            self.seen(id, true, "ACK".to_owned());
            self.out.push_back(SipOut::Send(flow, ack));
        }
    }

    /// ACK of a 2xx goes where the dialog says, not where the INVITE went. It is kept for when the 2xx comes again.
    fn acknowledgement(
        &mut self,
        dialog: &Dialog,
        cseq: u32,
        authorization: &[(String, String)],
    ) -> (Flow, Bytes) {
        let branch = self.new_branch();
        let ack = dialog.request(&Method::Ack, cseq, &branch).headers(authorization).finish();
        let flow = dialog.destination();
        if let Some(call) = self.calls.get_mut(&dialog.ids.call_id) {
            let ack = ack.clone();
            call.forks.push(Fork { to_tag: dialog.ids.remote_tag.clone(), cseq, ack, flow });
        }
        (flow, ack)
    }

    fn leave_fork(&mut self, now: Mono, flow: Flow, message: &Message) {
        let mut dialog = Dialog::uac(message, flow);
        let (destination, ack) = self.acknowledgement(&dialog, dialog.ids.local_cseq, &[]);
        self.out.push_back(SipOut::Send(destination, ack));
        let branch = self.new_branch();
        let cseq = dialog.next_cseq();
        let bytes = dialog.request(&Method::Bye, cseq, &branch).finish();
        self.start_client(now, (&branch, &Method::Bye), bytes, dialog.destination(), User::Nobody);
    }
}

fn auth(calling: &Calling, challenger: Flow) -> Option<Auth> {
    if calling.realms.is_empty() {
        return None;
    }
    Some(Auth { credentials: calling.cmd.credentials.clone()?, realms: calling.realms.clone(), challenger })
}

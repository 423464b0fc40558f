//! 2xx to an INVITE of ours: the first one makes the leg's dialog, and its ACK may wait for a commit; a retransmitted one gets its ACK again; every other,
//! from a fork or after the end, is ACKed and its dialog left by BYE at once (RFC 3261 13.2.2.4).

use super::leg::{Auth, Calling, Cancel, HeldAck, Phase, Stage};
use super::{Endpoint, Fork, User};
use crate::clock::Mono;
use crate::sip::dialog::Dialog;
use crate::sip::event::{Flow, LegId, SipEvent, SipOut};
use crate::sip::transaction::{InviteClientEvent, Machine};
use crate::sip::wire::{Message, Method};

/// Most dialogs that one INVITE of ours may make; further ones are passed over.
const FORKS_MAX: usize = 16;

impl Endpoint {
    /// A 2xx whose Call-ID may be ours.
    pub(super) fn on_success(&mut self, now: Mono, flow: Flow, message: &Message) {
        let Some(call) = self.calls.get(message.call_id()) else { return };
        if message.from_tag().as_deref() != Some(call.local_tag.as_str()) {
            return;
        }
        let to_tag = message.to_tag().unwrap_or_default();
        let number = message.cseq().map(|c| c.number);
        // A later try may be answered under the same tag as an earlier one.
        if let Some(fork) = call.forks.iter().find(|f| f.to_tag == to_tag && Some(f.cseq) == number) {
            self.out.push_back(SipOut::Send(fork.flow, fork.ack.clone()));
            return;
        }
        if call.leg.and_then(|id| self.legs.get(&id)).is_some_and(|l| l.holds_ack_of(&to_tag)) {
            return;
        }
        let full = call.forks.len() >= FORKS_MAX;
        let waiting = call.leg.filter(|id| {
            self.legs.get(id).is_some_and(|l| {
                matches!(l.phase, Phase::Calling(_)) && Some(l.dialog.ids.local_cseq) == number
            })
        });
        match waiting {
            Some(leg) => self.on_answer(now, leg, flow, message),
            None if full => {}
            None => self.leave_fork(now, flow, message),
        }
    }

    /// The first 2xx of a leg that waits for it.
    fn on_answer(&mut self, now: Mono, id: LegId, flow: Flow, message: &Message) {
        let dialog = Dialog::uac(message, flow);
        let Some(leg) = self.leg_mut(id) else { return };
        let Phase::Calling(calling) = std::mem::replace(&mut leg.phase, Phase::Up) else { return };
        let number = leg.dialog.ids.local_cseq;
        leg.dialog = dialog.clone();
        leg.auth = auth(&calling, flow);
        self.seen(id, false, "200 INVITE".to_owned());
        if let Some(leg) = self.leg_mut(id) {
            leg.held_ack = Some(HeldAck { cseq: number, authorization: calling.authorization });
        }
        if !self.config.hold_ack {
            self.release_ack(id);
        }
        if let Stage::Sent { txn, .. } = calling.stage {
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

    /// Sends the ACK of the callee's 200, once.
    pub(super) fn release_ack(&mut self, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(held) = leg.held_ack.take() else { return };
        let dialog = leg.dialog.clone();
        self.seen(id, true, "ACK".to_owned());
        self.acknowledge(&dialog, held.cseq, &held.authorization);
    }

    /// ACK of a 2xx goes where the dialog says, not where the INVITE went.
    fn acknowledge(&mut self, dialog: &Dialog, cseq: u32, authorization: &[(String, String)]) {
        let branch = self.new_branch();
        let ack = dialog.request(&Method::Ack, cseq, &branch).headers(authorization).finish();
        let flow = dialog.destination();
        self.out.push_back(SipOut::Send(flow, ack.clone()));
        if let Some(call) = self.calls.get_mut(&dialog.ids.call_id) {
            call.forks.push(Fork { to_tag: dialog.ids.remote_tag.clone(), cseq, ack, flow });
        }
    }

    fn leave_fork(&mut self, now: Mono, flow: Flow, message: &Message) {
        let mut dialog = Dialog::uac(message, flow);
        self.acknowledge(&dialog, dialog.ids.local_cseq, &[]);
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
    Some(Auth {
        credentials: calling.cmd.credentials.clone()?,
        realms: calling.realms.clone(),
        digest: calling.digest.clone(),
        challenger,
        used: false,
    })
}

//! The end of a leg, whoever wants it: BYE both ways, dialogs of a former life, and the one place where a leg is dropped.

use super::engine::{cause_of, reason_header, summary};
use super::leg::{GIVE_UP, Leg, Phase, Stage, Verdict};
use super::{Endpoint, OwnCall, REMEMBERED_MAX, User};
use crate::clock::Mono;
use crate::mutants::{self, Mutant};
use crate::sip::dialog::Dialog;
use crate::sip::event::{Cause, DialogIds, LegId, Side, SipEvent};
use crate::sip::transaction::{Key, T4};
use crate::sip::wire::{Message, Method};
use std::time::Duration;

/// How long `Ended` waits for the answer to our BYE or CANCEL. A dead peer shall not keep a call open; the request
/// itself goes on being sent for 64*T1.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// How long our Call-IDs are remembered after their leg: 64*T1 for the 2xx, T4 for the last of them on its way.
const MEMORY: Duration = GIVE_UP.saturating_add(T4);
/// How long an INVITE of a former life may still be answered: the longest that a call may let its callee ring.
const RINGING: Duration = Duration::from_secs(600);
/// How far a stored dialog's CSeq is advanced: more requests than were sent since the row was written. Refreshes of a session, keys
/// by INFO and NOTIFYs all count; a day of refreshes at the shortest interval of RFC 4028 (90 s, so one each 45 s) are 1,920.
/// Not storing each number keeps the database out of every request within a dialog.
const ORPHAN_CSEQ: u32 = 10_000;

impl Endpoint {
    /// Ends a leg whatever its state.
    pub(super) fn hangup(&mut self, now: Mono, id: LegId, cause: Cause, headers: Vec<(String, String)>) {
        let Some(leg) = self.leg_mut(id) else { return };
        match leg.phase {
            Phase::Ringing(_) => self.refuse_ringing(now, id, Side::Us, cause, &headers, Vec::new()),
            Phase::Calling(_) => self.cancel(now, id, cause),
            Phase::Up => {
                let said = Verdict { by: Side::Us, cause: Cause { code: 200, ..cause.clone() } };
                leg.verdict.get_or_insert(said);
                self.leave(now, id, cause, headers);
            }
            Phase::Leaving => {}
        }
    }

    /// BYE, at once or after the ACK of our first 200 (RFC 3261 section 15).
    pub(super) fn leave(&mut self, now: Mono, id: LegId, cause: Cause, headers: Vec<(String, String)>) {
        self.withdraw_offer(now, id, None);
        self.release_ack(id);
        let Some(leg) = self.leg_mut(id) else { return };
        let mut fields = vec![reason_header(&cause)];
        fields.extend(headers);
        leg.verdict.get_or_insert(Verdict { by: Side::Us, cause });
        leg.patience.get_or_insert(now + PATIENCE);
        leg.phase = Phase::Leaving;
        leg.bye_again = Some(fields.clone());
        if leg.unacked.as_ref().is_some_and(|u| u.first) && !mutants::on(Mutant::ByeBeforeAck) {
            leg.bye_after_ack = Some(fields);
        } else {
            leg.unacked = None;
            self.send_bye(now, id, &fields);
        }
    }

    /// Sends BYE in a leg that is leaving.
    pub(super) fn send_bye(&mut self, now: Mono, id: LegId, fields: &[(String, String)]) {
        let branch = self.new_branch();
        let agent = self.config.user_agent.clone();
        let Some(leg) = self.leg_mut(id) else { return };
        leg.phase = Phase::Leaving;
        let cseq = leg.dialog.next_cseq();
        let flow = leg.dialog.destination();
        let w = leg.dialog.request(&Method::Bye, cseq, &branch).headers(fields);
        let bytes = w.header("User-Agent", &agent).finish();
        self.seen(id, true, "BYE".to_owned());
        self.start_client(now, (&branch, &Method::Bye), bytes, flow, User::Bye(id));
    }

    /// Whatever a final answer says, 200, 481 or 408: the call is over.
    pub(super) fn on_bye_response(&mut self, now: Mono, id: LegId, code: u16) {
        self.seen(id, false, summary(code, "BYE"));
        if code >= 200 {
            self.end_and_drop(now, id);
        }
    }

    /// The connection of the BYE broke before its answer, but the peer was there: once more over a new one.
    pub(super) fn bye_again(&mut self, now: Mono, id: LegId) {
        let again = self.leg_mut(id).and_then(|leg| {
            leg.dialog.ids.flow.disconnect();
            leg.bye_again.take()
        });
        match again {
            Some(fields) => self.send_bye(now, id, &fields),
            None => self.end_and_drop(now, id),
        }
    }

    /// Sends BYE for a dialog found in the store.
    pub(super) fn orphan(&mut self, now: Mono, id: LegId, ids: DialogIds, cause: Cause) {
        let key = Key::client(&ids.call_id, &ids.local_tag);
        if self.legs.contains_key(&id) || self.dialogs.contains_key(&key) {
            return;
        }
        if ids.remote_tag.is_empty() {
            return self.await_late_answer(now, id, ids, cause);
        }
        let mut dialog = Dialog::of(ids);
        dialog.ids.local_cseq = dialog.ids.local_cseq.saturating_add(ORPHAN_CSEQ);
        // The connections of a former life are gone.
        dialog.ids.flow.disconnect();
        self.dialogs.insert(key, id);
        self.legs.insert(id, Leg::new(dialog, Phase::Up));
        self.leave(now, id, Cause { code: 200, ..cause }, Vec::new());
    }

    /// Our INVITE of a former life had no answer yet, so there is no dialog to leave; its CANCEL would need the branch,
    /// which is not stored. A 2xx that still comes is ACKed and left by BYE.
    fn await_late_answer(&mut self, now: Mono, id: LegId, ids: DialogIds, cause: Cause) {
        let call = OwnCall { local_tag: ids.local_tag, leg: None, forks: Vec::new() };
        if self.calls.insert(ids.call_id.clone(), call).is_none() {
            self.forget_at(now + RINGING + MEMORY, ids.call_id);
        }
        self.emit(SipEvent::Ended { leg: id, by: Side::Us, cause, headers: Vec::new() });
    }

    /// The peer's BYE was answered: over at once.
    pub(super) fn on_peer_bye(&mut self, now: Mono, id: LegId, bye: &Message) {
        let by_us = self.legs.get(&id).and_then(|l| l.verdict.clone());
        let Verdict { by, cause } = by_us
            .unwrap_or_else(|| Verdict { by: Side::Peer, cause: Cause { code: 200, ..cause_of(bye, 200) } });
        self.withdraw_offer(now, id, None);
        self.end(id, by, cause, bye.headers.with_prefix("X-"));
        self.drop_leg(now, id);
    }

    /// Reports the end, once. The leg may live on in silence.
    pub(super) fn end(&mut self, id: LegId, by: Side, cause: Cause, headers: Vec<(String, String)>) {
        let Some(leg) = self.leg_mut(id) else { return };
        if leg.ended {
            return;
        }
        leg.ended = true;
        leg.verdict.get_or_insert(Verdict { by, cause: cause.clone() });
        self.emit(SipEvent::Ended { leg: id, by, cause, headers });
    }

    /// Reports the end with the verdict that was reached before.
    pub(super) fn end_as_decided(&mut self, id: LegId) {
        let verdict = self.legs.get(&id).and_then(|l| l.verdict.clone());
        let Verdict { by, cause } =
            verdict.unwrap_or_else(|| Verdict { by: Side::Us, cause: Cause::new(200, "") });
        self.end(id, by, cause, Vec::new());
    }

    /// Nothing is waited for any more.
    pub(super) fn end_and_drop(&mut self, now: Mono, id: LegId) {
        self.end_as_decided(id);
        self.drop_leg(now, id);
    }

    /// The only place where a leg is forgotten.
    pub(super) fn drop_leg(&mut self, now: Mono, id: LegId) {
        self.release_ack(id);
        self.lose_twins(now, id);
        let Some(leg) = self.legs.remove(&id) else { return };
        #[cfg(feature = "invariants")]
        assert!(leg.ended, "a leg dropped without Ended");
        if let Some(at) = leg.armed {
            self.clock.remove(&(at, id));
        }
        let ids = &leg.dialog.ids;
        let key = Key::client(&ids.call_id, &ids.local_tag);
        if self.dialogs.get(&key) == Some(&id) {
            self.dialogs.remove(&key);
        }
        if let Phase::Calling(calling) = &leg.phase
            && let Stage::Resolving(lookup) = calling.stage
        {
            self.resolving.remove(&lookup);
        }
        if let Some(call) = self.calls.get_mut(&ids.call_id)
            && call.leg == Some(id)
        {
            call.leg = None;
            self.forget_at(now + MEMORY, ids.call_id.clone());
        }
    }

    /// A Call-ID of ours without a leg is kept until then, or until there are too many.
    fn forget_at(&mut self, at: Mono, call_id: String) {
        let place = self.forgetting.partition_point(|(other, _)| *other <= at);
        self.forgetting.insert(place, (at, call_id));
        if self.forgetting.len() > REMEMBERED_MAX {
            self.forget_oldest();
        }
    }

    /// The memory of the Call-ID whose time comes first ends.
    pub(super) fn forget_oldest(&mut self) {
        if let Some((_, call_id)) = self.forgetting.pop_front() {
            self.calls.remove(&call_id);
        }
    }
}

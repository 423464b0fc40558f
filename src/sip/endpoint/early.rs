//! Early dialogs of an INVITE of ours: one for each To tag among its provisional responses, and PRACK for the reliable ones
//! (RFC 3262 section 4).
//!
//! ```text
//!  1xx, another To tag --> early dialog --1xx with RSeq: the first, or the next one--> PRACK, to the call
//!                              |  ^------- the same or an earlier RSeq, or a gap -----> nothing
//!                              |---------- 1xx without RSeq --------------------------> to the call
//!                              +---------- final answer, another INVITE --------------> gone
//! ```
//!
//! The numbers of each early dialog are its own. A repeated response is not acknowledged again: the PRACK is repeated by its
//! transaction until it is answered. A gap is a response that was lost; it comes again, and then this one.

use super::leg::{Calling, Leg, Phase};
use super::{Endpoint, User};
use crate::clock::Mono;
use crate::sid::TrunkSid;
use crate::sip::dialog::{Dialog, address};
use crate::sip::event::{Flow, LegId};
use crate::sip::wire::{Message, Method, RAck};
use crate::trunk::manners::Manners;

/// Most early dialogs of one INVITE; responses of further ones are taken as if they were not reliable.
const EARLY_MAX: usize = 16;

/// One of the dialogs that an INVITE of ours may end in.
#[derive(Clone, Debug)]
pub(super) struct Early {
    pub dialog: Dialog,
    /// Of the INVITE that it is for.
    cseq: u32,
    /// RSeq of the last reliable response that was in order.
    rseq: Option<u32>,
    /// Our offer has its answer in a reliable response: either side may offer anew (RFC 3311 section 5.1).
    pub answered: bool,
}

impl Endpoint {
    /// How the SIP of a trunk's peer is met; of an address of no trunk: as usual.
    pub(super) fn manners(&self, trunk: Option<TrunkSid>) -> Manners {
        trunk.and_then(|t| self.sources.trunk(t)).map(Manners::of).unwrap_or_default()
    }

    /// Notes what a 101-199 says of its dialog and acknowledges it. False: it must not be looked at, since it is a repetition
    /// or came out of order.
    pub(super) fn on_early(&mut self, now: Mono, id: LegId, flow: Flow, message: &Message) -> bool {
        // Our own 100 names a tag, too, but no contact.
        let Some(tag) = message.to_tag().filter(|_| message.code() > Some(100)) else { return true };
        let hidden = self.answers_behind_nat(id, &flow, message);
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return true };
        let Some(early) = calling.early_dialog(&tag, flow, message) else { return true };
        early.dialog.ids.hidden = hidden;
        let Some(rseq) = message.rseq().filter(|_| message.requires("100rel")) else { return true };
        if early.rseq.is_some_and(|last| rseq != last.wrapping_add(1)) {
            return false;
        }
        early.rseq = Some(rseq);
        early.answered |= message.sdp().is_some();
        self.send_prack(now, id, &tag, rseq, message);
        true
    }

    /// Is this an answer of a telephone that registered here over a NAT, to whose Contact no proxy leads?
    pub(super) fn answers_behind_nat(&self, id: LegId, flow: &Flow, message: &Message) -> bool {
        let Some(Phase::Calling(calling)) = self.legs.get(&id).map(|l| &l.phase) else { return false };
        let direct = !message.headers.has("Record-Route");
        let own = message.contact().filter(|_| direct).and_then(|c| address(&c.uri.to_string()));
        let user = calling.cmd.registered.as_ref();
        user.zip(own).is_some_and(|(user, own)| self.registrar.is_behind_nat(user, flow, own))
    }

    fn send_prack(&mut self, now: Mono, id: LegId, tag: &str, rseq: u32, message: &Message) {
        let Some(invite) = message.cseq() else { return };
        let branch = self.new_branch();
        let agent = self.config.user_agent.clone();
        let Some(leg) = self.leg_mut(id) else { return };
        // One counter for all early dialogs: in each of them the numbers grow, and that is all they must.
        let cseq = leg.dialog.next_cseq();
        let Some(early) = leg.early(tag) else { return };
        let flow = early.dialog.destination();
        let rack = RAck { rseq, cseq: invite.number, method: invite.method };
        let w = early.dialog.request(&Method::Prack, cseq, &branch).header("RAck", &rack.to_string());
        let bytes = w.header("User-Agent", &agent).finish();
        self.seen(id, true, "PRACK".to_owned());
        self.start_client(now, (&branch, &Method::Prack), bytes, flow, User::Prack(id));
    }
}

impl Calling {
    fn early_dialog(&mut self, tag: &str, flow: Flow, message: &Message) -> Option<&mut Early> {
        let cseq = message.cseq()?.number;
        // A peer may answer a later INVITE under the tag of an earlier one, and counts anew (RFC 3262 section 3).
        self.early.retain(|e| e.dialog.ids.remote_tag != tag || e.cseq == cseq);
        let known = self.early.iter().position(|e| e.dialog.ids.remote_tag == tag);
        let at = match known {
            Some(at) => at,
            None if self.early.len() >= EARLY_MAX => return None,
            None => {
                let dialog = Dialog::uac(message, flow);
                self.early.push(Early { dialog, cseq, rseq: None, answered: false });
                self.early.len().saturating_sub(1)
            }
        };
        self.early.get_mut(at)
    }

    /// Another INVITE is about to leave: what was early is over, but for contacts that still ring.
    pub fn forget_early(&mut self) {
        let twins = &self.twins;
        self.early.retain(|e| twins.iter().any(|t| t.cseq == e.cseq));
    }

    /// What our INVITE says of extensions over this trunk (RFC 3262 section 4, RFC 4028 section 7.1).
    pub fn extensions(&self) -> Vec<(String, String)> {
        self.manners.extensions(self.min_se.map(|(least, _)| least))
    }
}

impl Leg {
    /// The early dialog with this tag of the peer.
    pub(super) fn early(&self, tag: &str) -> Option<&Early> {
        let Phase::Calling(calling) = &self.phase else { return None };
        calling.early.iter().find(|e| e.dialog.ids.remote_tag == tag)
    }

    /// Takes the number of a request of the peer; before our INVITE is answered each early dialog has numbers of its own.
    pub(super) fn in_order(&mut self, tag: &str, cseq: u32) -> bool {
        if let Phase::Calling(calling) = &mut self.phase {
            let early = calling.early.iter_mut().find(|e| e.dialog.ids.remote_tag == tag);
            return early.is_none_or(|e| e.dialog.in_order(cseq));
        }
        self.dialog.in_order(cseq)
    }
}

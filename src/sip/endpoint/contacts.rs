//! A user at several contacts: all of them ring, the first that answers has the call, the others are taken back. What a forking
//! proxy does (RFC 3261 section 16.7): one Call-ID, one From tag, one CSeq, a branch for each.
//!
//! ```text
//!  INVITE to each --1xx--> ringing --2xx of one--> it has the leg, the others: CANCEL (as soon as a 1xx came)
//!                            |-- 3xx-5xx of one --> the others go on; of the last: the best of them ends the leg
//!                            +-- 6xx, our CANCEL --> all are taken back
//! ```
//!
//! One of them is the leg's own try, as if it were alone; `twins` are the others. Whatever is taken back is a `Loser` until its
//! INVITE has its final answer.

use super::engine::cause_of;
use super::leg::{Calling, Cancel, GIVE_UP, Hop, Phase, Stage, Verdict};
use super::outgoing::{begin, invite_on};
use super::request::Answer;
use super::{Endpoint, User};
use crate::clock::Mono;
use crate::sip::event::{Cause, InviteCmd, LegId, Side, SipEvent, Transport};
use crate::sip::transaction::{Key, TxnId};
use crate::sip::wire::{Message, Method};
use crate::trunk::route;
use bytes::Bytes;

/// The same INVITE at a further contact.
#[derive(Clone, Debug)]
pub(super) struct Twin {
    pub txn: TxnId,
    pub hop: Hop,
    pub branch: String,
    pub uri: String,
    pub cseq: u32,
    pub provisional: bool,
    /// Its CANCEL is out: the INVITE is given up at this time.
    pub cancelled: Option<Mono>,
}

/// What the INVITEs that one leg takes back have in common.
#[derive(Clone)]
pub(super) struct Unwanted {
    cmd: InviteCmd,
    reason: Option<(String, String)>,
}

/// An INVITE that nobody wants any more.
pub(super) struct Loser {
    cmd: InviteCmd,
    twin: Twin,
    reason: Option<(String, String)>,
}

impl Endpoint {
    /// To where a user has registered: the leg's own try at the preferred contact, twins at the others.
    pub(super) fn invite_contacts(&mut self, now: Mono, id: LegId, key: Key, user: &str) {
        self.enter(id, key);
        self.ring_contacts(now, id, user);
    }

    /// All of them. Nobody is asked over a connection of its own because a message is long: behind a NAT only the flow leads there.
    pub(super) fn ring_contacts(&mut self, now: Mono, id: LegId, user: &str) {
        let secure = matches!(self.legs.get(&id).map(|l| &l.phase), Some(Phase::Calling(c)) if c.cmd.secure);
        let rows = self.registrar.find(user);
        let mut hops: Vec<Hop> = rows
            .iter()
            .filter(|r| !secure || r.flow.transport == Transport::Tls)
            .map(|r| Hop { flow: r.flow, contact: Some((r.contact.clone(), r.path.clone())) })
            .collect();
        // A trunk whose peer is not there cannot be reached.
        if hops.is_empty() && self.reroute(now, id, 503) {
            return;
        }
        let others = if hops.is_empty() { Vec::new() } else { hops.split_off(1) };
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        calling.named_transport = true;
        calling.targets = hops.into();
        calling.failure = Some(Cause::new(480, route::not_registered(user)));
        self.try_next(now, id);
        for hop in others {
            self.ring_twin(now, id, hop);
        }
    }

    fn ring_twin(&mut self, now: Mono, id: LegId, hop: Hop) {
        let branch = self.new_branch();
        let agent = self.config.user_agent.clone();
        let Some(leg) = self.legs.get(&id) else { return };
        let Phase::Calling(calling) = &leg.phase else { return };
        // Who asks both sees one call.
        let cseq = calling.cseq().unwrap_or(leg.dialog.ids.local_cseq);
        let uri = calling.at_contact(&hop);
        let bytes = invite_on(
            &calling.cmd,
            &uri,
            hop.path(),
            &calling.extensions(),
            &hop.flow,
            &branch,
            cseq,
            Some(&agent),
        );
        self.seen(id, true, "INVITE".to_owned());
        let txn = self.start_invite(now, &branch, bytes, hop.flow, User::Twin(id));
        let twin = Twin { txn, hop, branch, uri, cseq, provisional: false, cancelled: None };
        if let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) {
            calling.twins.push(twin);
        }
    }

    /// 1xx, or a final refusal, of a twin.
    pub(super) fn on_twin_response(&mut self, now: Mono, id: LegId, answer: Answer<'_>) {
        let Answer { txn, code, flow, message } = answer;
        if code < 200 && !self.on_early(now, id, flow, message) {
            return;
        }
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        if code >= 300 {
            let Some(at) = calling.twins.iter().position(|t| t.txn == txn) else { return };
            calling.twins.remove(at);
            calling.failed(cause_of(message, code));
            if code >= 600 {
                self.decline(now, id);
            }
            return;
        }
        for twin in calling.twins.iter_mut().filter(|t| t.txn == txn) {
            twin.provisional = true;
        }
        calling.progressed |= code > 100;
        calling.early_media |= message.sdp().is_some();
        calling.impatient = None;
        if code > 100 && calling.cancel == Cancel::No {
            self.emit(SipEvent::Progress { leg: id, code, body: message.sdp() });
        }
    }

    /// A twin's INVITE was never answered.
    pub(super) fn on_twin_failure(&mut self, id: LegId, txn: TxnId) {
        if let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) {
            calling.twins.retain(|t| t.txn != txn);
        }
    }

    /// 6xx: the user wants it nowhere. The leg's own try is taken back as well, and its 487 ends the leg with the refusal.
    fn decline(&mut self, now: Mono, id: LegId) {
        let cause = match self.legs.get(&id).map(|l| &l.phase) {
            Some(Phase::Calling(calling)) => calling.failure.clone(),
            _ => None,
        };
        let cause = cause.unwrap_or_else(|| Cause::new(603, "Decline"));
        if let Some(leg) = self.leg_mut(id) {
            leg.verdict.get_or_insert(Verdict { by: Side::Peer, cause: cause.clone() });
        }
        self.cancel(now, id, cause);
    }

    /// The leg's own try failed: another contact that may still answer becomes it. False: there is none.
    pub(super) fn promote_twin(&mut self, id: LegId, cause: Cause) -> bool {
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return false };
        if calling.twins.is_empty() {
            return false;
        }
        calling.failed(cause);
        let twin = calling.twins.remove(0);
        let Twin { txn, hop, branch, uri, cseq, provisional, .. } = twin;
        calling.cmd.uri = uri;
        calling.route = hop.path().to_vec();
        calling.stage = Stage::Sent { txn, flow: hop.flow, branch, cseq, provisional };
        if let Some(leg) = self.leg_mut(id) {
            leg.dialog.ids.flow = hop.flow;
        }
        if let Some(txn) = self.txns.get_mut(txn) {
            txn.user = User::Invite(id);
        }
        true
    }

    /// Takes the twins of a leg back that still calls.
    pub(super) fn lose_twins(&mut self, now: Mono, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Phase::Calling(calling) = &mut leg.phase else { return };
        let twins = std::mem::take(&mut calling.twins);
        if !twins.is_empty() {
            let unwanted = calling.unwanted();
            self.lose(now, &unwanted, twins);
        }
    }

    /// One of several has answered: all the others are taken back. True: it was not the leg's own try.
    pub(super) fn lose_but(&mut self, now: Mono, calling: &mut Calling, message: &Message) -> bool {
        let mut others = std::mem::take(&mut calling.twins);
        let via = message.via();
        let branch = via.as_ref().and_then(|v| v.branch());
        let answered = |t: &Twin| branch == Some(t.branch.as_str());
        // One that was taken back may have answered before it knew.
        let ours = |l: &Loser| l.cmd.call_id == calling.cmd.call_id;
        let lost =
            || calling.cancel != Cancel::No && self.losers.values().any(|l| ours(l) && answered(&l.twin));
        let twin = others.iter().any(answered) || lost();
        others.retain(|t| !answered(t));
        if let (true, Stage::Sent { txn, flow, branch, cseq, provisional }) = (twin, calling.stage.clone()) {
            let uri = calling.cmd.uri.clone();
            let hop = Hop { flow, contact: Some((uri.clone(), calling.route.clone())) };
            let cancelled = match calling.cancel {
                Cancel::Sent(at) => Some(at),
                Cancel::No | Cancel::Wanted => None,
            };
            others.push(Twin { txn, hop, branch, uri, cseq, provisional, cancelled });
        }
        if !others.is_empty() {
            let unwanted = calling.unwanted();
            self.lose(now, &unwanted, others);
        }
        twin
    }

    /// From now on they are nobody's.
    pub(super) fn lose(&mut self, now: Mono, unwanted: &Unwanted, twins: Vec<Twin>) {
        for twin in twins {
            let Some(txn) = self.txns.get_mut(twin.txn) else { continue };
            txn.user = User::Loser;
            let (id, ready) = (twin.txn, twin.provisional);
            self.losing.extend(twin.cancelled.map(|at| (at, id)));
            let Unwanted { cmd, reason } = unwanted.clone();
            self.losers.insert(id, Loser { cmd, twin, reason });
            if ready {
                self.cancel_loser(now, id);
            }
        }
    }

    /// CANCEL, once, after a 1xx (RFC 3261 section 9.1).
    pub(super) fn cancel_loser(&mut self, now: Mono, txn: TxnId) {
        let Some(loser) = self.losers.get_mut(&txn).filter(|l| l.twin.cancelled.is_none()) else { return };
        let until = now + GIVE_UP;
        loser.twin.cancelled = Some(until);
        let (flow, branch) = (loser.twin.hop.flow, loser.twin.branch.clone());
        let cseq = format!("{} CANCEL", loser.twin.cseq);
        let w = begin(&loser.cmd, &loser.twin.uri, loser.twin.hop.path(), &Method::Cancel, &flow, &branch);
        let w = w.header("To", &loser.cmd.to).header("Call-ID", &loser.cmd.call_id);
        let w = w.header("CSeq", &cseq).headers(&loser.reason);
        let bytes = w.finish();
        self.losing.push_back((until, txn));
        self.start_client(now, (&branch, &Method::Cancel), bytes, flow, User::Nobody);
    }

    /// Those that never answered their CANCEL.
    pub(super) fn give_losers_up(&mut self, now: Mono) {
        while self.losing.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, txn)) = self.losing.pop_front()
                && self.losers.contains_key(&txn)
            {
                self.abandon(txn);
            }
        }
    }

    /// ACK of a refusal of a twin or a loser (RFC 3261 17.1.1.3).
    pub(super) fn twin_ack(&self, user: &User, txn: TxnId, message: &Message) -> Option<Bytes> {
        let (cmd, twin) = match user {
            User::Loser => self.losers.get(&txn).map(|l| (&l.cmd, &l.twin))?,
            User::Twin(id) => {
                let leg = self.legs.get(id)?;
                let Phase::Calling(calling) = &leg.phase else { return None };
                let twin = calling.twins.iter().find(|t| t.txn == txn)?;
                (&calling.cmd, twin)
            }
            _ => return None,
        };
        let w = begin(cmd, &twin.uri, twin.hop.path(), &Method::Ack, &twin.hop.flow, &twin.branch);
        let w = w.copy(message, "To").header("Call-ID", &cmd.call_id);
        Some(w.header("CSeq", &format!("{} ACK", twin.cseq)).finish())
    }
}

impl Hop {
    /// Route values there.
    pub fn path(&self) -> &[String] {
        self.contact.as_ref().map(|(_, path)| path.as_slice()).unwrap_or_default()
    }
}

impl Calling {
    /// The number of the INVITE that is out.
    pub fn cseq(&self) -> Option<u32> {
        match self.stage {
            Stage::Sent { cseq, .. } => Some(cseq),
            Stage::New | Stage::Resolving(_) => None,
        }
    }

    /// What its twins share when they are taken back; without the body, which neither CANCEL nor ACK needs.
    pub fn unwanted(&self) -> Unwanted {
        let cmd = InviteCmd { offer: Bytes::new(), ..self.cmd.clone() };
        Unwanted { cmd, reason: self.reason.clone() }
    }

    /// The Request-URI at a contact: its own, or the number at it.
    pub fn at_contact(&self, hop: &Hop) -> String {
        match &hop.contact {
            None => self.cmd.uri.clone(),
            Some((contact, _)) if self.cmd.keep_user => super::outgoing::with_user(contact, &self.asked),
            Some((contact, _)) => contact.clone(),
        }
    }

    /// Of several refusals the one that says most: 6xx, else what a person did, else the others, no answer last.
    pub fn failed(&mut self, cause: Cause) {
        let rank = |code: u16| match code {
            600.. => 0,
            486 | 480 | 487 => 1,
            408 | 503 => 3,
            _ => 2,
        };
        match &self.failure {
            Some(known) if self.refused && rank(known.code) <= rank(cause.code) => {}
            _ => self.failure = Some(cause),
        }
        self.refused = true;
    }
}

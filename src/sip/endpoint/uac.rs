//! An INVITE of ours until its final answer: lookup, one target after the other, challenges, CANCEL.

use super::engine::{cause_of, fit, reason_header};
use super::leg::{Calling, Cancel, GIVE_UP, Hop, Phase, Stage, Verdict};
use super::outgoing::outbound;
use super::request::Answer;
use super::reroute::PATIENCE as TRUNK_PATIENCE;
use super::{Endpoint, OwnCall, User};
use crate::clock::Mono;
use crate::sip::digest;
use crate::sip::endpoint::hangup::PATIENCE;
use crate::sip::event::{
    Cause, Flow, InviteCmd, LegId, Lookup, ResolveId, Side, SipEvent, SipOut, Transport,
};
use crate::sip::session;
use crate::sip::transaction::{Failure, Key, TxnId};
use crate::sip::wire::{Message, Method, Scheme, Uri};
use bytes::Bytes;
use std::time::Duration;

/// An INVITE that only rings is taken back after this. RFC 3261 16.6 asks for more than 3 minutes; Twilio lets a call
/// ring for up to 600 s, and the call's own timeout must come first.
pub const TIMER_C: Duration = Duration::from_secs(660);
/// How often one INVITE asks for a longer session.
const TOO_SHORT_MAX: u8 = 3;

/// `sips:` says TLS, whatever its parameter says of what is below it (RFC 5630 section 3.1.4).
fn transport(uri: &Uri) -> Option<Transport> {
    match uri.scheme {
        Scheme::Sips => Some(Transport::Tls),
        _ => uri.transport().and_then(Transport::named),
    }
}

impl Endpoint {
    /// A new outbound leg: its next hop is looked up first.
    pub(super) fn invite(&mut self, now: Mono, cmd: InviteCmd) {
        let id = cmd.leg;
        let key = Key::client(&cmd.call_id, &cmd.local_tag);
        if self.legs.contains_key(&id) || self.dialogs.contains_key(&key) {
            return;
        }
        let full = self.txns.len() >= self.config.transactions_max || self.legs.len() >= self.config.legs_max;
        let (registered, trunk) = (cmd.registered.clone(), cmd.trunk);
        let hop = cmd.hop();
        let named_transport = hop.as_ref().is_some_and(|h| transport(h).is_some());
        let cseq = self.first_cseq();
        let calls = self.calls.contains_key(&cmd.call_id);
        let manners = self.manners(trunk);
        self.legs.insert(id, outbound(cmd, manners, named_transport, cseq));
        let refusal = match hop {
            _ if full => Cause::new(503, "Too many calls here"),
            _ if calls => Cause::new(500, "The Call-ID was used before"),
            _ if registered.is_some() => {
                return self.invite_contacts(now, id, key, &registered.unwrap_or_default());
            }
            None => Cause::new(400, "The address to call cannot be read"),
            Some(hop) => {
                self.enter(id, key);
                let down = trunk.is_some_and(|trunk| self.is_down(trunk));
                return if !(down && self.reroute(now, id, 503)) {
                    self.resolve_for(id, &hop)
                };
            }
        };
        self.end(id, Side::Us, refusal, Vec::new());
        self.drop_leg(now, id);
    }

    /// The leg may be found by its dialog from now on.
    pub(super) fn enter(&mut self, id: LegId, key: Key) {
        let Some(ids) = self.legs.get(&id).map(|l| &l.dialog.ids) else { return };
        let call = OwnCall { local_tag: ids.local_tag.clone(), leg: Some(id), forks: Vec::new() };
        self.calls.insert(ids.call_id.clone(), call);
        self.dialogs.insert(key, id);
    }

    /// Looks up where a leg's INVITE goes.
    pub(super) fn resolve_for(&mut self, id: LegId, hop: &Uri) {
        let lookup = self.new_resolve_id();
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        calling.stage = Stage::Resolving(lookup);
        // A stranger that a 3xx names is believed and shown what everybody is.
        let trunk = calling.cmd.trunk.filter(|_| calling.aside.is_none());
        let transport = if calling.cmd.secure { Some(Transport::Tls) } else { transport(hop) };
        self.resolving.insert(lookup, id);
        let (host, port) = (hop.next_host().to_owned(), hop.port);
        self.out.push_back(SipOut::Resolve(lookup, Lookup { host, port, transport, trunk }));
    }

    /// What a lookup found.
    pub(super) fn resolved(&mut self, now: Mono, lookup: ResolveId, flows: Vec<Flow>) {
        match self.resolving.remove(&lookup) {
            Some(id) => self.arrived(now, id, lookup, flows),
            None if self.carrier_found(now, lookup, &flows) => {}
            None => self.registrar_found(now, lookup, flows),
        }
    }

    /// The flows to try, in order.
    pub(super) fn take_targets(&mut self, now: Mono, id: LegId, flows: Vec<Flow>) {
        let ordered = self.penalties.order(now, flows);
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        calling.targets = ordered.into_iter().map(Hop::from).collect();
        calling.failure = Some(Cause::new(503, "The host to call has no address"));
        self.try_next(now, id);
    }

    /// The next target, or the end with what the last one said.
    pub(super) fn try_next(&mut self, now: Mono, id: LegId) {
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        let Some(hop) = calling.targets.pop_front() else {
            let cause = calling.failure.clone().unwrap_or_else(|| Cause::new(408, "Request Timeout"));
            if self.next_redirection(id) {
                return;
            }
            if self.reroute(now, id, cause.code) {
                return;
            }
            self.end(id, Side::Us, cause, Vec::new());
            return self.drop_leg(now, id);
        };
        calling.authorization.clear();
        calling.realms.clear();
        calling.digest = digest::Client::default();
        calling.cmd.uri = calling.at_contact(&hop);
        calling.route = hop.path().to_vec();
        self.send_invite(now, id, hop.flow);
    }

    fn send_invite(&mut self, now: Mono, id: LegId, mut flow: Flow) {
        let branch = self.new_branch();
        let agent = self.config.user_agent.clone();
        let streams = self.penalties.takes_streams(now, &flow);
        let Some(leg) = self.leg_mut(id) else { return };
        let cseq = leg.dialog.next_cseq();
        let Phase::Calling(calling) = &mut leg.phase else { return };
        calling.forget_early();
        let mut bytes = fit(&flow, |full| calling.invite(&flow, &branch, cseq, full.then_some(&agent)));
        if streams && let Some(stream) = calling.instead_of_fragments(&flow, bytes.len()) {
            flow = stream;
            bytes = calling.invite(&flow, &branch, cseq, Some(&agent));
        }
        leg.dialog.ids.flow = flow;
        self.seen(id, true, "INVITE".to_owned());
        let txn = self.start_invite(now, &branch, bytes, flow, User::Invite(id));
        if let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) {
            calling.stage = Stage::Sent { txn, flow, branch, cseq, provisional: false };
            calling.timer_c = None;
            let other = calling.cmd.hasty || !calling.cmd.alternatives.is_empty();
            calling.impatient = other.then_some(now + TRUNK_PATIENCE);
        }
    }

    /// 1xx, or a final refusal, which the machine has ACKed.
    pub(super) fn on_invite_response(&mut self, now: Mono, id: LegId, answer: Answer<'_>) {
        let Answer { txn, code, flow, message } = answer;
        let Some(calling) = self.calling(id, txn) else { return };
        calling.stream_serves();
        if code < 200 {
            self.target_answered(now, id, code, message);
            return self.on_progress(now, id, code, flow, message);
        }
        self.target_answered(now, id, code, message);
        let Some(calling) = self.calling(id, txn) else { return };
        let free = calling.cancel == Cancel::No;
        let more = !calling.targets.is_empty() && !calling.progressed;
        if free && matches!(code, 401 | 407) && self.authorize(id, message) {
            return self.send_invite(now, id, self.present_flow(id, txn).unwrap_or(flow));
        }
        if free && code == 422 && self.take_longer(id, message) {
            self.authorize_again(id);
            return self.send_invite(now, id, self.present_flow(id, txn).unwrap_or(flow));
        }
        if free && (300..400).contains(&code) && self.redirect(id, message) {
            return;
        }
        if free && more && code == 503 {
            return self.try_next(now, id);
        }
        if free && code < 600 && self.next_redirection(id) {
            return;
        }
        let cause = cause_of(message, code);
        if free && code < 600 && self.promote_twin(id, cause.clone()) {
            return;
        }
        // A contact that refused before may say more than this one; 408 of the peer is about whom we call.
        let best = self.calling(id, txn).map_or(code, |calling| {
            if calling.refused {
                calling.failed(cause.clone());
            }
            calling.failure.as_ref().filter(|_| calling.refused).map_or(code, |f| f.code)
        });
        if free && best != 408 && self.reroute(now, id, best) {
            return;
        }
        if free {
            let best = self.calling(id, txn).and_then(|calling| {
                calling.failed(cause.clone());
                calling.failure.take()
            });
            self.end(id, Side::Peer, best.unwrap_or(cause), message.headers.with_prefix("X-"));
        }
        self.end_and_drop(now, id);
    }

    fn on_progress(&mut self, now: Mono, id: LegId, code: u16, flow: Flow, message: &Message) {
        let fresh = self.on_early(now, id, flow, message);
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        if let Stage::Sent { provisional, .. } = &mut calling.stage {
            *provisional = true;
        }
        calling.impatient = None;
        calling.early_media |= message.sdp().is_some();
        if code > 100 || calling.timer_c.is_none() {
            calling.timer_c = Some(now + TIMER_C);
        }
        calling.progressed |= code > 100;
        match calling.cancel {
            Cancel::Wanted => self.send_cancel(now, id),
            Cancel::No if code > 100 && fresh => {
                self.emit(SipEvent::Progress { leg: id, code, body: message.sdp() });
            }
            Cancel::No | Cancel::Sent(_) => {}
        }
    }

    /// Timer B, or the transport gave up.
    pub(super) fn on_invite_failure(&mut self, now: Mono, id: LegId, txn: TxnId, why: Failure) {
        let words = self.unreachable.clone();
        if self.calling(id, txn).is_some() {
            self.target_failed(now, id);
        }
        let Some(calling) = self.calling(id, txn) else { return };
        if calling.cancel != Cancel::No {
            return self.end_and_drop(now, id);
        }
        let tried = calling.tried_instead_of_fragments();
        if why == Failure::Timeout {
            calling.stream_serves();
        } else if let Some(stream) = tried {
            self.penalties.no_stream(now, &stream);
        }
        let Some(calling) = self.calling(id, txn) else { return };
        let words = words.unwrap_or_else(|| "No connection to the host to call".to_owned());
        let cause = match why {
            Failure::Timeout => Cause::new(408, "Nobody answered the INVITE"),
            Failure::Transport => Cause::new(503, words),
        };
        if calling.refused {
            calling.failed(cause);
        } else {
            calling.failure = Some(cause);
        }
        if calling.progressed {
            calling.targets.clear();
        }
        let failure = calling.failure.clone().unwrap_or_else(|| Cause::new(408, "Request Timeout"));
        if !self.promote_twin(id, failure) {
            self.try_next(now, id);
        }
    }

    /// Where the present try went.
    fn present_flow(&self, id: LegId, txn: TxnId) -> Option<Flow> {
        match &self.legs.get(&id)?.phase {
            Phase::Calling(calling) => match calling.stage {
                Stage::Sent { txn: t, flow, .. } if t == txn => Some(flow),
                _ => None,
            },
            _ => None,
        }
    }

    /// 422: the session interval is too short for somebody (RFC 4028 section 7.3). True: it grew, and is asked for anew.
    fn take_longer(&mut self, id: LegId, message: &Message) -> bool {
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return false };
        let asked = calling.manners.session_expires;
        let times = calling.min_se.map_or(0, |(_, times)| times);
        let longer = session::wanted(message, asked).filter(|_| asked > 0 && times < TOO_SHORT_MAX);
        let Some(longer) = longer else { return false };
        calling.manners.session_expires = longer;
        calling.min_se = Some((longer, times.saturating_add(1)));
        true
    }

    /// The outbound leg whose present try is `txn`.
    fn calling(&mut self, id: LegId, txn: TxnId) -> Option<&mut Calling> {
        match &mut self.leg_mut(id)?.phase {
            Phase::Calling(calling) if matches!(calling.stage, Stage::Sent { txn: t, .. } if t == txn) => {
                Some(calling)
            }
            _ => None,
        }
    }

    /// Does a response with the branch of our INVITE also carry its Call-ID, tag and number? One that does not would
    /// move the machine, and then make no dialog.
    pub(super) fn is_of_this_try(&self, user: &User, txn: TxnId, message: &Message) -> bool {
        let (User::Invite(id) | User::Twin(id)) = user else { return true };
        let Some(leg) = self.legs.get(id) else { return true };
        let Phase::Calling(c) = &leg.phase else { return true };
        let cseq = match c.stage {
            Stage::Sent { txn: t, cseq, .. } if t == txn => Some(cseq),
            _ => c.twins.iter().find(|t| t.txn == txn).map(|t| t.cseq),
        };
        cseq.is_none_or(|cseq| {
            message.call_id() == c.cmd.call_id
                && message.from_tag().as_deref() == Some(c.cmd.local_tag.as_str())
                && message.cseq().is_some_and(|s| s.number == cseq)
        })
    }

    /// ACK of a refusal: the same branch, To of the response (RFC 3261 17.1.1.3). None for a retransmission.
    pub(super) fn failure_ack(&self, user: &User, txn: TxnId, message: &Message) -> Option<Bytes> {
        let User::Invite(id) = user else {
            return match user {
                User::Refresh(_, ack) => Some(ack.clone()),
                _ => self.twin_ack(user, txn, message),
            };
        };
        let leg = self.legs.get(id)?;
        let Phase::Calling(calling) = &leg.phase else { return None };
        match &calling.stage {
            Stage::Sent { txn: t, flow, branch, cseq, .. } if *t == txn => {
                let w = calling.begin(&Method::Ack, flow, branch).copy(message, "To");
                let cseq = format!("{cseq} ACK");
                Some(w.header("Call-ID", &calling.cmd.call_id).header("CSeq", &cseq).finish())
            }
            _ => None,
        }
    }

    /// Takes the INVITE back: at once if a 1xx has come, else as soon as one comes.
    pub(super) fn cancel(&mut self, now: Mono, id: LegId, cause: Cause) {
        let Some(leg) = self.leg_mut(id) else { return };
        let Phase::Calling(calling) = &mut leg.phase else { return };
        if calling.cancel != Cancel::No {
            return;
        }
        let reason = reason_header(&cause);
        leg.verdict.get_or_insert(Verdict { by: Side::Us, cause: Cause { code: 487, ..cause } });
        calling.reason = Some(reason);
        leg.patience.get_or_insert(now + PATIENCE);
        calling.cancel = Cancel::Wanted;
        calling.impatient = None;
        let stage = calling.stage.clone();
        self.lose_twins(now, id);
        match stage {
            Stage::New | Stage::Resolving(_) => self.end_and_drop(now, id),
            Stage::Sent { provisional: true, .. } => self.send_cancel(now, id),
            Stage::Sent { provisional: false, .. } => {}
        }
    }

    fn send_cancel(&mut self, now: Mono, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let Phase::Calling(calling) = &mut leg.phase else { return };
        let Stage::Sent { flow, branch, cseq, .. } = calling.stage.clone() else { return };
        let cseq = format!("{cseq} CANCEL");
        calling.cancel = Cancel::Sent(now + GIVE_UP);
        let w = calling.begin(&Method::Cancel, &flow, &branch).header("To", &calling.cmd.to);
        let w = w.header("Call-ID", &calling.cmd.call_id).header("CSeq", &cseq);
        let bytes = w.headers(&calling.reason).finish();
        self.seen(id, true, "CANCEL".to_owned());
        self.start_client(now, (&branch, &Method::Cancel), bytes, flow, User::Nobody);
    }

    /// No final answer 64*T1 after CANCEL (RFC 3261 9.1): the INVITE counts as taken back. Or Timer C.
    pub(super) fn on_calling_time(&mut self, now: Mono, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let Phase::Calling(calling) = &leg.phase else { return };
        if calling.cancel == Cancel::No && calling.impatient.is_some_and(|at| at <= now) {
            return self.on_impatience(now, id);
        }
        match (calling.cancel, &calling.stage) {
            (Cancel::Sent(at), Stage::Sent { txn, .. }) if at <= now => {
                let txn = *txn;
                self.abandon(txn);
                self.end_and_drop(now, id);
            }
            (Cancel::No, _) if calling.timer_c.is_some_and(|at| at <= now) => {
                let cause = Cause::new(408, "It only rang");
                leg.verdict = Some(Verdict { by: Side::Us, cause: cause.clone() });
                self.cancel(now, id, cause);
            }
            _ => {}
        }
    }
}

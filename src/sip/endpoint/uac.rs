//! An INVITE of ours until its final answer: lookup, one target after the other, challenges, CANCEL.

use super::engine::{UDP_COMFORT, cause_of, fit, reason_header};
use super::leg::{Calling, Cancel, GIVE_UP, Leg, Phase, Stage, Verdict};
use super::{Endpoint, OwnCall, User};
use crate::clock::Mono;
use crate::sip::check::ALLOW;
use crate::sip::dialog::{self, Dialog};
use crate::sip::digest::{self, Protected};
use crate::sip::endpoint::hangup::PATIENCE;
use crate::sip::event::{
    Cause, DialogIds, Flow, InviteCmd, LegId, ResolveId, Side, SipEvent, SipOut, Transport,
};
use crate::sip::transaction::{Failure, Key, TxnId};
use crate::sip::wire::{Message, Method, Uri, Writer};
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// An INVITE that only rings is taken back after this. RFC 3261 16.6 asks for more than 3 minutes; Twilio lets a call
/// ring for up to 600 s, and the call's own timeout must come first.
pub const TIMER_C: Duration = Duration::from_secs(660);
/// A fresh CSeq space starts below this, so that it never runs over.
const FIRST_CSEQ_MAX: u64 = 100_000;

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// Before a target is known.
const NO_FLOW: Flow = Flow { transport: Transport::Udp, remote: NOWHERE, local: NOWHERE, conn: 0 };

fn transport(uri: &Uri) -> Option<Transport> {
    uri.transport().and_then(Transport::named)
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
        let hop = cmd.next_hop.as_ref().map(|h| format!("sip:{h}"));
        let hop = Uri::parse(hop.as_deref().unwrap_or(&cmd.uri)).ok().filter(|u| !u.host.is_empty());
        let named_transport = hop.as_ref().is_some_and(|h| transport(h).is_some());
        let lookup = self.new_resolve_id();
        let cseq = u32::try_from(self.rng.below(FIRST_CSEQ_MAX)).unwrap_or(0);
        let calls = self.calls.contains_key(&cmd.call_id);
        self.legs.insert(id, outbound(cmd, named_transport, lookup, cseq));
        let refusal = match hop {
            _ if full => Cause::new(503, "Too many calls here"),
            _ if calls => Cause::new(500, "The Call-ID was used before"),
            None => Cause::new(400, "The address to call cannot be read"),
            Some(hop) => return self.look_up(id, key, lookup, &hop),
        };
        self.end(id, Side::Us, refusal, Vec::new());
        self.drop_leg(now, id);
    }

    fn look_up(&mut self, id: LegId, key: Key, lookup: ResolveId, hop: &Uri) {
        let Some(ids) = self.legs.get(&id).map(|l| &l.dialog.ids) else { return };
        let call = OwnCall { local_tag: ids.local_tag.clone(), leg: Some(id), forks: Vec::new() };
        self.calls.insert(ids.call_id.clone(), call);
        self.dialogs.insert(key, id);
        self.resolving.insert(lookup, id);
        let host = hop.next_host().to_owned();
        self.out.push_back(SipOut::Resolve { id: lookup, host, port: hop.port, transport: transport(hop) });
    }

    /// The flows to try, in order.
    pub(super) fn resolved(&mut self, now: Mono, lookup: ResolveId, flows: Vec<Flow>) {
        let Some(id) = self.resolving.remove(&lookup) else {
            return self.registrar_found(now, lookup, flows);
        };
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        calling.targets = flows.into();
        calling.failure = Some(Cause::new(503, "The host to call has no address"));
        self.try_next(now, id);
    }

    /// The next target, or the end with what the last one said.
    fn try_next(&mut self, now: Mono, id: LegId) {
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        let Some(flow) = calling.targets.pop_front() else {
            let cause = calling.failure.take().unwrap_or_else(|| Cause::new(408, "Request Timeout"));
            self.end(id, Side::Us, cause, Vec::new());
            return self.drop_leg(now, id);
        };
        calling.authorization.clear();
        calling.digest = digest::Client::default();
        self.send_invite(now, id, flow);
    }

    fn send_invite(&mut self, now: Mono, id: LegId, mut flow: Flow) {
        let branch = self.new_branch();
        let agent = self.config.user_agent.clone();
        let Some(leg) = self.leg_mut(id) else { return };
        let cseq = leg.dialog.next_cseq();
        let Phase::Calling(calling) = &mut leg.phase else { return };
        let mut bytes = fit(&flow, |full| invite_on(calling, &flow, &branch, cseq, full.then_some(&agent)));
        if let Some(stream) = calling.instead_of_fragments(&flow, bytes.len()) {
            flow = stream;
            bytes = invite_on(calling, &flow, &branch, cseq, Some(&agent));
        }
        leg.dialog.ids.flow = flow;
        self.seen(id, true, "INVITE".to_owned());
        let txn = self.start_invite(now, &branch, bytes, flow, id);
        if let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) {
            calling.stage = Stage::Sent { txn, flow, branch, provisional: false };
            calling.timer_c = None;
        }
    }

    /// 1xx, or a final refusal, which the machine has ACKed.
    pub(super) fn on_invite_response(
        &mut self,
        now: Mono,
        id: LegId,
        txn: TxnId,
        code: u16,
        flow: Flow,
        message: &Message,
    ) {
        let Some(calling) = self.calling(id, txn) else { return };
        calling.stream_serves();
        if code < 200 {
            return self.on_progress(now, id, code, message);
        }
        let free = calling.cancel == Cancel::No;
        let more = !calling.targets.is_empty() && !calling.progressed;
        if free && matches!(code, 401 | 407) && self.authorize(id, message) {
            let target = match self.calling(id, txn).map(|c| &c.stage) {
                Some(Stage::Sent { flow, .. }) => *flow,
                _ => flow,
            };
            return self.send_invite(now, id, target);
        }
        if free && more && code == 503 {
            return self.try_next(now, id);
        }
        if free {
            self.end(id, Side::Peer, cause_of(message, code), message.headers.with_prefix("X-"));
        }
        self.end_and_drop(now, id);
    }

    fn on_progress(&mut self, now: Mono, id: LegId, code: u16, message: &Message) {
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        if let Stage::Sent { provisional, .. } = &mut calling.stage {
            *provisional = true;
        }
        if code > 100 || calling.timer_c.is_none() {
            calling.timer_c = Some(now + TIMER_C);
        }
        calling.progressed |= code > 100;
        match calling.cancel {
            Cancel::Wanted => self.send_cancel(now, id),
            Cancel::No if code > 100 => {
                self.emit(SipEvent::Progress { leg: id, code, body: message.sdp() });
            }
            Cancel::No | Cancel::Sent(_) => {}
        }
    }

    /// Timer B, or the transport gave up.
    pub(super) fn on_invite_failure(&mut self, now: Mono, id: LegId, txn: TxnId, why: Failure) {
        let Some(calling) = self.calling(id, txn) else { return };
        if calling.cancel != Cancel::No {
            return self.end_and_drop(now, id);
        }
        if why == Failure::Timeout {
            calling.stream_serves();
        }
        calling.failure = Some(match why {
            Failure::Timeout => Cause::new(408, "Nobody answered the INVITE"),
            Failure::Transport => Cause::new(503, "No connection to the host to call"),
        });
        if calling.progressed {
            calling.targets.clear();
        }
        self.try_next(now, id);
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
        let User::Invite(id) = user else { return true };
        let Some(leg) = self.legs.get(id) else { return true };
        match &leg.phase {
            Phase::Calling(c) if matches!(c.stage, Stage::Sent { txn: t, .. } if t == txn) => {
                message.call_id() == c.cmd.call_id
                    && message.from_tag().as_deref() == Some(c.cmd.local_tag.as_str())
                    && message.cseq().is_some_and(|s| s.number == leg.dialog.ids.local_cseq)
            }
            _ => true,
        }
    }

    /// ACK of a refusal: the same branch, To of the response (RFC 3261 17.1.1.3). None for a retransmission.
    pub(super) fn failure_ack(&self, user: &User, txn: TxnId, message: &Message) -> Option<Bytes> {
        let User::Invite(id) = user else { return None };
        let leg = self.legs.get(id)?;
        let Phase::Calling(calling) = &leg.phase else { return None };
        match &calling.stage {
            Stage::Sent { txn: t, flow, branch, .. } if *t == txn => {
                let w = begin(calling, &Method::Ack, flow, branch).copy(message, "To");
                let cseq = format!("{} ACK", leg.dialog.ids.local_cseq);
                Some(w.header("Call-ID", &calling.cmd.call_id).header("CSeq", &cseq).finish())
            }
            _ => None,
        }
    }

    /// Answers a challenge if we can: once for each realm, again for a stale nonce.
    fn authorize(&mut self, id: LegId, message: &Message) -> bool {
        let cnonce = self.rng.hex(16);
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return false };
        let Some(credentials) = &calling.cmd.credentials else { return false };
        let (method, uri, body) = (&Method::Invite, &calling.cmd.uri, &calling.cmd.offer);
        let answer = calling.digest.answer(message, &Protected { method, uri, body }, credentials, &cnonce);
        let Ok(fields) = answer else { return false };
        for challenge in digest::challenges(message) {
            let mine = format!("realm=\"{}\"", challenge.realm);
            // Those of other realms on the way stay.
            calling.authorization.retain(|(_, value)| !value.contains(&mine));
            calling.realms.push(challenge.realm);
        }
        calling.authorization.extend(fields);
        true
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
        match calling.stage {
            Stage::Resolving(_) => self.end_and_drop(now, id),
            Stage::Sent { provisional: true, .. } => self.send_cancel(now, id),
            Stage::Sent { provisional: false, .. } => {}
        }
    }

    fn send_cancel(&mut self, now: Mono, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let cseq = format!("{} CANCEL", leg.dialog.ids.local_cseq);
        let Phase::Calling(calling) = &mut leg.phase else { return };
        let Stage::Sent { flow, branch, .. } = calling.stage.clone() else { return };
        calling.cancel = Cancel::Sent(now + GIVE_UP);
        let w = begin(calling, &Method::Cancel, &flow, &branch).header("To", &calling.cmd.to);
        let w = w.header("Call-ID", &calling.cmd.call_id).header("CSeq", &cseq);
        let bytes = w.headers(&calling.reason).finish();
        self.seen(id, true, "CANCEL".to_owned());
        self.start_client(now, (&branch, &Method::Cancel), bytes, flow, User::Nobody);
    }

    /// No final answer 64*T1 after CANCEL (RFC 3261 9.1): the INVITE counts as taken back. Or Timer C.
    pub(super) fn on_calling_time(&mut self, now: Mono, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let Phase::Calling(calling) = &leg.phase else { return };
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

    /// Credentials for a challenged BYE, if the challenger and its realm are those of the INVITE (ruling 2.27).
    pub(super) fn bye_authorization(
        &mut self,
        id: LegId,
        flow: Flow,
        message: &Message,
    ) -> Option<Vec<(String, String)>> {
        let cnonce = self.rng.hex(16);
        let leg = self.leg_mut(id)?;
        let (uri, _) = leg.dialog.routing();
        let auth = leg.auth.as_mut().filter(|a| !a.used && a.challenger.remote == flow.remote)?;
        if !digest::challenges(message).iter().all(|c| auth.realms.contains(&c.realm)) {
            return None;
        }
        auth.used = true;
        auth.digest.accepted();
        let request = Protected { method: &Method::Bye, uri: &uri, body: &[] };
        auth.digest.answer(message, &request, &auth.credentials, &cnonce).ok()
    }
}

fn outbound(cmd: InviteCmd, named_transport: bool, lookup: ResolveId, local_cseq: u32) -> Leg {
    let ids = DialogIds {
        call_id: cmd.call_id.clone(),
        local_tag: cmd.local_tag.clone(),
        remote_tag: String::new(),
        local_uri: cmd.from.clone(),
        remote_uri: cmd.to.clone(),
        remote_target: cmd.uri.clone(),
        route_set: Vec::new(),
        local_cseq,
        flow: NO_FLOW,
    };
    let calling = Calling {
        cmd,
        stage: Stage::Resolving(lookup),
        targets: Default::default(),
        named_transport,
        by_stream: None,
        progressed: false,
        cancel: Cancel::No,
        reason: None,
        timer_c: None,
        authorization: Vec::new(),
        digest: digest::Client::default(),
        realms: Vec::new(),
        failure: None,
    };
    Leg::new(Dialog { ids, remote_cseq: None }, Phase::Calling(Box::new(calling)))
}

/// The INVITE of a try; `agent`: with its optional fields.
fn invite_on(calling: &Calling, flow: &Flow, branch: &str, cseq: u32, agent: Option<&String>) -> Bytes {
    let mut w = begin(calling, &Method::Invite, flow, branch)
        .header("To", &calling.cmd.to)
        .header("Call-ID", &calling.cmd.call_id)
        .header("CSeq", &format!("{cseq} INVITE"))
        .header("Contact", &dialog::contact(flow))
        .headers(&calling.authorization)
        .headers(&calling.cmd.headers);
    if let Some(agent) = agent {
        w = w.header("Allow", ALLOW).header("User-Agent", agent);
    }
    w.body("application/sdp", &calling.cmd.offer)
}

impl Calling {
    /// A datagram that would be cut into fragments goes over TCP, unless the address asks for UDP; if nobody takes the connection,
    /// as a datagram after all (RFC 3261 section 18.1.1).
    fn instead_of_fragments(&mut self, flow: &Flow, length: usize) -> Option<Flow> {
        let wanted = flow.transport == Transport::Udp && length > UDP_COMFORT && !self.named_transport;
        if !wanted || self.by_stream == Some(flow.remote) {
            return None;
        }
        self.by_stream = Some(flow.remote);
        self.targets.push_front(*flow);
        Some(Flow { transport: Transport::Tcp, conn: 0, ..*flow })
    }

    /// The connection came about: the datagram is not needed.
    fn stream_serves(&mut self) {
        let Stage::Sent { flow, .. } = &self.stage else { return };
        let remote = flow.remote;
        if flow.transport == Transport::Tcp && self.by_stream == Some(remote) {
            let datagram = |t: &Flow| t.transport == Transport::Udp && t.remote == remote;
            if self.targets.front().is_some_and(datagram) {
                self.targets.pop_front();
            }
        }
    }
}

/// What INVITE, its CANCEL and its ACK have in common.
fn begin(calling: &Calling, method: &Method, flow: &Flow, branch: &str) -> Writer {
    let cmd = &calling.cmd;
    let from = dialog::local_from(&cmd.from, flow);
    Writer::request(method, &cmd.uri)
        .header("Via", &dialog::via(flow, branch))
        .header("Max-Forwards", &cmd.max_forwards.to_string())
        .header("From", &format!("{from};tag={}", cmd.local_tag))
}

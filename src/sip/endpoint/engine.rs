//! The tools of all the others: machines run, responses written and sent, branches and tags made.

use super::request::Request;
use super::{Endpoint, User};
use crate::clock::Mono;
use crate::sip::check::{ALLOW, Refusal, SUPPORTED};
use crate::sip::dialog;
use crate::sip::event::{Cause, Flow, SipEvent, SipOut, Transport};
use crate::sip::transaction::{
    Action, Client, Failure, InviteClient, InviteServerEvent, Key, Machine, ServerEvent, TxnId,
};
use crate::sip::wire::{Message, Method, Scheme, Start, Writer, quote, reason};
use bytes::Bytes;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

/// Longest message on UDP before optional fields are left out (RFC 3261 18.1.1).
pub const UDP_COMFORT: usize = 1300;
/// Retry-After of a 503: short and spread, so that a crowd does not come back at once.
const RETRY_AFTER_MAX: u64 = 8;

/// A fresh CSeq space starts at most here, so that it never runs over.
const FIRST_CSEQ_MAX: u64 = 100_000;

/// What a machine told its user.
#[derive(Debug, Default)]
pub struct Outcome {
    pub pass: bool,
    pub failure: Option<Failure>,
}

/// `200 INVITE`, `180`.
pub fn summary(code: u16, method: &str) -> String {
    if code < 200 { code.to_string() } else { format!("{code} {method}") }
}

/// Why, in the words of a response or of a BYE or CANCEL.
pub fn cause_of(message: &Message, code: u16) -> Cause {
    let phrase = match &message.start {
        Start::Response { reason, .. } if !reason.is_empty() => reason.clone(),
        _ => reason::phrase(code).to_owned(),
    };
    let q850 = message.q850();
    let words = message.reason_text().unwrap_or(phrase);
    Cause { code, words, q850: q850.map(|q| q.cause) }
}

/// Reason (RFC 3326).
pub fn reason_header(cause: &Cause) -> (String, String) {
    let (protocol, code) = match cause.q850 {
        Some(q850) => ("Q.850", u16::from(q850)),
        None => ("SIP", cause.code),
    };
    ("Reason".to_owned(), format!("{protocol};cause={code};text={}", quote(&cause.words)))
}

pub fn reliable(flow: &Flow) -> bool {
    flow.transport != Transport::Udp
}

/// Builds a message with its optional fields, and without them if it would be cut into fragments.
pub fn fit(flow: &Flow, build: impl Fn(bool) -> Bytes) -> Bytes {
    let full = build(true);
    if reliable(flow) || full.len() <= UDP_COMFORT { full } else { build(false) }
}

impl Endpoint {
    pub(super) fn emit(&mut self, event: SipEvent) {
        self.out.push_back(SipOut::Event(event));
    }

    pub(super) fn refused(&mut self, flow: Flow, code: u16, words: &str) {
        self.emit(SipEvent::Refused { flow, code, words: words.to_owned() });
    }

    /// Lets `f` move a machine, then does what it says. The only place where a transaction is dropped.
    pub(super) fn run(&mut self, id: TxnId, f: impl FnOnce(&mut Machine, &mut Vec<Action>)) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(txn) = self.txns.get_mut(id) else { return outcome };
        let flow = txn.flow;
        let mut actions = std::mem::take(&mut self.scratch);
        f(&mut txn.machine, &mut actions);
        self.txns.arm(id);
        for action in actions.drain(..) {
            match action {
                Action::Send(bytes) => self.out.push_back(SipOut::Send(flow, bytes)),
                Action::Pass => outcome.pass = true,
                Action::Fail(why) => outcome.failure = Some(why),
                Action::Done => self.forget_transaction(id),
            }
        }
        self.scratch = actions;
        outcome
    }

    fn forget_transaction(&mut self, id: TxnId) {
        self.losers.remove(&id);
        let Some(txn) = self.txns.remove(id) else { return };
        self.registrations.count(&txn.user, false);
        if let User::Incoming(_, merged) = txn.user
            && self.merged.get(&merged) == Some(&id)
        {
            self.merged.remove(&merged);
        }
    }

    /// Gives up a client transaction whose answer nobody waits for any more.
    pub(super) fn abandon(&mut self, id: TxnId) {
        self.forget_transaction(id);
    }

    /// The TU's answer.
    pub(super) fn respond(&mut self, now: Mono, id: TxnId, code: u16, bytes: Bytes) {
        self.run(id, |machine, out| match (machine, code) {
            (Machine::InviteServer(m), 100..200) => m.on(now, InviteServerEvent::Provisional(bytes), out),
            (Machine::InviteServer(m), 200..300) => m.on(now, InviteServerEvent::Success(bytes), out),
            (Machine::InviteServer(m), _) => m.on(now, InviteServerEvent::Failure(bytes), out),
            (Machine::Server(m), 100..200) => m.on(now, ServerEvent::Provisional(bytes), out),
            (Machine::Server(m), _) => m.on(now, ServerEvent::Final(bytes), out),
            (Machine::InviteClient(_) | Machine::Client(_), _) => {}
        });
    }

    /// Sends our INVITE.
    pub(super) fn start_invite(
        &mut self,
        now: Mono,
        branch: &str,
        bytes: Bytes,
        flow: Flow,
        user: User,
    ) -> TxnId {
        let mut actions = std::mem::take(&mut self.scratch);
        let machine = InviteClient::new(now, bytes, reliable(&flow), &mut actions);
        self.scratch = actions;
        let key = Key::client(branch, Method::Invite.as_str());
        self.launch(key, Machine::InviteClient(machine), flow, user)
    }

    /// Sends any other request of ours.
    pub(super) fn start_client(
        &mut self,
        now: Mono,
        (branch, method): (&str, &Method),
        bytes: Bytes,
        flow: Flow,
        user: User,
    ) -> TxnId {
        let mut actions = std::mem::take(&mut self.scratch);
        let machine = Client::new(now, bytes, reliable(&flow), &mut actions);
        self.scratch = actions;
        self.launch(Key::client(branch, method.as_str()), Machine::Client(machine), flow, user)
    }

    fn launch(&mut self, key: Key, machine: Machine, flow: Flow, user: User) -> TxnId {
        self.registrations.count(&user, true);
        let id = self.txns.insert(key, machine, flow, user);
        let mut actions = std::mem::take(&mut self.scratch);
        let sends = actions.drain(..).filter_map(|a| match a {
            Action::Send(bytes) => Some(SipOut::Send(flow, bytes)),
            _ => None,
        });
        self.out.extend(sends);
        self.scratch = actions;
        id
    }

    /// Where the answer to a request goes (RFC 3261 18.2.2, RFC 3581): to `maddr`, if there is one. Without `rport` it goes to
    /// the port of the Via: some gateways send from another one than they listen on. If the Via names another host than
    /// the one it came from, a NAT stands between, and only the way back to its source is open.
    pub(super) fn reply_flow(&self, message: &Message, mut flow: Flow) -> Flow {
        if reliable(&flow) {
            return flow;
        }
        let Some(via) = message.via() else { return flow };
        let same_family = |ip: &IpAddr| ip.is_ipv4() == flow.remote.ip().to_canonical().is_ipv4();
        // Strangers cannot have our answers sent elsewhere.
        let known = |_: &IpAddr| !self.of_flow(&flow).is_empty();
        if let Some(ip) = via.maddr().filter(same_family).filter(known) {
            return Flow { remote: SocketAddr::new(ip, via.port.unwrap_or(dialog::PORT)), ..flow };
        }
        if !via.wants_rport() {
            let direct = via.ip() == Some(flow.remote.ip().to_canonical());
            if direct || !self.config.symmetric {
                flow.remote.set_port(via.port.unwrap_or(dialog::PORT));
            }
        }
        flow
    }

    /// Begins a response with our tag.
    pub(super) fn response(&self, to: &Message, flow: &Flow, code: u16, words: &str, tag: &str) -> Writer {
        Writer::response_to(to, Some(flow.remote), code, words, Some(tag))
    }

    /// An answer without state (RFC 3261 8.2.7): each retransmission gets the same one.
    pub(super) fn reply(&mut self, request: &Request, code: u16, words: &str, headers: &[(&str, String)]) {
        let tag = self.tag(request.call_id(), &request.from_tag, request.branch());
        let mut w = self.response(&request.message, &request.flow, code, words, &tag);
        for (name, value) in headers {
            w = w.header(name, value);
        }
        let bytes = w.header("Server", &self.config.user_agent).finish();
        let flow = self.reply_flow(&request.message, request.flow);
        self.out.push_back(SipOut::Send(flow, bytes));
    }

    /// As [`Endpoint::reply`], with a line for the log.
    pub(super) fn turn_away(&mut self, request: &Request, refusal: Refusal) {
        self.reply(request, refusal.code, &refusal.words, &refusal.headers);
        self.refused(request.flow, refusal.code, &format!("{}: {}", request.method, refusal.words));
    }

    /// The reader refused it. Strangers get nothing.
    pub(super) fn on_malformed(&mut self, now: Mono, flow: Flow, message: &Message, code: u16, words: &str) {
        if !self.is_known(now, message, &flow) {
            return self.refused(flow, 0, words);
        }
        let from_tag = message.from_tag().unwrap_or_default();
        let tag = self.tag(message.call_id(), &from_tag, "");
        let w = self.response(message, &flow, code, words, &tag);
        let bytes = w.header("Server", &self.config.user_agent).finish();
        let reply = self.reply_flow(message, flow);
        self.out.push_back(SipOut::Send(reply, bytes));
        self.refused(flow, code, words);
    }

    /// Our tag for a request: unguessable, yet the same for its retransmission, its CANCEL and its refusal.
    pub(super) fn tag(&self, call_id: &str, from_tag: &str, branch: &str) -> String {
        let mut hasher = DefaultHasher::new();
        (self.secret, call_id, from_tag, branch).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    pub(super) fn new_branch(&mut self) -> String {
        format!("z9hG4bK{:016x}", self.rng.next_u64())
    }

    /// Where the numbers of a dialog of ours begin.
    pub(super) fn first_cseq(&mut self) -> u32 {
        u32::try_from(self.rng.below(FIRST_CSEQ_MAX)).unwrap_or(0).saturating_add(1)
    }

    pub(super) fn retry_after(&mut self) -> String {
        self.rng.below(RETRY_AFTER_MAX).saturating_add(1).to_string()
    }

    /// Contact, Allow and our name, as they stand in the 2xx of INVITE and UPDATE.
    pub(super) fn session_fields(&self, w: Writer, request: &Message, flow: &Flow, full: bool) -> Writer {
        let secure = request.uri().is_some_and(|uri| uri.scheme == Scheme::Sips);
        let peer = request.contact().map(|c| c.uri.to_string()).unwrap_or_default();
        let w = w.header("Contact", &dialog::contact(flow, if secure { request.uri_text() } else { &peer }));
        let supported = SUPPORTED.join(", ");
        let more = |w: Writer| w.header("Allow", ALLOW).header("Supported", &supported);
        if full { more(w).header("Server", &self.config.user_agent) } else { w }
    }
}

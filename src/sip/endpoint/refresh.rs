//! Refreshes of a call in progress (RFC 4028): ours by UPDATE where the peer allows it, else by a re-INVITE with the same SDP.
//!
//! ```text
//!             2xx with Session-Expires
//!   no timer <-----------------------> timed --(ours) half of the interval--> asking --2xx--> timed
//!      ^         2xx without it          |                                      | 491: 0-2 s, 2.1-4 s if the Call-ID is ours
//!      |                                 |              +-----------------------| 422: longer; 401, 407: with credentials
//!      |                                 |              v                       | UPDATE: 405, 501, 415, 488: re-INVITE
//!      |                                 |            asking                    | other: after Retry-After, or half of the rest
//!      |                                 v expiry - min(32 s, a third)          | 408, 481, no answer
//!      +--------------------------------BYE <-----------------------------------+
//! ```
//!
//! A request of the peer that is under way goes first: ours waits for its end.

use super::engine::{cause_of, summary};
use super::leg::{Leg, Phase};
use super::offer::new_target;
use super::request::Answer;
use super::{Endpoint, User};
use crate::clock::Mono;
use crate::sip::dialog;
use crate::sip::event::{Cause, Flow, LegId, SipEvent, SipOut};
use crate::sip::session::{self, Session, Wish};
use crate::sip::transaction::{Failure, TxnId};
use crate::sip::wire::{Message, Method};
use bytes::Bytes;
use std::time::Duration;

/// How long ours waits for a request of the peer.
const BUSY: Duration = Duration::from_secs(2);
/// How often a refresh is asked for anew at once, with a longer interval or another method. Challenges have limits of their own.
const TRIES_MAX: u8 = 4;
/// Steps in which the wait after a 491 is chosen (RFC 3261 section 14.1).
const GLARE_STEP: u64 = 10;

/// What a leg knows of its refreshes.
#[derive(Debug, Default)]
pub(super) struct Refresh {
    /// What was agreed on; None: it lasts as long as it lasts.
    pub session: Option<Session>,
    /// Our last SDP: a re-INVITE that only refreshes says the same (RFC 3264 section 8).
    pub said: Option<Bytes>,
    /// The peer's Allow names UPDATE.
    updates: bool,
    /// The request that has no final answer yet.
    asking: Option<Asking>,
    /// When the next one leaves, after one that failed.
    again: Option<Mono>,
    /// The longest Min-SE that the peer or somebody on the way has named (RFC 4028 section 7.4).
    least: Option<u32>,
    tries: u8,
    /// The ACK of the last re-INVITE's 2xx, with its CSeq.
    ack: Option<(u32, Flow, Bytes)>,
}

#[derive(Debug)]
struct Asking {
    txn: TxnId,
    method: Method,
    /// The credentials that it shows.
    shown: Vec<(String, String)>,
}

impl Refresh {
    /// When it wants to be woken, in an answered call.
    pub fn deadline(&self) -> Option<Mono> {
        let session = self.session?;
        let next =
            self.again.or(session.ours.then(|| session.refresh_at())).filter(|_| self.asking.is_none());
        next.into_iter().chain([session.dead_at()]).min()
    }

    /// An offer of ours has no answer yet.
    pub fn offers(&self) -> bool {
        self.asking.as_ref().is_some_and(|a| a.method == Method::Invite)
    }

    /// The ACK of the last re-INVITE's 2xx, with its CSeq.
    pub fn last_ack(&mut self) -> Option<(&mut Flow, &mut Bytes)> {
        self.ack.as_mut().map(|(_, flow, ack)| (flow, ack))
    }

    /// What a message of the peer says of methods and of intervals.
    pub fn hear(&mut self, message: &Message) {
        if message.headers.has("Allow") {
            self.updates = message.allow().iter().any(|m| m == "UPDATE");
        }
        self.learn(message.seconds("Min-SE"));
    }

    /// Less than this nobody wants.
    pub fn learn(&mut self, least: Option<u32>) {
        self.least = self.least.max(least);
    }

    /// The timer as it is from now on.
    pub fn set(&mut self, session: Option<Session>) {
        self.session = session;
        self.again = None;
        self.tries = 0;
    }
}

impl Endpoint {
    /// What our 2xx to an INVITE or UPDATE of the peer says of the session, which begins anew with it.
    pub(super) fn agree(&mut self, now: Mono, id: LegId, request: &Message) -> Vec<(String, String)> {
        let Some(leg) = self.leg_mut(id) else { return Vec::new() };
        leg.refresh.hear(request);
        match session::wish(request, leg.refresh.session.as_ref()) {
            Wish::Every { interval, ours } => {
                leg.refresh.set(Some(Session { interval, ours, since: now }));
                session::fields(interval, ours)
            }
            Wish::None | Wish::TooShort => Vec::new(),
        }
    }

    /// Time for our refresh, or too late for the peer's.
    pub(super) fn on_refresh_time(&mut self, now: Mono, id: LegId) {
        let Some(leg) = self.leg_mut(id).filter(|l| matches!(l.phase, Phase::Up)) else { return };
        let Some(session) = leg.refresh.session else { return };
        if session.dead_at() <= now {
            let who =
                if session.ours { "our refresh was not answered" } else { "the peer did not refresh it" };
            let cause = Cause::new(408, format!("Session timer expired: {who}"));
            return self.leave(now, id, cause, Vec::new());
        }
        if leg.refresh.deadline().is_some_and(|at| at <= now) {
            self.send_refresh(now, id, Vec::new());
        }
    }

    fn send_refresh(&mut self, now: Mono, id: LegId, shown: Vec<(String, String)>) {
        let branch = self.new_branch();
        let agent = self.config.user_agent.clone();
        let Some(leg) = self.leg_mut(id) else { return };
        if leg.offer.is_some() || leg.unacked.is_some() || leg.ack.is_some() {
            leg.refresh.again = Some(now + BUSY);
            return;
        }
        let (Some(session), said) = (leg.refresh.session, leg.refresh.said.clone()) else { return };
        let method = if leg.refresh.updates || said.is_none() { Method::Update } else { Method::Invite };
        let cseq = leg.dialog.next_cseq();
        let flow = leg.dialog.destination();
        let mut w = leg
            .dialog
            .request(&method, cseq, &branch)
            .header("Contact", &dialog::contact(&flow, &leg.dialog.ids.remote_target));
        w = w.header("Supported", "timer").headers(&shown);
        w = w.header("Session-Expires", &format!("{};refresher=uac", session.interval));
        if let Some(least) = leg.refresh.least {
            w = w.header("Min-SE", &least.to_string());
        }
        w = w.header("Allow", crate::sip::check::ALLOW).header("User-Agent", &agent);
        let bytes = super::uas::finish(w, said.as_ref().filter(|_| method == Method::Invite));
        self.seen(id, true, method.to_string());
        let txn = if method == Method::Invite {
            let refused = self.reinvite_ack(id, cseq, &branch);
            self.start_invite(now, &branch, bytes, flow, User::Refresh(id, refused))
        } else {
            self.start_client(now, (&branch, &method), bytes, flow, User::Refresh(id, Bytes::new()))
        };
        if let Some(leg) = self.leg_mut(id) {
            leg.refresh.again = None;
            leg.refresh.asking = Some(Asking { txn, method, shown });
        }
    }

    /// The ACK of a refused re-INVITE: in a dialog all of it is known beforehand (RFC 3261 section 17.1.1.3).
    pub(super) fn reinvite_ack(&self, id: LegId, cseq: u32, branch: &str) -> Bytes {
        let leg = self.legs.get(&id);
        leg.map(|l| l.dialog.request(&Method::Ack, cseq, branch).finish()).unwrap_or_default()
    }

    /// Its request goes on in another transaction.
    pub(super) fn refresh_goes_on(&mut self, id: LegId, before: TxnId, txn: TxnId) {
        let asking = self.leg_mut(id).and_then(|l| l.refresh.asking.as_mut());
        if let Some(asking) = asking.filter(|a| a.txn == before) {
            asking.txn = txn;
        }
    }

    /// An answer to our re-INVITE or UPDATE.
    pub(super) fn on_refresh_response(&mut self, now: Mono, id: LegId, answer: Answer<'_>) {
        let Answer { txn, code, message, .. } = answer;
        let Some(method) = message.cseq().map(|c| c.method) else { return };
        self.seen(id, false, summary(code, method.as_str()));
        if code < 200 {
            return;
        }
        let success = code < 300;
        let asked = self.leg_mut(id).and_then(|l| l.refresh.asking.take_if(|a| a.txn == txn));
        if success && method == Method::Invite {
            let shown = asked.as_ref().map(|a| a.shown.as_slice());
            self.ack_refresh(id, message, shown.unwrap_or_default());
        }
        let Some(asked) = asked else { return };
        let Some(leg) = self.leg_mut(id).filter(|l| matches!(l.phase, Phase::Up)) else { return };
        if !success {
            return self.on_refresh_refused(now, id, &asked, answer);
        }
        leg.refresh.hear(message);
        leg.refresh.set(session::agreed(now, message));
        leg.dialog.refresh(new_target(message));
        if method == Method::Invite {
            self.emit(SipEvent::OfferAnswered { leg: id, body: message.sdp() });
        }
    }

    fn on_refresh_refused(&mut self, now: Mono, id: LegId, asked: &Asking, answer: Answer<'_>) {
        let Answer { code, message, .. } = answer;
        // What cannot be answered is a refusal like any other.
        if matches!(code, 401 | 407)
            && let Some(fields) = self.refresh_authorization(id, asked, answer)
        {
            return self.send_refresh(now, id, fields);
        }
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(session) = leg.refresh.session.as_mut() else { return };
        leg.refresh.tries = leg.refresh.tries.saturating_add(1);
        let tries = leg.refresh.tries <= TRIES_MAX;
        match code {
            408 | 481 => return self.leave(now, id, cause_of(message, code), Vec::new()),
            422 if tries && let Some(longer) = session::wanted(message, session.interval) => {
                session.interval = longer;
                leg.refresh.learn(Some(longer));
                return self.send_refresh(now, id, Vec::new());
            }
            405 | 415 | 488 | 501
                if tries && asked.method == Method::Update && leg.refresh.said.is_some() =>
            {
                leg.refresh.updates = false;
                return self.send_refresh(now, id, Vec::new());
            }
            _ => {}
        }
        let wait = if code == 491 { self.glare_wait(id) } else { self.patience(now, id, message) };
        if let Some(leg) = self.leg_mut(id) {
            leg.refresh.again = Some(now + wait);
        }
    }

    /// No answer at all, or no connection.
    pub(super) fn on_refresh_failure(&mut self, now: Mono, id: LegId, txn: TxnId, why: Failure) {
        let Some(leg) = self.leg_mut(id) else { return };
        if leg.refresh.asking.take_if(|a| a.txn == txn).is_none() || !matches!(leg.phase, Phase::Up) {
            return;
        }
        match why {
            Failure::Timeout => {
                let cause = Cause::new(408, "Session timer: our refresh was not answered");
                self.leave(now, id, cause, Vec::new());
            }
            Failure::Transport => leg.refresh.again = Some(now + BUSY),
        }
    }

    /// After a 491: 2.1 to 4 s if the Call-ID is ours, up to 2 s otherwise (RFC 3261 section 14.1).
    fn glare_wait(&mut self, id: LegId) -> Duration {
        let owner = self.legs.get(&id).and_then(|l| self.calls.get(&l.dialog.ids.call_id));
        let (from, steps) = if owner.is_some_and(|c| c.leg == Some(id)) { (2_100, 191) } else { (0, 201) };
        let more = self.rng.below(steps).saturating_mul(GLARE_STEP);
        Duration::from_millis(more.saturating_add(from))
    }

    /// After another refusal: half of the time that is left, or sooner if its Retry-After says so.
    fn patience(&self, now: Mono, id: LegId, message: &Message) -> Duration {
        let session = self.legs.get(&id).and_then(|l| l.refresh.session);
        let left = session.map_or(BUSY, |s| s.dead_at().since(now)).checked_div(2).unwrap_or(BUSY);
        let told = message.seconds("Retry-After").map(|s| Duration::from_secs(s.into()));
        // Longer than the session lasts would be the end of a call that is well.
        told.map_or(left, |told| told.min(left)).max(Duration::from_secs(1))
    }

    /// ACK of the 2xx to our re-INVITE, as often as it comes, with the credentials of its INVITE (RFC 3261 section 13.2.2.4).
    fn ack_refresh(&mut self, id: LegId, message: &Message, shown: &[(String, String)]) {
        let Some(cseq) = message.cseq().map(|c| c.number) else { return };
        if self.repeat_refresh_ack(id, cseq) {
            return;
        }
        let branch = self.new_branch();
        let Some(leg) = self.leg_mut(id) else { return };
        leg.dialog.refresh(new_target(message));
        let flow = leg.dialog.destination();
        let bytes = leg.dialog.request(&Method::Ack, cseq, &branch).headers(shown).finish();
        leg.refresh.ack = Some((cseq, flow, bytes.clone()));
        self.seen(id, true, "ACK".to_owned());
        self.out.push_back(SipOut::Send(flow, bytes));
    }

    /// The 2xx to our re-INVITE came again.
    pub(super) fn repeat_refresh_ack(&mut self, id: LegId, cseq: u32) -> bool {
        let ack = self.legs.get(&id).and_then(|l| l.refresh.ack.as_ref()).filter(|(n, ..)| *n == cseq);
        let Some((_, flow, bytes)) = ack.cloned() else { return false };
        self.out.push_back(SipOut::Send(flow, bytes));
        true
    }

    /// Credentials for a challenged refresh, as for a BYE (ruling 2.27).
    fn refresh_authorization(
        &mut self,
        id: LegId,
        Asking { method, shown, .. }: &Asking,
        Answer { flow, message, .. }: Answer<'_>,
    ) -> Option<Vec<(String, String)>> {
        let body = self.legs.get(&id).and_then(|l| l.refresh.said.clone()).unwrap_or_default();
        let body = if *method == Method::Invite { body } else { Bytes::new() };
        self.request_authorization(id, (method, &body), shown, flow, message)
    }
}

impl Leg {
    /// Our SDP of now.
    pub(super) fn say(&mut self, body: Option<&Bytes>) {
        if let Some(body) = body.filter(|b| !b.is_empty()) {
            self.refresh.said = Some(body.clone());
        }
    }
}

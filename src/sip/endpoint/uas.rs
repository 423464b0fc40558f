//! An INVITE of the peer from its 100 to its final answer, and the 2xx until its ACK.

use super::engine::{cause_of, fit, reason_header, reliable, summary};
use super::leg::{Leg, Phase, Ringing, Unacked};
use super::reliable::Reliable;
use super::request::Request;
use super::{Endpoint, User};
use crate::clock::Mono;
use crate::sip::check::Refusal;
use crate::sip::dialog::{Dialog, MAX_FORWARDS};
use crate::sip::event::{Caller, Cause, Invite, LegId, Side, SipEvent};
use crate::sip::session::{self, Wish};
use crate::sip::transaction::{InviteServer, Key, Machine, TxnId};
use crate::sip::wire::{Message, Method, NameAddr, Writer};
use crate::sip::{identity, telephone};
use crate::trunk::manners::MIN_SE;
use bytes::Bytes;
use std::time::Duration;

/// How often the last 101-199 is repeated, so that proxies do not give up (RFC 3261 13.3.1.1).
const REFRESH: Duration = Duration::from_secs(60);

fn refusal(code: u16, words: &str) -> Refusal {
    Refusal { code, words: words.to_owned(), headers: Vec::new() }
}

impl Endpoint {
    /// A new INVITE from a trunk's address: a leg, unless there are too many or it is here already by another way.
    pub(super) fn on_invite(&mut self, now: Mono, request: Request, caller: Caller) {
        let full = self.txns.len() >= self.config.transactions_max || self.legs.len() >= self.config.legs_max;
        if self.draining || full {
            let mut refusal = refusal(503, if full { "Too Many Calls" } else { "Draining" });
            refusal.headers.push(("Retry-After", self.retry_after()));
            return self.turn_away(&request, refusal);
        }
        if self.merged.contains_key(&request.merged_key()) {
            return self.turn_away(&request, refusal(482, "Merged Request"));
        }
        if session::wish(&request.message, None) == Wish::TooShort {
            return self.turn_away(&request, too_short());
        }
        match self.replaced_by(&request) {
            Ok(replaces) => self.new_inbound(now, request, caller, replaces),
            Err(refusal) => self.turn_away(&request, refusal),
        }
    }

    fn new_inbound(&mut self, now: Mono, request: Request, caller: Caller, replaces: Option<LegId>) {
        let manners = self.manners(caller.trunk());
        let tag = self.tag(request.call_id(), &request.from_tag, request.branch());
        let key = Key::client(request.call_id(), &tag);
        if self.dialogs.contains_key(&key) {
            return self.turn_away(&request, refusal(482, "Loop Detected"));
        }
        let id = self.new_leg_id();
        let cseq = self.first_cseq();
        let flow = self.reply_flow(&request.message, request.flow);
        let dialog = Dialog::uas(&request.message, request.flow, tag, cseq);
        let merged = request.merged_key();
        let user = User::Incoming(id, Box::new(merged.clone()));
        let machine = Machine::InviteServer(InviteServer::new(reliable(&flow)));
        let txn = self.txns.insert(request.key, machine, flow, user);
        self.merged.insert(merged, txn);
        self.dialogs.insert(key, id);
        let trying = self.response(&request.message, &request.flow, 100, "", &dialog.ids.local_tag).finish();
        let invite = Invite { replaces, ..describe(&request.message, &dialog) };
        let reliable = Reliable::new(&request.message, manners.reliability, self.first_rseq());
        let expires = request.message.seconds("Expires").map(|s| now + Duration::from_secs(s.into()));
        let ringing = Ringing { txn, invite: request.message, flow: request.flow, refresh: None, expires };
        let reliable = Some(reliable);
        self.legs.insert(id, Leg { reliable, ..Leg::new(dialog, Phase::Ringing(Box::new(ringing))) });
        // Its Expires is a deadline.
        self.touched.push(id);
        self.seen(id, false, "INVITE".to_owned());
        self.seen(id, true, "100".to_owned());
        self.respond(now, txn, 100, trying);
        self.emit(SipEvent::Incoming { leg: id, invite: Box::new(invite), caller });
    }

    /// 180, or 183 with early media.
    pub(super) fn ring(&mut self, now: Mono, id: LegId, body: Option<Bytes>) {
        if !self.ring_reliably(now, id, body.as_ref()) {
            let code = if body.is_some() { 183 } else { 180 };
            let Some((txn, bytes)) = self.invite_response(id, code, body.as_ref(), &[]) else { return };
            self.seen(id, true, summary(code, "INVITE"));
            self.respond(now, txn, code, bytes);
        }
        if let Some(Phase::Ringing(ringing)) = self.leg_mut(id).map(|l| &mut l.phase) {
            ringing.refresh = Some(now + REFRESH);
        }
    }

    /// A minute has passed: the machine sends its last 1xx again.
    pub(super) fn refresh_ringing(&mut self, now: Mono, id: LegId) {
        let Some(Phase::Ringing(ringing)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        ringing.refresh = Some(now + REFRESH);
        let txn = ringing.txn;
        match self.legs.get(&id).and_then(|l| l.reliable.as_ref()).is_some_and(Reliable::was_used) {
            true => self.refresh_reliably(now, id, txn),
            false => {
                self.run(txn, |machine, out| machine.on_request(now, out));
            }
        }
    }

    /// 200 until the ACK; not before the PRACK of a response that gave our answer already, which it then leaves out.
    pub(super) fn answer(&mut self, now: Mono, id: LegId, body: &Bytes, headers: &[(String, String)]) {
        if self.hold_answer(id, body, headers) {
            return;
        }
        let said = self.legs.get(&id).and_then(|l| l.reliable.as_ref()).is_some_and(|r| r.answered);
        let Some(Phase::Ringing(ringing)) = self.legs.get(&id).map(|l| &l.phase) else { return };
        let invite = ringing.invite.clone();
        let mut fields = self.agree(now, id, &invite);
        fields.extend_from_slice(headers);
        if let Some(leg) = self.leg_mut(id) {
            leg.say(Some(body));
        }
        let body = Some(body).filter(|_| !said);
        let Some((txn, bytes)) = self.invite_response(id, 200, body, &fields) else { return };
        let Some(Phase::Ringing(ringing)) = self.legs.get(&id).map(|l| &l.phase) else { return };
        let flow = self.reply_flow(&ringing.invite, ringing.flow);
        let offered = ringing.invite.sdp().is_none();
        let unacked = Unacked::new(now, &ringing.invite, bytes.clone(), flow, offered, true);
        let Some(leg) = self.leg_mut(id) else { return };
        leg.unacked = Some(unacked);
        leg.phase = Phase::Up;
        self.seen(id, true, summary(200, "INVITE"));
        self.respond(now, txn, 200, bytes);
    }

    /// A final refusal; the leg ends with it.
    pub(super) fn refuse(&mut self, now: Mono, id: LegId, cause: Cause, headers: &[(String, String)]) {
        self.refuse_ringing(now, id, Side::Us, cause, headers, Vec::new());
    }

    /// As [`Endpoint::refuse`], for whoever ended it. Nothing if the INVITE has its final answer.
    pub(super) fn refuse_ringing(
        &mut self,
        now: Mono,
        id: LegId,
        by: Side,
        cause: Cause,
        headers: &[(String, String)],
        seen_headers: Vec<(String, String)>,
    ) {
        let code = if (300..700).contains(&cause.code) { cause.code } else { 480 };
        let Some(Phase::Ringing(ringing)) = self.legs.get(&id).map(|l| &l.phase) else { return };
        let (txn, flow) = (ringing.txn, ringing.flow);
        let tag = self.legs.get(&id).map(|l| l.dialog.ids.local_tag.clone()).unwrap_or_default();
        let words = if by == Side::Us { cause.words.as_str() } else { "" };
        let mut w = self.response(&ringing.invite, &flow, code, words, &tag).headers(headers);
        if by == Side::Us && !cause.words.is_empty() {
            let (name, value) = reason_header(&Cause { code, ..cause.clone() });
            w = w.header(&name, &value);
        }
        let bytes = w.header("Server", &self.config.user_agent).finish();
        self.seen(id, true, summary(code, "INVITE"));
        self.respond(now, txn, code, bytes);
        self.end(id, by, Cause { code, ..cause }, seen_headers);
        self.drop_leg(now, id);
    }

    /// CANCEL of an INVITE that has a transaction (RFC 3261 9.2): always 200; it matters only before the final answer.
    pub(super) fn on_cancel(&mut self, now: Mono, request: &Request) {
        let Some(txn) = self.txns.find(&request.invite_key()) else { return };
        let user = self.txns.get(txn).map(|t| t.user.clone());
        let leg = match user {
            Some(User::Incoming(leg, _) | User::Request(leg)) => leg,
            _ => return,
        };
        self.seen(leg, false, "CANCEL".to_owned());
        self.seen(leg, true, summary(200, "CANCEL"));
        self.reply(request, 200, "", &[]);
        let ringing = self.legs.get(&leg).is_some_and(|l| matches!(l.phase, Phase::Ringing(_)));
        if ringing {
            let cause = cancelled(&request.message);
            let headers = request.message.headers.with_prefix("X-");
            self.refuse_ringing(now, leg, Side::Peer, cause, &[], headers);
        } else {
            self.withdraw_offer(now, leg, Some(txn));
        }
    }

    /// ACK of a 2xx: of the first INVITE or of a re-INVITE. One that fits nothing is passed over: it is never answered.
    pub(super) fn on_ack(&mut self, now: Mono, id: LegId, request: &Request) {
        let Some(leg) = self.leg_mut(id) else { return };
        if leg.dialog.ids.remote_tag != request.from_tag {
            return;
        }
        let Some(unacked) = leg.unacked.take_if(|u| u.cseq == request.cseq) else { return };
        let bye = leg.bye_after_ack.take();
        self.seen(id, false, "ACK".to_owned());
        if let Some(headers) = bye {
            return self.send_bye(now, id, &headers);
        }
        let body = if unacked.offered { request.message.sdp() } else { None };
        match (unacked.first, unacked.offered) {
            (true, _) => self.emit(SipEvent::Confirmed { leg: id, body }),
            (false, true) => self.emit(SipEvent::OfferAnswered { leg: id, body }),
            (false, false) => {}
        }
    }

    /// A response that makes or keeps the dialog; None if the INVITE has its final answer.
    pub(super) fn invite_response(
        &self,
        id: LegId,
        code: u16,
        body: Option<&Bytes>,
        headers: &[(String, String)],
    ) -> Option<(TxnId, Bytes)> {
        let leg = self.legs.get(&id)?;
        let Phase::Ringing(ringing) = &leg.phase else { return None };
        let tag = &leg.dialog.ids.local_tag;
        let bytes = fit(&ringing.flow, |full| {
            let w = self.response(&ringing.invite, &ringing.flow, code, "", tag);
            finish(self.session_fields(w, &ringing.invite, &ringing.flow, full).headers(headers), body)
        });
        Some((ringing.txn, bytes))
    }
}

/// 422: a session timer shorter than ours may be (RFC 4028 section 6).
pub fn too_short() -> Refusal {
    let headers = vec![("Min-SE", MIN_SE.to_string())];
    Refusal { code: 422, words: "Session Interval Too Small".to_owned(), headers }
}

/// With SDP or without a body.
pub fn finish(w: Writer, body: Option<&Bytes>) -> Bytes {
    match body {
        Some(body) => w.body("application/sdp", body),
        None => w.finish(),
    }
}

fn cancelled(cancel: &Message) -> Cause {
    Cause { code: 487, ..cause_of(cancel, 487) }
}

/// Number or name of an address.
fn user(address: &NameAddr) -> String {
    telephone::user(&address.uri)
}

/// The INVITE in the words of a call.
fn describe(message: &Message, dialog: &Dialog) -> Invite {
    let uri = message.uri();
    let from = message.from();
    let mut headers = message.headers.with_prefix("X-");
    headers.extend(message.headers.with_prefix("User-to-User"));
    Invite {
        dialog: dialog.ids.clone(),
        uri: message.uri_text().to_owned(),
        to_user: uri.as_ref().map(telephone::user).unwrap_or_default(),
        to_header_user: message.to().as_ref().map(user).unwrap_or_default(),
        to_host: uri.as_ref().map(|u| u.host.clone()).unwrap_or_default(),
        from_user: from.as_ref().map(user).unwrap_or_default(),
        from_host: from.as_ref().map(|f| f.uri.host.clone()).unwrap_or_default(),
        from_display: from.map(|f| f.display).unwrap_or_default(),
        identity: identity::read(message),
        diverted_by: identity::diverted_by(message),
        headers,
        max_forwards: message.max_forwards().unwrap_or(MAX_FORWARDS),
        offer: if message.method() == Some(&Method::Invite) { message.sdp() } else { None },
        flow: dialog.ids.flow,
        replaces: None,
    }
}

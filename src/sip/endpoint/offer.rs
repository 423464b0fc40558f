//! re-INVITE and UPDATE (RFC 3261 section 14, RFC 3311): offers whose answer is the call's to give, one at a time.

use super::Endpoint;
use super::engine::{fit, summary};
use super::leg::{Offer, Phase, Unacked};
use super::request::Request;
use super::uas::{finish, too_short};
use crate::clock::Mono;
use crate::sip::check::Refusal;
use crate::sip::event::{Cause, LegId, OfferId, SipEvent};
use crate::sip::session::{self, Wish};
use crate::sip::transaction::TxnId;
use crate::sip::wire::{Message, Method};
use bytes::Bytes;

/// Largest Retry-After of a 500 to a second offer (RFC 3261 14.2).
const RETRY_AFTER_MAX: u64 = 10;

/// What stands in the way of an offer.
enum Glare {
    /// An offer of theirs has no answer yet: 500 with Retry-After.
    Theirs,
    /// An offer of ours has no answer yet: 491.
    Ours,
}

impl Endpoint {
    /// The dialog is known, its order kept, and we are not leaving.
    pub(super) fn on_offer(&mut self, now: Mono, id: LegId, request: Request) {
        let body = request.message.sdp();
        let invite = request.method == Method::Invite;
        let before = self.legs.get(&id).and_then(|l| l.refresh.session);
        if session::wish(&request.message, before.as_ref()) == Wish::TooShort {
            self.seen(id, true, summary(422, request.method.as_str()));
            return self.turn_away(&request, too_short());
        }
        // It offers nothing that another offer could stand in the way of, before the answer as well (RFC 3311 section 5.2).
        if !invite && body.is_none() {
            return self.on_empty_update(now, id, &request);
        }
        if let Some(glare) = self.glare(id, &request.from_tag, invite) {
            return self.refuse_glare(&request, id, &glare);
        }
        let offer = self.new_offer_id();
        let txn = self.open(id, &request);
        if invite {
            let w = self.response(&request.message, &request.flow, 100, "", "");
            self.seen(id, true, "100".to_owned());
            self.respond(now, txn, 100, w.finish());
        }
        let Some(leg) = self.leg_mut(id) else { return };
        leg.offer = Some(Offer {
            id: offer,
            txn,
            method: request.method,
            flow: request.flow,
            empty: body.is_none(),
            request: request.message,
        });
        self.emit(SipEvent::Offer { leg: id, offer, body });
    }

    fn glare(&self, id: LegId, from_tag: &str, invite: bool) -> Option<Glare> {
        let leg = self.legs.get(&id)?;
        // Early, an offer may follow once the INVITE's has its answer for certain (RFC 3311 section 5.1).
        let said = leg.reliable.as_ref().is_some_and(|r| r.answered);
        let heard = leg.early(from_tag).is_some_and(|e| e.answered);
        match (&leg.phase, &leg.unacked) {
            _ if leg.offer.is_some() => Some(Glare::Theirs),
            _ if leg.refresh.offers() => Some(Glare::Ours),
            (Phase::Calling(_), _) if invite || !heard => Some(Glare::Ours),
            (Phase::Ringing(_), _) if invite || !said => Some(Glare::Theirs),
            (_, Some(unacked)) if unacked.offered => Some(Glare::Ours),
            // The ACK of the last INVITE is still on its way.
            (_, Some(_)) if invite => Some(Glare::Ours),
            _ => None,
        }
    }

    fn refuse_glare(&mut self, request: &Request, id: LegId, glare: &Glare) {
        let (code, words, headers) = match glare {
            Glare::Theirs => {
                let after = self.rng.below(RETRY_AFTER_MAX.saturating_add(1)).to_string();
                (500, "Another Offer Is Pending", vec![("Retry-After", after)])
            }
            Glare::Ours => (491, "Request Pending", Vec::new()),
        };
        self.seen(id, true, summary(code, request.method.as_str()));
        self.turn_away(request, Refusal { code, words: words.to_owned(), headers });
    }

    /// A refresh of the session or of the target.
    fn on_empty_update(&mut self, now: Mono, id: LegId, request: &Request) {
        let txn = self.open(id, request);
        let w = self.response(&request.message, &request.flow, 200, "", "");
        let w = self.session_fields(w, &request.message, &request.flow, true);
        let bytes = w.headers(&self.agree(now, id, &request.message)).finish();
        let target = new_target(&request.message);
        if let Some(leg) = self.leg_mut(id) {
            leg.dialog.refresh(target);
        }
        self.seen(id, true, summary(200, "UPDATE"));
        self.respond(now, txn, 200, bytes);
    }

    /// 200 with our answer; of a re-INVITE until its ACK.
    pub(super) fn accept_offer(&mut self, now: Mono, id: LegId, offer: OfferId, body: Option<Bytes>) {
        let Some(taken) = self.take_offer(id, offer) else { return };
        // A PRACK says nothing of the session.
        let fields = match taken.method {
            Method::Prack => Vec::new(),
            _ => self.agree(now, id, &taken.request),
        };
        let bytes = fit(&taken.flow, |full| {
            let w = self.response(&taken.request, &taken.flow, 200, "", "");
            let w = self.session_fields(w, &taken.request, &taken.flow, full).headers(&fields);
            finish(w, body.as_ref())
        });
        let flow = self.reply_flow(&taken.request, taken.flow);
        let Some(leg) = self.leg_mut(id) else { return };
        leg.dialog.refresh(new_target(&taken.request));
        leg.say(body.as_ref());
        if taken.method == Method::Invite {
            leg.unacked = Some(Unacked::new(now, &taken.request, bytes.clone(), flow, taken.empty, false));
        }
        self.seen(id, true, summary(200, taken.method.as_str()));
        self.respond(now, taken.txn, 200, bytes);
        self.release_answer(now, id);
    }

    /// A refusal; the session stays as it was.
    pub(super) fn refuse_offer(
        &mut self,
        now: Mono,
        id: LegId,
        offer: OfferId,
        cause: &Cause,
        headers: &[(String, String)],
    ) {
        let Some(taken) = self.take_offer(id, offer) else { return };
        let code = if (300..700).contains(&cause.code) { cause.code } else { 488 };
        self.close_offer(now, id, &taken, (code, &cause.words), headers);
        self.release_answer(now, id);
    }

    fn take_offer(&mut self, id: LegId, offer: OfferId) -> Option<Offer> {
        self.leg_mut(id)?.offer.take_if(|o| o.id == offer)
    }

    /// 487 to an offer that is pending: its CANCEL came (`txn`), or the dialog ends (RFC 3261 15.1.2).
    pub(super) fn withdraw_offer(&mut self, now: Mono, id: LegId, txn: Option<TxnId>) {
        let wanted = |o: &mut Offer| txn.is_none_or(|t| t == o.txn);
        let Some(taken) = self.leg_mut(id).and_then(|l| l.offer.take_if(wanted)) else { return };
        self.close_offer(now, id, &taken, (487, ""), &[]);
    }

    fn close_offer(
        &mut self,
        now: Mono,
        id: LegId,
        offer: &Offer,
        (code, words): (u16, &str),
        headers: &[(String, String)],
    ) {
        let agent = &self.config.user_agent;
        let w = self.response(&offer.request, &offer.flow, code, words, "");
        let w = w.headers(headers).header("Server", agent);
        self.seen(id, true, summary(code, offer.method.as_str()));
        self.respond(now, offer.txn, code, w.finish());
    }
}

/// Where the peer wants its requests from now on.
pub(super) fn new_target(message: &Message) -> Option<String> {
    message.contact().map(|c| c.uri.without_headers().to_string())
}

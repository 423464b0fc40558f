//! Requests inside a dialog: BYE, INFO, OPTIONS; re-INVITE and UPDATE go on to `offer`, REFER and NOTIFY to `refer`.

use super::engine::{reliable, summary};
use super::leg::Phase;
use super::receive::no_such_dialog;
use super::request::Request;
use super::{Endpoint, User};
use crate::clock::Mono;
use crate::sip::check::{Refusal, capabilities};
use crate::sip::event::{Cause, LegId, Side, SipEvent};
use crate::sip::transaction::{InviteServer, Machine, Server, TxnId};
use crate::sip::wire::{Message, Method};

impl Endpoint {
    /// The request has passed the checks that need no state.
    pub(super) fn on_dialog_request(&mut self, now: Mono, id: LegId, request: Request) {
        let full = self.txns.len() >= self.config.transactions_max.saturating_mul(3).div_ceil(2);
        let Some(leg) = self.leg_mut(id) else { return };
        if !leg.is_peer(&request.from_tag) {
            return self.turn_away(&request, no_such_dialog());
        }
        if !leg.in_order(&request.from_tag, request.cseq) {
            let words = "CSeq Out Of Order".to_owned();
            return self.turn_away(&request, Refusal { code: 500, words, headers: Vec::new() });
        }
        let leaving = matches!(leg.phase, Phase::Leaving);
        let calling = matches!(leg.phase, Phase::Calling(_));
        if !calling {
            leg.dialog.ids.flow = request.flow;
        }
        self.seen(id, false, request.method.to_string());
        if full {
            let words = "Too Many Transactions".to_owned();
            return self.turn_away(&request, Refusal { code: 503, words, headers: Vec::new() });
        }
        match request.method {
            Method::Bye if calling => self.turn_away(&request, no_such_dialog()),
            Method::Bye => self.on_bye(now, id, &request),
            Method::Options => {
                self.reply(&request, 200, "", &capabilities());
                self.seen(id, true, summary(200, "OPTIONS"));
            }
            Method::Prack => self.on_prack(now, id, request),
            _ if leaving => self.turn_away(&request, no_such_dialog()),
            Method::Info => self.on_info(now, id, &request),
            Method::Refer => self.on_refer(now, id, request),
            Method::Notify => self.on_notify(now, id, &request),
            Method::Invite | Method::Update => self.on_offer(now, id, request),
            _ => self.turn_away(&request, no_such_dialog()),
        }
    }

    /// Opens the server transaction of a request in a dialog.
    pub(super) fn open(&mut self, id: LegId, request: &Request) -> TxnId {
        let flow = self.reply_flow(&request.message, request.flow);
        let machine = match request.method {
            Method::Invite => Machine::InviteServer(InviteServer::new(reliable(&flow))),
            _ => Machine::Server(Server::new(reliable(&flow))),
        };
        self.txns.insert(request.key.clone(), machine, flow, User::Request(id))
    }

    /// Opens it and answers at once.
    pub(super) fn settle_request(&mut self, now: Mono, id: LegId, request: &Request, code: u16, words: &str) {
        let txn = self.open(id, request);
        let agent = &self.config.user_agent;
        let w = self.response(&request.message, &request.flow, code, words, "").header("Server", agent);
        self.seen(id, true, summary(code, request.method.as_str()));
        self.respond(now, txn, code, w.finish());
    }

    fn on_bye(&mut self, now: Mono, id: LegId, request: &Request) {
        self.settle_request(now, id, request, 200, "");
        let ringing = self.legs.get(&id).is_some_and(|l| matches!(l.phase, Phase::Ringing(_)));
        if ringing {
            // A caller may leave an early dialog by BYE; the INVITE still needs its answer (RFC 3261 15.1.2).
            let headers = request.message.headers.with_prefix("X-");
            return self.refuse_ringing(now, id, Side::Peer, Cause::new(487, "BYE"), &[], headers);
        }
        self.on_peer_bye(now, id, &request.message);
    }

    fn on_info(&mut self, now: Mono, id: LegId, request: &Request) {
        let keys = request.message.content_type().is_some_and(|t| t.kind.starts_with("application/dtmf"));
        let digit = key(&request.message);
        if keys && digit.is_none() {
            return self.settle_request(now, id, request, 400, "No Key In The Body");
        }
        self.settle_request(now, id, request, 200, "");
        if let Some(digit) = digit {
            self.emit(SipEvent::Key { leg: id, digit });
        }
    }
}

/// The key of an INFO: `Signal=5` (application/dtmf-relay), or the key alone (application/dtmf). Some send the event
/// numbers of RFC 4733 for `*`, `#` and the letters.
fn key(message: &Message) -> Option<char> {
    let kind = message.content_type()?.kind;
    let body = std::str::from_utf8(&message.body).ok()?;
    let value = match kind.as_str() {
        "application/dtmf-relay" => body.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
        })?,
        "application/dtmf" => body.trim(),
        _ => return None,
    };
    let named = match value {
        "10" => "*",
        "11" => "#",
        "12" => "A",
        "13" => "B",
        "14" => "C",
        "15" => "D",
        other => other,
    };
    let mut chars = named.chars();
    let digit = chars.next()?.to_ascii_uppercase();
    let valid = matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D');
    (valid && chars.next().is_none()).then_some(digit)
}

//! REFER in a dialog, both ways, with its implicit subscription (RFC 3515). One at a time each way.
//!
//! ```text
//!  ours:   REFER --3xx-6xx, nothing--> Referred{code}
//!            \--2xx--> Referred{2xx}, NOTIFY* --> Notified{code} ... until one is final or the subscription is terminated
//!            (a NOTIFY may overtake the 2xx; `Refer-Sub: false` (RFC 4488): none will come)
//!  theirs: REFER --> Refer --RefuseRefer--> its code
//!                       \--AcceptRefer--> 202, NOTIFY 100 --NotifyRefer--> NOTIFY ..., the final one ends the subscription
//! ```

use super::engine::summary;
use super::leg::Phase;
use super::request::{Answer, Request};
use super::{Endpoint, User};
use crate::clock::Mono;
use crate::sip::check::Refusal;
use crate::sip::dialog::{self, Dialog};
use crate::sip::event::{Cause, Flow, LegId, SipEvent};
use crate::sip::refer::{Notice, ReferTo};
use crate::sip::transaction::{Failure, TxnId};
use crate::sip::wire::{Message, Method, reason};

/// How long the subscription lasts unless the transfer is over before, in seconds: as long as a call may ring.
const EXPIRES: u32 = 600;

/// What a leg knows of its REFERs.
#[derive(Default)]
pub(super) struct Refers {
    /// Ours, whose outcome is awaited.
    sent: Option<Sent>,
    /// Theirs.
    got: Option<Got>,
    /// How many of theirs were taken.
    taken: u32,
}

struct Sent {
    to: String,
    /// Its subscription's id.
    cseq: u32,
    /// The credentials that it shows.
    shown: Vec<(String, String)>,
}

struct Got {
    txn: TxnId,
    request: Message,
    flow: Flow,
    cseq: u32,
    /// Nobody wants NOTIFYs (RFC 4488).
    silent: bool,
    accepted: bool,
    /// A later one of the dialog: its NOTIFYs must say which.
    named: bool,
}

impl Endpoint {
    /// Asks the peer to call somebody else.
    pub(super) fn refer(&mut self, now: Mono, id: LegId, to: String) {
        self.send_refer(now, id, to, Vec::new());
    }

    fn send_refer(&mut self, now: Mono, id: LegId, to: String, shown: Vec<(String, String)>) {
        let branch = self.new_branch();
        let agent = self.config.user_agent.clone();
        let Some(leg) = self.leg_mut(id).filter(|l| matches!(l.phase, Phase::Up)) else { return };
        let cseq = leg.dialog.next_cseq();
        let flow = leg.dialog.destination();
        let by = dialog::local_from(&leg.dialog.ids.local_uri, &flow);
        let w = leg.dialog.request(&Method::Refer, cseq, &branch);
        let contact = dialog::contact(&flow, &leg.dialog.ids.remote_target);
        let w = w.header("Contact", &contact).header("Refer-To", &format!("<{to}>"));
        let w = w.header("Referred-By", &by).headers(&shown);
        let bytes = w.header("User-Agent", &agent).finish();
        leg.refers.sent = Some(Sent { to, cseq, shown });
        self.seen(id, true, "REFER".to_owned());
        self.start_client(now, (&branch, &Method::Refer), bytes, flow, User::Refer(id));
    }

    /// The answer to our REFER.
    pub(super) fn on_refer_response(&mut self, now: Mono, id: LegId, answer: Answer<'_>) {
        let Answer { code, flow, message, .. } = answer;
        self.seen(id, false, summary(code, "REFER"));
        if code < 200 {
            return;
        }
        let Some(leg) = self.leg_mut(id).filter(|l| !l.ended) else { return };
        let Some(sent) = &leg.refers.sent else { return };
        if matches!(code, 401 | 407) {
            let (to, shown) = (sent.to.clone(), sent.shown.clone());
            let proof = self.request_authorization(id, (&Method::Refer, &[]), &shown, flow, message);
            if let Some(fields) = proof {
                return self.send_refer(now, id, to, fields);
            }
        }
        let follows = code < 300 && !is_silent(message);
        if !follows && let Some(leg) = self.leg_mut(id) {
            leg.refers.sent = None;
        }
        self.emit(SipEvent::Referred { leg: id, code, follows });
    }

    /// Nobody answered our REFER.
    pub(super) fn on_refer_failure(&mut self, id: LegId, why: Failure) {
        if self.leg_mut(id).filter(|l| !l.ended).and_then(|l| l.refers.sent.take()).is_some() {
            let code = if why == Failure::Timeout { 408 } else { 503 };
            self.emit(SipEvent::Referred { leg: id, code, follows: false });
        }
    }

    /// How the call goes that our REFER led to; what nobody subscribed to is refused (RFC 6665 section 4.1.3).
    pub(super) fn on_notify(&mut self, now: Mono, id: LegId, request: &Request) {
        let Some(notice) = Notice::of(&request.message) else {
            let headers = vec![("Allow-Events", "refer".to_owned())];
            let refusal = Refusal { code: 489, words: "Bad Event".to_owned(), headers };
            return self.turn_away(request, refusal);
        };
        let number = request.message.headers.text("Event").and_then(|e| event_id(&e));
        let Some(leg) = self.leg_mut(id) else { return };
        let ours = leg.refers.sent.as_ref().is_some_and(|s| number.is_none_or(|n| n == s.cseq));
        if !ours {
            return self.settle_request(now, id, request, 481, "Subscription Does Not Exist");
        }
        if notice.over {
            leg.refers.sent = None;
        }
        self.settle_request(now, id, request, 200, "");
        self.emit(SipEvent::Notified { leg: id, notice });
    }

    /// The peer wants its call transferred: the call decides.
    pub(super) fn on_refer(&mut self, now: Mono, id: LegId, request: Request) {
        let to = ReferTo::of(&request.message);
        let Some(leg) = self.leg_mut(id) else { return };
        let to = match to {
            _ if !matches!(leg.phase, Phase::Up) => Err((603, "Not Before The Answer")),
            _ if leg.refers.got.is_some() => Err((491, "Another Transfer Is Pending")),
            to => to,
        };
        let to = match to {
            Ok(to) => to,
            Err((code, words)) => return self.settle_request(now, id, &request, code, words),
        };
        let txn = self.open(id, &request);
        let silent = is_silent(&request.message);
        let Some(leg) = self.leg_mut(id) else { return };
        let named = leg.refers.taken > 0;
        let (flow, cseq) = (request.flow, request.cseq);
        let request = request.message;
        leg.refers.got = Some(Got { txn, request, flow, cseq, silent, accepted: false, named });
        self.emit(SipEvent::Refer { leg: id, to: Box::new(to) });
    }

    /// 202, and the first NOTIFY, which must follow at once (RFC 3515 section 2.4.4).
    pub(super) fn accept_refer(&mut self, now: Mono, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(got) = leg.refers.got.as_mut().filter(|g| !g.accepted) else { return };
        got.accepted = true;
        leg.refers.taken = leg.refers.taken.saturating_add(1);
        self.answer_refer(now, id, 202, "");
        self.notify(now, id, 100, "");
    }

    /// A final refusal: the call stays as it is.
    pub(super) fn refuse_refer(&mut self, now: Mono, id: LegId, cause: &Cause) {
        let code = if (300..700).contains(&cause.code) { cause.code } else { 603 };
        self.answer_refer(now, id, code, &cause.words);
        if let Some(leg) = self.leg_mut(id) {
            leg.refers.got = None;
        }
    }

    fn answer_refer(&mut self, now: Mono, id: LegId, code: u16, words: &str) {
        let Some(got) = self.legs.get(&id).and_then(|l| l.refers.got.as_ref()) else { return };
        let w = self.response(&got.request, &got.flow, code, words, "");
        let contact = dialog::contact(&got.flow, got.request.uri_text());
        let w = w.header("Contact", &contact).header("Server", &self.config.user_agent);
        let w = if got.silent && code < 300 { w.header("Refer-Sub", "false") } else { w };
        let txn = got.txn;
        self.seen(id, true, summary(code, "REFER"));
        self.respond(now, txn, code, w.finish());
    }

    /// How the transfer goes; a final code ends it.
    pub(super) fn notify_refer(&mut self, now: Mono, id: LegId, code: u16, words: &str) {
        self.notify(now, id, code, words);
        if code >= 200
            && let Some(leg) = self.leg_mut(id)
        {
            leg.refers.got = None;
        }
    }

    fn notify(&mut self, now: Mono, id: LegId, code: u16, words: &str) {
        let branch = self.new_branch();
        let agent = self.config.user_agent.clone();
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(got) = leg.refers.got.as_ref().filter(|g| g.accepted && !g.silent) else { return };
        let event = if got.named { format!("refer;id={}", got.cseq) } else { "refer".to_owned() };
        let state = match code {
            ..200 => format!("active;expires={EXPIRES}"),
            _ => "terminated;reason=noresource".to_owned(),
        };
        let words = if words.is_empty() { reason::phrase(code) } else { words };
        let body = format!("SIP/2.0 {code} {words}\r\n");
        let cseq = leg.dialog.next_cseq();
        let flow = leg.dialog.destination();
        let w = notify_head(&leg.dialog, cseq, &branch, &flow);
        let w = w.header("Event", &event).header("Subscription-State", &state).header("User-Agent", &agent);
        let bytes = w.body("message/sipfrag;version=2.0", body.as_bytes());
        self.seen(id, true, format!("NOTIFY {code}"));
        self.start_client(now, (&branch, &Method::Notify), bytes, flow, User::Notify(id));
    }
}

/// No NOTIFY is wanted, or none will come (RFC 4488 section 4).
fn is_silent(message: &Message) -> bool {
    let value = message.headers.text("Refer-Sub");
    value.is_some_and(|v| v.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("false"))
}

fn notify_head(dialog: &Dialog, cseq: u32, branch: &str, flow: &Flow) -> crate::sip::wire::Writer {
    let contact = dialog::contact(flow, &dialog.ids.remote_target);
    dialog.request(&Method::Notify, cseq, branch).header("Contact", &contact)
}

/// `refer;id=93809824`.
fn event_id(event: &str) -> Option<u32> {
    event.split(';').find_map(|p| p.trim().strip_prefix("id=")?.parse().ok())
}

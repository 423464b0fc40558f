//! What arrives: who it belongs to is decided here, in the order of RFC 3261 17 (transaction), 12 (dialog), 8.2 (new).

use super::engine::summary;
use super::request::{Answer, Request};
use super::{Endpoint, User};
use crate::clock::{Mono, Now};

use crate::sip::check::{Refusal, capabilities, check_register, check_request};
use crate::sip::digest;
use crate::sip::event::Flow;
use crate::sip::registration::Event;
use crate::sip::transaction::{
    ClientEvent, Failure, InviteClientEvent, InviteServerEvent, Key, Machine, TxnId,
};
use crate::sip::wire::{Message, Method, Verdict, read_datagram};
use crate::trunk::door::{Claim, Standing, Users};

impl Endpoint {
    /// Known or unknown source is decided here, before a transaction exists (ruling 2.48).
    pub(super) fn on_request(&mut self, at: Now, flow: Flow, message: Message) {
        let now = at.mono;
        let Some(request) = Request::read(message, flow) else { return };
        if let Some(txn) = self.txns.find(&request.key) {
            return self.on_known_transaction(now, txn, request);
        }
        let leg = request.to_tag.as_deref().and_then(|tag| self.find_leg(request.call_id(), tag));
        match request.method {
            Method::Ack => return leg.map_or((), |leg| self.on_ack(now, leg, &request)),
            Method::Cancel if self.txns.find(&request.invite_key()).is_some() => {
                return self.on_cancel(now, &request);
            }
            _ => {}
        }
        match leg {
            Some(leg) => match check_request(&request.message) {
                Ok(()) => self.on_dialog_request(now, leg, request),
                Err(refusal) => self.turn_away(&request, refusal),
            },
            None => self.on_new_request(at, request),
        }
    }

    /// A request that belongs to nothing we know: who sends it is decided once.
    fn on_new_request(&mut self, at: Now, request: Request) {
        let (now, flow) = (at.mono, request.flow);
        let Standing { known, claim } = self.standing(now, &request);
        let asks = request.method == Method::Options && self.config.answer_unknown_options;
        if claim == Claim::Nobody && !asks {
            let words = format!("{} from an address of no trunk", request.method);
            return self.refused(flow, 0, &words);
        }
        let registers = request.method == Method::Register;
        let users = match claim {
            Claim::Password(users @ Users::Door(..)) => Some(users),
            Claim::Password(Users::Peers) if self.sources.takes_passwords(flow.remote.ip()) => {
                Some(Users::Peers)
            }
            _ => None,
        };
        let refused = registers && matches!(claim, Claim::Refused(_));
        let checked = match registers && (users.is_some() || refused) {
            true => check_register(&request.message),
            false => check_request(&request.message),
        };
        // Whoever may only show a password hears nothing but the challenge.
        if !known && (checked.is_err() || request.to_tag.is_some()) {
            return self.refused(flow, 0, &format!("{} of a stranger", request.method));
        }
        if let Err(refusal) = checked {
            return self.turn_away(&request, refusal);
        }
        match (&request.method, claim) {
            (Method::Options, _) if request.to_tag.is_none() => self.on_options(&request),
            (Method::Register, Claim::Refused(why)) => self.turn_caller_away(&request, why),
            (Method::Register, _) if users.is_some() => {
                self.on_register(at, &request, users.unwrap_or(Users::Peers));
            }
            (Method::Invite, _) if request.to_tag.is_none() && self.overload.is(now) => {
                self.turn_away_for_now(&request);
            }
            (Method::Invite, claim) if request.to_tag.is_none() => {
                if let Some(caller) = self.caller(now, &request, claim) {
                    self.on_invite(now, request, caller);
                }
            }
            // Nothing stands in for a call that is not there.
            (Method::Refer, _) if request.to_tag.is_none() => {
                let words = "Only Calls Are Transferred".to_owned();
                self.turn_away(&request, Refusal { code: 603, words, headers: Vec::new() });
            }
            _ => self.turn_away(&request, no_such_dialog()),
        }
    }

    /// By Call-ID and our tag.
    pub(super) fn find_leg(&self, call_id: &str, local_tag: &str) -> Option<super::LegId> {
        self.dialogs.get(&Key::client(call_id, local_tag)).copied()
    }

    /// A retransmission, or the ACK of a final response.
    fn on_known_transaction(&mut self, now: Mono, txn: TxnId, request: Request) {
        if request.method != Method::Ack {
            self.run(txn, |machine, out| machine.on_request(now, out));
            return;
        }
        let user = self.txns.get(txn).map(|t| t.user.clone());
        let outcome = self.run(txn, |machine, out| {
            if let Machine::InviteServer(m) = machine {
                m.on(now, InviteServerEvent::Ack, out);
            }
        });
        // Some peers give the ACK of a 2xx the branch of the INVITE.
        if let (true, Some(User::Incoming(leg, _) | User::Request(leg))) = (outcome.pass, user) {
            self.on_ack(now, leg, &request);
        }
    }

    /// The health check of carriers: answered even in overload (RFC 3261 11.2).
    fn on_options(&mut self, request: &Request) {
        if self.draining {
            let after = self.retry_after();
            return self.reply(request, 503, "Draining", &[("Retry-After", after)]);
        }
        self.reply(request, 200, "", &capabilities());
    }

    /// A response finds its transaction by our branch; a 2xx to an INVITE of ours is taken even without one.
    pub(super) fn on_response(&mut self, now: Mono, flow: Flow, message: &Message) {
        let (Some(code), Some(via), Some(cseq)) = (message.code(), message.via(), message.cseq()) else {
            return;
        };
        let key = Key::client(via.branch().unwrap_or_default(), cseq.method.as_str());
        let success = (200..300).contains(&code) && cseq.method == Method::Invite;
        let Some(txn) = self.txns.find(&key) else {
            if success {
                self.on_success(now, flow, message);
            }
            return;
        };
        let Some((user, request, sent)) =
            self.txns.get(txn).map(|t| (t.user.clone(), t.machine.request(), t.flow))
        else {
            return;
        };
        if !self.is_of_this_try(&user, txn, message) {
            return;
        }
        let ack = match code {
            300.. if cseq.method == Method::Invite => self.failure_ack(&user, txn, message),
            _ => None,
        };
        let outcome = self.run(txn, |machine, out| match machine {
            Machine::InviteClient(m) => match (code, ack) {
                (..200, _) => m.on(now, InviteClientEvent::Provisional, out),
                (200..300, _) => m.on(now, InviteClientEvent::Success, out),
                // Without one it is a retransmission, and the machine has the ACK.
                (_, ack) => m.on(now, InviteClientEvent::Failure(ack.unwrap_or_default()), out),
            },
            Machine::Client(m) if code < 200 => m.on(now, ClientEvent::Provisional, out),
            Machine::Client(m) => m.on(now, ClientEvent::Final, out),
            Machine::InviteServer(_) | Machine::Server(_) => {}
        });
        if !outcome.pass {
            // A 2xx behind a refusal: proxies pass on each one (RFC 3261 16.7), and each makes a dialog.
            return if success {
                self.on_success(now, flow, message)
            };
        }
        if matches!(code, 401 | 407) && self.show_credentials(now, &user, (&request, sent), flow, message) {
            return;
        }
        if let (User::Register(trunk, _), 200..300, Verdict::Message(taken)) =
            (&user, code, read_datagram(&request))
        {
            self.challengers.learn(*trunk, flow.remote, digest::realms(&taken));
        }
        self.tell_user(now, user, Answer { txn, code, flow, message });
    }

    /// What came goes to whoever asked for it.
    fn tell_user(&mut self, now: Mono, user: User, answer: Answer<'_>) {
        let Answer { txn, code, flow, message } = answer;
        let success =
            (200..300).contains(&code) && message.cseq().is_some_and(|c| c.method == Method::Invite);
        match user {
            User::Refresh(leg, _) => self.on_refresh_response(now, leg, answer),
            _ if success => self.on_success(now, flow, message),
            User::Invite(leg) => {
                self.seen(leg, false, summary(code, "INVITE"));
                self.on_invite_response(now, leg, answer);
            }
            User::Bye(leg) => self.on_bye_response(now, leg, code),
            User::Info(leg) => self.on_info_response(now, leg, code),
            User::Refer(leg) => self.on_refer_response(now, leg, answer),
            User::Twin(leg) => {
                self.seen(leg, false, summary(code, "INVITE"));
                self.on_twin_response(now, leg, answer);
            }
            User::Prack(leg) => self.seen(leg, false, summary(code, "PRACK")),
            User::Notify(_) => {}
            User::Loser if code < 200 => self.cancel_loser(now, txn),
            User::Register(trunk, number) => self.drive(now, trunk, Event::Answer(number, message)),
            User::Ping(trunk, number) if code >= 200 => self.drive(now, trunk, Event::Pong(number)),
            User::Knock(id) => self.on_knock_response(id, code, message),
            User::Ping(..) | User::Loser | User::Nobody => {}
            User::Incoming(..) | User::Request(_) => {}
        }
    }

    /// A transaction of ours failed without an answer.
    pub(super) fn on_failure(&mut self, now: Mono, txn: TxnId, user: User, why: Failure) {
        match user {
            User::Invite(leg) => self.on_invite_failure(now, leg, txn, why),
            User::Bye(leg) => self.end_and_drop(now, leg),
            User::Info(leg) => self.on_info_failure(leg),
            User::Refer(leg) => self.on_refer_failure(leg, why),
            User::Twin(leg) => self.on_twin_failure(leg, txn),
            User::Register(trunk, number) => {
                let words = self.unreachable.clone();
                let event =
                    words.as_deref().map_or(Event::Failed(number, why), |w| Event::Unreachable(number, w));
                self.drive(now, trunk, event);
            }
            User::Ping(trunk, number) => self.drive(now, trunk, Event::Missed(number)),
            User::Knock(id) => self.on_knock_failure(id),
            User::Refresh(leg, _) => self.on_refresh_failure(now, leg, txn, why),
            User::Prack(_) | User::Notify(_) | User::Loser | User::Nobody => {}
            User::Incoming(..) | User::Request(_) => {}
        }
    }
}

/// Nobody here knows this Call-ID with these tags.
pub(super) fn no_such_dialog() -> Refusal {
    Refusal { code: 481, words: "Call/Transaction Does Not Exist".to_owned(), headers: Vec::new() }
}

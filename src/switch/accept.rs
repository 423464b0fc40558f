//! An INVITE from a known source: which number, whose, by which trunk; or why not (rulings 2.7, 2.9).

mod admit;
mod secure;

use super::{Switch, elastic};
use crate::call::call::Call;
use crate::call::handler::{Handler, Hooks};
use crate::call::tables::Tables;
use crate::call::trunking::Trunking;
use crate::clock::Now;
use crate::sid::{AccountSid, CallSid, NotificationSid, TrunkSid};
use crate::sip::event::{Caller, Cause, Invite, LegId, SipCmd, SipEvent};
use crate::sip::wire::escape_user;
use crate::store::rows::{
    CallRow, CallStatus, Direction, DoorSid, NotificationRow, NumberRow, Subscription, TrunkMode, TrunkRow,
};
use crate::store::tx::{Op, Tx};
use crate::trunk::policy::Believed;
use crate::trunk::{Snapshot, normalise, route};
use admit::ByName;
use std::net::IpAddr;

/// A refusal: what the peer is told, and why in a sentence.
pub(super) struct Refusal {
    pub cause: Cause,
    /// For the account, and for the log.
    pub words: String,
    pub account: Option<AccountSid>,
    /// What only the operator may read, who may know everybody's trunks and numbers.
    aside: Option<Box<Aside>>,
    /// Of the notification.
    pub code: u32,
    /// A further field of the answer.
    header: Option<Box<(String, String)>>,
}

/// Words for the operator.
struct Aside(String);

/// What becomes of a call to a number.
pub(super) struct Handled<'a> {
    pub number: &'a NumberRow,
    pub trunk: &'a TrunkRow,
    pub handler: Handler<'a>,
}

/// Where a call over a trunk leads.
pub(super) enum WayIn<'a> {
    Number(Handled<'a>),
    ByName(ByName<'a>),
}

impl Refusal {
    /// With the account whose debugger is told.
    pub(super) fn new(cause: Cause, words: String, account: Option<AccountSid>) -> Refusal {
        Refusal { cause, words, account, aside: None, code: 32100, header: None }
    }

    /// With words for the operator alone.
    fn with_aside(self, aside: String) -> Refusal {
        Refusal { aside: Some(Box::new(Aside(aside))), ..self }
    }

    /// What only the operator may read of it.
    pub(super) fn aside(&self) -> Option<&str> {
        self.aside.as_ref().map(|aside| aside.0.as_str())
    }

    /// All of it, for the operator.
    pub(super) fn in_full(&self) -> String {
        [self.words.as_str()].into_iter().chain(self.aside()).collect::<Vec<_>>().join(" ")
    }

    /// As the account's debugger has it of a call to `user`, and as `explain` says it beforehand.
    pub(super) fn stored(&self, user: &str) -> String {
        format!("a call to {user} was refused with {}: {}", self.cause.code, self.words)
    }

    /// With another code in the debugger.
    pub(super) fn noted_as(self, code: u32) -> Refusal {
        Refusal { code, ..self }
    }

    /// With a field in the answer.
    fn with_header(mut self, name: &str, value: String) -> Refusal {
        self.header = Some(Box::new((name.to_owned(), value)));
        self
    }
}

impl Switch {
    /// Makes a call of it, or refuses it with a reason.
    pub(super) fn accept(&mut self, now: Now, event: SipEvent) {
        let SipEvent::Incoming { leg, invite, caller } = event else {
            return;
        };
        if let Some(old) = invite.replaces {
            let fits = match caller {
                Caller::Door(door, _) => self.encrypted_as_wanted(&invite, door),
                Caller::Trunks(_) => Ok(()),
            };
            return match fits {
                Ok(()) => self.replace(now, leg, old, invite, caller),
                Err(refusal) => self.refuse(now, leg, &invite, refusal),
            };
        }
        let admitted = match caller {
            Caller::Trunks(trunks) => self.admit(now, &invite, &trunks),
            Caller::Door(door, user) => self
                .may_begin(now, self.owner_of(door))
                .and_then(|()| self.encrypted_as_wanted(&invite, door))
                .and_then(|()| match door {
                    DoorSid::Domain(sid) => {
                        self.admit_at_domain(now, &invite, sid, user).map(|row| (row, None))
                    }
                    DoorSid::Trunk(sid) => self.admit_terminating(now, &invite, sid),
                }),
        };
        match admitted {
            Ok((row, trunking)) => {
                let begun = self.begin(now, (row.account, row.sid), None, |cx| match trunking {
                    Some(trunking) => Call::of_trunk(cx, row, leg, &invite, trunking),
                    None => Call::inbound(cx, row, leg, &invite),
                });
                if !begun {
                    let cause = Cause::new(500, "Server Internal Error");
                    self.endpoint.command(now, SipCmd::Refuse { leg, cause, headers: vec![] });
                }
            }
            Err(refusal) => self.refuse(now, leg, &invite, refusal),
        }
    }

    /// Is there a place for one more, and a port? If not, this account hears of it.
    pub(super) fn may_begin(&self, now: Now, account: Option<AccountSid>) -> Result<(), Refusal> {
        let unavailable = |words| Refusal::new(Cause::new(503, "Service Unavailable"), words, account);
        self.is_open(now).map_err(unavailable)
    }

    /// The account whose door it is.
    fn owner_of(&self, door: DoorSid) -> Option<AccountSid> {
        self.tables.trunks.doors().get(door).map(|door| door.account)
    }

    /// The account that is told of what a caller does, before it is known whom it calls.
    pub(super) fn account_of(&self, caller: &Caller) -> Option<AccountSid> {
        match caller {
            Caller::Trunks(trunks) => self.tables.trunks.pinned(trunks),
            Caller::Door(door, _) => self.owner_of(*door),
        }
    }

    /// How many seconds an account's call may last by its rules. 486, not 503: another way here would find the same account.
    pub(super) fn within_rules(&self, now: Now, account: AccountSid) -> Result<u32, Refusal> {
        self.room(now, account).map_err(|(code, words)| {
            Refusal::new(Cause::new(486, "Account Limit Reached"), words, Some(account)).noted_as(code)
        })
    }

    fn admit(
        &mut self,
        now: Now,
        invite: &Invite,
        trunks: &[TrunkSid],
    ) -> Result<(CallRow, Option<Trunking>), Refusal> {
        let tables = self.tables.clone();
        let called = called(&tables.trunks, invite, trunks);
        let (way, seconds) = self.way_in(now, &tables, Some(invite.flow.remote.ip()), trunks, called)?;
        let Handled { number, trunk, handler } = match way {
            WayIn::Number(handled) => handled,
            WayIn::ByName(named) => {
                return Ok((self.row_by_name(now, invite, &named, called, seconds), None));
            }
        };
        let from = caller(invite, Some(trunk));
        let mut row = self.row_of(now, number, trunk.sid, from);
        row.forwarded_from = Some(invite.diverted_by.clone()).filter(|by| !by.is_empty());
        let (mut row, trunking) = match handler {
            Handler::Trunk(elastic) => elastic::originating(row, elastic),
            Handler::Document(hooks) => (asking(row, hooks), None),
        };
        row.time_limit_s = row.time_limit_s.min(seconds);
        Ok((row, trunking))
    }

    /// Where a call over one of these trunks leads, and how many seconds it may last there: everything that is asked of it before it
    /// is one, in this order. `explain` asks the same.
    pub(super) fn way_in<'t>(
        &self,
        now: Now,
        tables: &'t Tables,
        source: Option<IpAddr>,
        trunks: &[TrunkSid],
        called: &str,
    ) -> Result<(WayIn<'t>, u32), Refusal> {
        self.may_begin(now, tables.trunks.pinned(trunks))?;
        let unknown = tables.trunks.number_on(trunks, called).is_none();
        let (way, account) = match unknown.then(|| self.by_name(tables, trunks, called)).flatten() {
            Some(named) => {
                let named = named?;
                let account = named.account;
                (WayIn::ByName(named), account)
            }
            None => {
                let handled = self.handler_of(tables, source, trunks, called)?;
                let account = handled.number.account;
                (WayIn::Number(handled), account)
            }
        };
        Ok((way, self.within_rules(now, account)?))
    }

    /// Which number was called over one of these trunks, and what its account wants done. That a number is another account's looks like
    /// a number that is nobody's, to the peer and to the account.
    pub(super) fn handler_of<'t>(
        &self,
        tables: &'t Tables,
        source: Option<IpAddr>,
        trunks: &[TrunkSid],
        called: &str,
    ) -> Result<Handled<'t>, Refusal> {
        let found = tables.trunks.number_on(trunks, called);
        let Some((number, trunk)) = found.and_then(|n| Some((n, tables.trunks.choose(trunks, n)?))) else {
            return Err(nobody(&tables.trunks, source, trunks, called));
        };
        if self.channels.is_full(trunk) {
            return Err(channels_are_busy(trunk, number.account));
        }
        match Handler::of(tables, number) {
            Ok(handler) => Ok(Handled { number, trunk, handler }),
            Err(words) => {
                let cause = Cause::new(480, "No handler for this number");
                Err(Refusal::new(cause, words, Some(number.account)))
            }
        }
    }

    /// The row of a call that comes in.
    pub(super) fn row_of(&mut self, now: Now, number: &NumberRow, trunk: TrunkSid, from: String) -> CallRow {
        CallRow {
            sid: CallSid::new(&mut self.rng),
            to: number.number.clone(),
            from,
            number: Some(number.sid),
            application: number.application,
            trunk: Some(trunk),
            direction: Direction::Inbound,
            started: Some(now.wall),
            ..CallRow::empty(number.account, now.wall, &self.settings.node, CallStatus::Ringing)
        }
    }

    /// With a reason, a line of the log and, where it is known whose call it was, one of its account's debugger.
    pub(super) fn refuse(&mut self, now: Now, leg: LegId, invite: &Invite, r: Refusal) {
        let mut headers: Vec<(String, String)> = r.header.iter().map(|field| (**field).clone()).collect();
        if r.cause.code == 503 {
            headers.push(("Retry-After".to_owned(), (1 + self.rng.below(8)).to_string()));
        }
        self.on_refused_call(now, &invite.flow, r.cause.code, &r.in_full());
        if let Some(account) = r.account {
            self.note_limited(now, account, r.code, r.stored(&invite.to_user));
        }
        self.endpoint.command(now, SipCmd::Refuse { leg, cause: r.cause, headers });
    }
}

impl Switch {
    /// A line of the account's debugger that belongs to no call.
    pub(super) fn note(&mut self, now: Now, account: AccountSid, code: u32, words: String) {
        let note = NotificationRow {
            sid: NotificationSid::new(&mut self.rng),
            account,
            call: None,
            code,
            level: 0,
            words,
            request_method: None,
            request_url: None,
            request_variables: None,
            response_headers: None,
            response_body: None,
            created: now.wall,
        };
        self.commit(now, None, Tx::one(Op::PutNotification(Box::new(note))), vec![], vec![]);
    }
}

/// What was dialled is nobody's; the account that the trunks are pinned to hears of it.
fn nobody(tables: &Snapshot, source: Option<IpAddr>, trunks: &[TrunkSid], called: &str) -> Refusal {
    let cause = Cause::new(404, "No such number");
    if let Some(source) = source.filter(|_| trunks.is_empty()) {
        return Refusal::new(cause, tables.stranger(source), None);
    }
    let nobody = tables.nobody(trunks, called);
    let refusal = Refusal::new(cause, nobody.words, tables.pinned(trunks));
    let belongs = source.map(|source| tables.belongs(source, trunks));
    let aside: Vec<String> = belongs.into_iter().chain(nobody.aside).collect();
    if aside.is_empty() { refusal } else { refusal.with_aside(aside.join(" ")) }
}

/// The caller's trunk has no channel left.
fn channels_are_busy(trunk: &TrunkRow, account: AccountSid) -> Refusal {
    Refusal::new(Cause::new(503, "All Channels Busy"), route::full(trunk), Some(account))
}

/// The application decides what becomes of the call: VoiceUrl, its fallback, StatusCallback.
pub(super) fn asking(row: CallRow, hooks: Hooks) -> CallRow {
    let (voice, fallback, status_callback) = hooks;
    let subscription = |hook| Subscription { hook, completed: true, ..Subscription::default() };
    let callbacks = status_callback.map(subscription).into_iter().collect();
    CallRow { voice, fallback, callbacks, ..row }
}

/// Whom the caller dialled: the user of the Request-URI. A PBX that we registered with sends there what our Contact says, our own
/// user name; then it is who stands in To, if there is such a number.
fn called<'a>(tables: &Snapshot, invite: &'a Invite, trunks: &[TrunkSid]) -> &'a str {
    let (user, to) = (invite.to_user.as_str(), invite.to_header_user.as_str());
    let registers = |t: &&TrunkRow| t.authentication_mode == TrunkMode::OutboundRegistration;
    let mut known = trunks.iter().filter_map(|sid| tables.trunk(*sid)).filter(registers);
    let ours = known.any(|t| t.username.as_deref() == Some(user));
    let instead = ours
        && !to.is_empty()
        && (tables.number_on(trunks, to).is_some() || tables.number_on(trunks, user).is_none());
    if instead { to } else { user }
}

/// From as Twilio writes it: a number in E.164, `anonymous`, or a SIP URI for anything else. Of a network that is trusted what it
/// asserts counts before From; who does not want to be known is not.
pub(super) fn caller(invite: &Invite, trunk: Option<&TrunkRow>) -> String {
    if invite.identity.withheld {
        return "anonymous".to_owned();
    }
    let country = trunk.and_then(|t| t.country.as_deref());
    let believed = trunk.is_some_and(|t| t.identity.inbound == Believed::Asserted);
    let asserted = invite.identity.asserted.as_ref().filter(|_| believed);
    let (user, host) =
        asserted.map_or((&invite.from_user, &invite.from_host), |party| (&party.user, &party.host));
    shown_as(user, host, country)
}

/// A caller as webhooks name it.
pub(super) fn shown_as(user: &str, host: &str, country: Option<&str>) -> String {
    let digits = user.strip_prefix('+').unwrap_or(user);
    match user {
        "" => "anonymous".to_owned(),
        "anonymous" | "unknown" | "restricted" => user.to_owned(),
        _ if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            let read = normalise::inbound(user, country);
            // What the country cannot make a number of stays as the peer wrote it.
            if read.starts_with('+') { read } else { user.to_owned() }
        }
        _ => address_of(user, host),
    }
}

/// A party as a URI: what does not fit into its user part is escaped, as it was when it came.
fn address_of(user: &str, host: &str) -> String {
    format!("sip:{}@{host}", escape_user(user))
}

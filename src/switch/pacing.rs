//! Calls per second of each account, and of each main account with its subaccounts: calls of the REST API over it wait their turn in
//! the order in which they were accepted, as at Twilio. Dial's children and inbound calls are not counted there either.

mod turns;

pub use turns::{Pace, Turns, Waiting};

use super::{CALLS_MAX, Output, Switch};
use crate::api::command::Answer;
use crate::call::event::{Event, Ticket};
use crate::call::tables::Tables;
use crate::clock::Now;
use crate::sid::{AccountSid, CallSid};
use crate::sip::event::LegId;
use std::net::SocketAddr;
use std::time::Duration;

/// Calls of one main account and its subaccounts that may wait; beyond it a POST gets 429.
pub const QUEUED_MAX: usize = 10_000;
/// Of all accounts together; beyond it a POST gets 503.
pub const QUEUED_ALL_MAX: usize = 40_000;

/// Accounts remembered before those are looked for that hold nothing.
const TIDY_AT: usize = 1_024;

/// The paces of an account's calls.
fn pace(tables: &Tables, account: AccountSid) -> Pace {
    let rate = |sid| tables.account(sid).map_or(1, |a| a.rules.calls_per_second);
    Pace { own: rate(account), family: rate(tables.main_of(account)) }
}

impl Switch {
    /// A call that was accepted is dialled, now or in its turn. One that cannot before the process ends is left to the next.
    pub(super) fn take_turn(&mut self, now: Now, sid: CallSid, leg: LegId, near: Option<SocketAddr>) {
        let Some(account) = self.calls.get(&sid).map(|c| c.row().account) else { return };
        let (main, pace) = (self.tables.main_of(account), pace(&self.tables, account));
        if pace == (Pace { own: 0, family: 0 }) && self.pacing.len_of(main) == 0 {
            return self.open_port(leg, near);
        }
        if self.draining {
            return self.postpone(now, sid);
        }
        if self.pacing.accounts() >= TIDY_AT {
            self.pacing.tidy(now.mono);
        }
        match self.pacing.take(now.mono, (account, main), pace, Waiting { call: sid, leg }) {
            true => self.open_port(leg, near),
            false => self.trace(now, sid, "waits for its turn"),
        }
    }

    /// Whose turn it is. True if anything moved.
    pub(super) fn settle_turns(&mut self, now: Now) -> bool {
        let tables = self.tables.clone();
        let mut moved = false;
        while let Some(w) = self.pacing.due(now.mono, |account| pace(&tables, account)) {
            moved = true;
            let Some(row) = self.calls.get(&w.call).map(|c| c.row().clone()) else { continue };
            // Trunks may have changed while it waited, and what the account may do.
            let way = match self.target_of(now, &row) {
                Ok(way) => way,
                Err(no) => {
                    self.tell(now, w.call, Event::NoWay(no.code, no.words));
                    continue;
                }
            };
            let near = way.address();
            if let Some(call) = self.calls.get_mut(&w.call) {
                call.set_target(way);
            }
            self.open_port(w.leg, near);
        }
        moved
    }

    /// It waits no longer: it was cancelled, or its turn came.
    pub(super) fn leave_queue(&mut self, sid: CallSid) {
        self.pacing.leave(sid);
    }

    /// The process ends: who waits stays `queued` in the database, and the next process dials.
    pub(super) fn postpone_all(&mut self, now: Now) {
        for sid in self.pacing.everybody() {
            self.postpone(now, sid);
        }
    }

    fn postpone(&mut self, now: Now, sid: CallSid) {
        self.log(&format!("{sid} waits for its turn: it is dialled after the next start"));
        self.let_go(now, sid);
    }

    /// Is there no room for one more that waits? Then this is the answer.
    pub(super) fn queue_is_full(&mut self, ticket: Ticket, account: AccountSid) -> bool {
        let answer = if self.pacing.len() >= QUEUED_ALL_MAX {
            Answer::Busy
        } else if self.pacing.len_of(self.tables.main_of(account)) >= QUEUED_MAX {
            let words =
                format!("{QUEUED_MAX} calls of this account and its family wait for their turn already.");
            Answer::Refused { code: 20429, words }
        } else {
            return false;
        };
        self.out.push_back(Output::Reply(ticket, Box::new(answer)));
        true
    }

    /// Takes fewer calls than [`CALLS_MAX`], for tests: to fill the house takes minutes.
    pub fn limit_calls(&mut self, calls: usize) {
        self.calls_max = calls.min(CALLS_MAX);
    }

    /// The SIP message that is handed over next has waited so long since it reached the socket. What has waited longer for the
    /// database counts as much: there, too, more comes than can be done.
    pub fn waited(&mut self, now: Now, waited: Duration) {
        let oldest = self.gates.values().next().map_or(Duration::ZERO, |gate| now.mono.since(gate.since));
        self.endpoint.waited(now, waited.max(oldest));
    }

    /// Calls that are under way: those that wait for their turn take no room.
    pub(super) fn under_way(&self) -> usize {
        self.calls.len().saturating_sub(self.pacing.len())
    }

    fn trace(&mut self, now: Now, sid: CallSid, what: &str) {
        if let Some(line) = self.timelines.add(now, sid, "chorus", "chorus", what.to_owned()) {
            self.out.push_back(Output::Trace(sid, line));
        }
    }
}

//! Calls per second of each account, and of each main account with its subaccounts: calls of the REST API over it wait their turn in
//! the order in which they were accepted, as at Twilio. Dial's children and inbound calls are not counted there either.

mod turns;

pub use turns::{Pace, Turns, Waiting};

use super::{CALLS_MAX, Output, Switch};
use crate::call::event::Event;
use crate::call::tables::Tables;
use crate::call::target::NoRoute;
use crate::clock::Now;
use crate::sid::{AccountSid, CallSid};
use crate::sip::event::LegId;
use std::time::Duration;

/// Calls of one main account and its subaccounts that may wait; beyond it a POST gets 429.
pub const QUEUED_MAX: usize = 10_000;
/// So many writes that wait are a queue, whose age says that too much comes.
const CROWD: usize = 16;
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
    /// Are its calls dialled as they come?
    pub(super) fn is_unpaced(&self, account: AccountSid) -> bool {
        let at_once = Pace { own: 0, family: 0 };
        pace(&self.tables, account) == at_once && self.pacing.len_of(self.tables.main_of(account)) == 0
    }

    /// A call that was accepted is dialled, now or in its turn. One that cannot before the process ends is left to the next.
    pub(super) fn take_turn(&mut self, now: Now, sid: CallSid, leg: LegId) {
        let Some(account) = self.calls.get(&sid).map(|c| c.row().account) else { return };
        let waiting = Waiting { call: sid, leg };
        if self.is_unpaced(account) {
            return self.set_out(now, waiting);
        }
        if self.draining {
            return self.postpone(now, sid);
        }
        if self.pacing.accounts() >= TIDY_AT {
            self.pacing.tidy(now.mono);
        }
        let (main, pace) = (self.tables.main_of(account), pace(&self.tables, account));
        match self.pacing.take(now.mono, (account, main), pace, waiting) {
            true => self.set_out(now, waiting),
            false => self.trace(now, sid, "waits for its turn"),
        }
    }

    /// Whose turn it is. True if anything moved.
    pub(super) fn settle_turns(&mut self, now: Now) -> bool {
        let tables = self.tables.clone();
        let mut moved = false;
        while let Some(w) = self.pacing.due(now.mono, |account| pace(&tables, account)) {
            moved = true;
            self.set_out(now, w);
        }
        moved
    }

    /// Its turn has come. Trunks may have changed while it waited, and what the account may do, and what it has talked. A trunk's channel is
    /// taken here, or was with the call where calls are dialled as they come: then it does not stand in its own way.
    fn set_out(&mut self, now: Now, w: Waiting) {
        self.count_channels(w.call, None);
        let Some(row) = self.calls.get(&w.call).map(|c| c.row().clone()) else { return };
        let way = self.target_of(now, &row).map_err(|no| (no.code, no.words));
        let left = || self.usage.left(now.wall, &self.tables, row.account);
        let (way, left) = match way.and_then(|way| Ok((way, left()?))) {
            Ok(found) => found,
            Err((code, words)) => return self.tell(now, w.call, Event::NoWay(code, words)),
        };
        let (near, trunk) = (way.address(), way.trunk);
        if let Some(call) = self.calls.get_mut(&w.call) {
            call.set_out(way, left.unwrap_or(u32::MAX));
        }
        self.count_channels(w.call, trunk);
        self.open_port(w.leg, near);
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

    /// Is there room for one more that waits?
    ///
    /// # Errors
    /// 20429, 20503 with a sentence.
    pub(super) fn may_queue(&self, account: AccountSid) -> Result<(), NoRoute> {
        if self.pacing.len() >= QUEUED_ALL_MAX {
            let words = format!("{QUEUED_ALL_MAX} calls of all accounts wait for their turn already.");
            return Err(NoRoute { code: 20503, words });
        }
        if self.pacing.len_of(self.tables.main_of(account)) >= QUEUED_MAX {
            let words =
                format!("{QUEUED_MAX} calls of this account and its family wait for their turn already.");
            return Err(NoRoute { code: 20429, words });
        }
        Ok(())
    }

    /// Is there a place for one more call, and a port?
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(super) fn is_open(&self, now: Now) -> Result<(), String> {
        if self.workers.have_no_port(now.mono) {
            return Err("there was no RTP port a moment ago".to_owned());
        }
        match self.has_place() {
            true => Ok(()),
            false => Err(format!("{} calls are live, as many as this server takes", self.calls_max)),
        }
    }

    /// Takes fewer calls than [`CALLS_MAX`], for tests: to fill the house takes minutes.
    pub fn limit_calls(&mut self, calls: usize) {
        self.calls_max = calls.min(CALLS_MAX);
        self.external.limit(calls);
    }

    /// The SIP message that is handed over next has waited so long since it reached the socket. What has waited longer for the
    /// database counts as much where many wait: there, too, more comes than can be done. A few that wait say that the disk was slow
    /// once, and nobody is served sooner for a call that is turned away.
    pub fn waited(&mut self, now: Now, waited: Duration) {
        let first = self.gates.values().next().filter(|_| self.gates.len() >= CROWD);
        let oldest = first.map_or(Duration::ZERO, |gate| now.mono.since(gate.since));
        self.endpoint.waited(now, waited.max(oldest));
    }

    /// Is there a place for one more call? Those that wait for their turn take none, and those of external switches have a cap of
    /// their own: they cost neither a port nor a worker.
    fn has_place(&self) -> bool {
        self.calls.len().saturating_sub(self.pacing.len()) < self.calls_max
    }

    fn trace(&mut self, now: Now, sid: CallSid, what: &str) {
        if let Some(line) = self.timelines.add(now, sid, "chorus", "chorus", what.to_owned()) {
            self.out.push_back(Output::Trace(sid, line));
        }
    }
}

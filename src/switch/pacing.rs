//! Calls per second of each account: calls of the REST API over it wait their turn in the order in which they were accepted, as at
//! Twilio. Dial's children and inbound calls are not counted there either.

use super::{CALLS_MAX, Output, Switch};
use crate::api::command::Answer;
use crate::call::event::Ticket;
use crate::clock::{Mono, Now};
use crate::sid::{AccountSid, CallSid};
use crate::sip::event::LegId;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// Calls of one account that may wait; beyond it a POST gets 429.
pub const QUEUED_MAX: usize = 10_000;
/// Of all accounts together; beyond it a POST gets 503.
pub const QUEUED_ALL_MAX: usize = 40_000;

/// A call that waits.
#[derive(Copy, Clone, Debug)]
pub(super) struct Waiting {
    pub call: CallSid,
    leg: LegId,
    near: Option<SocketAddr>,
}

/// The queue of one account; it stays until its last turn is a whole interval ago.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// The next turn.
    next: Mono,
}

/// All queues.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    queues: HashMap<AccountSid, Queue>,
    /// By the time of their next turn; those alone in which somebody waits.
    turns: BTreeSet<(Mono, AccountSid)>,
    /// Where each one waits: a call that is cancelled leaves at once.
    of: BTreeMap<CallSid, AccountSid>,
}

impl Pacing {
    /// Takes a turn, now (None) or later. `rate`: calls a second, at least 1.
    fn take(&mut self, now: Mono, account: AccountSid, rate: u32, who: Waiting) -> Option<Waiting> {
        let queue = self.queues.entry(account).or_default();
        if queue.waiting.is_empty() && queue.next <= now {
            queue.next = now + interval(rate);
            return Some(who);
        }
        if queue.waiting.is_empty() {
            self.turns.insert((queue.next, account));
        }
        queue.waiting.push_back(who);
        self.of.insert(who.call, account);
        None
    }

    /// The next call whose turn has come. A turn that came late does not bring the following ones closer together.
    fn due(&mut self, now: Mono, rate: impl Fn(AccountSid) -> u32) -> Option<Waiting> {
        let turn = self.turns.first().copied().filter(|(at, _)| *at <= now)?;
        self.turns.remove(&turn);
        let (_, account) = turn;
        let queue = self.queues.get_mut(&account)?;
        let next = queue.waiting.pop_front()?;
        self.of.remove(&next.call);
        // Raised to "as many as come" meanwhile: all of them now.
        let rate = rate(account);
        queue.next = if rate == 0 { now } else { now + interval(rate) };
        if !queue.waiting.is_empty() {
            self.turns.insert((queue.next, account));
        }
        Some(next)
    }

    /// It waits no longer.
    fn leave(&mut self, call: CallSid) {
        let Some(account) = self.of.remove(&call) else { return };
        let Some(queue) = self.queues.get_mut(&account) else { return };
        queue.waiting.retain(|w| w.call != call);
        if queue.waiting.is_empty() {
            self.turns.remove(&(queue.next, account));
        }
    }

    /// Accounts in whose queue nobody is and whose next turn has come hold nothing.
    fn tidy(&mut self, now: Mono) {
        self.queues.retain(|_, q| !q.waiting.is_empty() || q.next > now);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    fn len_of(&self, account: AccountSid) -> usize {
        self.queues.get(&account).map_or(0, |q| q.waiting.len())
    }

    /// The next turn of anybody.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.turns.first().map(|(at, _)| *at)
    }

    fn everybody(&self) -> Vec<CallSid> {
        self.of.keys().copied().collect()
    }
}

fn interval(rate: u32) -> Duration {
    Duration::from_secs(1) / rate.max(1)
}

/// Accounts remembered before those are looked for that hold nothing.
const TIDY_AT: usize = 1_024;

impl Switch {
    fn rate(&self, account: AccountSid) -> u32 {
        self.tables.account(account).map_or(1, |a| a.rules.calls_per_second)
    }

    /// A call that was accepted is dialled, now or in its turn. One that cannot before the process ends is left to the next.
    pub(super) fn take_turn(&mut self, now: Now, sid: CallSid, leg: LegId, near: Option<SocketAddr>) {
        let Some(account) = self.calls.get(&sid).map(|c| c.row().account) else { return };
        let rate = self.rate(account);
        if rate == 0 && self.pacing.len_of(account) == 0 {
            return self.open_port(leg, near);
        }
        if self.draining {
            return self.postpone(now, sid);
        }
        if self.pacing.queues.len() >= TIDY_AT {
            self.pacing.tidy(now.mono);
        }
        match self.pacing.take(now.mono, account, rate, Waiting { call: sid, leg, near }) {
            Some(_) => self.open_port(leg, near),
            None => self.trace(now, sid, "waits for its turn"),
        }
    }

    /// Whose turn it is. True if anything moved.
    pub(super) fn settle_turns(&mut self, now: Now) -> bool {
        let tables = self.tables.clone();
        let rate = |account| tables.account(account).map_or(1, |a| a.rules.calls_per_second);
        let mut moved = false;
        while let Some(w) = self.pacing.due(now.mono, rate) {
            moved = true;
            let Some(row) = self.calls.get(&w.call).map(|c| c.row().clone()) else { continue };
            // Trunks may have changed while it waited; if none is left, the old way says why.
            let way = self.target_of(now, &row).ok();
            let near = way.as_ref().map_or(w.near, |t| t.address());
            if let (Some(way), Some(call)) = (way, self.calls.get_mut(&w.call)) {
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
        } else if self.pacing.len_of(account) >= QUEUED_MAX {
            let words = format!("{QUEUED_MAX} calls of this account wait for their turn already.");
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
        self.external.limit(calls);
    }

    /// The SIP message that is handed over next has waited so long since it reached the socket. What has waited longer for the
    /// database counts as much: there, too, more comes than can be done.
    pub fn waited(&mut self, now: Now, waited: Duration) {
        let oldest = self.gates.values().next().map_or(Duration::ZERO, |gate| now.mono.since(gate.since));
        self.endpoint.waited(now, waited.max(oldest));
    }

    /// Is there a place for one more call? Those that wait for their turn take none, and those of external switches have a cap of
    /// their own: they cost neither a port nor a worker.
    pub(super) fn has_place(&self) -> bool {
        self.calls.len().saturating_sub(self.pacing.len()) < self.calls_max
    }

    fn trace(&mut self, now: Now, sid: CallSid, what: &str) {
        if let Some(line) = self.timelines.add(now, sid, "chorus", "chorus", what.to_owned()) {
            self.out.push_back(Output::Trace(sid, line));
        }
    }
}

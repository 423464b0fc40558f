//! Callbacks that leave, and transactions that wait for a database to come back.

use super::{FetchOwner, Gate, Output, Switch};
use crate::clock::{Mono, Now};
use crate::sid::{CallSid, NotificationSid};
use crate::store::rows::{NotificationRow, OutboxRow};
use crate::store::timeline;
use crate::store::tx::{Op, Tx, TxId};
use crate::webhooks::schedule::Schedule;
use std::collections::VecDeque;
use std::time::Duration;

/// Transactions kept while the database is away; more are lost with a line in the log.
pub const JOURNAL_MAX: usize = 50_000;
/// Pause before the oldest is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Oldest first; one is tried at a time, so that order is kept.
#[derive(Default)]
pub struct Journal {
    waiting: VecDeque<Tx>,
    trying: Option<TxId>,
    next: Option<Mono>,
}

impl Journal {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.trying.is_some())
    }

    /// When to try. Not while one is being tried: its outcome decides.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.next.filter(|_| self.trying.is_none())
    }

    /// The one under way was written.
    pub fn written(&mut self, id: TxId) {
        if self.trying == Some(id) {
            self.trying = None;
            // The database is back: the rest follows without a pause.
            self.next = self.waiting.front().map(|_| Mono(0));
        }
    }

    fn keep(&mut self, now: Now, id: TxId, tx: Tx) -> bool {
        if self.trying == Some(id) {
            self.trying = None;
            self.next = Some(now.mono + AGAIN);
            self.waiting.push_front(tx);
            return true;
        }
        // What comes behind it does not put the next try off: on a busy server it would never come.
        self.next.get_or_insert(now.mono + AGAIN);
        if self.waiting.len() >= JOURNAL_MAX {
            return false;
        }
        self.waiting.push_back(tx);
        true
    }

    fn due(&mut self, now: Now) -> Option<Tx> {
        if self.trying.is_some() || self.next.is_none_or(|at| at > now.mono) {
            return None;
        }
        self.next = None;
        self.waiting.pop_front()
    }
}

impl Switch {
    /// Holds at most so many callbacks in memory; the others wait in the store (tests: a small one is full soon).
    pub fn hold_callbacks(&mut self, window: usize) {
        self.schedule = Schedule::with_window(window);
    }

    /// The database takes what is written: readiness.
    pub fn healthy(&self) -> bool {
        self.journal.len() == 0
    }

    /// Keeps a transaction that could not be written.
    pub(super) fn journal_later(&mut self, now: Now, id: TxId, tx: Tx) {
        if !self.journal.keep(now, id, tx) {
            self.log("the journal is full: a transaction is lost");
        }
    }

    /// Callbacks of a transaction that was written may leave.
    pub(super) fn schedule_callbacks(&mut self, now: Now, tx: &Tx) {
        for op in &tx.ops {
            match op {
                Op::Status(change) => {
                    for row in change.callbacks() {
                        self.schedule.add(now, row.clone());
                    }
                }
                Op::Callback(row) => self.schedule.add(now, (**row).clone()),
                _ => {}
            }
        }
    }

    /// What may leave leaves; what became of others is written.
    pub(super) fn settle_outbox(&mut self, now: Now) {
        if let Some(tx) = self.journal.due(now) {
            self.next_tx += 1;
            let id = TxId(self.next_tx);
            self.journal.trying = Some(id);
            self.out.push_back(Output::Commit(id, tx.clone()));
            self.gates.insert(
                id,
                Gate { call: None, then: vec![], or_else: vec![], tx, row: None, since: now.mono },
            );
        }
        let tables = self.tables.clone();
        let token = |account| tables.account(account).map(|a| a.auth_token.clone());
        while let Some((row, mut request)) = self.schedule.poll(now, &token) {
            if let (Some(json), Some(target)) = (&mut request.json, &self.settings.events) {
                json.bearer = target.bearer_for(&request.url);
            }
            let id = self.ids.fetch();
            self.fetches.insert(id, FetchOwner::Outbox(row));
            self.out.push_back(Output::Fetch(id, Box::new(request)));
        }
        if let Some(upto) = self.schedule.wants(now) {
            self.out.push_back(Output::LoadOutbox(upto));
        }
        for outcome in self.schedule.outcomes() {
            self.write_outcome(now, outcome);
        }
    }

    fn write_outcome(&mut self, now: Now, outcome: crate::webhooks::schedule::Outcome) {
        self.trace_outcome(now, &outcome.row);
        let operators = outcome.row.json.is_some();
        let mut tx = Tx::one(Op::PutOutbox(Box::new(outcome.row)));
        // Where the operator's own receiver fails is nothing for the debugger of an account.
        if let (Some(note), true) = (&outcome.note, operators) {
            self.log(&format!("an event was not taken by {}: {}", note.url, note.words));
        }
        if let Some(note) = outcome.note.filter(|_| !operators) {
            tx.ops.push(Op::PutNotification(Box::new(NotificationRow {
                sid: NotificationSid::new(&mut self.rng),
                account: note.account,
                call: note.call,
                code: note.code,
                level: note.level,
                words: note.words,
                request_method: Some(note.method),
                request_url: Some(note.url),
                request_variables: None,
                response_headers: None,
                response_body: None,
                created: now.wall,
            })));
        }
        self.commit(now, None, tx, vec![], vec![]);
    }

    /// A line for the callback's call. Where the call is over its timeline is written already: the outbox row holds what
    /// became of the callback, and who watches sees the line.
    fn trace_outcome(&mut self, now: Now, row: &OutboxRow) {
        let named = || row.params.iter().find(|(n, _)| n == "CallSid").and_then(|(_, v)| CallSid::parse(v));
        let Some(call) = row.call.or_else(named) else { return };
        let line = timeline::delivery(row, now.wall);
        self.timelines.add(now, call, &line.from, &line.to, line.what.clone());
        self.out.push_back(Output::Trace(call, line));
    }
}

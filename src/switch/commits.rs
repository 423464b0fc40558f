//! What waits for a commit, and the order in which one row is written.
//!
//! ```text
//!  commit --row free--------> writer --written--> then, callbacks may leave
//!     |     row being written   |
//!     +--> lane of the row -----+--not written--> or_else | the change never was | journal
//!  while the journal holds something, what nobody waits for goes behind it: order is kept
//! ```

use super::{Gate, Output, Switch};
use crate::api::command::Answer;
use crate::call::event::{Effect, Event, Spawn};
use crate::clock::Now;
use crate::sid::{CallSid, RecordingSid, StreamSid};
use crate::sip::registrar::Change;
use crate::store::rows::OutboxId;
use crate::store::tx::{Op, StoreError, Tx, TxId};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// A row that is written whole, and more than once.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Row {
    Call(CallSid),
    Recording(RecordingSid),
    Stream(StreamSid),
    Outbox(OutboxId),
    /// Its key, hashed.
    Binding(u64),
}

/// Transactions that write a row, oldest first: the first is with the writer, the others wait for its outcome. Otherwise an
/// older one that was not written and is tried again would undo the newer one.
#[derive(Default)]
pub struct Lanes(HashMap<Row, VecDeque<TxId>>);

/// The row that a transaction writes; none writes two.
fn row_of(tx: &Tx) -> Option<Row> {
    tx.ops.iter().find_map(|op| match op {
        Op::InsertCall(row) | Op::PutCall(row) => Some(Row::Call(row.sid)),
        Op::Status(change) => Some(Row::Call(change.row().sid)),
        Op::PutRecording(row) => Some(Row::Recording(row.sid)),
        Op::PutStream(row) => Some(Row::Stream(row.sid)),
        Op::PutOutbox(row) => Some(Row::Outbox(row.id)),
        Op::PutBinding(row) => Some(binding(&row.key)),
        Op::DeleteBinding { key } => Some(binding(key)),
        _ => None,
    })
}

fn binding(key: &str) -> Row {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    Row::Binding(hasher.finish())
}

/// The calls that begin with these effects.
fn spawns(effects: &[Effect]) -> impl Iterator<Item = &Spawn> {
    effects.iter().filter_map(|effect| match effect {
        Effect::Spawn(spawn) => Some(&**spawn),
        _ => None,
    })
}

fn begins(tx: &Tx) -> bool {
    tx.ops.iter().any(|op| matches!(op, Op::InsertCall(_)))
}

impl Switch {
    /// Numbers a transaction, keeps what waits for it, and gives it to the writer when its turn comes.
    pub(super) fn commit(
        &mut self,
        now: Now,
        call: Option<CallSid>,
        tx: Tx,
        then: Vec<Effect>,
        or_else: Vec<Effect>,
    ) {
        self.next_tx += 1;
        let id = TxId(self.next_tx);
        let row = row_of(&tx);
        // Who comes next finds the places taken that are given with the commit.
        for spawn in spawns(&then) {
            self.usage.begin(spawn.row.account, spawn.row.sid, spawn.within());
        }
        self.gates.insert(id, Gate { call, then, or_else, tx, row, since: now.mono });
        if let Some(row) = row {
            let lane = self.lanes.0.entry(row).or_default();
            lane.push_back(id);
            if lane.len() > 1 {
                return;
            }
        }
        self.submit(now, id);
    }

    /// Nobody waits for it: a binding that is not written is lost by a restart alone, and renewed by its phone.
    pub(super) fn keep_binding(&mut self, now: Now, change: &Change) {
        let op = match change {
            Change::Put(row) => Op::PutBinding(row.clone()),
            Change::Delete { key } => Op::DeleteBinding { key: key.clone() },
        };
        self.commit(now, None, Tx::one(op), vec![], vec![]);
    }

    /// To the writer; or behind what waits for the database already.
    fn submit(&mut self, now: Now, id: TxId) {
        let Some(gate) = self.gates.get(&id) else { return };
        let behind = self.journal.len() > 0 && !begins(&gate.tx) && !gate.is_binding();
        if !behind || (gate.row.is_none() && gate.waited()) {
            return self.out.push_back(Output::Commit(id, gate.tx.clone()));
        }
        let error = StoreError::Unavailable("the database has not caught up".to_owned());
        self.on_committed(now, id, Err(error));
    }

    /// Written or not: what waited goes on, callbacks of it may leave, or the transaction goes to the journal.
    pub(super) fn on_committed(&mut self, now: Now, id: TxId, result: Result<(), StoreError>) {
        let Some(gate) = self.gates.remove(&id) else { return };
        let row = gate.row;
        match result {
            Ok(()) => {
                self.journal.written(id);
                self.schedule_callbacks(now, &gate.tx);
                if let Some(sid) = gate.call {
                    self.perform(now, sid, gate.then);
                }
            }
            Err(e) => self.not_written(now, id, gate, e),
        }
        if let Some(row) = row {
            self.next_in_lane(now, row);
        }
    }

    fn next_in_lane(&mut self, now: Now, row: Row) {
        let Some(lane) = self.lanes.0.get_mut(&row) else { return };
        lane.pop_front();
        match lane.front().copied() {
            Some(next) => self.submit(now, next),
            None => {
                self.lanes.0.remove(&row);
            }
        }
    }

    fn not_written(&mut self, now: Now, id: TxId, gate: Gate, e: StoreError) {
        self.log(&format!("a transaction was not written: {e}"));
        let waited = gate.waited();
        self.begin_nobody(&gate);
        match (gate.call, e, waited) {
            (Some(sid), e, true) if begins(&gate.tx) => {
                // The call never was: nor was anything that wanted to write its row.
                let lane = self.lanes.0.get_mut(&Row::Call(sid));
                let behind: Vec<TxId> = lane.into_iter().flat_map(|lane| lane.drain(1..)).collect();
                for id in behind {
                    let gone = self.gates.remove(&id);
                    gone.into_iter().for_each(|gate| self.begin_nobody(&gate));
                }
                self.perform(now, sid, explained(gate.or_else, &e));
            }
            // A change of status that our 200 or INVITE waited for: neither leaves.
            (Some(sid), e, true) if gate.or_else.is_empty() => {
                self.take_back(now, sid, &e);
                self.tell(now, sid, Event::NotStored(e));
            }
            (Some(sid), e, true) => {
                self.perform(now, sid, explained(gate.or_else, &e));
                // A transaction that contradicts the rows will do so for ever: only a database that is away is waited for.
                if e.is_unavailable() {
                    self.journal_later(now, id, gate.tx);
                } else {
                    self.journal.written(id);
                }
            }
            (_, StoreError::Duplicate(_) | StoreError::Refused(_), _) => self.journal.written(id),
            // A binding that is not written is renewed by its phone: it must not crowd out what nobody says twice.
            (_, StoreError::Unavailable(_), _) if gate.is_binding() => self.journal.written(id),
            (_, StoreError::Unavailable(_), _) => self.journal_later(now, id, gate.tx),
        }
    }

    /// What waited for the commit will not be: nor are the calls that would have begun with it.
    fn begin_nobody(&mut self, gate: &Gate) {
        for spawn in spawns(&gate.then) {
            self.usage.forget(spawn.row.account, spawn.row.sid);
        }
    }

    /// A change of status never was: nor were the writes of its row that wait behind it and say that it was. Later changes of status
    /// speak for themselves.
    fn take_back(&mut self, now: Now, sid: CallSid, e: &StoreError) {
        let Some(lane) = self.lanes.0.get_mut(&Row::Call(sid)) else { return };
        let repeats = |gate: &Gate| gate.tx.ops.iter().any(|op| matches!(op, Op::PutCall(_)));
        let behind = lane.iter().skip(1).copied();
        let untrue: Vec<TxId> = behind.filter(|id| self.gates.get(id).is_some_and(repeats)).collect();
        lane.retain(|id| !untrue.contains(id));
        for id in untrue {
            if let Some(gate) = self.gates.remove(&id) {
                self.begin_nobody(&gate);
                self.perform(now, sid, explained(gate.or_else, e));
            }
        }
    }
}

impl Gate {
    fn is_binding(&self) -> bool {
        matches!(self.row, Some(Row::Binding(_)))
    }

    fn waited(&self) -> bool {
        !self.then.is_empty() || !self.or_else.is_empty()
    }
}

/// What happens instead, with the answer to whoever asked by the reason why nothing was written: [`Answer::Busy`] stands for a
/// database that is away.
fn explained(effects: Vec<Effect>, e: &StoreError) -> Vec<Effect> {
    let answer = match e {
        StoreError::Duplicate(_) => Answer::Duplicate,
        StoreError::Refused(_) => Answer::NotLive,
        StoreError::Unavailable(_) => return effects,
    };
    let explain = |effect| match effect {
        Effect::Reply(ticket, busy) if matches!(*busy, Answer::Busy) => {
            Effect::Reply(ticket, Box::new(answer.clone()))
        }
        other => other,
    };
    effects.into_iter().map(explain).collect()
}

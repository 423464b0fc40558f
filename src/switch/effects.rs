//! From a call's effects to the endpoint, to outputs, to other calls.

use super::{FetchOwner, Gate, Output, Switch};
use crate::api::command::Answer;
use crate::call::call::Call;
use crate::call::event::{Effect, Event};
use crate::clock::Now;
use crate::media::event::EngineCommand;
use crate::sid::CallSid;
use crate::sip::event::LegId;
use crate::store::tx::{StoreError, Tx, TxId};

impl Switch {
    pub(super) fn perform(&mut self, now: Now, sid: CallSid, fx: Vec<Effect>) {
        for effect in fx {
            self.perform_one(now, sid, effect);
        }
    }

    fn perform_one(&mut self, now: Now, sid: CallSid, effect: Effect) {
        match effect {
            Effect::Sip(command) => self.endpoint.command(now, command),
            Effect::OpenPort { leg, near } => self.open_port(leg, near),
            Effect::Plan(leg, plan) => self.plan(leg, plan),
            Effect::Engine(leg, command) => self.engine(leg, command),
            Effect::Connect(connect) => {
                if let Some(worker) = self.workers.of(connect.leg) {
                    self.out.push_back(Output::Connect(worker, connect));
                }
            }
            Effect::Fetch(id, request) => {
                self.fetches.insert(id, FetchOwner::Call(sid));
                self.out.push_back(Output::Fetch(id, request));
            }
            Effect::Speak { id, account, speech } => {
                self.clips.insert(id, sid);
                self.out.push_back(Output::Speak(id, account, speech));
            }
            Effect::Load { id, request } => {
                self.clips.insert(id, sid);
                self.out.push_back(Output::Load(id, request));
            }
            Effect::Decode { id, content_type, body } => {
                self.clips.insert(id, sid);
                self.out.push_back(Output::Decode(id, content_type, body));
            }
            Effect::Commit { tx, then, or_else } => self.commit(Some(sid), tx, then, or_else),
            Effect::Reply(ticket, answer) => self.out.push_back(Output::Reply(ticket, answer)),
            Effect::Spawn(spawn) => {
                self.begin(now, |cx| Call::child(cx, *spawn));
            }
            Effect::Tell(to, word) => self.told.push_back((to, sid, word)),
            Effect::Trace { from, to, what } => {
                let line = self.timelines.add(now, sid, from, to, what);
                if let Some(line) = line {
                    self.out.push_back(Output::Trace(sid, line));
                }
            }
            Effect::Gone => self.let_go(now, sid),
        }
    }

    /// Numbers a transaction and keeps what waits for it.
    pub(super) fn commit(&mut self, call: Option<CallSid>, tx: Tx, then: Vec<Effect>, or_else: Vec<Effect>) {
        self.next_tx += 1;
        let id = TxId(self.next_tx);
        self.out.push_back(Output::Commit(id, tx.clone()));
        self.gates.insert(id, Gate { call, then, or_else, tx });
    }

    /// Written or not: what waited goes on, callbacks of it may leave, or the transaction goes to the journal.
    pub(super) fn on_committed(&mut self, now: Now, id: TxId, result: Result<(), StoreError>) {
        let Some(gate) = self.gates.remove(&id) else {
            return;
        };
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
    }

    fn not_written(&mut self, now: Now, id: TxId, gate: Gate, e: StoreError) {
        self.out.push_back(Output::Log(format!("a transaction was not written: {e:?}")));
        let lasting = !gate.or_else.iter().any(|e| matches!(e, Effect::Gone));
        let waited = gate.call.filter(|_| !gate.then.is_empty() || !gate.or_else.is_empty());
        if let Some(sid) = waited {
            let or_else = gate.or_else.into_iter().map(|effect| explained(effect, &e)).collect();
            self.perform(now, sid, or_else);
        }
        // A transaction that contradicts the rows will do so for ever: only a database that is away is waited for.
        if !e.is_unavailable() {
            self.journal.written(id);
        } else if waited.is_none() || lasting {
            self.journal_later(now, id, gate.tx);
        }
        if let Some(sid) = waited.filter(|_| lasting) {
            self.tell(now, sid, Event::NotStored(e));
        }
    }

    /// The call holds nothing any more: everything that was its is closed, its timeline is written.
    fn let_go(&mut self, now: Now, sid: CallSid) {
        let Some(call) = self.calls.remove(&sid) else {
            return;
        };
        if let Some(at) = self.deadlines.remove(&sid) {
            self.timers.remove(&(at, sid));
        }
        self.legs.remove(&call.leg());
        self.workers.close(call.leg());
        self.fetches.retain(|_, owner| !matches!(owner, FetchOwner::Call(c) if *c == sid));
        self.clips.retain(|_, c| *c != sid);
        if let Some(op) = self.timelines.close(now, sid) {
            self.commit(None, Tx::one(op), vec![], vec![]);
        }
    }

    fn engine(&mut self, leg: LegId, command: EngineCommand) {
        if let Some(worker) = self.workers.of(leg) {
            self.out.push_back(Output::Engine(worker, command));
        }
    }
}

/// The answer to whoever asked, by the reason why nothing was written: [`Answer::Busy`] stands for a database that is away.
fn explained(effect: Effect, e: &StoreError) -> Effect {
    let answer = match e {
        StoreError::Duplicate(_) => Answer::Duplicate,
        StoreError::Refused(_) => Answer::NotLive,
        StoreError::Unavailable(_) => return effect,
    };
    match effect {
        Effect::Reply(ticket, busy) if matches!(*busy, Answer::Busy) => {
            Effect::Reply(ticket, Box::new(answer))
        }
        other => other,
    }
}

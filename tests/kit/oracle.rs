//! Who watches the world: what was promised to whom, and what was kept. It knows the rules of the issue, not the code: the
//! graph of statuses and the subscriptions are written here once more.

mod reckon;
mod wire;

use chorus::call::event::Ticket;
use chorus::clock::Mono;
use chorus::sid::CallSid;
use chorus::sip::event::LegId;
use chorus::store::rows::*;
use chorus::store::tx::{Op, StoreError, Tx};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wire::Inbound;

#[derive(Default)]
pub struct Oracle {
    /// What went wrong, in order.
    pub wrong: Vec<String>,
    /// Applied, but lost if the process dies now.
    unsynced: Vec<Tx>,
    /// Every durable status of every call, in order.
    pub history: BTreeMap<CallSid, Vec<CallStatus>>,
    /// Durable rows by Call-ID.
    dialogs: HashMap<String, CallSid>,
    /// Durable: the row said so before its INVITE left.
    invited: BTreeSet<CallSid>,
    callbacks: BTreeSet<OutboxId>,
    /// Tickets that were answered with a call.
    pub accepted: BTreeMap<Ticket, CallSid>,
    /// Call-IDs of INVITEs that came in, with the time of our first 200 and whether its ACK came.
    inbound: HashMap<String, Inbound>,
    /// Which Call-ID each call of ours was dialled with.
    dialled: HashMap<CallSid, String>,
    first_tokens: HashMap<String, String>,
    last_sequence: HashMap<CallSid, u32>,
    pub born: Mono,
    /// Streams whose start or end was told: how often their end.
    streams: BTreeMap<String, u32>,
    /// Call-IDs whose dialog is durable: a restart can leave them.
    established: BTreeSet<String>,
    /// Phones that must hear BYE, which call, until when.
    owed_byes: Vec<(usize, LegId, Mono)>,
    /// Packets were lost since the last crash, or it stood still.
    pub excused: bool,
    /// When each call's row became durable.
    begun: HashMap<CallSid, Mono>,
    now: Mono,
    /// Edges of Twilio's graph that were written, with how often.
    pub edges: BTreeMap<String, u64>,
}

/// Twilio's graph (rest-api.md 7).
fn edge(from: CallStatus, to: CallStatus) -> bool {
    use CallStatus::*;
    let end = to.is_final();
    match from {
        Queued => matches!(to, Initiated | Canceled | Failed),
        Initiated => to == Ringing || to == InProgress || end,
        Ringing => to == InProgress || end,
        InProgress => matches!(to, Completed | Failed),
        _ => false,
    }
}

fn wants(s: &Subscription, to: CallStatus) -> bool {
    match to {
        CallStatus::Queued => false,
        CallStatus::Initiated => s.initiated,
        CallStatus::Ringing => s.ringing,
        CallStatus::InProgress => s.answered,
        _ => s.completed,
    }
}

fn param<'a>(params: &'a [(String, String)], name: &str) -> &'a str {
    params.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v.as_str())
}

impl Oracle {
    pub fn complain(&mut self, what: impl Into<String>) {
        self.wrong.push(what.into());
    }

    pub fn applied(&mut self, tx: &Tx, result: &Result<(), StoreError>) {
        match result {
            Ok(()) => self.unsynced.push(tx.clone()),
            Err(StoreError::Refused(words)) => {
                self.complain(format!("the store refused a transaction: {words}: {:?}", short(tx)))
            }
            Err(StoreError::Duplicate(_) | StoreError::Unavailable(_)) => {}
        }
    }

    pub fn synced(&mut self, now: Mono) {
        self.now = now;
        for tx in std::mem::take(&mut self.unsynced) {
            for op in &tx.ops {
                self.durable(op);
            }
        }
    }

    pub fn crashed(&mut self, now: Mono) {
        self.unsynced.clear();
        self.born = now;
        // What is on its way at a crash may come again: the order begins anew at the first that was not noted.
        self.last_sequence.clear();
    }

    fn durable(&mut self, op: &Op) {
        match op {
            Op::InsertCall(row) => {
                self.history.entry(row.sid).or_default().push(row.status);
                self.begun.insert(row.sid, self.now);
                *self.edges.entry(format!("-> {}", row.status.as_str())).or_default() += 1;
                self.row(row);
            }
            Op::PutCall(row) => self.row(row),
            Op::Status(change) => self.status(change),
            Op::Callback(row) => {
                self.callbacks.insert(row.id);
                let ended = match param(&row.params, "StreamEvent") {
                    "stream-started" => 0,
                    "stream-stopped" | "stream-error" => 1,
                    _ => return,
                };
                *self.streams.entry(param(&row.params, "StreamSid").to_owned()).or_default() += ended;
            }
            _ => {}
        }
    }

    fn row(&mut self, row: &CallRow) {
        if let Some(d) = &row.dialog {
            self.dialogs.insert(d.call_id.clone(), row.sid);
            if !d.remote_tag.is_empty() {
                self.established.insert(d.call_id.clone());
            }
        }
        if row.invited {
            self.invited.insert(row.sid);
        }
    }

    fn status(&mut self, change: &chorus::call::status::StatusChange) {
        let row = change.row();
        let past = self.history.entry(row.sid).or_default();
        let from = past.last().copied();
        past.push(row.status);
        let past = past.clone();
        match from {
            Some(from) if edge(from, row.status) => {
                *self.edges.entry(format!("{} -> {}", from.as_str(), row.status.as_str())).or_default() += 1;
            }
            _ => self.complain(format!("{} took a way that Twilio does not know: {past:?}", row.sid)),
        }
        let silent = from == Some(CallStatus::Queued) && row.status == CallStatus::Canceled;
        let owed = row.callbacks.iter().filter(|s| !silent && wants(s, row.status)).count();
        if change.callbacks().len() != owed {
            self.complain(format!(
                "{} went to {} with {} callbacks, owing {owed}",
                row.sid,
                row.status.as_str(),
                change.callbacks().len()
            ));
        }
        self.check_duration(change);
        self.callbacks.extend(change.callbacks().iter().map(|c| c.id));
        self.row(row);
    }

    /// No call lasted longer than it lived, whatever the wall clock did. A restart knows nothing but the wall clock.
    fn check_duration(&mut self, change: &chorus::call::status::StatusChange) {
        let sid = change.row().sid;
        let Some(begun) = self.begun.get(&sid).copied().filter(|at| *at > self.born) else { return };
        let lived = self.now.since(begun).as_secs() + 2;
        for c in change.callbacks() {
            let said = param(&c.params, "CallDuration").parse::<u64>().unwrap_or(0);
            if said > lived {
                self.complain(format!("{sid} lived {lived} s at most and is said to have lasted {said} s"));
            }
        }
    }

    fn status_of(&self, sid: CallSid) -> Option<CallStatus> {
        self.history.get(&sid).and_then(|h| h.last().copied())
    }
}

fn short(tx: &Tx) -> String {
    let words: Vec<String> = tx
        .ops
        .iter()
        .map(|op| match op {
            Op::Status(c) => format!("Status {} {}", c.row().sid, c.row().status.as_str()),
            Op::PutCall(r) => format!("PutCall {} {}", r.sid, r.status.as_str()),
            other => format!("{other:?}").chars().take(60).collect(),
        })
        .collect();
    words.join(", ")
}

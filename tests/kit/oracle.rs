//! Who watches the world: what was promised to whom, and what was kept. It knows the rules of the issue, not the code: the
//! graph of statuses and the subscriptions are written here once more.

use super::World;
use chorus::api::command::Answer;
use chorus::call::event::Ticket;
use chorus::clock::Mono;
use chorus::sid::{CallSid, RecordingSid};
use chorus::store::rows::*;
use chorus::store::tx::{Op, StoreError, Tx};
use chorus::webhooks::request::{FetchRequest, Purpose};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// RFC 3261 section 15 with 64*T1: a 200 without ACK may be followed by BYE after this.
const UNACKED_US: u64 = 32_000_000;

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
    /// Streams whose start was told, and whether their end was, since the last crash.
    streams: BTreeMap<String, bool>,
    /// Edges of Twilio's graph that were written, with how often.
    pub edges: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Inbound {
    /// When our first 200 left, with our tag in it.
    answered: Option<(Mono, String)>,
    acked: bool,
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

fn header(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|l| {
        l.len() > name.len() && l[..name.len()].eq_ignore_ascii_case(name) && l[name.len()..].starts_with(':')
    })?;
    Some(line[name.len() + 1..].trim().to_owned())
}

fn tag(address: &str) -> String {
    address.split(";tag=").nth(1).and_then(|t| t.split(';').next()).unwrap_or("").to_owned()
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

    pub fn synced(&mut self) {
        for tx in std::mem::take(&mut self.unsynced) {
            for op in &tx.ops {
                self.durable(op);
            }
        }
    }

    pub fn crashed(&mut self, now: Mono) {
        self.unsynced.clear();
        self.streams.clear();
        self.born = now;
        // What is on its way at a crash may come again: the order begins anew at the first that was not noted.
        self.last_sequence.clear();
    }

    fn durable(&mut self, op: &Op) {
        match op {
            Op::InsertCall(row) => {
                self.history.entry(row.sid).or_default().push(row.status);
                *self.edges.entry(format!("-> {}", row.status.as_str())).or_default() += 1;
                self.row(row);
            }
            Op::PutCall(row) => self.row(row),
            Op::Status(change) => self.status(change),
            Op::Callback(row) => {
                self.callbacks.insert(row.id);
                let ended = match param(&row.params, "StreamEvent") {
                    "stream-started" => false,
                    "stream-stopped" | "stream-error" => true,
                    _ => return,
                };
                self.streams.insert(param(&row.params, "StreamSid").to_owned(), ended);
            }
            _ => {}
        }
    }

    fn row(&mut self, row: &CallRow) {
        if let Some(d) = &row.dialog {
            self.dialogs.insert(d.call_id.clone(), row.sid);
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
        self.callbacks.extend(change.callbacks().iter().map(|c| c.id));
        self.row(row);
    }

    fn status_of(&self, sid: CallSid) -> Option<CallStatus> {
        self.history.get(&sid).and_then(|h| h.last().copied())
    }

    /// A message that reaches Chorus.
    pub fn received(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let Some(call) = header(&text, "Call-ID") else { return };
        let begins = !header(&text, "To").unwrap_or_default().contains("tag=");
        if text.starts_with("INVITE ") && begins {
            self.inbound.entry(call).or_default();
        } else if text.starts_with("ACK ")
            && let Some(i) = self.inbound.get_mut(&call)
        {
            i.acked = true;
        }
    }

    /// A message that Chorus sends.
    pub fn sent(&mut self, now: Mono, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let Some(call) = header(&text, "Call-ID") else { return };
        let cseq = header(&text, "CSeq").unwrap_or_default();
        let to = header(&text, "To").unwrap_or_default();
        if text.starts_with("SIP/2.0 200") && cseq.ends_with("INVITE") && self.inbound.contains_key(&call) {
            let status = self.dialogs.get(&call).and_then(|sid| self.status_of(*sid));
            if !matches!(status, Some(CallStatus::InProgress | CallStatus::Completed | CallStatus::Failed)) {
                self.complain(format!("200 to {call} while its durable row says {status:?}"));
            }
            self.inbound.entry(call).or_default().answered.get_or_insert((now, tag(&to)));
        } else if text.starts_with("INVITE ") && !to.contains("tag=") {
            let Some(sid) = header(&text, "X-Chorus-Call-Sid").and_then(|s| CallSid::parse(&s)) else {
                return;
            };
            if !self.invited.contains(&sid) {
                self.complain(format!("INVITE of {sid} left before its row said so"));
            }
            let known = self.dialled.entry(sid).or_insert_with(|| call.clone()).clone();
            if known != call {
                self.complain(format!("{sid} was dialled twice"));
            }
        } else if text.starts_with("BYE ")
            && let Some(i) = self.inbound.get(&call)
            && let Some((at, ours)) = &i.answered
            && !i.acked
            && self.born < *at
            && *ours == tag(&header(&text, "From").unwrap_or_default())
            && now.0 < at.0 + UNACKED_US
        {
            self.complain(format!("BYE of {call} before the ACK of its 200"));
        }
    }

    pub fn replied(&mut self, ticket: Ticket, answer: &Answer) {
        let Answer::Call(row) = answer else { return };
        if !self.history.contains_key(&row.sid) {
            self.complain(format!("{} was answered to REST before it was durable", row.sid));
        }
        self.accepted.insert(ticket, row.sid);
    }

    pub fn fetched(&mut self, r: &FetchRequest) {
        if r.purpose != Purpose::Callback {
            return;
        }
        let id = u128::from_str_radix(&r.token.replace('-', ""), 16).unwrap_or(0);
        if !self.callbacks.contains(&id) {
            self.complain(format!(
                "a callback to {} left that no durable transaction holds (token {})",
                r.url, r.token
            ));
        }
        let p = |name| param(&r.params, name);
        let key =
            ["CallSid", "SequenceNumber", "RecordingSid", "RecordingStatus", "StreamSid", "StreamEvent"]
                .map(p)
                .join("/");
        let known = self.first_tokens.get(&key).cloned();
        match known {
            Some(token) if token != r.token => {
                self.complain(format!("the callback {key} came again with another token"));
            }
            Some(_) => {}
            None => {
                self.first_tokens.insert(key, r.token.clone());
                if let (Some(sid), Ok(n)) = (CallSid::parse(p("CallSid")), p("SequenceNumber").parse::<u32>())
                {
                    let last = self.last_sequence.insert(sid, n);
                    if last.is_some_and(|l| l > n) {
                        self.complain(format!("callback {n} of {sid} left after {last:?}"));
                    }
                }
            }
        }
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

impl World {
    /// What must hold between two events, as far as it is cheap to look.
    pub fn check(&mut self) {
        let engines: usize = self.engines.iter().map(|e| e.counts().legs).sum();
        let ports = self.switch.counts().ports;
        if engines != self.ports() {
            self.oracle.complain(format!("{engines} legs in the engines, {} ports open", self.ports()));
        }
        if self.ports() > ports {
            self.oracle.complain(format!("{} ports open, {ports} legs known", self.ports()));
        }
    }

    /// Everything is over and healed, and hours have passed: what was promised was kept, and nothing is left.
    pub fn reckon(&mut self) {
        let mut wrong = vec![];
        for row in self.store.all::<CallRow>() {
            let history = self.oracle.history.get(&row.sid).cloned().unwrap_or_default();
            let ends = history.iter().filter(|s| s.is_final()).count();
            if ends != 1 || !row.status.is_final() {
                wrong.push(format!("{} has {ends} final statuses: {history:?}", row.sid));
            }
            if row.answered.is_some() && row.cause.as_ref().is_some_and(|c| c.words == "No answer") {
                wrong.push(format!("{} was answered and ended because nobody answered", row.sid));
            }
        }
        for sid in self.oracle.accepted.values() {
            if self.store.get::<CallRow>(*sid).is_none() {
                wrong.push(format!("{sid} was accepted by REST and has no row"));
            }
        }
        for (call, i) in &self.oracle.inbound {
            if i.answered.is_some() && !self.oracle.dialogs.contains_key(call) {
                wrong.push(format!("{call} got 200 and has no row"));
            }
        }
        let asked: BTreeSet<&str> = self.app.asked.iter().map(|a| a.token.as_str()).collect();
        let mut of_recordings: BTreeMap<RecordingSid, Vec<String>> = BTreeMap::new();
        for row in self.store.all::<OutboxRow>() {
            let token = chorus::webhooks::schedule::token_text(row.id);
            match row.state.as_str() {
                "delivered" if asked.contains(token.as_str()) => {}
                "failed" => {}
                state => wrong.push(format!(
                    "callback {token} of {:?} is {state} after {} rounds",
                    row.call, row.rounds
                )),
            }
            if let Some(sid) = RecordingSid::parse(param(&row.params, "RecordingSid")) {
                of_recordings.entry(sid).or_default().push(param(&row.params, "RecordingStatus").to_owned());
            }
        }
        for row in self.store.all::<RecordingRow>() {
            if ["in-progress", "paused", "processing", "stopped"].contains(&row.status.as_str()) {
                wrong.push(format!("recording {} is still {}", row.sid, row.status));
            }
            let heard = of_recordings.get(&row.sid).is_some_and(|all| all.contains(&row.status));
            let wants = row.callback.is_some() && row.events.contains("completed") && row.status != "absent";
            if wants && !heard {
                wrong.push(format!("recording {} ended {} and nobody was told", row.sid, row.status));
            }
        }
        for row in self.store.all::<StreamRow>().filter(|r| r.status != "stopped") {
            wrong.push(format!("stream {} is still {}", row.sid, row.status));
        }
        for (sid, _) in self.oracle.streams.iter().filter(|(_, ended)| !**ended) {
            wrong.push(format!("nobody was told that stream {sid} ended"));
        }
        for p in self.phones.iter().filter(|p| p.leg.is_some()) {
            wrong.push(format!("{} still has a call", p.name));
        }
        for (sid, _) in self.agents.iter().filter(|(_, a)| !a.closed) {
            wrong.push(format!("the agent of {sid} still has its connection"));
        }
        let c = self.switch.counts();
        if c != chorus::switch::Counts::default() {
            wrong.push(format!("something is left: {c:?}"));
        }
        let left: usize =
            self.engines.iter().map(|e| e.counts().legs + e.counts().streams + e.counts().recordings).sum();
        if left > 0 || self.ports() > 0 {
            wrong.push(format!("{left} things are left in the engines, {} ports", self.ports()));
        }
        self.oracle.wrong.extend(wrong);
    }
}

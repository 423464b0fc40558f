//! After a restart: is everything there that was accepted? What was noted outside against what the server says now; each
//! fault found is a sentence. Only data in, sentences out, so that `lies` can feed it what no honest server would say.

use super::app::Request;
use super::book::{Book, Seen};
use chorus::sip::event::Side;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// BYE to whoever is still up, from the exec of the new process.
pub const BYE_MAX: Duration = Duration::from_secs(5);
pub const FINAL: &[&str] = &["completed", "busy", "failed", "no-answer", "canceled"];

/// A callback that is owed: where, and the parameter that tells whose it is.
pub type Owed = (&'static str, &'static str, String);

/// Legs that were up when the server died at `killed`, and callees that answered its INVITE later, got BYE within 5 s of
/// the start at `began`. How many, and the instant of the last BYE.
pub fn byes(book: &Book, killed: Instant, began: Instant, faults: &mut Vec<String>) -> (usize, Instant) {
    let (mut n, mut last) = (0, began);
    for leg in book.cut(killed).filter(|l| l.answered.is_some() || l.accepted.is_some()) {
        let (verb, key) = (&leg.verb, &leg.key);
        match leg.ended {
            Some((at, Side::Peer, _)) if at <= began + BYE_MAX => {
                n += 1;
                last = last.max(at);
            }
            // Its BYE was on the way when the server died.
            Some((_, Side::Us, _)) if leg.hung_up => {}
            Some((at, by, code)) => {
                let after = at.saturating_duration_since(began);
                faults.push(format!("{verb} {key} ended by {by:?} with {code}, {after:?} after the start"));
            }
            None => faults.push(format!("{verb} {key} ({}) is up 5 s after the start", leg.state())),
        }
    }
    (n, last)
}

/// A row of REST with a final status.
pub fn is_over(row: &Value) -> bool {
    row["status"].as_str().is_some_and(|status| FINAL.contains(&status))
}

/// Every call that was accepted owes its end: answered callers, callees of a Dial, what got 201.
pub fn owed(book: &Book) -> Vec<Owed> {
    let inbound = book.legs.values().filter(|l| l.caller && l.answered.is_some());
    let children = book.legs.values().filter(|l| !l.caller && l.key.starts_with("+1646"));
    inbound
        .map(|l| ("/status", "From", l.key.clone()))
        .chain(children.map(|l| ("/child", "To", l.key.clone())))
        .chain(book.created.iter().map(|c| ("/status", "CallSid", c.sid.clone())))
        .collect()
}

/// Of these, the ones that nobody told.
pub fn untold<'o>(owed: &'o [Owed], seen: &[Request]) -> Vec<&'o Owed> {
    let told: BTreeSet<(&str, &str)> = seen
        .iter()
        .filter(|r| FINAL.contains(&r.get("CallStatus")))
        .flat_map(|r| ["From", "To", "CallSid"].map(|f| (r.path.as_str(), r.get(f))))
        .collect();
    owed.iter().filter(|(path, _, value)| !told.contains(&(*path, value.as_str()))).collect()
}

/// Which callback this is, whatever its token: where, of what, which of its events. None: a request that is no callback.
fn event(r: &Request) -> Option<(&str, &str, &str)> {
    match r.path.as_str() {
        "/status" | "/child" => Some((&r.path, r.get("CallSid"), r.get("SequenceNumber"))),
        "/recording" => Some((&r.path, r.get("RecordingSid"), r.get("RecordingStatus"))),
        _ => None,
    }
}

/// Duplicates carry the same token and the same words. How many came twice.
pub fn tokens(seen: &[Request], faults: &mut Vec<String>) -> usize {
    let mut tokens: BTreeMap<&str, &Request> = BTreeMap::new();
    let mut events = BTreeMap::new();
    let mut twice = 0;
    for r in seen {
        let Some(event) = event(r) else { continue };
        if r.token.is_empty() {
            faults.push(format!("a callback without token: {r:?}"));
        }
        if let Some(first) = tokens.insert(&r.token, r) {
            twice += 1;
            if first.params != r.params || first.path != r.path {
                faults.push(format!("one token, two callbacks: {first:?} and {r:?}"));
            }
        } else if let Some(other) = events.insert(event, &r.token) {
            faults.push(format!("{event:?} came with the tokens {other} and {}", r.token));
        }
    }
    twice
}

/// First attempts of a call come in order, from 0 on without a gap, and its last one is its one end.
pub fn order(seen: &[Request], faults: &mut Vec<String>) {
    let mut tokens: BTreeSet<&str> = BTreeSet::new();
    let mut calls: BTreeMap<&str, Vec<&Request>> = BTreeMap::new();
    let statuses = seen.iter().filter(|r| matches!(r.path.as_str(), "/status" | "/child"));
    for r in statuses.filter(|r| tokens.insert(&r.token)) {
        calls.entry(r.get("CallSid")).or_default().push(r);
    }
    for (call, told) in calls {
        let numbers: Vec<&str> = told.iter().map(|r| r.get("SequenceNumber")).collect();
        if !numbers.iter().enumerate().all(|(i, n)| *n == i.to_string()) {
            faults.push(format!("{call}: callbacks came as {numbers:?}"));
        }
        let statuses: Vec<&str> = told.iter().map(|r| r.get("CallStatus")).collect();
        if statuses.iter().position(|s| FINAL.contains(s)) != Some(statuses.len() - 1) {
            faults.push(format!("{call} was told as {statuses:?}"));
        }
    }
}

/// The rows of REST against the book and against what was told. How many calls have each status.
pub fn rows(
    book: &Book,
    rows: &[Value],
    seen: &[Request],
    faults: &mut Vec<String>,
) -> BTreeMap<String, usize> {
    let mut statuses = BTreeMap::new();
    let mut by_sid = BTreeMap::new();
    let mut by_from: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        let (sid, status) = (row["sid"].as_str().unwrap(), row["status"].as_str().unwrap());
        *statuses.entry(status.to_owned()).or_default() += 1;
        if !FINAL.contains(&status) {
            faults.push(format!("{sid} is {status} for ever"));
        }
        by_sid.insert(sid, status);
        if row["direction"] == "inbound" {
            *by_from.entry(row["from"].as_str().unwrap()).or_default() += 1;
        }
    }
    let accepted = |l: &&Seen| l.caller && l.answered.is_some();
    for leg in book.legs.values().filter(accepted) {
        let n = by_from.get(leg.key.as_str()).copied().unwrap_or(0);
        if n != 1 {
            faults.push(format!("{} from {} was answered and has {n} rows", leg.verb, leg.key));
        }
    }
    for r in seen.iter().filter(|r| FINAL.contains(&r.get("CallStatus")) && event(r).is_some()) {
        let (sid, told) = (r.get("CallSid"), r.get("CallStatus"));
        if by_sid.get(sid) != Some(&told) {
            faults.push(format!("{sid} was told as {told} and its row says {:?}", by_sid.get(sid)));
        }
    }
    made(book, &by_sid, faults);
    statuses
}

/// What got its 201 is there; nobody was called twice.
fn made(book: &Book, by_sid: &BTreeMap<&str, &str>, faults: &mut Vec<String>) {
    for (number, dialogs) in &book.invites {
        let dialogs: BTreeSet<_> = dialogs.iter().collect();
        if dialogs.len() > 1 {
            faults.push(format!("{number} was dialled {} times", dialogs.len()));
        }
    }
    for c in &book.created {
        let dialled = book.invites.contains_key(&c.key);
        match by_sid.get(c.sid.as_str()) {
            None => faults.push(format!("{} got 201 and is gone", c.sid)),
            Some(&"failed") => {}
            Some(status) if !dialled => faults.push(format!("{} was never dialled and is {status}", c.sid)),
            Some(_) => {}
        }
    }
}

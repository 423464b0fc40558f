//! After a restart: is everything there that was accepted? Each fault found is a sentence.

use super::app::Request;
use super::book::Seen;
use super::child::Server;
use super::load::{World, completed};
use chorus::sip::event::Side;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// BYE to whoever is still up, from the exec of the new process.
pub const BYE_MAX: Duration = Duration::from_secs(5);
/// Rounds of callbacks after the first come 10 s later at the earliest, and no callback fails here but by the kill.
const CALLBACKS_MAX: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(50);
const FINAL: &[&str] = &["completed", "busy", "failed", "no-answer", "canceled"];

/// Waits until `so` or the instant; true if it came.
async fn until(end: Instant, mut so: impl FnMut() -> bool) -> bool {
    let mut looks = tokio::time::interval(LOOK);
    while !so() {
        if Instant::now() > end {
            return false;
        }
        looks.tick().await;
    }
    true
}

/// Legs that were up at the kill get BYE in time.
pub async fn byes(world: &World, server: &Server, faults: &mut Vec<String>) -> usize {
    let up: Vec<_> = {
        let book = world.bank.book.lock().unwrap();
        book.legs.iter().filter(|(_, l)| l.is_up()).map(|(id, _)| *id).collect()
    };
    let over = || {
        let book = world.bank.book.lock().unwrap();
        up.iter().all(|id| book.legs[id].ended.is_some())
    };
    until(server.began + BYE_MAX, over).await;
    let book = world.bank.book.lock().unwrap();
    for id in &up {
        let leg = &book.legs[id];
        match leg.ended {
            Some((at, Side::Peer, _)) if at <= server.began + BYE_MAX => {}
            Some((at, Side::Us, 200)) if leg.hung_up && at <= server.began + BYE_MAX => {}
            Some((at, by, code)) => {
                let after = at.saturating_duration_since(server.began);
                faults.push(format!(
                    "{} {} ended by {by:?} with {code}, {after:?} after the start",
                    leg.verb, leg.key
                ));
            }
            None => {
                faults.push(format!("{} {} ({}) is up 5 s after the start", leg.verb, leg.key, leg.state()))
            }
        }
    }
    up.len()
}

fn owed(world: &World) -> Vec<(&'static str, &'static str, String)> {
    let book = world.bank.book.lock().unwrap();
    let inbound = book.legs.values().filter(|l| l.caller && l.answered.is_some());
    let children = book.legs.values().filter(|l| !l.caller && l.key.starts_with("+1646"));
    inbound
        .map(|l| ("/status", "From", l.key.clone()))
        .chain(children.map(|l| ("/child", "To", l.key.clone())))
        .chain(book.created.iter().map(|c| ("/status", "CallSid", c.sid.clone())))
        .collect()
}

/// Every accepted call has told its end.
pub async fn callbacks(world: &World, faults: &mut Vec<String>) {
    let owed = owed(world);
    let all = |seen: &[Request]| {
        let told: BTreeSet<(&str, &str)> = seen
            .iter()
            .filter(|r| FINAL.contains(&r.get("CallStatus")))
            .flat_map(|r| ["From", "To", "CallSid"].map(|f| (r.path.as_str(), r.get(f))))
            .collect();
        owed.iter().all(|(path, _, value)| told.contains(&(*path, value.as_str())))
    };
    if !world.app.until(CALLBACKS_MAX, all).await {
        let seen = world.app.seen();
        for (path, field, value) in owed.iter().filter(|(p, f, v)| completed(&seen, p, f, v).is_none()) {
            faults.push(format!("no completed callback at {path} for {field} {value}"));
        }
    }
}

/// Duplicates carry the same token and the same words; one end a call; first attempts in order.
pub fn order(seen: &[Request], faults: &mut Vec<String>) -> usize {
    let mut tokens: BTreeMap<&str, &Request> = BTreeMap::new();
    let mut places: BTreeMap<(&str, &str, &str), &str> = BTreeMap::new();
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    let mut ends: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut twice = 0;
    for r in seen.iter().filter(|r| matches!(r.path.as_str(), "/status" | "/child")) {
        if r.token.is_empty() {
            faults.push(format!("a callback without token: {r:?}"));
        }
        let (call, number) = (r.get("CallSid"), r.get("SequenceNumber"));
        if let Some(first) = tokens.insert(r.token.as_str(), r) {
            twice += 1;
            if first.params != r.params {
                faults.push(format!("one token, two callbacks: {first:?} and {r:?}"));
            }
            continue;
        }
        if let Some(other) = places.insert((r.path.as_str(), call, number), r.token.as_str()) {
            faults.push(format!("{call} {number} came with the tokens {other} and {}", r.token));
        }
        let number: u64 = number.parse().unwrap_or(0);
        if last.insert(call, number).is_some_and(|before| before >= number) {
            faults.push(format!("{call}: callback {number} came after a later one"));
        }
        let status = r.get("CallStatus");
        if FINAL.contains(&status)
            && let Some(other) = ends.insert((r.path.as_str(), call), status)
        {
            faults.push(format!("{call} ended as {other} and as {status}"));
        }
    }
    twice
}

/// All rows under a list, page by page.
pub async fn list(server: &Server, path: &str, name: &str) -> Vec<Value> {
    let mut rows = vec![];
    let mut next = format!("{path}?PageSize=1000");
    loop {
        let page = server.get(&next).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        rows.extend(page[name].as_array().unwrap().iter().cloned());
        match page["next_page_uri"].as_str() {
            Some(uri) => next = uri.to_owned(),
            None => return rows,
        }
    }
}

/// The rows of REST against the book.
pub async fn rows(world: &World, server: &Server, faults: &mut Vec<String>) -> BTreeMap<String, usize> {
    let rows = list(server, "/Calls.json", "calls").await;
    let mut statuses = BTreeMap::new();
    let mut by_sid = BTreeMap::new();
    let mut by_from: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in &rows {
        let status = row["status"].as_str().unwrap();
        *statuses.entry(status.to_owned()).or_default() += 1;
        if !FINAL.contains(&status) {
            faults.push(format!("{} is {status} for ever", row["sid"]));
        }
        by_sid.insert(row["sid"].as_str().unwrap(), row);
        if row["direction"] == "inbound" {
            by_from.entry(row["from"].as_str().unwrap()).or_default().push(row);
        }
    }
    let book = world.bank.book.lock().unwrap();
    let accepted = |l: &&Seen| l.caller && l.answered.is_some();
    for leg in book.legs.values().filter(accepted) {
        let n = by_from.get(leg.key.as_str()).map_or(0, Vec::len);
        if n != 1 {
            faults.push(format!("{} from {} was answered and has {n} rows", leg.verb, leg.key));
        }
    }
    for (number, dialogs) in &book.invites {
        let dialogs: BTreeSet<_> = dialogs.iter().collect();
        if dialogs.len() > 1 {
            faults.push(format!("{number} was dialled {} times", dialogs.len()));
        }
    }
    for c in &book.created {
        let dialled = book.invites.contains_key(&c.key);
        match by_sid.get(c.sid.as_str()).map(|r| r["status"].as_str().unwrap_or("")) {
            None => faults.push(format!("{} got 201 and is gone", c.sid)),
            Some("failed") => {}
            Some(status) if !dialled => faults.push(format!("{} was never dialled and is {status}", c.sid)),
            Some(_) => {}
        }
    }
    statuses
}

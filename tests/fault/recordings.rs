//! What became of the recordings: each is told of, and lacks less than a second of what its phone said.

use super::app::Request;
use super::book::{Book, Seen};
use super::load::RECORDED_MAX;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a recording may lack after kill -9.
const LOST_MAX: Duration = Duration::from_secs(1);

/// What a phone said while it was recorded.
#[derive(Clone, Debug)]
pub struct Talk {
    /// From of the call.
    pub from: String,
    pub said: Duration,
    /// A kill ended it.
    pub cut: bool,
}

fn end(leg: &Seen) -> Option<Instant> {
    leg.cut.or(leg.ended.map(|(at, _, _)| at))
}

fn between(from: Instant, to: Instant) -> Duration {
    to.saturating_duration_since(from)
}

/// A Record begins with the 200; a recorded Dial when its callee has answered.
pub fn talks(book: &Book) -> Vec<Talk> {
    let callees: BTreeMap<&str, &Seen> =
        book.legs.values().filter(|l| !l.caller).map(|l| (l.key.as_str(), l)).collect();
    let talk = |leg: &Seen| {
        let (answered, over) = (leg.answered?, end(leg)?);
        let said = match leg.verb.as_str() {
            "record" => between(answered, over).min(RECORDED_MAX),
            "dialrecord" => {
                let callee = callees.get(super::load::child(&leg.key).as_str())?;
                between(answered.max(callee.answered?), over.min(end(callee)?))
            }
            _ => return None,
        };
        (leg.sent > 0).then(|| Talk { from: leg.key.clone(), said, cut: leg.cut.is_some() })
    };
    book.legs.values().filter(|l| l.caller).filter_map(talk).collect()
}

/// How the end of a recording is told. REST has no word for `failed`: there it is absent with an error.
fn told_as(row: &Value) -> Option<&'static str> {
    match (row["status"].as_str()?, row["error_code"].is_null()) {
        ("completed", true) => Some("completed"),
        ("absent", true) => Some("absent"),
        ("absent", false) => Some("failed"),
        _ => None,
    }
}

/// The ends that nobody told; every recording here subscribed to all of them.
pub fn untold<'r>(rows: &'r [Value], seen: &[Request]) -> Vec<&'r Value> {
    let told = |row: &&Value| {
        seen.iter().any(|r| {
            r.path == "/recording"
                && row["sid"] == r.get("RecordingSid")
                && told_as(row) == Some(r.get("RecordingStatus"))
        })
    };
    rows.iter().filter(|row| !told(row)).collect()
}

/// What was found, for print.
#[derive(Debug, Default)]
pub struct Found {
    pub all: usize,
    pub cut: usize,
    /// Seconds that phones said before a kill cut them.
    pub said: Duration,
    /// The most that one lacks, of those cut and of those that ended by themselves.
    pub lacks: [Duration; 2],
    /// Those without a second of audio: what their phones had said.
    pub empty: Vec<Duration>,
}

/// `rows` of recordings, `froms` of their calls by CallSid, `ms` by RecordingSid as Python reads the files.
pub fn judge(
    talks: &[Talk],
    rows: &[Value],
    froms: &BTreeMap<String, String>,
    ms: &BTreeMap<String, u64>,
    faults: &mut Vec<String>,
) -> Found {
    let cut = talks.iter().filter(|t| t.cut);
    let said = cut.clone().map(|t| t.said).sum();
    let mut found = Found { all: rows.len(), cut: cut.count(), said, ..Found::default() };
    let mut kept: BTreeMap<&str, (Duration, &Value)> = BTreeMap::new();
    for row in rows {
        let sid = row["sid"].as_str().unwrap();
        let from = froms.get(row["call_sid"].as_str().unwrap()).map_or("", String::as_str);
        let length = Duration::from_millis(ms.get(sid).copied().unwrap_or(0));
        match told_as(row) {
            None => faults.push(format!("the recording {sid} is {} for ever", row["status"])),
            Some("completed") if length.is_zero() => {
                faults.push(format!("the recording {sid} is completed and empty"))
            }
            Some("absent") if talks.iter().any(|t| t.from == from) => {
                faults.push(format!("the recording {sid} is absent, and {from} was talking"))
            }
            Some("failed") if talks.iter().any(|t| t.from == from && !t.cut) => {
                faults.push(format!("the recording {sid} failed, and no kill cut {from}"))
            }
            Some(_) => {}
        }
        if kept.insert(from, (length, row)).is_some() {
            faults.push(format!("{from} was recorded twice"));
        }
    }
    for talk in talks {
        let length = kept.get(talk.from.as_str()).map_or(Duration::ZERO, |(length, _)| *length);
        let lacks = talk.said.saturating_sub(length);
        if let Some(most) = found.lacks.get_mut(usize::from(!talk.cut)) {
            *most = lacks.max(*most);
        }
        if length.is_zero() {
            found.empty.push(talk.said);
        }
        if lacks >= LOST_MAX {
            faults.push(format!("the recording of {} lacks {lacks:?} of {:?}", talk.from, talk.said));
        }
    }
    found
}

//! Timelines of calls: their table and the questions about them.

use super::outbox;
use super::query::{Query, Scope};
use super::reader::Reader;
use super::rows::{Line, OutboxRow, TimelineRow};
use super::table::{Row, Table, Value};
use super::tx::StoreError;
use crate::clock::Wall;
use crate::sid::CallSid;
use crate::telemetry::redact;
use crate::webhooks::schedule::ROUNDS;
use url::Url;

/// The table. Its key is the call; `created` holds the time of the last line.
pub static TIMELINES: Table =
    Table { name: "timelines", columns: &["sid", "account", "created"], secrets: &[], unique: &[] };

impl Row for TimelineRow {
    const TABLE: &'static Table = &TIMELINES;

    fn columns(&self) -> Vec<Value> {
        vec![Value::text(self.call), Value::text(self.account), Value::time(self.updated)]
    }
}

/// The timeline of a call.
pub fn get(r: &mut Reader, scope: Scope, call: CallSid) -> Result<Option<TimelineRow>, StoreError> {
    r.one(Query::new::<TimelineRow>(scope).is("sid", Some(call)))
}

/// The timeline of a call that is over, with what became of its callbacks after its end.
pub fn whole(r: &mut Reader, scope: Scope, call: CallSid) -> Result<Option<Vec<Line>>, StoreError> {
    let Some(row) = get(r, scope, call)? else { return Ok(None) };
    let mut lines = row.lines;
    let late = outbox::of_call(r, scope, call)?;
    let late = late.iter().filter_map(|o| Some((o, last_try(o).filter(|at| *at >= row.updated)?)));
    let mut late: Vec<Line> = late.map(|(o, at)| delivery(o, at)).collect();
    late.sort_by_key(|line| line.at);
    lines.extend(late);
    Ok(Some(lines))
}

/// When a callback was settled, or failed the last time so far. None: it was not tried.
fn last_try(row: &OutboxRow) -> Option<Wall> {
    let before = row.rounds.checked_sub(1).and_then(|i| ROUNDS.get(usize::from(i)));
    row.done.or_else(|| {
        let pause = i64::try_from(before?.as_millis()).ok()?;
        Some(Wall(row.next.0.saturating_sub(pause)))
    })
}

/// A line about what became of a callback: where it went, what it told, how it was answered. No query, no other parameter.
pub fn delivery(row: &OutboxRow, at: Wall) -> Line {
    let place =
        Url::parse(&row.hook.url).map_or_else(|_| "an unreadable URL".to_owned(), |u| u.path().to_owned());
    let told = ["StreamEvent", "RecordingStatus", "CallStatus"];
    let told = told.iter().find_map(|name| row.params.iter().find(|(n, _)| n == name));
    let told = told.map_or("", |(_, value)| value.as_str());
    let what = format!("callback {place} {told}: {}", row.last.as_deref().unwrap_or("no answer yet"));
    Line { at, from: "chorus".to_owned(), to: "app".to_owned(), what: redact::line(&what).into_owned() }
}

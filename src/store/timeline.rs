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

/// The timeline of a call that is over, with the status callbacks that were delivered, or given up, after its end.
pub fn whole(r: &mut Reader, scope: Scope, call: CallSid) -> Result<Option<Vec<Line>>, StoreError> {
    let Some(row) = get(r, scope, call)? else { return Ok(None) };
    let mut lines = row.lines;
    let late = outbox::of_call(r, scope, call)?;
    let late = late.iter().filter_map(|o| Some((o, o.done.filter(|at| *at >= row.updated)?)));
    lines.extend(late.map(|(o, at)| delivery(o, at)));
    Ok(Some(lines))
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

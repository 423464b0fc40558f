//! Recordings: their table and the questions about them.

use super::page::{Listed, Page};
use super::query::{Cond, Period, Query, Scope};
use super::reader::Reader;
use super::rows::RecordingRow;
use super::table::{Row, Table, Value};
use super::tx::StoreError;
use crate::clock::Wall;
use crate::sid::{CallSid, RecordingSid};

/// The table.
pub static RECORDINGS: Table = Table {
    name: "recordings",
    columns: &["sid", "account", "created", "live", "call", "status"],
    secrets: &["callback"],
    unique: &[],
};

/// Statuses in which the audio may still change.
fn is_live(status: &str) -> bool {
    matches!(status, "in-progress" | "paused" | "processing")
}

impl Row for RecordingRow {
    const TABLE: &'static Table = &RECORDINGS;
    const FIXED: &'static [&'static str] = &["account", "created", "call"];

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::text(self.account),
            Value::time(self.created),
            Value::flag(is_live(&self.status)),
            Value::text(self.call),
            Value::text(&self.status),
        ]
    }
}

/// Filters of the lists of recordings.
#[derive(Clone, Debug, Default)]
pub struct RecordingFilter {
    /// `CallSid`.
    pub call: Option<CallSid>,
    /// `DateCreated`, `DateCreated<`, `DateCreated>`.
    pub created: Period,
}

/// One recording.
pub fn get(r: &mut Reader, scope: Scope, sid: RecordingSid) -> Result<Option<RecordingRow>, StoreError> {
    r.one(Query::new::<RecordingRow>(scope).is("sid", Some(sid)))
}

/// Recordings, newest first.
pub fn list(
    r: &mut Reader,
    scope: Scope,
    f: &RecordingFilter,
    page: &Page,
) -> Result<Listed<RecordingRow>, StoreError> {
    r.page(Query::new::<RecordingRow>(scope).is("call", f.call).within("created", f.created), page)
}

/// Recordings not ended, oldest first.
pub fn live(r: &mut Reader, scope: Scope) -> Result<Vec<RecordingRow>, StoreError> {
    r.live(Query::new::<RecordingRow>(scope))
}

/// At most `limit` ended recordings made at `until` or before, oldest first: what retention looks at.
pub fn aged(r: &mut Reader, scope: Scope, until: Wall, limit: u32) -> Result<Vec<RecordingRow>, StoreError> {
    let ended = Query::new::<RecordingRow>(scope).and(Cond::Is("live", Value::Int(Some(0))));
    r.aged(ended, until, limit)
}

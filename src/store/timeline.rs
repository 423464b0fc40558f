//! Timelines of calls: their table and the one question about them.

use super::query::{Query, Scope};
use super::reader::Reader;
use super::rows::TimelineRow;
use super::table::{Row, Table, Value};
use super::tx::StoreError;
use crate::sid::CallSid;

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

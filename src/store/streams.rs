//! Media streams: their table and the questions about them.

use super::query::{Order, Query, Scope};
use super::reader::Reader;
use super::rows::StreamRow;
use super::table::{Row, Table, Value};
use super::tx::StoreError;
use crate::sid::{CallSid, StreamSid};

/// The table.
pub static STREAMS: Table = Table {
    name: "streams",
    columns: &["sid", "account", "created", "live", "call", "name"],
    secrets: &["callback"],
    unique: &[],
};

impl Row for StreamRow {
    const TABLE: &'static Table = &STREAMS;
    const FIXED: &'static [&'static str] = &["account", "created", "call"];

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::text(self.account),
            Value::time(self.created),
            Value::flag(self.status == "in-progress"),
            Value::text(self.call),
            Value::text(&self.name),
        ]
    }
}

/// One, whatever its call.
pub fn get(r: &mut Reader, scope: Scope, sid: StreamSid) -> Result<Option<StreamRow>, StoreError> {
    r.one(Query::new::<StreamRow>(scope).is("sid", Some(sid)))
}

/// A stream of a call by its SID or its name; of several with one name, the newest.
pub fn find(
    r: &mut Reader,
    scope: Scope,
    call: CallSid,
    which: &str,
) -> Result<Option<StreamRow>, StoreError> {
    let of_call = Query::new::<StreamRow>(scope).is("call", Some(call));
    match StreamSid::parse(which) {
        Some(sid) => r.one(of_call.is("sid", Some(sid))),
        None => r.one(of_call.is("name", Some(which)).limit(1)),
    }
}

/// The streams of a call, oldest first.
pub fn of_call(r: &mut Reader, scope: Scope, call: CallSid) -> Result<Vec<StreamRow>, StoreError> {
    r.rows(&Query::new::<StreamRow>(scope).is("call", Some(call)).by(Order::Oldest))
}

/// Streams in progress, oldest first.
pub fn live(r: &mut Reader, scope: Scope) -> Result<Vec<StreamRow>, StoreError> {
    r.live(Query::new::<StreamRow>(scope))
}

//! Callbacks to be delivered: their table and the questions about them. A row leaves by retention, not on success.

use super::page::{Listed, Page};
use super::query::{Cond, Order, Query, Scope};
use super::reader::Reader;
use super::rows::{OutboxId, OutboxRow};
use super::table::{Row, Table, Value};
use super::tx::StoreError;
use crate::clock::Wall;
use crate::sid::CallSid;

/// The table.
pub static OUTBOX: Table = Table {
    name: "outbox",
    columns: &["sid", "account", "created", "live", "call", "position", "state"],
    secrets: &["hook", "params", "json"],
    unique: &[],
};

/// The key of a row: 32 hexadecimal digits.
pub fn key(id: OutboxId) -> String {
    format!("{id:032x}")
}

impl Row for OutboxRow {
    const TABLE: &'static Table = &OUTBOX;
    const FIXED: &'static [&'static str] = &["account", "created", "call", "position"];

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(key(self.id)),
            Value::text(self.account),
            Value::time(self.created),
            Value::flag(self.state == "pending"),
            Value::maybe(self.call),
            Value::Int(Some(i64::from(self.position))),
            Value::text(&self.state),
        ]
    }
}

/// One callback.
pub fn get(r: &mut Reader, scope: Scope, id: OutboxId) -> Result<Option<OutboxRow>, StoreError> {
    r.one(Query::new::<OutboxRow>(scope).is("sid", Some(key(id))))
}

/// The callbacks of a call in the order of their delivery.
pub fn of_call(r: &mut Reader, scope: Scope, call: CallSid) -> Result<Vec<OutboxRow>, StoreError> {
    r.rows(&Query::new::<OutboxRow>(scope).is("call", Some(call)).by(Order::By("position")))
}

/// Callbacks, newest first; of one state (`pending`, `delivered`, `failed`) if it is given.
pub fn list(
    r: &mut Reader,
    scope: Scope,
    state: Option<&str>,
    page: &Page,
) -> Result<Listed<OutboxRow>, StoreError> {
    r.page(Query::new::<OutboxRow>(scope).is("state", state), page)
}

/// Callbacks still pending, oldest first.
pub fn live(r: &mut Reader, scope: Scope) -> Result<Vec<OutboxRow>, StoreError> {
    r.live(Query::new::<OutboxRow>(scope))
}

/// At most `limit` callbacks made at `until` or before that are delivered or given up, oldest first.
pub fn aged(r: &mut Reader, scope: Scope, until: Wall, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
    let settled = Query::new::<OutboxRow>(scope).and(Cond::Is("live", Value::Int(Some(0))));
    r.aged(settled, until, limit)
}

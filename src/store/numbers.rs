//! Numbers of accounts: their table and the questions about them.

use super::page::{Listed, Page};
use super::query::{Cond, Query, Scope};
use super::reader::Reader;
use super::rows::NumberRow;
use super::table::{Row, Table, Unique, Value};
use super::tx::StoreError;
use crate::sid::NumberSid;

/// The table.
pub static NUMBERS: Table = Table {
    name: "numbers",
    columns: &["sid", "account", "created", "number", "friendly_name", "kind", "trunk", "revision"],
    secrets: &["voice", "fallback", "status_callback", "other"],
    unique: &[Unique { columns: &["number"], word: "number" }],
};

impl Row for NumberRow {
    const TABLE: &'static Table = &NUMBERS;

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::text(self.account),
            Value::time(self.created),
            Value::text(&self.number),
            Value::text(&self.friendly_name),
            Value::text(&self.kind),
            Value::maybe(self.trunk),
            Value::count(self.revision),
        ]
    }
}

/// Filters of the lists of numbers.
#[derive(Clone, Debug, Default)]
pub struct NumberFilter {
    /// `FriendlyName`, exactly.
    pub friendly_name: Option<String>,
    /// `PhoneNumber`: these digits occur in it; `*` is any of them.
    pub number_contains: Option<String>,
    /// `local`, `mobile`, `toll-free` (the typed lists).
    pub kind: Option<String>,
}

/// One number.
pub fn get(r: &mut Reader, scope: Scope, sid: NumberSid) -> Result<Option<NumberRow>, StoreError> {
    r.one(Query::new::<NumberRow>(scope).is("sid", Some(sid)))
}

/// The row of a number, written as it is stored.
pub fn by_number(r: &mut Reader, scope: Scope, number: &str) -> Result<Option<NumberRow>, StoreError> {
    r.one(Query::new::<NumberRow>(scope).is("number", Some(number)))
}

/// The rows of those of these numbers that somebody has.
pub fn among<'a>(
    r: &mut Reader,
    numbers: impl Iterator<Item = &'a str>,
) -> Result<Vec<NumberRow>, StoreError> {
    let numbers: Vec<Value> = numbers.map(Value::text).collect();
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    r.rows(&Query::new::<NumberRow>(Scope::Operator).and(Cond::In("number", numbers)))
}

/// Numbers, newest first.
pub fn list(
    r: &mut Reader,
    scope: Scope,
    f: &NumberFilter,
    page: &Page,
) -> Result<Listed<NumberRow>, StoreError> {
    let q = Query::new::<NumberRow>(scope)
        .is("friendly_name", f.friendly_name.as_ref())
        .is("kind", f.kind.as_ref())
        .contains("number", f.number_contains.as_deref());
    r.page(q, page)
}

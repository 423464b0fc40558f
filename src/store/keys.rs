//! API keys: their table and the questions about them.

use super::page::{Listed, Page};
use super::query::{Query, Scope};
use super::reader::Reader;
use super::rows::KeyRow;
use super::table::{Row, Table, Value};
use super::tx::StoreError;
use crate::sid::KeySid;

/// The table.
pub static KEYS: Table =
    Table { name: "keys", columns: &["sid", "account", "created"], secrets: &[], unique: &[] };

impl Row for KeyRow {
    const TABLE: &'static Table = &KEYS;

    fn columns(&self) -> Vec<Value> {
        vec![Value::text(self.sid), Value::text(self.account), Value::time(self.created)]
    }
}

/// One.
pub fn get(r: &mut Reader, scope: Scope, sid: KeySid) -> Result<Option<KeyRow>, StoreError> {
    r.one(Query::new::<KeyRow>(scope).is("sid", Some(sid)))
}

/// All of them, newest first.
pub fn list(r: &mut Reader, scope: Scope, page: &Page) -> Result<Listed<KeyRow>, StoreError> {
    r.page(Query::new::<KeyRow>(scope), page)
}

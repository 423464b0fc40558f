//! SIP trunks of the operator: their table and the questions about them.

use super::page::{Listed, Page};
use super::query::{Query, Scope};
use super::reader::Reader;
use super::rows::{BindingRow, TrunkMode, TrunkRow};
use super::table::{Row, Table, Unique, Value};
use super::tx::StoreError;
use crate::sid::TrunkSid;

/// The table.
pub static TRUNKS: Table = Table {
    name: "trunks",
    columns: &["sid", "account", "created", "name", "registers", "mode"],
    secrets: &["password", "ha1", "tls_key"],
    // A REGISTER names its trunk by the user alone.
    unique: &[Unique { columns: &["registers"], word: "username" }],
};

impl Row for TrunkRow {
    const TABLE: &'static Table = &TRUNKS;

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::maybe(self.account),
            Value::time(self.created),
            Value::text(&self.name),
            Value::maybe(self.registers()),
            Value::text(self.authentication_mode.as_str()),
        ]
    }
}

/// Where peers that registered can be reached.
pub static BINDINGS: Table =
    Table { name: "bindings", columns: &["sid", "account", "created"], secrets: &[], unique: &[] };

impl Row for BindingRow {
    const TABLE: &'static Table = &BINDINGS;

    fn columns(&self) -> Vec<Value> {
        vec![Value::text(&self.key), Value::Text(None), Value::time(self.created)]
    }
}

/// All of them: what a restart reads.
pub fn bindings(r: &mut Reader) -> Result<Vec<BindingRow>, StoreError> {
    r.rows(&Query::new::<BindingRow>(Scope::Operator).limit(u32::MAX))
}

/// One.
pub fn get(r: &mut Reader, scope: Scope, sid: TrunkSid) -> Result<Option<TrunkRow>, StoreError> {
    r.one(Query::new::<TrunkRow>(scope).is("sid", Some(sid)))
}

/// Those of this name.
pub fn named(r: &mut Reader, name: &str) -> Result<Vec<TrunkRow>, StoreError> {
    r.rows(&Query::new::<TrunkRow>(Scope::Operator).is("name", Some(name)))
}

/// Those where we register, newest first: what a switch calls gateways.
pub fn gateways(r: &mut Reader, scope: Scope, page: &Page) -> Result<Listed<TrunkRow>, StoreError> {
    let mode = TrunkMode::OutboundRegistration.as_str();
    r.page(Query::new::<TrunkRow>(scope).is("mode", Some(mode)), page)
}

/// All of them, newest first.
pub fn list(r: &mut Reader, scope: Scope, page: &Page) -> Result<Listed<TrunkRow>, StoreError> {
    r.page(Query::new::<TrunkRow>(scope), page)
}

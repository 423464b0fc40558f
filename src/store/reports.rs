//! What external switches reported of calls and streams, as they wrote it: also what nobody here understands.

use super::page::{Listed, Page};
use super::query::{Query, Scope};
use super::reader::Reader;
use super::table::{Row, Table, Value};
use super::tx::StoreError;
use crate::clock::Wall;
use crate::sid::{AccountSid, CallSid, ReportSid};
use serde::{Deserialize, Serialize};

/// One report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportRow {
    /// SID.
    pub sid: ReportSid,
    /// Account of the call.
    pub account: AccountSid,
    /// The call.
    pub call: CallSid,
    /// `phone_call` or `media_stream`.
    pub of: String,
    /// Its type in the words of the switch.
    pub kind: String,
    /// The body as it came. Encrypted in the table.
    #[serde(default)]
    pub payload: serde_json::Value,
    /// When it came.
    pub created: Wall,
}

/// The table.
pub static REPORTS: Table = Table {
    name: "reports",
    columns: &["sid", "account", "created", "call"],
    secrets: &["payload"],
    unique: &[],
};

impl Row for ReportRow {
    const TABLE: &'static Table = &REPORTS;

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::text(self.account),
            Value::time(self.created),
            Value::text(self.call),
        ]
    }
}

/// Reports of a call, newest first.
pub fn of_call(
    r: &mut Reader,
    scope: Scope,
    call: CallSid,
    page: &Page,
) -> Result<Listed<ReportRow>, StoreError> {
    r.page(Query::new::<ReportRow>(scope).is("call", Some(call)), page)
}

/// At most `limit` reports made at `until` or before, oldest first.
pub fn aged(r: &mut Reader, scope: Scope, until: Wall, limit: u32) -> Result<Vec<ReportRow>, StoreError> {
    r.aged(Query::new::<ReportRow>(scope), until, limit)
}

//! TwiML applications: their table and the questions about them.

use super::page::{Listed, Page};
use super::query::{Query, Scope};
use super::reader::Reader;
use super::rows::ApplicationRow;
use super::table::{Row, Table, Value};
use super::tx::StoreError;
use crate::sid::ApplicationSid;

/// The table.
pub static APPLICATIONS: Table = Table {
    name: "applications",
    columns: &["sid", "account", "created", "friendly_name"],
    secrets: &["voice", "fallback", "status_callback", "other"],
    unique: &[],
};

impl Row for ApplicationRow {
    const TABLE: &'static Table = &APPLICATIONS;

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::text(self.account),
            Value::time(self.created),
            Value::text(&self.friendly_name),
        ]
    }
}

/// One.
pub fn get(r: &mut Reader, scope: Scope, sid: ApplicationSid) -> Result<Option<ApplicationRow>, StoreError> {
    r.one(Query::new::<ApplicationRow>(scope).is("sid", Some(sid)))
}

/// All of them, newest first, with `FriendlyName` exactly if it is given.
pub fn list(
    r: &mut Reader,
    scope: Scope,
    friendly_name: Option<&str>,
    page: &Page,
) -> Result<Listed<ApplicationRow>, StoreError> {
    r.page(Query::new::<ApplicationRow>(scope).is("friendly_name", friendly_name), page)
}

//! Notifications: their table and the questions about them.

use super::page::{Listed, Page};
use super::query::{Period, Query, Scope};
use super::reader::Reader;
use super::rows::NotificationRow;
use super::table::{Row, Table, Value};
use super::tx::StoreError;
use crate::clock::Wall;
use crate::sid::{CallSid, NotificationSid};

/// The table.
pub static NOTIFICATIONS: Table = Table {
    name: "notifications",
    columns: &["sid", "account", "created", "call", "level"],
    secrets: &["request_url", "request_variables", "response_headers", "response_body"],
    unique: &[],
};

impl Row for NotificationRow {
    const TABLE: &'static Table = &NOTIFICATIONS;

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::text(self.account),
            Value::time(self.created),
            Value::maybe(self.call),
            Value::text(self.level),
        ]
    }
}

/// Filters of the lists of notifications.
#[derive(Clone, Debug, Default)]
pub struct NotificationFilter {
    /// Of one call.
    pub call: Option<CallSid>,
    /// `Log`: 0 errors, 1 warnings.
    pub level: Option<u8>,
    /// `MessageDate`, `MessageDate<`, `MessageDate>`.
    pub created: Period,
}

/// One notification.
pub fn get(
    r: &mut Reader,
    scope: Scope,
    sid: NotificationSid,
) -> Result<Option<NotificationRow>, StoreError> {
    r.one(Query::new::<NotificationRow>(scope).is("sid", Some(sid)))
}

/// Notifications, newest first.
pub fn list(
    r: &mut Reader,
    scope: Scope,
    f: &NotificationFilter,
    page: &Page,
) -> Result<Listed<NotificationRow>, StoreError> {
    let q = Query::new::<NotificationRow>(scope)
        .is("call", f.call)
        .is("level", f.level)
        .within("created", f.created);
    r.page(q, page)
}

/// At most `limit` notifications made at `until` or before, oldest first.
pub fn aged(
    r: &mut Reader,
    scope: Scope,
    until: Wall,
    limit: u32,
) -> Result<Vec<NotificationRow>, StoreError> {
    r.aged(Query::new::<NotificationRow>(scope), until, limit)
}

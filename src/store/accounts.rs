//! Accounts: their table and the questions about them. The column `account` is the owner: the parent of a subaccount,
//! the account itself otherwise.

use super::page::{Listed, Page};
use super::query::{Cond, Order, Query, Scope};
use super::reader::Reader;
use super::rows::AccountRow;
use super::table::{Row, Table, Value};
use super::tx::StoreError;
use crate::sid::AccountSid;

/// The table.
pub static ACCOUNTS: Table = Table {
    name: "accounts",
    columns: &["sid", "account", "created", "friendly_name", "status", "revision"],
    secrets: &["auth_token"],
    unique: &[],
};

impl Row for AccountRow {
    const TABLE: &'static Table = &ACCOUNTS;

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::text(self.owner),
            Value::time(self.created),
            Value::text(&self.friendly_name),
            Value::text(&self.status),
            Value::count(self.revision),
        ]
    }
}

/// Filters of the list of accounts.
#[derive(Clone, Debug, Default)]
pub struct AccountFilter {
    /// `FriendlyName`, exactly.
    pub friendly_name: Option<String>,
    /// `Status`.
    pub status: Option<String>,
}

/// An account is in its own scope; with children, those it owns are too.
fn visible(scope: Scope) -> Query {
    let q = Query::new::<AccountRow>(Scope::Operator);
    match scope {
        Scope::Account(a) => q.is("sid", Some(a)),
        Scope::WithChildren(a) => q.and(Cond::Family("sid", a)),
        Scope::Operator => q,
    }
}

/// One account.
pub fn get(r: &mut Reader, scope: Scope, sid: AccountSid) -> Result<Option<AccountRow>, StoreError> {
    r.one(visible(scope).is("sid", Some(sid)))
}

/// One account and its main account, which is none where it is one itself.
pub fn with_owner(
    r: &mut Reader,
    scope: Scope,
    sid: AccountSid,
) -> Result<Option<(AccountRow, Option<AccountRow>)>, StoreError> {
    let Some(row) = get(r, scope, sid)? else { return Ok(None) };
    let owner = if row.is_main() { None } else { get(r, Scope::Operator, row.owner)? };
    Ok(Some((row, owner)))
}

/// Accounts, newest first.
pub fn list(
    r: &mut Reader,
    scope: Scope,
    f: &AccountFilter,
    page: &Page,
) -> Result<Listed<AccountRow>, StoreError> {
    r.page(visible(scope).is("friendly_name", f.friendly_name.as_ref()).is("status", f.status.as_ref()), page)
}

/// The account that was made first, as a list of one; empty if there is none.
pub fn oldest(r: &mut Reader, scope: Scope) -> Result<Vec<AccountRow>, StoreError> {
    r.rows(&visible(scope).by(Order::Oldest).limit(1))
}

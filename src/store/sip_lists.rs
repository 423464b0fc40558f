//! Lists of passwords and of addresses: their tables and the questions about them.

use super::page::{Listed, Page};
use super::query::{Cond, Query, Scope};
use super::reader::Reader;
use super::rows::{CredentialListRow, CredentialRow, IpAclRow, IpAddressRow, ListKind, ListSid};
use super::table::{Row, Table, Unique, Value};
use super::tx::StoreError;
use crate::sid::{CredentialListSid, CredentialSid, IpAclSid, IpAddressSid};
use std::collections::HashMap;

/// The table of lists of passwords.
pub static CREDENTIAL_LISTS: Table =
    Table { name: "credential_lists", columns: &["sid", "account", "created"], secrets: &[], unique: &[] };

/// The table of passwords.
pub static CREDENTIALS: Table = Table {
    name: "credentials",
    columns: &["sid", "account", "created", "list", "username"],
    secrets: &["ha1"],
    unique: &[Unique { columns: &["list", "username"], word: "username" }],
};

/// The table of lists of addresses.
pub static IP_ACLS: Table =
    Table { name: "ip_acls", columns: &["sid", "account", "created"], secrets: &[], unique: &[] };

/// The table of addresses.
pub static IP_ADDRESSES: Table = Table {
    name: "ip_addresses",
    columns: &["sid", "account", "created", "list"],
    secrets: &[],
    unique: &[],
};

/// The columns of a row: those that all begin with, and what more it has.
macro_rules! columns {
    ($($row:ident in $table:ident $(, $field:ident)*;)*) => {
        $(impl Row for $row {
            const TABLE: &'static Table = &$table;

            fn columns(&self) -> Vec<Value> {
                vec![
                    Value::text(self.sid),
                    Value::text(self.account),
                    Value::time(self.created),
                    $(Value::text(&self.$field),)*
                ]
            }
        })*
    };
}

columns! {
    CredentialListRow in CREDENTIAL_LISTS;
    CredentialRow in CREDENTIALS, list, username;
    IpAclRow in IP_ACLS;
    IpAddressRow in IP_ADDRESSES, list;
}

/// One list of passwords.
pub fn credential_list(
    r: &mut Reader,
    scope: Scope,
    sid: CredentialListSid,
) -> Result<Option<CredentialListRow>, StoreError> {
    r.one(Query::new::<CredentialListRow>(scope).is("sid", Some(sid)))
}

/// Lists of passwords, newest first.
pub fn credential_lists(
    r: &mut Reader,
    scope: Scope,
    page: &Page,
) -> Result<Listed<CredentialListRow>, StoreError> {
    r.page(Query::new::<CredentialListRow>(scope), page)
}

/// One password of a list.
pub fn credential(
    r: &mut Reader,
    scope: Scope,
    list: CredentialListSid,
    sid: CredentialSid,
) -> Result<Option<CredentialRow>, StoreError> {
    r.one(Query::new::<CredentialRow>(scope).is("sid", Some(sid)).is("list", Some(list)))
}

/// The passwords of a list, newest first.
pub fn credentials(
    r: &mut Reader,
    scope: Scope,
    list: CredentialListSid,
    page: &Page,
) -> Result<Listed<CredentialRow>, StoreError> {
    r.page(Query::new::<CredentialRow>(scope).is("list", Some(list)), page)
}

/// One list of addresses.
pub fn ip_acl(r: &mut Reader, scope: Scope, sid: IpAclSid) -> Result<Option<IpAclRow>, StoreError> {
    r.one(Query::new::<IpAclRow>(scope).is("sid", Some(sid)))
}

/// Lists of addresses, newest first.
pub fn ip_acls(r: &mut Reader, scope: Scope, page: &Page) -> Result<Listed<IpAclRow>, StoreError> {
    r.page(Query::new::<IpAclRow>(scope), page)
}

/// One address of a list.
pub fn ip_address(
    r: &mut Reader,
    scope: Scope,
    list: IpAclSid,
    sid: IpAddressSid,
) -> Result<Option<IpAddressRow>, StoreError> {
    r.one(Query::new::<IpAddressRow>(scope).is("sid", Some(sid)).is("list", Some(list)))
}

/// The addresses of a list, newest first.
pub fn ip_addresses(
    r: &mut Reader,
    scope: Scope,
    list: IpAclSid,
    page: &Page,
) -> Result<Listed<IpAddressRow>, StoreError> {
    r.page(Query::new::<IpAddressRow>(scope).is("list", Some(list)), page)
}

/// The names of those of these lists that are there; all are of one kind.
pub fn names(
    r: &mut Reader,
    scope: Scope,
    kind: ListKind,
    lists: impl Iterator<Item = ListSid>,
) -> Result<HashMap<ListSid, String>, StoreError> {
    let sids: Vec<Value> = lists.map(Value::text).collect();
    if sids.is_empty() {
        return Ok(HashMap::new());
    }
    let these = Cond::In("sid", sids);
    Ok(match kind {
        ListKind::Credentials => {
            let rows = r.rows::<CredentialListRow>(&Query::new::<CredentialListRow>(scope).and(these))?;
            rows.into_iter().map(|l| (ListSid::Credentials(l.sid), l.friendly_name)).collect()
        }
        ListKind::Addresses => {
            let rows = r.rows::<IpAclRow>(&Query::new::<IpAclRow>(scope).and(these))?;
            rows.into_iter().map(|l| (ListSid::Addresses(l.sid), l.friendly_name)).collect()
        }
    })
}

/// Has an account so many lists of a kind?
pub fn lists_reach(r: &mut Reader, scope: Scope, kind: ListKind, n: u32) -> Result<bool, StoreError> {
    match kind {
        ListKind::Credentials => r.reaches(&Query::new::<CredentialListRow>(scope), n),
        ListKind::Addresses => r.reaches(&Query::new::<IpAclRow>(scope), n),
    }
}

/// Has a list so many passwords or addresses?
pub fn entries_reach(r: &mut Reader, scope: Scope, list: ListSid, n: u32) -> Result<bool, StoreError> {
    let all = match list {
        ListSid::Credentials(_) => Query::new::<CredentialRow>(scope),
        ListSid::Addresses(_) => Query::new::<IpAddressRow>(scope),
    };
    r.reaches(&all.is("list", Some(list)), n)
}

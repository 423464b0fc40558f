//! Lists of passwords and of addresses: their tables and the questions about them.

use super::page::{Listed, Page};
use super::query::{Query, Scope};
use super::reader::Reader;
use super::rows::{CredentialListRow, CredentialRow, IpAclRow, IpAddressRow};
use super::table::{Row, Table, Unique, Value};
use super::tx::StoreError;
use crate::sid::{CredentialListSid, CredentialSid, IpAclSid, IpAddressSid};

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

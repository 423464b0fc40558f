//! SIP domains, and which list guards which door: their tables and the questions about them.

use super::page::{Listed, Page};
use super::query::{Cond, Query, Scope};
use super::reader::Reader;
use super::rows::mapping_key;
use super::rows::{DoorSid, ListKind, ListSid, ListUseRow, Purpose, SipDomainRow};
use super::table::{Row, Table, Unique, Value};
use super::tx::StoreError;
use crate::sid::SipDomainSid;

/// The table of domains.
pub static SIP_DOMAINS: Table = Table {
    name: "sip_domains",
    columns: &["sid", "account", "created", "name"],
    secrets: &["voice", "fallback", "status_callback", "other"],
    unique: &[Unique { columns: &["name"], word: "domain" }],
};

/// The table of uses.
pub static LIST_USES: Table = Table {
    name: "list_uses",
    columns: &["sid", "account", "created", "owner", "purpose", "list"],
    secrets: &[],
    unique: &[],
};

impl Row for SipDomainRow {
    const TABLE: &'static Table = &SIP_DOMAINS;

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::text(self.account),
            Value::time(self.created),
            Value::text(&self.name),
        ]
    }
}

impl Row for ListUseRow {
    const TABLE: &'static Table = &LIST_USES;

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.key()),
            Value::text(self.account),
            Value::time(self.created),
            Value::text(self.owner),
            Value::text(self.purpose.as_str()),
            Value::text(self.list),
        ]
    }
}

/// One domain.
pub fn get(r: &mut Reader, scope: Scope, sid: SipDomainSid) -> Result<Option<SipDomainRow>, StoreError> {
    r.one(Query::new::<SipDomainRow>(scope).is("sid", Some(sid)))
}

/// The domain of this name, whoever's.
pub fn named(r: &mut Reader, name: &str) -> Result<Option<SipDomainRow>, StoreError> {
    r.one(Query::new::<SipDomainRow>(Scope::Operator).is("name", Some(name)))
}

/// Domains, newest first.
pub fn list(r: &mut Reader, scope: Scope, page: &Page) -> Result<Listed<SipDomainRow>, StoreError> {
    r.page(Query::new::<SipDomainRow>(scope), page)
}

/// Lists of a kind that guard a door for a purpose, newest first.
pub fn uses(
    r: &mut Reader,
    scope: Scope,
    owner: DoorSid,
    purpose: Purpose,
    kind: ListKind,
    page: &Page,
) -> Result<Listed<ListUseRow>, StoreError> {
    let all = Query::new::<ListUseRow>(scope).is("owner", Some(owner)).is("purpose", Some(purpose.as_str()));
    // Behind its two letters a SID has digits and small letters alone.
    r.page(all.contains("list", Some(kind.prefix())), page)
}

/// What guards the calls through these doors, of both kinds.
pub fn guards(r: &mut Reader, scope: Scope, owners: &[DoorSid]) -> Result<Vec<ListUseRow>, StoreError> {
    if owners.is_empty() {
        return Ok(Vec::new());
    }
    let calls = Query::new::<ListUseRow>(scope).is("purpose", Some(Purpose::Calls.as_str()));
    r.rows(&calls.and(Cond::In("owner", owners.iter().map(Value::text).collect())).limit(u32::MAX))
}

/// One use.
pub fn list_use(
    r: &mut Reader,
    scope: Scope,
    owner: DoorSid,
    purpose: Purpose,
    list: ListSid,
) -> Result<Option<ListUseRow>, StoreError> {
    r.one(Query::new::<ListUseRow>(scope).is("sid", Some(mapping_key(owner, purpose, list))))
}

/// Does any door use this list?
pub fn in_use(r: &mut Reader, list: ListSid) -> Result<bool, StoreError> {
    r.reaches(&Query::new::<ListUseRow>(Scope::Operator).is("list", Some(list)), 1)
}

/// Has an account so many domains?
pub fn reach(r: &mut Reader, scope: Scope, n: u32) -> Result<bool, StoreError> {
    r.reaches(&Query::new::<SipDomainRow>(scope), n)
}

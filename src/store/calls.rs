//! Calls: their table and the questions about them.

use super::page::{Listed, Page};
use super::query::{Among, Cond, Period, Query, Scope};
use super::reader::Reader;
use super::rows::{AccountRow, CallRow, CallStatus};
use super::table::{Row, Table, Unique, Value};
use super::tx::StoreError;
use crate::clock::Wall;
use crate::sid::{AccountSid, CallSid};
use std::collections::HashSet;

/// The table.
pub static CALLS: Table = Table {
    name: "calls",
    columns: &[
        "sid",
        "account",
        "created",
        "live",
        "called",
        "caller",
        "status",
        "parent",
        "started",
        "ended",
        "idempotency",
        "node",
        "external",
    ],
    secrets: &["callbacks", "voice", "fallback", "twiml", "send_digits", "record", "sip_auth"],
    unique: &[
        Unique { columns: &["account", "idempotency"], word: "idempotency" },
        Unique { columns: &["external"], word: "external" },
    ],
};

impl Row for CallRow {
    const TABLE: &'static Table = &CALLS;
    const FIXED: &'static [&'static str] = &["account", "created", "caller", "parent", "node", "external"];

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::text(self.account),
            Value::time(self.created),
            Value::flag(!self.status.is_final()),
            Value::text(&self.to),
            Value::text(&self.from),
            Value::text(self.status.as_str()),
            Value::maybe(self.parent),
            Value::maybe_time(self.started),
            Value::maybe_time(self.ended),
            Value::maybe(self.idempotency.as_ref().map(|(key, _)| key)),
            Value::text(&self.node),
            Value::maybe(self.external.as_ref()),
        ]
    }
}

/// Filters of the list of calls (rest-api.md 9, Calls). All given ones must hold.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    /// `To`, exactly.
    pub to: Option<String>,
    /// `From`, exactly.
    pub from: Option<String>,
    /// `Status`.
    pub status: Option<CallStatus>,
    /// `ParentCallSid`.
    pub parent: Option<CallSid>,
    /// `StartTime`, `StartTime<`, `StartTime>`.
    pub started: Period,
    /// `EndTime`, `EndTime<`, `EndTime>`.
    pub ended: Period,
}

/// One call.
pub fn get(r: &mut Reader, scope: Scope, sid: CallSid) -> Result<Option<CallRow>, StoreError> {
    r.one(Query::new::<CallRow>(scope).is("sid", Some(sid)))
}

/// Calls, newest first.
pub fn list(
    r: &mut Reader,
    scope: Scope,
    f: &CallFilter,
    page: &Page,
) -> Result<Listed<CallRow>, StoreError> {
    let q = match f.status {
        // To the REST API a call that is being dialled is still queued.
        Some(CallStatus::Queued) => {
            let both = [CallStatus::Queued, CallStatus::Initiated].map(|s| Value::text(s.as_str()));
            Query::new::<CallRow>(scope).and(Cond::In("status", both.to_vec()))
        }
        other => Query::new::<CallRow>(scope).is("status", other.map(CallStatus::as_str)),
    };
    let q = q
        .is("called", f.to.as_ref())
        .is("caller", f.from.as_ref())
        .is("parent", f.parent)
        .within("started", f.started)
        .within("ended", f.ended);
    let timed = [f.started, f.ended].iter().any(|p| *p != Period::default());
    let q = match f.status {
        Some(status) if status.is_final() => q.and(Cond::Unset("live")),
        Some(_) => q.among(Among::Live),
        None if f.to.is_none() && f.from.is_none() && !timed => q,
        None => q.among(Among::Halves),
    };
    r.page(q, page)
}

/// The call that a POST with this Idempotency-Key made (ruling 2.50); the hash to compare is in the row.
pub fn by_idempotency(r: &mut Reader, scope: Scope, key: &str) -> Result<Option<CallRow>, StoreError> {
    r.one(Query::new::<CallRow>(scope).is("idempotency", Some(key)))
}

/// End and seconds of the calls that ended since `from`, of the accounts whose minutes are counted: a main account's with those of its
/// subaccounts.
pub fn talked(r: &mut Reader, from: Wall) -> Result<Vec<(AccountSid, Wall, u64)>, StoreError> {
    let since = Period { from: Some(from), to: None };
    let accounts = super::snapshot::all::<AccountRow>(r)?;
    let counts = |a: &AccountRow| a.rules.max_minutes_per_day.is_some();
    let counted: HashSet<AccountSid> = accounts.iter().filter(|a| counts(a)).map(|a| a.sid).collect();
    let mut all = Vec::new();
    for account in accounts.iter().filter(|a| counted.contains(&a.sid) || counted.contains(&a.owner)) {
        let q = Query::new::<CallRow>(Scope::Account(account.sid))
            .and(Cond::Unset("live"))
            .within("ended", since);
        let calls = r.rows::<CallRow>(&q.limit(u32::MAX))?;
        let times = |c: CallRow| Some((c.account, c.ended?, c.ended?.seconds_since(c.answered?)));
        all.extend(calls.into_iter().filter_map(times));
    }
    Ok(all)
}

/// The call of an external switch by the id that it gave.
pub fn by_external(r: &mut Reader, id: &str) -> Result<Option<CallRow>, StoreError> {
    r.one(Query::new::<CallRow>(Scope::Operator).is("external", Some(id)))
}

/// Calls without a final status, oldest first: what `Switch::recover` takes up.
pub fn live(r: &mut Reader, scope: Scope) -> Result<Vec<CallRow>, StoreError> {
    r.live(Query::new::<CallRow>(scope))
}

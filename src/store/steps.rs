//! What a transaction does to the tables, in steps that memory and databases both understand.

use super::calls::CALLS;
use super::elastic::{ELASTIC_TRUNKS, ORIGINATION_URLS};
use super::inventory::INVENTORY;
use super::keys::KEYS;
use super::notifications::NOTIFICATIONS;
use super::numbers::NUMBERS;
use super::outbox::{self, OUTBOX};
use super::recordings::RECORDINGS;
use super::reports::REPORTS;
use super::rows::mapping_key;
use super::sip_domains::{LIST_USES, SIP_DOMAINS};
use super::sip_lists::{CREDENTIAL_LISTS, CREDENTIALS, IP_ACLS, IP_ADDRESSES};
use super::streams::STREAMS;
use super::table::{Record, Row, Table, Value};
use super::timeline::TIMELINES;
use super::tx::{Op, Tx};
use super::{applications::APPLICATIONS, trunks::BINDINGS, trunks::TRUNKS};
use crate::sid::AccountSid;
use std::fmt::Display;

/// What must hold between the stored row and the new one, for memory and as SQL.
#[derive(Debug)]
pub struct Guard {
    /// The columns it looks at.
    pub holds: fn(old: &Record, new: &Record) -> bool,
    /// The same, where `excluded` is the new row and the table's own name the old.
    pub sql: &'static str,
    /// What is refused.
    pub words: &'static str,
}

/// Any write of a call except a change of status leaves its status alone.
static SAME_STATUS: Guard = Guard {
    holds: |old, new| old.value("status") == new.value("status"),
    sql: "calls.status = excluded.status",
    words: "a write of a call's row must not change its status: it came too late",
};

/// A call that is over stays as it ended; the same end again (a repeated transaction) is no contradiction.
static NOT_OVER: Guard = Guard {
    holds: |old, new| *old.value("live") == Value::flag(true) || old.value("status") == new.value("status"),
    sql: "calls.live = 1 OR calls.status = excluded.status",
    words: "the call is over: its status cannot change any more",
};

/// One write.
#[derive(Clone, Debug)]
pub enum Step {
    /// A row that must be new.
    Insert(Record),
    /// A row, new or instead of the one with its key.
    Put(Record),
    /// The same, if the guard holds between old and new; else the transaction is refused.
    PutIf(Record, &'static Guard),
    /// A row instead of the one that it was made from, which is one revision older; else the transaction is refused: the stored one was
    /// changed by another hand, or is gone.
    Change(Record),
    /// A row, unless its key is there already: a callback that left or failed stays so when the transaction that made
    /// it comes again.
    Add(Record),
    /// All rows where a text column is this.
    Delete(&'static Table, &'static str, String),
    /// The row with this key, if it is this account's.
    DeleteOf(&'static Table, AccountSid, String),
    /// All rows where a text column is this, which is the field of the same name: it is none then.
    Clear(&'static Table, &'static str, String),
}

/// Why a [`Step::Change`] is refused.
pub const CHANGED: &str = "somebody else has changed or deleted it";

/// The steps of a transaction in order.
pub fn steps(tx: &Tx) -> Vec<Step> {
    let mut out = Vec::with_capacity(tx.ops.len());
    for op in &tx.ops {
        match op {
            Op::Status(change) => {
                out.push(Step::PutIf(Record::of(change.row()), &NOT_OVER));
                out.extend(change.callbacks().iter().map(|c| Step::Add(Record::of(c))));
            }
            Op::DeleteCall(sid) => {
                out.push(delete(&TIMELINES, sid));
                out.push(Step::Delete(&STREAMS, "call", sid.to_string()));
                out.push(Step::Delete(&REPORTS, "call", sid.to_string()));
                out.push(delete(&CALLS, sid));
            }
            Op::DeleteElasticTrunk(sid) => {
                out.push(Step::Clear(&NUMBERS, "trunk", sid.to_string()));
                out.push(Step::Delete(&ORIGINATION_URLS, "trunk", sid.to_string()));
                out.push(Step::Delete(&LIST_USES, "owner", sid.to_string()));
                out.push(delete(&ELASTIC_TRUNKS, sid));
            }
            Op::DeleteCredentialList(sid) => {
                out.push(Step::Delete(&CREDENTIALS, "list", sid.to_string()));
                out.push(Step::Delete(&LIST_USES, "list", sid.to_string()));
                out.push(delete(&CREDENTIAL_LISTS, sid));
            }
            Op::DeleteIpAcl(sid) => {
                out.push(Step::Delete(&IP_ADDRESSES, "list", sid.to_string()));
                out.push(Step::Delete(&LIST_USES, "list", sid.to_string()));
                out.push(delete(&IP_ACLS, sid));
            }
            Op::DeleteSipDomain(sid) => {
                out.push(Step::Delete(&LIST_USES, "owner", sid.to_string()));
                out.push(delete(&SIP_DOMAINS, sid));
            }
            op => out.extend(step(op)),
        }
    }
    out
}

fn put<R: Row>(row: &R) -> Step {
    Step::Put(Record::of(row))
}

/// Of a table that counts revisions: a row that was never changed is new, any other takes the place of the one before it.
fn changed<R: Row>(row: &R) -> Step {
    let record = Record::of(row);
    match record.revision() {
        Some(0) => Step::Insert(record),
        _ => Step::Change(record),
    }
}

fn delete(table: &'static Table, sid: impl Display) -> Step {
    Step::Delete(table, "sid", sid.to_string())
}

/// The one step of an operation that has only one.
fn step(op: &Op) -> Option<Step> {
    Some(match op {
        Op::Status(_) | Op::DeleteCall(_) | Op::DeleteElasticTrunk(_) => return None,
        Op::DeleteCredentialList(_) | Op::DeleteIpAcl(_) | Op::DeleteSipDomain(_) => return None,
        Op::PutCredentialList(row) => put(&**row),
        Op::PutCredential(row) => put(&**row),
        Op::DeleteCredential(sid) => delete(&CREDENTIALS, sid),
        Op::PutIpAcl(row) => put(&**row),
        Op::PutIpAddress(row) => put(&**row),
        Op::DeleteIpAddress(sid) => delete(&IP_ADDRESSES, sid),
        Op::PutSipDomain(row) => put(&**row),
        Op::PutListUse(row) => put(&**row),
        Op::DeleteListUse(owner, purpose, list) => delete(&LIST_USES, mapping_key(*owner, *purpose, *list)),
        Op::InsertCall(row) => Step::Insert(Record::of(&**row)),
        Op::PutCall(row) => Step::PutIf(Record::of(&**row), &SAME_STATUS),
        Op::Callback(row) => Step::Add(Record::of(&**row)),
        Op::PutOutbox(row) => put(&**row),
        Op::DeleteOutbox(id) => delete(&OUTBOX, outbox::key(*id)),
        Op::PutRecording(row) => put(&**row),
        Op::DeleteRecording(sid) => delete(&RECORDINGS, sid),
        Op::PutNotification(row) => put(&**row),
        Op::DeleteNotification(sid) => delete(&NOTIFICATIONS, sid),
        Op::PutStream(row) => put(&**row),
        Op::PutTimeline(row) => put(&**row),
        Op::PutAccount(row) => changed(&**row),
        Op::PutKey(row) => put(&**row),
        Op::DeleteKey(sid) => delete(&KEYS, sid),
        Op::PutNumber(row) => changed(&**row),
        Op::DeleteNumber(sid, account) => Step::DeleteOf(&NUMBERS, *account, sid.to_string()),
        Op::PutInventory(row) => put(&**row),
        Op::DeleteInventory(sid) => delete(&INVENTORY, sid),
        Op::PutReport(row) => put(&**row),
        Op::DeleteReport(sid) => delete(&REPORTS, sid),
        Op::PutApplication(row) => put(&**row),
        Op::DeleteApplication(sid) => delete(&APPLICATIONS, sid),
        Op::PutTrunk(row) => put(&**row),
        Op::DeleteTrunk(sid) => delete(&TRUNKS, sid),
        Op::PutElasticTrunk(row) => put(&**row),
        Op::PutOriginationUrl(row) => put(&**row),
        Op::DeleteOriginationUrl(sid) => delete(&ORIGINATION_URLS, sid),
        Op::PutBinding(row) => put(&**row),
        Op::DeleteBinding { key } => delete(&BINDINGS, key),
    })
}

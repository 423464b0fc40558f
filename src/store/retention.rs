//! How long finished things are kept. Deciding is here; `sweep` does it.

use super::query::Scope;
use super::reader::Reader;
use super::tx::{Op, StoreError, Tx};
use super::{notifications, outbox, recordings, reports};
use crate::clock::Wall;
use std::time::Duration;

/// Rows of one kind that one transaction deletes: small, so that calls hardly wait behind it.
pub const SWEEP_MAX: u32 = 200;
/// How often the job should run.
pub const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Ages at which things leave; None: never.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Recordings with their files, counted from their creation. By default they stay until their user deletes them,
    /// as at Twilio.
    pub recordings: Option<Duration>,
    /// Notifications. Twilio's debugger shows 30 days.
    pub notifications: Option<Duration>,
    /// Callbacks that were delivered or given up, and what external switches reported; pending ones stay. A week is enough to look into them and resend.
    pub outbox: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { recordings: None, notifications: Some(DAY * 30), outbox: Some(DAY * 7) }
    }
}

/// What leaves now.
#[derive(Clone, Debug, Default)]
pub struct Due {
    /// Files of recordings. They go first: a row without a file is swept again.
    pub files: Vec<String>,
    /// The rows.
    pub tx: Tx,
}

/// What was made at this time or before has reached its age.
pub fn limit(now: Wall, age: Duration) -> Wall {
    Wall(now.0.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)))
}

/// The oldest rows that have reached their age, at most [`SWEEP_MAX`] of each kind. A recording that is still being
/// made stays.
pub fn due(r: &mut Reader, now: Wall, keep: &Retention) -> Result<Due, StoreError> {
    let mut due = Due::default();
    let scope = Scope::Operator;
    if let Some(age) = keep.recordings {
        for row in recordings::aged(r, scope, limit(now, age), SWEEP_MAX)? {
            due.tx.ops.push(Op::DeleteRecording(row.sid));
            due.files.push(row.file);
        }
    }
    if let Some(age) = keep.notifications {
        let rows = notifications::aged(r, scope, limit(now, age), SWEEP_MAX)?;
        due.tx.ops.extend(rows.iter().map(|row| Op::DeleteNotification(row.sid)));
    }
    if let Some(age) = keep.outbox {
        let rows = outbox::aged(r, scope, limit(now, age), SWEEP_MAX)?;
        due.tx.ops.extend(rows.iter().map(|row| Op::DeleteOutbox(row.id)));
        let rows = reports::aged(r, scope, limit(now, age), SWEEP_MAX)?;
        due.tx.ops.extend(rows.iter().map(|row| Op::DeleteReport(row.sid)));
    }
    Ok(due)
}

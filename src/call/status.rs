//! The only maker of a change of status. A change holds the row and its callbacks, for one transaction (law 3).
//!
//! ```text
//!            +--> initiated --> ringing --+
//!  queued ---+        |            |      +--> in-progress --> completed
//!            |        +------------+------+--> busy | failed | no-answer | canceled
//!            +--> canceled | failed
//! ```

use crate::clock::Wall;
use crate::store::rows::{CallRow, CallStatus, OutboxRow};

/// A change of status with the callbacks that it owes. Its fields are private: only [`advance`] makes one.
#[derive(Clone, Debug)]
pub struct StatusChange {
    row: Box<CallRow>,
    callbacks: Vec<OutboxRow>,
}

impl StatusChange {
    /// The row after the change.
    pub fn row(&self) -> &CallRow {
        &self.row
    }

    /// The callbacks of this change, in order.
    pub fn callbacks(&self) -> &[OutboxRow] {
        &self.callbacks
    }
}

/// May a call go from one status to the other?
pub fn allowed(from: CallStatus, to: CallStatus) -> bool {
    use CallStatus::*;
    match (from, to) {
        (Queued, Initiated | Ringing | InProgress | Canceled | Failed | Busy | NoAnswer) => true,
        (Initiated, Ringing | InProgress) => true,
        (Ringing, InProgress) => true,
        (Initiated | Ringing, Busy | Failed | NoAnswer | Canceled | Completed) => true,
        (InProgress, Completed | Failed) => true,
        _ => false,
    }
}

/// Placeholder of the id source until the call room is built.
pub fn touched(row: &mut CallRow, at: Wall) {
    row.updated = at;
}

//! The only maker of a change of status. A change holds the row and its callbacks, for one transaction (law 3).
//!
//! ```text
//!            +--> initiated --> ringing --+
//!  queued ---+        |            |      +--> in-progress --> completed | failed
//!            |        +------------+------+--> busy | failed | no-answer | canceled
//!            +--> canceled | failed
//! ```

use super::cx::Cx;
use super::event::Effect;
use crate::mutants::{self, Mutant};
use crate::sip::event::Cause;
use crate::store::rows::{CallRow, CallStatus, OutboxRow, RecordingRow, Subscription};
use crate::store::tx::{Op, Tx};
use crate::webhooks::{events, params};

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
    matches!(
        (from, to),
        (Queued, Initiated | Canceled | Failed)
            | (Initiated, Ringing | InProgress)
            | (Ringing, InProgress)
            | (Initiated | Ringing, Busy | Failed | NoAnswer | Canceled | Completed)
            | (InProgress, Completed | Failed)
    )
}

/// Twilio's status for an INVITE of ours that was refused, or that nobody answered.
/// The one table between SIP outcomes and statuses (twiml.md 3.2, sip-practice.md 7.15).
pub fn of_refusal(code: u16) -> CallStatus {
    match code {
        486 | 600 | 603 => CallStatus::Busy,
        408 | 480 => CallStatus::NoAnswer,
        487 => CallStatus::Canceled,
        _ => CallStatus::Failed,
    }
}

/// The other direction of the table: the code that refuses an inbound INVITE whose call ends as `status`.
pub fn refusal_of(status: CallStatus) -> Cause {
    match status {
        CallStatus::Busy => Cause::new(486, "Busy Here"),
        CallStatus::NoAnswer => Cause::new(603, "Decline"),
        CallStatus::Canceled => Cause::new(487, "Request Terminated"),
        _ => Cause::new(500, "Server Internal Error"),
    }
}

fn wants(s: &Subscription, to: CallStatus) -> bool {
    match to {
        CallStatus::Queued => false,
        CallStatus::Initiated => s.initiated,
        CallStatus::Ringing => s.ringing,
        CallStatus::InProgress => s.answered,
        _ => s.completed,
    }
}

/// Moves `row` to `to` and returns the operation that writes it with every callback it owes.
/// None (and the row unchanged) if Twilio's graph has no such edge: an event that came too late.
///
/// `recording`: the call's own, for its last callback.
pub fn advance(
    cx: &mut Cx<'_>,
    row: &mut CallRow,
    to: CallStatus,
    recording: Option<&RecordingRow>,
) -> Option<Op> {
    let planted = mutants::on(Mutant::TerminalTwice) && row.status.is_final();
    if !allowed(row.status, to) && !planted {
        return None;
    }
    // A call cancelled in the queue was never heard of: no callbacks (webhooks.md 3).
    let silent = row.status == CallStatus::Queued && to == CallStatus::Canceled;
    row.status = to;
    row.updated = cx.now.wall;
    match to {
        CallStatus::Ringing if row.started.is_none() => row.started = Some(cx.now.wall),
        CallStatus::InProgress => row.answered = Some(cx.now.wall),
        // Unless it is known to have ended a little earlier.
        s if s.is_final() => row.ended = row.ended.or(Some(cx.now.wall)),
        _ => {}
    }
    let mut callbacks = Vec::new();
    let subscriptions = row.callbacks.clone();
    for s in subscriptions.iter().filter(|s| !silent && wants(s, to)) {
        callbacks.push(callback(cx, row, s, recording));
        row.sequence += 1;
    }
    if !silent {
        callbacks.extend(told(cx, row));
    }
    if mutants::on(Mutant::CallbackOutsideTx) {
        for c in callbacks.drain(..) {
            let tx = Tx::one(Op::Callback(Box::new(c)));
            cx.push(Effect::Commit { tx, then: vec![], or_else: vec![] });
        }
    }
    Some(Op::Status(StatusChange { row: Box::new(row.clone()), callbacks }))
}

/// A row as it is inserted: its first status, which owes no callback (`queued`, or inbound `ringing`). The operator hears of a call
/// that rings.
pub fn begin(cx: &mut Cx<'_>, row: &mut CallRow) -> Tx {
    let event = told(cx, row).map(|event| Op::Callback(Box::new(event)));
    let insert = Op::InsertCall(Box::new(row.clone()));
    Tx { ops: std::iter::once(insert).chain(event).collect() }
}

/// The event of the row's status for the operator, who may not want any.
fn told(cx: &mut Cx<'_>, row: &mut CallRow) -> Option<OutboxRow> {
    let (target, kind) = (cx.settings.events.as_ref()?, events::kind(row.status)?);
    // What an external switch reports it need not be told.
    if row.external.is_some() {
        return None;
    }
    let event = events::Event { id: cx.rng.next_u128(), kind, position: row.events, at: cx.now.wall };
    row.events = row.events.saturating_add(1);
    Some(event.of_call(target, row))
}

fn callback(cx: &mut Cx<'_>, row: &CallRow, s: &Subscription, recording: Option<&RecordingRow>) -> OutboxRow {
    let url = recording.map(|r| params::recording_url(&cx.settings.public_url, row.account, r.sid));
    let recording = recording.zip(url.as_deref());
    let params = params::status_callback(row, cx.now.wall, row.sequence, recording);
    OutboxRow {
        call: Some(row.sid),
        position: row.sequence,
        ..OutboxRow::pending(cx.rng.next_u128(), row.account, s.hook.clone(), params, cx.now.wall)
    }
}

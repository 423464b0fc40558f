//! Restart is an input: what the rows say was going on, and what is owed for it (rulings, "Accepted").

use super::Switch;
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::{recordings, status, streams};
use crate::clock::Now;
use crate::media::event::{TapEnd, TapEndReason};
use crate::mutants::{self, Mutant};
use crate::sid::{CallSid, RecordingSid};
use crate::sip::event::{Cause, SipCmd};
use crate::store::rows::{CallRow, CallStatus, Direction, RecordingRow, StreamRow};
use crate::store::tx::{Recovered, Tx};
use crate::webhooks::events;
use std::collections::HashMap;

impl Switch {
    /// Takes in the rows of a store that a process before us left. `recorded` has the length in milliseconds of each
    /// recording's repaired file. Its outputs are BYEs, final statuses with their callbacks, and calls still to dial.
    pub fn recover(&mut self, now: Now, found: Recovered, recorded: &HashMap<RecordingSid, u64>) {
        if !mutants::on(Mutant::CallbackLostOnCrash) {
            self.schedule.load(now, found.outbox, None);
        }
        for row in found.recordings {
            let ms = recorded.get(&row.sid).copied().unwrap_or(0);
            // An empty file is not silence: whatever was said was still in our buffers. Whoever waits for `completed` is told.
            let reason = if ms == 0 { TapEndReason::Failed } else { TapEndReason::Stopped };
            let end = TapEnd { recording: row.sid, reason, ms };
            self.end_recording(now, row, &end);
        }
        let mut calls = found.calls;
        for call in &mut calls {
            call.events = call.events.saturating_add(events::RESTART_ROOM);
        }
        let external = |call: CallSid| calls.iter().any(|c| c.sid == call && c.external.is_some());
        // Those of an external switch's call go on there.
        let streams: Vec<StreamRow> = found.streams.into_iter().filter(|s| !external(s.call)).collect();
        for row in streams {
            let call = calls.iter_mut().find(|c| c.sid == row.call);
            self.end_stream(now, row, call.map_or(&mut events::RESTART_ROOM.clone(), |c| &mut c.events));
        }
        for (account, ended, seconds) in found.talked {
            self.usage.add(account, ended, seconds);
        }
        self.endpoint.command(now, SipCmd::Bindings(found.bindings));
        for row in calls {
            match row.external.is_some() {
                true => self.recover_external(now, row),
                false => self.recover_call(now, row),
            }
        }
        self.settle(now);
    }

    pub(super) fn end_recording(&mut self, now: Now, row: RecordingRow, end: &TapEnd) {
        let ops = self.with_cx(now, |cx| recordings::ended(cx, row, end));
        self.commit(now, None, Tx { ops }, vec![], vec![]);
    }

    /// Its connection is gone, as when its call ends: `stream-stopped` (media-streams.md A.5).
    pub(super) fn end_stream(&mut self, now: Now, row: StreamRow, events: &mut u32) {
        let (_, ops) = self.with_cx(now, |cx| streams::ended(cx, row, events, "stream-stopped", None));
        self.commit(now, None, Tx { ops }, vec![], vec![]);
    }

    fn recover_call(&mut self, now: Now, row: CallRow) {
        let untouched =
            row.status == CallStatus::Queued && !row.invited && row.direction == Direction::OutboundApi;
        if untouched {
            self.log(&format!("{} was queued and is dialled in its turn", row.sid));
            let again = row.clone();
            if self.begin(now, (row.account, row.sid), None, |cx| Call::redial(cx, again)) {
                return;
            }
        }
        self.end_orphan(now, row);
    }

    /// A call whose process died: its peer gets BYE, its subscribers the end.
    fn end_orphan(&mut self, now: Now, row: CallRow) {
        let leg = self.ids.leg();
        let cause = Cause::new(500, "The server was restarted");
        let left = (row.invited || row.status != CallStatus::Queued) && !mutants::on(Mutant::OrphanForgotten);
        if let Some(dialog) = row.dialog.clone().filter(|_| left) {
            self.endpoint
                .command(now, SipCmd::Orphan { leg, dialog: Box::new(dialog), cause: cause.clone() });
        }
        // Whom it was being transferred to.
        if let Some(dialog) = row.spare_dialog.clone() {
            let leg = self.ids.leg();
            self.endpoint
                .command(now, SipCmd::Orphan { leg, dialog: Box::new(dialog), cause: cause.clone() });
        }
        self.end_row(now, row, cause, "restart");
    }

    /// `failed`, with the callbacks that are owed on the way there. `how`: for what reason we end it. What was talked until now counts
    /// among the account's minutes.
    pub(super) fn end_row(&mut self, now: Now, mut row: CallRow, cause: Cause, how: &str) {
        self.usage.see(&row);
        row.cause = Some(cause);
        row.ended_by = Some("us".to_owned());
        row.ended_how = Some(how.to_owned());
        row.error = Some(12400);
        let ops = self.with_cx(now, |cx| {
            let first = (row.status == CallStatus::Queued)
                .then(|| status::advance(cx, &mut row, CallStatus::Initiated, None))
                .flatten();
            let last = status::advance(cx, &mut row, CallStatus::Failed, None);
            first.into_iter().chain(last).collect::<Vec<_>>()
        });
        self.usage.see(&row);
        self.commit(now, None, Tx { ops }, vec![], vec![]);
    }

    fn with_cx<T>(&mut self, now: Now, f: impl FnOnce(&mut Cx<'_>) -> T) -> T {
        f(&mut self.cx(now, &mut Vec::new()))
    }
}

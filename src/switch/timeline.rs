//! The timeline of each live call: bounded, written with the end of the call, shown while it runs.

use crate::clock::Now;
use crate::sid::{AccountSid, CallSid};
use crate::store::rows::{Line, TimelineRow};
use crate::store::tx::Op;
use crate::telemetry::redact;
use std::collections::HashMap;

/// Lines of one call; later ones are counted, not kept.
pub const LINES_MAX: usize = 500;

struct Timeline {
    account: AccountSid,
    lines: Vec<Line>,
    missed: usize,
}

/// Of every live call.
#[derive(Default)]
pub struct Timelines(HashMap<CallSid, Timeline>);

impl Timelines {
    /// A call begins.
    pub fn open(&mut self, call: CallSid, account: AccountSid) {
        self.0.insert(call, Timeline { account, lines: Vec::new(), missed: 0 });
    }

    /// One more line; None if there is no room.
    pub fn add(&mut self, now: Now, call: CallSid, from: &str, to: &str, what: String) -> Option<Line> {
        let t = self.0.get_mut(&call)?;
        if t.lines.len() >= LINES_MAX {
            t.missed += 1;
            return None;
        }
        let what = redact::line(&what).into_owned();
        let line = Line { at: now.wall, from: from.to_owned(), to: to.to_owned(), what };
        t.lines.push(line.clone());
        Some(line)
    }

    /// What a live call has so far.
    pub fn lines(&self, call: CallSid) -> Option<&[Line]> {
        self.0.get(&call).map(|t| t.lines.as_slice())
    }

    /// A call ends: its row.
    pub fn close(&mut self, now: Now, call: CallSid) -> Option<Op> {
        let mut t = self.0.remove(&call)?;
        if t.missed > 0 {
            let what = format!("{} more lines were not kept", t.missed);
            t.lines.push(Line { at: now.wall, from: "chorus".to_owned(), to: "chorus".to_owned(), what });
        }
        let row = TimelineRow { call, account: t.account, lines: t.lines, updated: now.wall };
        Some(Op::PutTimeline(Box::new(row)))
    }
}

//! Who lives and how many ended, for metrics.

use super::Switch;
use crate::store::rows::{CallRow, CallStatus, Direction};
use std::collections::BTreeMap;

/// How calls went that are no more. Ten statuses and three directions bound it.
#[derive(Clone, Debug, Default)]
pub struct Ended(BTreeMap<(&'static str, &'static str), u64>);

impl Ended {
    /// One more.
    pub(super) fn add(&mut self, row: &CallRow) {
        let n = self.0.entry((row.direction.as_str(), row.status.as_str())).or_default();
        *n = n.saturating_add(1);
    }

    /// Direction, status, how many.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.0.iter().map(|((direction, status), n)| (*direction, *status, *n))
    }
}

impl Switch {
    /// Live calls by direction and status; pairs without a call are told too, so that a gauge falls back to 0.
    pub fn census(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        let directions = [
            Direction::Inbound,
            Direction::OutboundApi,
            Direction::OutboundDial,
            Direction::TrunkingTerminating,
            Direction::TrunkingOriginating,
        ];
        let statuses =
            [CallStatus::Queued, CallStatus::Initiated, CallStatus::Ringing, CallStatus::InProgress];
        let pairs = directions.iter().flat_map(|d| statuses.iter().map(|s| ((d.as_str(), s.as_str()), 0)));
        let mut census: BTreeMap<_, u64> = pairs.collect();
        for call in self.calls() {
            let row = call.row();
            // A call whose end is on its way to the database still lives here.
            if let Some(n) = census.get_mut(&(row.direction.as_str(), row.status.as_str())) {
                *n = n.saturating_add(1);
            }
        }
        census
    }

    /// Calls that ended since the start.
    pub fn ended(&self) -> &Ended {
        &self.ended
    }

    /// What was refused since the start.
    pub fn refusals(&self) -> super::log::Refusals {
        self.refusals
    }
}

//! Calls of an account's own trunk (Elastic SIP Trunking): what their rows say, and where they go.

use crate::call::tables::ElasticTrunk;
use crate::call::trunking::{TIME_LIMIT_S, Trunking, Way};
use crate::store::rows::{CallRow, Direction};

/// A call to a number of the trunk: it rings at the PBX.
pub(super) fn originating(row: CallRow, trunk: &ElasticTrunk) -> (CallRow, Option<Trunking>) {
    let row = CallRow {
        direction: Direction::TrunkingOriginating,
        elastic_trunk: Some(trunk.row.sid),
        time_limit_s: TIME_LIMIT_S,
        ..row
    };
    (row, Some(Trunking { trunk: trunk.row.clone(), way: Way::Originating(trunk.urls.clone()) }))
}

//! Calls of an account's own trunk (Elastic SIP Trunking): who may make them, what their rows say, and where they go.

use super::Switch;
use super::accept::Refusal;
use crate::call::tables::{ElasticTrunk, Tables};
use crate::call::trunking::{TIME_LIMIT_S, Trunking, Way};
use crate::clock::Now;
use crate::sid::{CallSid, ElasticTrunkSid};
use crate::sip::event::{Cause, Invite};
use crate::store::elastic::ElasticTrunkRow;
use crate::store::rows::{CallRow, CallStatus, Direction, NumberRow};
use crate::trunk::normalise;

/// The caller ID is not a number of the account.
const NOT_OWN: u32 = 21_210;
/// The number is none.
const NO_NUMBER: u32 = 13_223;
/// Digits of a number that can be dialled from abroad, as the REST API takes them.
const E164: std::ops::RangeInclusive<usize> = 7..=15;

/// A call to a number of the trunk: it rings at the PBX.
pub(super) fn originating(row: CallRow, trunk: &ElasticTrunk) -> (CallRow, Option<Trunking>) {
    let row = CallRow {
        direction: Direction::TrunkingOriginating,
        elastic_trunk: Some(trunk.row.sid),
        time_limit_s: TIME_LIMIT_S,
        ..row
    };
    // Who calls stands in the row, and is `anonymous` where that was wished.
    let way = Way::Originating(trunk.urls.clone());
    (row, Some(Trunking { trunk: trunk.row.clone(), way, withheld: false }))
}

/// A call of a PBX that dials out, as it is understood.
pub(super) struct Terminating<'t> {
    pub trunk: &'t ElasticTrunkRow,
    /// Who calls.
    pub caller: &'t NumberRow,
    /// Whom, in E.164.
    pub called: String,
    /// For how many seconds at most.
    pub seconds: u32,
}

impl Switch {
    /// What is asked of a call that a PBX makes through the termination domain of a trunk, whose lists have let it in. `callers`: what it
    /// says of who calls, the last one its From. `explain` asks the same.
    pub(super) fn terminating<'t>(
        &self,
        now: Now,
        tables: &'t Tables,
        sid: ElasticTrunkSid,
        called: &str,
        callers: &[&str],
    ) -> Result<Terminating<'t>, Refusal> {
        let Some(ElasticTrunk { row: trunk, .. }) = tables.elastic(sid) else {
            return Err(Refusal::new(Cause::new(404, "No such domain"), format!("{sid} is gone"), None));
        };
        let refuse = |code, phrase: &str, error, words| {
            Err(Refusal::new(Cause::new(code, phrase), words, Some(trunk.account)).noted_as(error))
        };
        if !tables.is_active(trunk.account) {
            return refuse(480, "No handler for this domain", 32100, "the account is not active".to_owned());
        }
        let own = |user: &&str| tables.trunks.number(user).filter(|n| n.account == trunk.account);
        let Some(caller) = callers.iter().find_map(own) else {
            let words = format!(
                "the caller ID {} is no number of the account: set From (from_user) or P-Asserted-Identity to one",
                callers.last().unwrap_or(&"")
            );
            return refuse(403, "Caller ID is unauthorized", NOT_OWN, words);
        };
        let read = normalise::inbound(called, None);
        let digits = read.strip_prefix('+').unwrap_or(&read);
        // Short numbers and those with a prefix of some country's are somebody else's behind a `+`: `911` would ring in India.
        let dialable = E164.contains(&digits.len()) && !digits.starts_with('0');
        if !dialable || !digits.bytes().all(|b| b.is_ascii_digit()) {
            let words = format!("{called} is no number: dial in E.164");
            return refuse(404, "No such number", NO_NUMBER, words);
        }
        let seconds = self.within_rules(now, trunk.account)?;
        Ok(Terminating { trunk, caller, called: format!("+{digits}"), seconds })
    }

    /// A PBX dials out through the termination domain of a trunk; its lists have let it in.
    pub(super) fn admit_terminating(
        &mut self,
        now: Now,
        invite: &Invite,
        sid: ElasticTrunkSid,
    ) -> Result<(CallRow, Option<Trunking>), Refusal> {
        let tables = self.tables.clone();
        // What the PBX asserts counts before From.
        let asserted = invite.identity.asserted.as_ref().map(|party| party.user.as_str());
        let callers: Vec<&str> = asserted.into_iter().chain([invite.from_user.as_str()]).collect();
        let Terminating { trunk, caller, called, seconds } =
            self.terminating(now, &tables, sid, &invite.to_user, &callers)?;
        let row = CallRow::empty(trunk.account, now.wall, &self.settings.node, CallStatus::Ringing);
        let row = CallRow {
            sid: CallSid::new(&mut self.rng),
            to: called,
            from: caller.number.clone(),
            number: Some(caller.sid),
            direction: Direction::TrunkingTerminating,
            elastic_trunk: Some(sid),
            time_limit_s: TIME_LIMIT_S.min(seconds),
            started: Some(now.wall),
            ..row
        };
        // The account's own list names its number all the same.
        let withheld = invite.identity.withheld;
        Ok((row, Some(Trunking { trunk: trunk.clone(), way: Way::Terminating, withheld })))
    }
}

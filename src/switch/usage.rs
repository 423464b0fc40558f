//! What each account has under way and has talked today, against the caps of its rules. Nothing of it is kept apart from the calls'
//! rows: after a restart it is counted from them again.

use crate::clock::Wall;
use crate::sid::{AccountSid, CallSid};
use crate::store::rows::{AccountRow, CallRow};
use std::collections::{BTreeMap, HashMap};

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// The midnight (UTC) before `at`.
pub fn midnight(at: Wall) -> Wall {
    Wall(at.0.div_euclid(DAY_MS).saturating_mul(DAY_MS))
}

/// A cap that is reached: Twilio's code and a sentence.
pub type Reached = (u32, String);

#[derive(Debug, Default)]
struct Account {
    /// Calls that are not over, with the time of their answer.
    live: BTreeMap<CallSid, Option<Wall>>,
    /// The day (its midnight) and the seconds of the calls that ended on it.
    talked: (Wall, u64),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Usage(HashMap<AccountSid, Account>);

impl Usage {
    /// A call as it is now.
    pub(super) fn see(&mut self, row: &CallRow) {
        let account = self.0.entry(row.account).or_default();
        if !row.status.is_final() {
            account.live.insert(row.sid, row.answered);
        } else if account.live.remove(&row.sid).is_some() {
            let (Some(answered), Some(ended)) = (row.answered, row.ended) else { return };
            account.add(ended, ended.seconds_since(answered));
        }
    }

    /// This process knows it no longer, however it ended.
    pub(super) fn forget(&mut self, row: &CallRow) {
        if let Some(account) = self.0.get_mut(&row.account) {
            account.live.remove(&row.sid);
        }
    }

    /// What the rows of the day hold from before the start.
    pub(super) fn add(&mut self, account: AccountSid, ended: Wall, seconds: u64) {
        self.0.entry(account).or_default().add(ended, seconds);
    }

    /// May the account have one more call, beside those that are counted and `begun` that are not yet? Some: for so many seconds.
    ///
    /// # Errors
    /// The cap that is reached.
    pub fn room(&self, now: Wall, account: &AccountRow, begun: usize) -> Result<Option<u32>, Reached> {
        let used = self.0.get(&account.sid);
        let live = used.map_or(0, |a| a.live.len()).saturating_add(begun);
        if let Some(max) = account.rules.max_concurrent_calls
            && live >= usize::try_from(max).unwrap_or(usize::MAX)
        {
            return Err((10004, format!("The account has {max} calls at once, as many as it may have.")));
        }
        let Some(max) = account.rules.max_minutes_per_day else { return Ok(None) };
        let talked = used.map_or(0, |a| a.talked(now));
        match (u64::from(max) * 60).saturating_sub(talked) {
            0 => Err((10004, format!("The account has talked its {max} minutes of this day (UTC)."))),
            left => Ok(Some(u32::try_from(left).unwrap_or(u32::MAX))),
        }
    }
}

impl Account {
    fn add(&mut self, ended: Wall, seconds: u64) {
        let day = midnight(ended);
        if day > self.talked.0 {
            self.talked = (day, 0);
        }
        if day == self.talked.0 {
            self.talked.1 = self.talked.1.saturating_add(seconds);
        }
    }

    /// Seconds of this day, with those of the calls that go on.
    fn talked(&self, now: Wall) -> u64 {
        let today = midnight(now);
        let over = if self.talked.0 == today { self.talked.1 } else { 0 };
        let running = self.live.values().flatten().map(|at| now.seconds_since((*at).max(today)));
        running.fold(over, u64::saturating_add)
    }
}

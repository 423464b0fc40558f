//! What each account has under way and has talked today, against the caps of its rules and of its main account's, which hold for all
//! its subaccounts together. Nothing of it is kept apart from the calls' rows: after a restart it is counted from them again.

use crate::call::tables::Tables;
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

/// A call that is not over.
#[derive(Debug, Default)]
struct Live {
    answered: Option<Wall>,
    /// It is the far end of this one, which is live, and takes no place of its own.
    within: Option<CallSid>,
    /// Far ends of this one.
    far_ends: Vec<CallSid>,
}

#[derive(Debug, Default)]
struct Account {
    live: BTreeMap<CallSid, Live>,
    /// Those of them that take a place.
    places: usize,
    /// The day (its midnight) and the seconds of the calls that ended on it.
    talked: (Wall, u64),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Usage(HashMap<AccountSid, Account>);

impl Usage {
    /// A call begins; one that has begun goes on. It takes a place, but not while it is the far end of `within`, a call of a trunk:
    /// the two are one there.
    pub(super) fn begin(&mut self, account: AccountSid, call: CallSid, within: Option<CallSid>) {
        self.0.entry(account).or_default().begin(call, within);
    }

    /// A call as it is now.
    pub(super) fn see(&mut self, row: &CallRow) {
        let account = self.0.entry(row.account).or_default();
        if !row.status.is_final() {
            account.begin(row.sid, None).answered = row.answered;
        } else if account.leave(row.sid) {
            let (Some(answered), Some(ended)) = (row.answered, row.ended) else { return };
            account.add(ended, ended.seconds_since(answered));
        }
    }

    /// This process knows it no longer, however it ended.
    pub(super) fn forget(&mut self, account: AccountSid, call: CallSid) {
        if let Some(account) = self.0.get_mut(&account) {
            account.leave(call);
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
    pub fn room(
        &self,
        now: Wall,
        tables: &Tables,
        account: AccountSid,
        begun: usize,
    ) -> Result<Option<u32>, Reached> {
        for (row, who) in bounds(tables, account) {
            let Some(max) = row.rules.max_concurrent_calls else { continue };
            let live = self.used(tables, row).fold(begun, |n: usize, a| n.saturating_add(a.places));
            if live >= usize::try_from(max).unwrap_or(usize::MAX) {
                return Err((10004, format!("{who} {max} calls at once, as many as it may have.")));
            }
        }
        self.left(now, tables, account)
    }

    /// Seconds that a call which the account has already may go on; None: nobody counts them.
    ///
    /// # Errors
    /// No minute of the day is left.
    pub fn left(&self, now: Wall, tables: &Tables, account: AccountSid) -> Result<Option<u32>, Reached> {
        let mut least: Option<u32> = None;
        for (row, who) in bounds(tables, account) {
            let Some(max) = row.rules.max_minutes_per_day else { continue };
            let talked = self.used(tables, row).fold(0, |all: u64, a| all.saturating_add(a.talked(now)));
            let left = match u64::from(max).saturating_mul(60).saturating_sub(talked) {
                0 => return Err((10004, format!("{who} talked its {max} minutes of this day (UTC)."))),
                left => u32::try_from(left).unwrap_or(u32::MAX),
            };
            least = Some(least.map_or(left, |least| least.min(left)));
        }
        Ok(least)
    }

    /// What counts against the caps of an account: a main account's are its subaccounts' too.
    fn used<'a>(&'a self, tables: &'a Tables, row: &'a AccountRow) -> impl Iterator<Item = &'a Account> {
        tables.family(row.sid).filter_map(|sid| self.0.get(&sid))
    }
}

/// Whose caps hold for an account, and how a refusal begins.
fn bounds(tables: &Tables, account: AccountSid) -> impl Iterator<Item = (&AccountRow, &'static str)> {
    let own = tables.account(account);
    let main = own.and_then(|row| tables.owner(row));
    let own = own.map(|row| (row, "The account has"));
    own.into_iter().chain(main.map(|row| (row, "The main account has with its subaccounts")))
}

impl Account {
    fn begin(&mut self, call: CallSid, within: Option<CallSid>) -> &mut Live {
        let known = self.live.contains_key(&call);
        let mut within = within.filter(|_| !known);
        match within.and_then(|near| self.live.get_mut(&near)) {
            Some(near) => near.far_ends.push(call),
            None => within = None,
        }
        if !known && within.is_none() {
            self.places = self.places.saturating_add(1);
        }
        self.live.entry(call).or_insert_with(|| Live { within, ..Live::default() })
    }

    /// False: it was over already. Its far end goes on in its place.
    fn leave(&mut self, call: CallSid) -> bool {
        let Some(gone) = self.live.remove(&call) else { return false };
        match gone.within.and_then(|near| self.live.get_mut(&near)) {
            Some(near) => near.far_ends.retain(|far| *far != call),
            None => self.places = self.places.saturating_sub(1),
        }
        for far in gone.far_ends {
            if let Some(far) = self.live.get_mut(&far) {
                far.within = None;
                self.places = self.places.saturating_add(1);
            }
        }
        true
    }

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
        let running =
            self.live.values().filter_map(|call| call.answered).map(|at| now.seconds_since(at.max(today)));
        running.fold(over, u64::saturating_add)
    }
}

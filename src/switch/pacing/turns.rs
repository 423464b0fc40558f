//! Whose turn it is. A call keeps two paces: that of its account, and that of its main account, which all its subaccounts share. Among
//! those that wait for the shared one, whose own turn came first goes first.
//!
//! ```text
//!  account's queue: own turn --> family: the earliest of them, when the shared turn has come --> dialled
//! ```

use crate::clock::Mono;
use crate::sid::{AccountSid, CallSid};
use crate::sip::event::LegId;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

/// A call that waits.
#[derive(Copy, Clone, Debug)]
pub struct Waiting {
    /// Which.
    pub call: CallSid,
    /// Its leg.
    pub leg: LegId,
}

/// Calls a second; 0: as many as come.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Of the account.
    pub own: u32,
    /// Of its main account with all subaccounts.
    pub family: u32,
}

/// The queue of one account; it stays until its last turn is a whole interval ago.
#[derive(Debug)]
struct Queue {
    main: AccountSid,
    waiting: VecDeque<Waiting>,
    /// The account's next turn.
    next: Mono,
}

/// A main account with its subaccounts.
#[derive(Debug, Default)]
struct Family {
    /// Accounts in whose queue somebody waits, by their own next turn.
    turns: BTreeSet<(Mono, AccountSid)>,
    /// How many wait in these.
    waiting: usize,
    /// The shared next turn.
    next: Mono,
    /// Where it stands in [`Turns::due`].
    due: Option<Mono>,
}

impl Family {
    /// When the first of those that wait may go.
    fn first(&self) -> Option<Mono> {
        self.turns.first().map(|(own, _)| (*own).max(self.next))
    }
}

/// All queues.
#[derive(Debug, Default)]
pub struct Turns {
    queues: HashMap<AccountSid, Queue>,
    families: HashMap<AccountSid, Family>,
    /// By the time of their next turn; those alone in which somebody waits.
    due: BTreeSet<(Mono, AccountSid)>,
    /// Where each one waits: a call that is cancelled leaves at once.
    of: BTreeMap<CallSid, AccountSid>,
}

fn interval(rate: u32) -> Duration {
    if rate == 0 { Duration::ZERO } else { Duration::from_secs(1) / rate }
}

impl Turns {
    /// Takes a turn: true if it is now, else later.
    pub fn take(
        &mut self,
        now: Mono,
        (account, main): (AccountSid, AccountSid),
        pace: Pace,
        who: Waiting,
    ) -> bool {
        let family = self.families.entry(main).or_default();
        let queue = self.queues.entry(account);
        let queue = queue.or_insert_with(|| Queue { main, waiting: VecDeque::new(), next: Mono::default() });
        let overtakes = family.turns.first().is_some_and(|(own, _)| *own <= now);
        if queue.waiting.is_empty() && queue.next <= now && family.next <= now && !overtakes {
            queue.next = now + interval(pace.own);
            family.next = now + interval(pace.family);
            self.place(main);
            return true;
        }
        if queue.waiting.is_empty() {
            queue.next = queue.next.max(now);
            family.turns.insert((queue.next, account));
        }
        queue.waiting.push_back(who);
        family.waiting = family.waiting.saturating_add(1);
        self.of.insert(who.call, account);
        self.place(main);
        false
    }

    /// The next call whose turn has come. A turn that came late does not bring the following ones closer together.
    pub fn due(&mut self, now: Mono, pace: impl Fn(AccountSid) -> Pace) -> Option<Waiting> {
        let (_, main) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        let family = self.families.get_mut(&main)?;
        let (_, account) = family.turns.pop_first()?;
        let next = self.queues.get_mut(&account).and_then(|queue| {
            let next = queue.waiting.pop_front()?;
            // Raised to "as many as come" meanwhile: all of them now.
            let pace = pace(account);
            (queue.next, family.next) = (now + interval(pace.own), now + interval(pace.family));
            if !queue.waiting.is_empty() {
                family.turns.insert((queue.next, account));
            }
            Some(next)
        });
        if let Some(next) = &next {
            family.waiting = family.waiting.saturating_sub(1);
            self.of.remove(&next.call);
        }
        self.place(main);
        next
    }

    /// It waits no longer.
    pub fn leave(&mut self, call: CallSid) {
        let Some(account) = self.of.remove(&call) else { return };
        let Some(queue) = self.queues.get_mut(&account) else { return };
        let main = queue.main;
        let Some(family) = self.families.get_mut(&main) else { return };
        queue.waiting.retain(|w| w.call != call);
        family.waiting = family.waiting.saturating_sub(1);
        if queue.waiting.is_empty() {
            family.turns.remove(&(queue.next, account));
        }
        self.place(main);
    }

    /// Puts a family where its next turn is.
    fn place(&mut self, main: AccountSid) {
        let Some(family) = self.families.get_mut(&main) else { return };
        let first = family.first();
        if first == family.due {
            return;
        }
        if let Some(old) = std::mem::replace(&mut family.due, first) {
            self.due.remove(&(old, main));
        }
        self.due.extend(first.map(|at| (at, main)));
    }

    /// Accounts in whose queue nobody is and whose next turn has come hold nothing.
    pub fn tidy(&mut self, now: Mono) {
        self.queues.retain(|_, q| !q.waiting.is_empty() || q.next > now);
        self.families.retain(|_, f| !f.turns.is_empty() || f.next > now);
    }

    /// Accounts that are remembered.
    pub fn accounts(&self) -> usize {
        self.queues.len()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// How many of a main account and its subaccounts wait.
    pub fn len_of(&self, main: AccountSid) -> usize {
        self.families.get(&main).map_or(0, |f| f.waiting)
    }

    /// The next turn of anybody.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Who waits.
    pub fn everybody(&self) -> Vec<CallSid> {
        self.of.keys().copied().collect()
    }
}

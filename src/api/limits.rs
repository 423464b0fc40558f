//! How much one request and one account may take.

use crate::sid::AccountSid;
use std::{collections::HashMap, time::Duration};

/// Octets of a body.
pub const BODY_MAX: usize = 64 * 1024;
/// Octets of path and query together.
pub const URI_MAX: usize = 8 * 1024;
/// A body must be here after so long; 64 KiB in it is 6.5 kB/s, so a trickle of octets ends too.
pub const BODY_WITHIN: Duration = Duration::from_secs(10);
/// Characters of an Idempotency-Key.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;
/// Requests of one account that one worker does at once; one more is 429 and touches nothing.
pub const AT_ONCE_MAX: u32 = 100;

/// Requests under way, counted by account.
#[derive(Default)]
pub struct UnderWay(HashMap<AccountSid, u32>);

impl UnderWay {
    /// Counts one in; false: the account has its fill.
    pub fn enter(&mut self, account: AccountSid) -> bool {
        let n = self.0.entry(account).or_insert(0);
        let free = *n < AT_ONCE_MAX;
        *n = n.saturating_add(u32::from(free));
        free
    }

    /// Counts it out; an account without requests takes no room.
    pub fn leave(&mut self, account: AccountSid) {
        if let Some(n) = self.0.get_mut(&account) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                self.0.remove(&account);
            }
        }
    }

    /// Under way for this account.
    pub fn count(&self, account: AccountSid) -> u32 {
        self.0.get(&account).copied().unwrap_or(0)
    }
}

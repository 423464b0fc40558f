//! How many calls each trunk has, against its `max_channels`.

use crate::sid::{CallSid, TrunkSid};
use crate::store::rows::TrunkRow;
use std::collections::HashMap;

/// Live calls by trunk.
#[derive(Debug, Default)]
pub struct Channels {
    of: HashMap<CallSid, TrunkSid>,
    busy: HashMap<TrunkSid, u32>,
}

impl Channels {
    /// A call goes over this trunk now; None: over none, or it is gone. How many go over those that this concerns.
    pub(super) fn set(&mut self, call: CallSid, trunk: Option<TrunkSid>) -> Vec<(TrunkSid, u32)> {
        let before = match trunk {
            Some(trunk) => self.of.insert(call, trunk),
            None => self.of.remove(&call),
        };
        if before == trunk {
            return Vec::new();
        }
        if let Some(trunk) = trunk {
            let busy = self.busy.entry(trunk).or_default();
            *busy = busy.saturating_add(1);
        }
        if let Some(before) = before
            && let Some(busy) = self.busy.get_mut(&before)
        {
            *busy = busy.saturating_sub(1);
            if *busy == 0 {
                self.busy.remove(&before);
            }
        }
        let calls = |trunk| (trunk, self.busy.get(&trunk).copied().unwrap_or(0));
        before.into_iter().chain(trunk).map(calls).collect()
    }

    /// Has it as many calls as it may have?
    pub fn is_full(&self, trunk: &TrunkRow) -> bool {
        trunk.max_channels.is_some_and(|max| self.busy.get(&trunk.sid).copied().unwrap_or(0) >= max)
    }
}

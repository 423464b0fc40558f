//! (s) Whose place it is when there are too many connections. Whoever was never sent anything but refusals is nobody's peer, and
//! leaves for whoever comes: a stranger that holds every place open would else keep the carriers out, for as long as it likes.

use super::{Inner, State};
use bytes::Bytes;

/// Most connections at once.
pub const CONNECTIONS_MAX: usize = 4096;

/// Does this say that we know its receiver? A request of ours does, and an answer that is no refusal; a challenge does not.
pub(super) fn welcomes(message: &Bytes) -> bool {
    !message.starts_with(b"SIP/2.0 ") || matches!(message.get(8), Some(b'1' | b'2'))
}

impl Inner {
    /// Is there room for one more? If not, the stranger that has been here longest makes some.
    pub(super) fn has_room(&self, state: &mut State) -> bool {
        if state.connections.len() < self.connections_max {
            return true;
        }
        metrics::counter!("chorus_sip_connections_refused_total").increment(1);
        let strangers = state.connections.iter().filter(|(_, held)| !held.known);
        let Some(key) = strangers.min_by_key(|(_, held)| held.serial).map(|(key, _)| *key) else {
            return false;
        };
        if let Some(held) = state.remove(key) {
            held.stop();
            self.lost(self.flow(held.kind, key.1, key.0));
        }
        true
    }
}

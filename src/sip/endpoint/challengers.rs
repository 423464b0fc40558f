//! Who challenged an INVITE or REGISTER of ours over a trunk and was content with the answer. Whoever challenges a later request of
//! the same trunk may be answered, too, also in a dialog that the peer began (ruling 2.27); nobody else is.

use super::Endpoint;
use crate::sid::TrunkSid;
use crate::store::rows::TrunkRow;
use crate::trunk::Snapshot;
use crate::trunk::route::credentials;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Most realms of one trunk that are remembered; beyond it the oldest is forgotten.
pub const REALMS_MAX: usize = 8;

/// By trunk: where the challenge came from, and its realm.
#[derive(Debug, Default)]
pub(super) struct Challengers(HashMap<TrunkSid, Vec<(SocketAddr, String)>>);

impl Challengers {
    /// The answers to these realms were taken.
    pub(super) fn learn(&mut self, trunk: TrunkSid, at: SocketAddr, realms: Vec<String>) {
        if realms.is_empty() {
            return;
        }
        let known = self.0.entry(trunk).or_default();
        for realm in realms {
            known.retain(|(other, name)| *other != at || *name != realm);
            known.push((at, realm));
        }
        let beyond = known.len().saturating_sub(REALMS_MAX);
        known.drain(..beyond);
    }

    /// Did this realm challenge us there before? `dialogs`: the dialog at hand came from the challenger itself, whose port may be another.
    pub(super) fn knows(&self, trunk: TrunkSid, at: SocketAddr, realm: &str, dialogs: bool) -> bool {
        let same = |other: &SocketAddr| *other == at || (dialogs && other.ip() == at.ip());
        self.0.get(&trunk).is_some_and(|known| known.iter().any(|(other, name)| same(other) && name == realm))
    }
}

/// What the knowledge rests on.
fn basis(row: &TrunkRow) -> (Option<crate::sip::event::Credentials>, &Option<String>, &Option<String>) {
    (credentials(row), &row.outbound_host, &row.outbound_proxy)
}

impl Endpoint {
    /// New rows: a trunk that goes elsewhere or has another password begins anew.
    pub(super) fn forget_challengers(&mut self, old: &Snapshot) {
        let same = |sid: &TrunkSid| {
            let (was, is) = (old.trunk(*sid), self.sources.trunk(*sid));
            was.zip(is).is_some_and(|(was, is)| basis(was) == basis(is))
        };
        self.challengers.0.retain(|sid, _| same(sid));
    }
}

//! Certificates that peers have shown: which trunk's peer is at the end of a TLS connection. A trunk that asks for a certificate is
//! known by nothing else: what comes from its address without one comes from a stranger.

use super::Endpoint;
use crate::sid::TrunkSid;
use crate::sip::event::{Flow, Proof};
use std::collections::HashMap;
use std::net::SocketAddr;

/// By connection; the transport has no more of them than it takes connections.
#[derive(Debug, Default)]
pub(super) struct Proofs(HashMap<(SocketAddr, u64), Proof>);

impl Proofs {
    /// Is the peer of this trunk at the other end?
    pub(super) fn shows(&self, flow: &Flow, trunk: TrunkSid) -> bool {
        self.of(flow).contains(&trunk)
    }

    /// The trunks whose peer is at the other end.
    fn of(&self, flow: &Flow) -> &[TrunkSid] {
        self.0.get(&(flow.remote, flow.conn)).map(|p| p.trunks.as_slice()).unwrap_or_default()
    }

    /// The connection is gone.
    pub(super) fn forget(&mut self, flow: &Flow) {
        self.0.remove(&(flow.remote, flow.conn));
    }
}

impl Endpoint {
    /// What the certificate that was shown on a connection proves; it counts until the connection ends, or until it is judged by
    /// later rules. A word by earlier ones comes too late.
    pub fn on_proved(&mut self, proof: Proof) {
        let key = (proof.flow.remote, proof.flow.conn);
        if self.proofs.0.get(&key).is_none_or(|known| known.rules <= proof.rules) {
            self.proofs.0.insert(key, proof);
        }
    }

    /// The trunks that a flow stands for, by the rows: those of its address, and those whose certificate was shown and that may come
    /// from anywhere.
    pub(super) fn of_flow(&self, flow: &Flow) -> Vec<TrunkSid> {
        let mut known = self.sources.identify(flow.remote.ip());
        known.retain(|sid| self.may_come(*sid, flow));
        let anywhere = |sid: &&TrunkSid| self.sources.is_known_by_certificate(**sid);
        for sid in self.proofs.of(flow).iter().filter(anywhere) {
            if !known.contains(sid) {
                known.push(*sid);
            }
        }
        known
    }

    /// Has the peer shown the certificate that this trunk asks for, if it asks for one?
    pub(super) fn may_come(&self, sid: TrunkSid, flow: &Flow) -> bool {
        !self.sources.asks_for_certificate(sid) || self.proofs.shows(flow, sid)
    }
}

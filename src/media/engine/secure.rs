//! SRTP of one leg: its contexts follow the plan's keys, and what comes is opened before anything is believed of it.
//!
//! ```text
//!  same keys              -> the contexts go on: sequence, rollovers, window
//!  the peer has a new key -> a new context for what comes; the old one is asked until the first packet under the new key
//!                            a new SSRC for what leaves: the peer may be another one, which never heard us
//!  we have a new key      -> a new SSRC and a new context for what leaves
//! ```

use super::leg::LegState;
use crate::clock::Now;
use crate::media::plan::Peer;
use crate::media::srtp::{Crypto, Inbound, Outbound};
use crate::rng::Rng;
use std::net::SocketAddr;

/// Contexts of what comes.
#[derive(Debug)]
pub(super) struct Opening {
    now: Inbound,
    /// Under the key before: what was on its way when the peer changed it.
    before: Option<Inbound>,
}

impl Opening {
    fn open(
        &mut self,
        packet: &mut [u8],
        with: fn(&mut Inbound, &mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        if let Some(len) = with(&mut self.now, packet) {
            self.before = None;
            return Some(len);
        }
        self.before.as_mut().and_then(|before| with(before, packet))
    }
}

impl LegState {
    /// Takes over what was negotiated. A context that cannot be made (never) leaves the leg silent, not in clear.
    pub(super) fn plan_keys(&mut self, peer: Option<&Peer>, rng: &mut Rng) {
        let Some(peer) = peer else { return };
        let Some(crypto) = peer.crypto.as_deref() else {
            self.secure = None;
            self.sender.secure = None;
            return;
        };
        let same_peer = self.secure.as_ref().is_some_and(|s| s.now.is_of(&crypto.theirs));
        if !same_peer {
            let before = self.secure.take().map(|s| s.now);
            let now = Inbound::new(&crypto.theirs);
            self.secure = now.map(|now| Box::new(Opening { now, before }));
        }
        let same_key = self.sender.secure.as_ref().is_some_and(|s| s.is_of(&crypto.ours));
        if !same_peer || !same_key {
            self.new_outbound(crypto, rng);
        }
    }

    /// What leaves is protected if it has to be.
    pub(super) fn is_sealed(&self, peer: &Peer) -> bool {
        peer.crypto.is_none() || self.sender.secure.is_some()
    }

    fn new_outbound(&mut self, crypto: &Crypto, rng: &mut Rng) {
        self.stats.sent = self.stats.sent.saturating_add(self.sender.packets);
        self.reports.forget_sent();
        self.sender.restart(rng);
        self.sender.secure = Outbound::new(&crypto.ours).map(Box::new);
    }

    /// The packet in clear. None: it is from where nobody is listened to, or not the peer's.
    pub(super) fn open_rtp<'p>(
        &mut self,
        now: Now,
        from: SocketAddr,
        bytes: &'p mut [u8],
    ) -> Option<&'p [u8]> {
        let secure = self.secure.as_mut().filter(|_| self.lock.may_speak(now.mono, from))?;
        let len = secure.open(bytes, Inbound::rtp)?;
        bytes.get(..len)
    }

    /// The same of a compound whose source is believed.
    pub(super) fn open_rtcp<'p>(&mut self, bytes: &'p mut [u8]) -> Option<&'p [u8]> {
        if self.plan.peer.as_ref()?.crypto.is_none() {
            return Some(bytes);
        }
        let len = self.secure.as_mut()?.open(bytes, Inbound::rtcp)?;
        bytes.get(..len)
    }
}

//! Whose packets are believed (ruling 2.42). The address of the SDP comes first. A peer behind NAT sends from elsewhere: one
//! switch is allowed, within 3 s of a negotiation, to a source that showed 4 consecutive packets that belong together and came at
//! the pace of speech, while nothing came from the SDP's address.
//!
//! ```text
//!  negotiated --4 coherent from the SDP's address-------> settled
//!  negotiated --4 coherent from one other address-------> settled there (the one switch)
//!  negotiated --3 s-------------------------------------> settled
//!  settled    --new epoch-------------------------------> negotiated
//! ```
//!
//! A peer that moves (transfer, media let past a PBX) still sends from its old place until it has our answer, so for a second
//! that place is no candidate for the switch: the switch would take back what was just negotiated, and for good. What a source
//! turned out to stand for is remembered, so that a peer behind NAT which holds and comes back is heard at once.

use super::rtp::{Packet, ts_after};
use crate::clock::Mono;
use std::{net::SocketAddr, time::Duration};

/// Packets that a source must show.
pub const COHERENT: u8 = 4;
/// How long these last at least: who sprays ports sends as fast as it can, and would else be done between two packets of the peer.
pub const SPAN: Duration = Duration::from_millis(25);
/// How long after a negotiation a switch is possible.
pub const LEARNING: Duration = Duration::from_secs(3);
/// How long what still comes from the place that a negotiation left is not taken for a switch back to it.
pub const TRAIL: Duration = Duration::from_secs(1);
/// Timestamps of consecutive packets differ by at most this (120 ms).
const STEP_MAX: i64 = 960;

#[derive(Copy, Clone, Debug)]
struct Run {
    from: SocketAddr,
    ssrc: u32,
    pt: u8,
    seq: u16,
    ts: u32,
    count: u8,
    since: Mono,
}

impl Run {
    fn start(now: Mono, from: SocketAddr, p: &Packet<'_>) -> Run {
        Run { from, ssrc: p.ssrc, pt: p.pt, seq: p.seq, ts: p.ts, count: 1, since: now }
    }

    fn next(self, now: Mono, from: SocketAddr, p: &Packet<'_>) -> Run {
        let step = ts_after(p.ts, self.ts);
        let coherent = from == self.from
            && p.ssrc == self.ssrc
            && p.pt == self.pt
            && p.seq == self.seq.wrapping_add(1)
            && (1..=STEP_MAX).contains(&step);
        if !coherent {
            return Run::start(now, from, p);
        }
        Run { count: self.count.saturating_add(1), since: self.since, ..Run::start(now, from, p) }
    }
}

/// The lock of one leg.
#[derive(Clone, Debug, Default)]
pub struct SourceLock {
    sdp: Option<SocketAddr>,
    epoch: Option<u32>,
    locked: Option<SocketAddr>,
    learning_until: Option<Mono>,
    own: Option<Run>,
    foreign: Option<Run>,
    /// An address of an SDP, and the source that stood for it.
    learned: Option<(SocketAddr, SocketAddr)>,
    /// Where the peer was before its SDP named another address; no candidate until then.
    former: Option<(SocketAddr, Mono)>,
}

impl SourceLock {
    /// A negotiation ended: `epoch` names it. A changed address is locked at once, or the source that stood for it before; an
    /// unchanged one keeps what was learned.
    pub fn negotiated(&mut self, now: Mono, sdp: Option<SocketAddr>, epoch: u32) {
        if self.epoch == Some(epoch) && self.sdp == sdp {
            return;
        }
        if self.sdp != sdp {
            let known = self.learned.filter(|(address, _)| sdp == Some(*address)).map(|(_, source)| source);
            let old = std::mem::replace(&mut self.locked, known.or(sdp));
            self.former = old.filter(|old| self.locked != Some(*old)).map(|old| (old, now + TRAIL));
        }
        self.sdp = sdp;
        self.epoch = Some(epoch);
        self.learning_until = Some(now + LEARNING);
        self.own = None;
        self.foreign = None;
    }

    /// Whether a packet from this address can matter: nothing else is worth a look at its authentication.
    pub fn may_speak(&self, now: Mono, from: SocketAddr) -> bool {
        self.locked == Some(from) || self.learning_until.is_some_and(|until| now <= until)
    }

    /// Whether a packet from this address is believed.
    pub fn accept(&mut self, now: Mono, from: SocketAddr, p: &Packet<'_>) -> bool {
        let learning = self.learning_until.is_some_and(|until| now <= until);
        if self.locked == Some(from) {
            if learning {
                self.foreign = None;
                let run = self.own.map_or_else(|| Run::start(now, from, p), |r| r.next(now, from, p));
                self.own = Some(run);
                if run.count >= COHERENT {
                    self.learning_until = None;
                }
            }
            return true;
        }
        if !learning || self.former.is_some_and(|(old, until)| old == from && now < until) {
            return false;
        }
        let run = self.foreign.map_or_else(|| Run::start(now, from, p), |r| r.next(now, from, p));
        self.foreign = Some(run);
        if run.count < COHERENT || now.since(run.since) < SPAN {
            return false;
        }
        self.locked = Some(from);
        self.learned = self.sdp.map(|sdp| (sdp, from));
        self.learning_until = None;
        true
    }

    /// Whether an RTCP packet from this address is believed: the host of the lock or of the SDP.
    pub fn accept_rtcp(&self, from: SocketAddr, rtcp: Option<SocketAddr>) -> bool {
        rtcp == Some(from) || [self.locked, self.sdp].iter().flatten().any(|a| a.ip() == from.ip())
    }

    /// Where RTP goes: to the source that is believed.
    pub fn target(&self) -> Option<SocketAddr> {
        self.locked
    }

    /// Where RTCP goes: as the SDP says, unless the source turned out to be elsewhere: then its next port.
    pub fn rtcp_target(&self, rtcp: Option<SocketAddr>) -> Option<SocketAddr> {
        let to = self.locked?;
        match rtcp {
            Some(named) if self.locked == self.sdp => Some(named),
            _ => Some(SocketAddr::new(to.ip(), to.port().checked_add(1)?)),
        }
    }
}

//! A packet from the peer: is it one, is it from whom we believe, what is it.

use super::leg::LegState;
use crate::clock::Now;
use crate::media::codec::g711::ulaw_from_alaw;
use crate::media::feed::PACKET;
use crate::media::plan::{Codec, Peer};
use crate::media::reception::Arrival;
use crate::media::rtp::Packet;
use crate::sdp::{CN_PT, DTMF_PT};
use std::net::SocketAddr;

/// What a packet is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// G.711.
    Audio(Codec),
    /// telephone-event.
    Keys,
    /// Comfort noise.
    Noise,
}

/// A packet that is believed.
#[derive(Copy, Clone, Debug)]
pub struct Heard<'p> {
    /// What it is.
    pub kind: Kind,
    /// Extended sequence number.
    pub ext: i64,
    /// New sender or sequence.
    pub restart: bool,
    /// As it came.
    pub packet: Packet<'p>,
}

/// What the payload type says; a peer that switches between the two static types of G.711 is understood.
fn kind(peer: &Peer, pt: u8) -> Option<Kind> {
    if pt == peer.pt {
        return Some(Kind::Audio(peer.codec));
    }
    if Some(pt) == peer.dtmf_pt {
        return Some(Kind::Keys);
    }
    if Some(pt) == peer.cn_pt {
        return Some(Kind::Noise);
    }
    match pt {
        // What answers an offer of ours may send under our number for it (RFC 3264 section 6.1).
        DTMF_PT => Some(Kind::Keys),
        0 => Some(Kind::Audio(Codec::Pcmu)),
        8 => Some(Kind::Audio(Codec::Pcma)),
        CN_PT => Some(Kind::Noise),
        _ => None,
    }
}

impl LegState {
    /// Checks and counts a packet. None: dropped, or nobody may listen now (hold).
    pub(super) fn receive<'p>(
        &mut self,
        now: Now,
        from: SocketAddr,
        bytes: &'p mut [u8],
    ) -> Option<Heard<'p>> {
        let heard = self.believe(now, from, bytes);
        if heard.is_none() {
            self.stats.dropped = self.stats.dropped.saturating_add(1);
        }
        let (heard, fresh) = heard?;
        if !fresh {
            return None;
        }
        self.stats.received = self.stats.received.saturating_add(1);
        self.heard_at = now.mono;
        self.silent_reported = false;
        let receiving = self.plan.peer.as_ref().is_some_and(|p| p.recv);
        receiving.then_some(heard)
    }

    /// None: to be dropped and counted. False: a duplicate.
    fn believe<'p>(&mut self, now: Now, from: SocketAddr, bytes: &'p mut [u8]) -> Option<(Heard<'p>, bool)> {
        // What does not authenticate is nobody's: it moves neither the lock nor the reception.
        let secure = self.plan.peer.as_ref()?.crypto.is_some();
        let bytes: &'p [u8] = if secure { self.open_rtp(now, from, bytes)? } else { bytes };
        let packet = Packet::parse(bytes)?;
        let peer = self.plan.peer.as_ref()?;
        let kind = kind(peer, packet.pt)?;
        if matches!(kind, Kind::Audio(_)) && packet.payload.len() > PACKET {
            return None;
        }
        if !self.lock.accept(now.mono, from, &packet) {
            return None;
        }
        let (ext, restart, fresh) = match self.reception.on_packet(&packet) {
            Arrival::New { ext, restart } => (ext, restart, true),
            Arrival::Late { ext } => (ext, false, true),
            Arrival::Ignore => (0, false, false),
        };
        if restart {
            self.keys_in.reset();
            if let Some(tones) = self.tones_in.as_mut() {
                tones.restart();
            }
        }
        if fresh && matches!(kind, Kind::Audio(_)) {
            self.reception.on_timing(now.mono, packet.ts);
        }
        Some((Heard { kind, ext, restart, packet }, fresh))
    }
}

impl LegState {
    /// The key that was pressed as a tone in this packet.
    pub(super) fn tone_key(&mut self, h: &Heard<'_>) -> Option<u8> {
        let tones = self.tones_in.as_mut()?;
        match h.kind {
            Kind::Audio(codec) => tones.on_audio(h.ext, h.packet.ts, codec, h.packet.payload),
            Kind::Noise => {
                tones.pause();
                None
            }
            Kind::Keys => None,
        }
    }
}

/// The payload in mu-law, in `scratch` if it must be converted.
pub(super) fn ulaw<'a>(codec: Codec, payload: &'a [u8], scratch: &'a mut [u8; PACKET]) -> &'a [u8] {
    match codec {
        Codec::Pcmu => payload,
        Codec::Pcma => convert(payload, scratch, ulaw_from_alaw),
    }
}

/// Each octet through `f` into `scratch`.
pub(super) fn convert<'a>(payload: &[u8], scratch: &'a mut [u8; PACKET], f: fn(u8) -> u8) -> &'a [u8] {
    let n = payload.len().min(PACKET);
    scratch.iter_mut().zip(payload).for_each(|(to, from)| *to = f(*from));
    scratch.get(..n).unwrap_or_default()
}

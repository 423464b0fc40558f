//! What we send: the index of each packet, and its protection.

use super::keys::MasterKey;
use super::transform::Session;
use crate::media::rtp::{HEADER, seq_after};

/// The cryptographic context of one SSRC of ours (RFC 3711 section 3.2).
pub struct Outbound {
    rtp: Session,
    rtcp: Session,
    master: MasterKey,
    /// How often the sequence number ran over.
    rollovers: u32,
    /// Highest sequence number sent; None before the first packet.
    highest: Option<u16>,
    /// Of SRTCP.
    index: u32,
}

/// The index of SRTCP has 31 bits. At a report in 5 s they last for 340 years.
const INDEX_MASK: u32 = u32::MAX >> 1;

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outbound({:?}, {} rollovers)", self.master, self.rollovers)
    }
}

impl Outbound {
    /// For an SSRC that was never used with this key.
    pub fn new(master: &MasterKey) -> Option<Outbound> {
        let (rtp, rtcp) = (Session::rtp(master)?, Session::rtcp(master)?);
        Some(Outbound { rtp, rtcp, master: *master, rollovers: 0, highest: None, index: 0 })
    }

    /// Protects with this key.
    pub fn is_of(&self, master: &MasterKey) -> bool {
        self.master == *master
    }

    /// Protects the RTP packet of ours (twelve octets of header) that begins at `start` of `out`. What cannot be protected is
    /// taken out again: nothing leaves in clear.
    pub fn rtp(&mut self, out: &mut Vec<u8>, start: usize, ssrc: u32, seq: u16) {
        let index = self.index_of(seq);
        if self.rtp.protect_rtp(out, start, HEADER, ssrc, index).is_none() {
            out.truncate(start);
        }
    }

    /// A packet that is forwarded may be late: its rollover counter is then the one of its own time.
    fn index_of(&mut self, seq: u16) -> u64 {
        let highest = *self.highest.get_or_insert(seq);
        let ahead = seq_after(seq, highest);
        let mut rollovers = self.rollovers;
        if ahead >= 0 {
            rollovers = rollovers.wrapping_add(u32::from(seq < highest));
            self.rollovers = rollovers;
            self.highest = Some(seq);
        } else if seq > highest {
            rollovers = rollovers.wrapping_sub(1);
        }
        (u64::from(rollovers) << 16) | u64::from(seq)
    }

    /// Protects the RTCP compound of ours that begins at `start` of `out`.
    pub fn rtcp(&mut self, out: &mut Vec<u8>, start: usize, ssrc: u32) {
        self.index = self.index.wrapping_add(1) & INDEX_MASK;
        if self.rtcp.protect_rtcp(out, start, ssrc, self.index).is_none() {
            out.truncate(start);
        }
    }
}

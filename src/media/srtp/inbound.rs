//! What the peer sends: which index a packet has, whether it was there before, and whether it is the peer's at all. Nothing
//! is remembered of a packet that does not authenticate.
//!
//! The rollover counter travels in no packet. It is guessed from the sequence numbers (RFC 3711 section 3.3.1), and where the
//! guess does not authenticate the next ones are tried: a peer whose first packets were lost around a wrap, and one that was
//! speaking before we were called in, would otherwise never be understood.

use super::keys::MasterKey;
use super::transform::Session;
use crate::media::rtp;

/// Indexes behind the highest of which is known whether they came (RFC 3711 asks for 64 or more).
pub const WINDOW: u64 = 128;
/// Senders of one peer that are remembered; the one that was silent longest is forgotten.
pub const STREAMS_MAX: usize = 16;
/// Rollover counters that are tried of a sender that was never heard.
pub const ROLLOVERS_TRIED: u64 = 4;

/// Which of the last indexes came.
#[derive(Copy, Clone, Debug, Default)]
struct Replay {
    highest: u64,
    /// Bit n: `highest - n` came.
    seen: u128,
}

impl Replay {
    fn is_fresh(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WINDOW && self.seen >> behind & 1 == 0,
        }
    }

    fn note(&mut self, index: u64) {
        match self.highest.checked_sub(index) {
            Some(behind) if behind < WINDOW => self.seen |= 1 << behind,
            Some(_) => {}
            None => {
                let ahead = index - self.highest;
                self.seen = if ahead < WINDOW { self.seen << ahead | 1 } else { 1 };
                self.highest = index;
            }
        }
    }
}

/// One sender.
#[derive(Copy, Clone, Debug)]
struct Stream {
    ssrc: u32,
    rtp: Option<Replay>,
    rtcp: Option<Replay>,
}

/// The cryptographic contexts of one peer under one key.
pub struct Inbound {
    rtp: Session,
    rtcp: Session,
    master: MasterKey,
    /// The one heard last is the first.
    streams: Vec<Stream>,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inbound({:?}, {} senders)", self.master, self.streams.len())
    }
}

impl Inbound {
    /// Of a key that was just told.
    pub fn new(master: &MasterKey) -> Option<Inbound> {
        let (rtp, rtcp) = (Session::rtp(master)?, Session::rtcp(master)?);
        // Room for the senders of an ordinary call: no packet then costs an allocation.
        Some(Inbound { rtp, rtcp, master: *master, streams: Vec::with_capacity(2) })
    }

    /// Opens with this key.
    pub fn is_of(&self, master: &MasterKey) -> bool {
        self.master == *master
    }

    /// Opens an RTP packet where it lies: how many octets of it remain. None: it is not the peer's, or was there before.
    pub fn rtp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let header = rtp::header_length(packet)?;
        let seq = u16::from_be_bytes(*packet.get(2..)?.first_chunk()?);
        let ssrc = u32::from_be_bytes(*packet.get(8..)?.first_chunk()?);
        let known = self.streams.iter().find(|s| s.ssrc == ssrc).and_then(|s| s.rtp);
        let guess = |n: u64| match known {
            Some(replay) => guesses(replay.highest, seq).get(n as usize).copied(),
            None => (n < ROLLOVERS_TRIED).then_some(n << 16 | u64::from(seq)),
        };
        let indexes = (0..).map_while(guess).filter(|i| known.is_none_or(|r| r.is_fresh(*i)));
        let (index, len) = self.rtp.open_rtp(packet, header, ssrc, indexes)?;
        let stream = self.stream(ssrc)?;
        stream.rtp.get_or_insert(Replay { highest: index, seen: 0 }).note(index);
        Some(len)
    }

    /// Opens an RTCP compound where it lies.
    pub fn rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let streams = &self.streams;
        let fresh = |ssrc: u32, index: u32| {
            let known = streams.iter().find(|s| s.ssrc == ssrc).and_then(|s| s.rtcp);
            known.is_none_or(|r| r.is_fresh(u64::from(index)))
        };
        let (ssrc, index, len) = self.rtcp.open_rtcp(packet, fresh)?;
        let index = u64::from(index);
        let stream = self.stream(ssrc)?;
        stream.rtcp.get_or_insert(Replay { highest: index, seen: 0 }).note(index);
        Some(len)
    }

    /// The state of a sender that has just authenticated.
    fn stream(&mut self, ssrc: u32) -> Option<&mut Stream> {
        let at = self.streams.iter().position(|s| s.ssrc == ssrc).unwrap_or_else(|| {
            self.streams.truncate(STREAMS_MAX - 1);
            self.streams.insert(0, Stream { ssrc, rtp: None, rtcp: None });
            0
        });
        if let Some(heard) = self.streams.get_mut(..=at) {
            heard.rotate_right(1);
        }
        self.streams.first_mut()
    }
}

/// The index that a sequence number most likely has after `highest` (RFC 3711 section 3.3.1), and the one after the next wrap: more
/// than half a circle may have been lost. No rollover lies before the first one: what would be of that is of the first.
fn guesses(highest: u64, seq: u16) -> [u64; 2] {
    let ahead = i64::from(seq.wrapping_sub(highest as u16) as i16);
    let likely = highest.checked_add_signed(ahead).unwrap_or(u64::from(seq));
    [likely, likely.saturating_add(1 << 16)]
}

//! The far end of a leg, what it heard, and a file as the disk has it.

use chorus::media::codec::g711;
use chorus::media::plan::Codec;
use chorus::media::rtp::ts_after;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// A packet as a phone got it.
#[derive(Clone, Debug)]
pub struct Got {
    pub at_us: u64,
    pub marker: bool,
    pub pt: u8,
    pub seq: u16,
    pub ts: u32,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

/// What the network does to packets toward Chorus.
#[derive(Copy, Clone, Debug, Default)]
pub struct Network {
    pub loss: u32,
    pub jitter_ms: u32,
    pub reorder: u32,
    pub duplicate: u32,
}

/// The far end of a leg.
pub struct Phone {
    pub addr: SocketAddr,
    pub codec: Codec,
    pub ssrc: u32,
    pub seq: u16,
    pub ts: u32,
    pub ptime: u64,
    /// What it says; silence after that (sent all the same).
    pub says: VecDeque<i16>,
    pub sending: bool,
    pub next_us: u64,
    pub got: Vec<Got>,
    pub got_rtcp: Vec<Vec<u8>>,
    pub network: Network,
    /// Events to send instead of audio: (first, marker, payload); code 255 is a frame of audio.
    pub pressing: VecDeque<(bool, bool, [u8; 4])>,
    pub event_ts: u32,
    /// Packets so far, and which of them the network lost.
    pub count: usize,
    pub lost: Vec<usize>,
}

impl Phone {
    pub fn encode(&mut self) -> Vec<u8> {
        let n = (self.ptime * 8) as usize;
        (0..n)
            .map(|_| {
                let s = self.says.pop_front().unwrap_or(0);
                if self.codec == Codec::Pcmu { g711::ulaw_from_pcm(s) } else { g711::alaw_from_pcm(s) }
            })
            .collect()
    }

    pub fn pt(&self) -> u8 {
        if self.codec == Codec::Pcmu { 0 } else { 8 }
    }

    /// What it heard, put where the timestamps say.
    pub fn pcm(&self) -> Vec<i16> {
        let audio: Vec<&Got> = self.got.iter().filter(|g| g.pt == self.pt()).collect();
        let Some(first) = audio.first().map(|g| g.ts) else { return Vec::new() };
        let mut out = Vec::new();
        for g in audio {
            let at = ts_after(g.ts, first);
            if at < 0 {
                continue;
            }
            let at = at as usize;
            if out.len() < at + g.payload.len() {
                out.resize(at + g.payload.len(), 0);
            }
            for (slot, o) in out[at..].iter_mut().zip(&g.payload) {
                *slot =
                    if self.codec == Codec::Pcmu { g711::pcm_from_ulaw(*o) } else { g711::pcm_from_alaw(*o) };
            }
        }
        out
    }

    /// Events, one a distinct timestamp, with the number of packets of each.
    pub fn keys(&self) -> Vec<(u8, u32, usize)> {
        let mut keys: Vec<(u8, u32, usize)> = Vec::new();
        for g in self.got.iter().filter(|g| g.pt == 101) {
            match keys.iter_mut().find(|k| k.1 == g.ts && k.0 == g.payload[0]) {
                Some(k) => k.2 += 1,
                None => keys.push((g.payload[0], g.ts, 1)),
            }
        }
        keys
    }
}

/// A file as the disk has it.
#[derive(Default, Debug)]
pub struct File {
    pub channels: u8,
    pub bytes: Vec<u8>,
    pub closed_ms: Option<u64>,
    pub writes_us: Vec<u64>,
}

impl File {
    /// The samples of one channel.
    pub fn channel(&self, c: usize) -> Vec<i16> {
        let n = usize::from(self.channels);
        self.bytes.chunks_exact(2 * n).map(|f| i16::from_le_bytes([f[c * 2], f[c * 2 + 1]])).collect()
    }

    pub fn ms(&self) -> u64 {
        self.bytes.len() as u64 / 16 / u64::from(self.channels)
    }
}

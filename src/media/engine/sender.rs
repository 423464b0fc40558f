//! What leaves toward one peer: one SSRC, one sequence and one clock for everything that is played or forwarded, so that a
//! change of source is no break for the receiver.

use super::out::{Item, Out};
use crate::clock::Mono;
use crate::media::dtmf::outgoing::Event;
use crate::media::feed::PACKET;
use crate::media::reception::samples;
use crate::media::rtp::{Packet, seq_after, ts_after};
use crate::media::srtp::Outbound;
use crate::rng::Rng;
use crate::sip::event::LegId;
use std::{net::SocketAddr, time::Duration};

/// After a pause of this length the next packet begins a talkspurt.
const SPURT: Duration = Duration::from_millis(60);
/// A forwarded timestamp this far (5 s) from the clock is mapped anew.
const MAP_MAX: i64 = 40_000;

/// Where packets go and how they are written there.
#[derive(Copy, Clone, Debug)]
pub struct Way {
    /// Our leg.
    pub leg: LegId,
    /// The peer.
    pub to: SocketAddr,
    /// Payload type of audio.
    pub pt: u8,
    /// Octets of audio in a packet.
    pub size: usize,
}

/// A packet of another leg, already in the codec of this one.
#[derive(Copy, Clone, Debug)]
pub struct Forwarded<'a> {
    /// Extended sequence number there.
    pub ext: i64,
    /// Timestamp there.
    pub ts: u32,
    /// The sequence or the timestamps have nothing to do with those before.
    pub restart: bool,
    /// Marker bit.
    pub marker: bool,
    /// Audio, or an event.
    pub payload: &'a [u8],
}

/// How sequence numbers and timestamps of another leg become ours.
#[derive(Copy, Clone, Debug)]
struct Map {
    seq: u16,
    ts: u32,
    /// Nothing before this one is forwarded.
    min_ext: i64,
    high_ext: i64,
}

/// State of one leg's outgoing RTP.
#[derive(Debug)]
pub struct Sender {
    /// Ours.
    pub ssrc: u32,
    /// Packets sent under this SSRC.
    pub packets: u64,
    /// Octets of payload sent under it.
    pub octets: u64,
    seq: u16,
    ts: u32,
    event_ts: u32,
    origin: i64,
    ts_origin: u32,
    last: Option<Mono>,
    part: [u8; PACKET],
    part_len: usize,
    map: Option<Map>,
    /// Protects what leaves; None: it leaves in clear.
    pub secure: Option<Box<Outbound>>,
}

/// A sequence under a new key begins below this: if its first packets are lost, the receiver still guesses its rollover counter
/// rightly (RFC 3711 section 3.3.1).
const FRESH_SEQ: u64 = 1 << 15;

impl Sender {
    /// Random first sequence number and timestamp (RFC 3550 section 5.1).
    pub fn new(now: Mono, ssrc: u32, rng: &mut Rng) -> Sender {
        let chance = rng.next_u64();
        let ts = (chance >> 16) as u32;
        Sender {
            ssrc,
            packets: 0,
            octets: 0,
            seq: chance as u16,
            ts,
            event_ts: ts,
            origin: samples(now),
            ts_origin: ts,
            last: None,
            part: [0; PACKET],
            part_len: 0,
            map: None,
            secure: None,
        }
    }

    /// Begins anew under another SSRC: the peer may have become another, which counts from 0 how often our sequence ran over. What
    /// was sent is counted anew with it (RFC 3550 section 6.4.1).
    pub fn restart(&mut self, rng: &mut Rng) {
        let chance = rng.next_u64();
        self.ssrc = (chance >> 32) as u32;
        self.seq = (chance % FRESH_SEQ) as u16;
        (self.packets, self.octets) = (0, 0);
        self.map = None;
    }

    /// The timestamp of this moment, for sender reports.
    pub fn clock(&self, now: Mono) -> u32 {
        self.ts_origin.wrapping_add(samples(now).wrapping_sub(self.origin) as u32)
    }

    /// The source changed: a forwarded sequence is mapped anew. Time goes on, and so does what was half collected: it is the end of
    /// what was said.
    pub fn source_changed(&mut self) {
        self.map = None;
    }

    /// Lets the time of so many samples pass in which nothing was sent.
    pub fn skip(&mut self, octets: u32) {
        self.ts = self.ts.wrapping_add(octets);
    }

    /// After a pause time goes on where the clock is, never backwards. True: a talkspurt begins.
    fn begin(&mut self, now: Mono) -> bool {
        if self.last.is_some_and(|l| now.since(l) < SPURT) {
            return false;
        }
        let clock = self.clock(now);
        if ts_after(clock, self.ts) > 0 {
            self.ts = clock;
        }
        self.part_len = 0;
        true
    }

    fn packet(&mut self, now: Mono, way: &Way, head: (u8, bool, u16, u32), payload: &[u8], o: &mut Out) {
        let (pt, marker, seq, ts) = head;
        let p = Packet { marker, pt, seq, ts, ssrc: self.ssrc, payload };
        let secure = &mut self.secure;
        o.send(Item::SendRtp(way.leg, way.to), |bytes| {
            let start = bytes.len();
            p.write(bytes);
            if let Some(secure) = secure {
                secure.rtp(bytes, start, p.ssrc, p.seq);
            }
        });
        if seq_after(seq, self.seq) >= 0 {
            self.seq = seq.wrapping_add(1);
        }
        self.last = Some(now);
        self.packets = self.packets.saturating_add(1);
        self.octets = self.octets.saturating_add(payload.len() as u64);
    }

    /// Audio made here. Returns the timestamp of its first sample.
    pub fn audio(&mut self, now: Mono, way: &Way, payload: &[u8], o: &mut Out) -> u32 {
        let marker = self.begin(now);
        self.map = None;
        let ts = self.ts.wrapping_add(self.part_len as u32);
        if self.part_len == 0 && payload.len() == way.size {
            self.packet(now, way, (way.pt, marker, self.seq, ts), payload, o);
            self.ts = ts.wrapping_add(payload.len() as u32);
        } else {
            self.collect(now, way, marker, payload, o);
        }
        ts
    }

    /// Octets are collected until a packet of the wanted size is full.
    fn collect(&mut self, now: Mono, way: &Way, mut marker: bool, payload: &[u8], o: &mut Out) {
        let size = way.size.clamp(80, PACKET);
        let mut rest = payload;
        // Collecting is sending: a packet of 60 ms must not look like a pause.
        self.last = Some(now);
        while !rest.is_empty() {
            let room = size.saturating_sub(self.part_len).min(rest.len());
            let Some((taken, after)) = rest.split_at_checked(room) else { return };
            if let Some(free) = self.part.get_mut(self.part_len..self.part_len + room) {
                free.copy_from_slice(taken);
            }
            self.part_len += room;
            rest = after;
            if self.part_len >= size {
                let part = self.part;
                self.part_len = 0;
                if let Some(full) = part.get(..size) {
                    self.packet(now, way, (way.pt, marker, self.seq, self.ts), full, o);
                }
                self.ts = self.ts.wrapping_add(size as u32);
                marker = false;
            }
        }
    }

    /// An event made here.
    pub fn event(&mut self, now: Mono, way: &Way, pt: u8, e: &Event, o: &mut Out) {
        self.begin(now);
        self.map = None;
        self.ts = self.ts.wrapping_add(std::mem::take(&mut self.part_len) as u32);
        if e.first {
            self.event_ts = self.ts;
        }
        self.packet(now, way, (pt, e.first, self.seq, self.event_ts), &e.payload, o);
        self.ts = self.ts.wrapping_add(160);
    }

    /// The map for a packet; None if it is older than what may be forwarded. True: it begins a talkspurt.
    fn map(&mut self, now: Mono, f: &Forwarded<'_>) -> Option<(Map, bool)> {
        let clock = self.clock(now);
        let fits = |m: &Map| !f.restart && ts_after(f.ts.wrapping_add(m.ts), clock).abs() <= MAP_MAX;
        if let Some(m) = self.map.filter(fits) {
            return (f.ext >= m.min_ext).then_some((m, false));
        }
        self.part_len = 0;
        if ts_after(clock, self.ts) > 0 {
            self.ts = clock;
        }
        let seq = self.seq.wrapping_sub(f.ext as u16);
        let m = Map { seq, ts: self.ts.wrapping_sub(f.ts), min_ext: f.ext, high_ext: f.ext };
        self.map = Some(m);
        Some((m, true))
    }

    /// Audio of another leg. Returns our timestamp of it, None if it came too late.
    pub fn forward(&mut self, now: Mono, way: &Way, f: &Forwarded<'_>, o: &mut Out) -> Option<u32> {
        let (mut m, begins) = self.map(now, f)?;
        let ts = f.ts.wrapping_add(m.ts);
        let marker = begins || f.marker;
        if f.payload.len() == way.size && self.part_len == 0 {
            self.packet(now, way, (way.pt, marker, (f.ext as u16).wrapping_add(m.seq), ts), f.payload, o);
            let end = ts.wrapping_add(way.size as u32);
            if ts_after(end, self.ts) > 0 {
                self.ts = end;
            }
        } else {
            if f.ext <= m.high_ext && !begins {
                return None;
            }
            if self.part_len == 0 || self.ts.wrapping_add(self.part_len as u32) != ts {
                self.part_len = 0;
                self.ts = ts;
            }
            self.collect(now, way, marker, f.payload, o);
            m.min_ext = f.ext.saturating_add(1);
            m.seq = self.seq.wrapping_sub(m.min_ext as u16);
        }
        m.high_ext = m.high_ext.max(f.ext);
        self.map = Some(m);
        Some(ts)
    }

    /// A packet of another kind (event, comfort noise) of another leg, under the payload type that this peer knows it by. Returns
    /// our timestamp of it.
    pub fn forward_other(
        &mut self,
        now: Mono,
        way: &Way,
        pt: u8,
        f: &Forwarded<'_>,
        o: &mut Out,
    ) -> Option<u32> {
        let (mut m, begins) = self.map(now, f)?;
        self.ts = self.ts.wrapping_add(std::mem::take(&mut self.part_len) as u32);
        let ts = f.ts.wrapping_add(m.ts);
        let head = (pt, f.marker || begins, (f.ext as u16).wrapping_add(m.seq), ts);
        self.packet(now, way, head, f.payload, o);
        m.high_ext = m.high_ext.max(f.ext);
        self.map = Some(m);
        Some(ts)
    }

    /// A packet of another leg is not forwarded: the receiver shall not take it for lost.
    pub fn swallow(&mut self, ext: i64) {
        if let Some(m) = self.map.as_mut().filter(|m| ext > m.high_ext) {
            m.seq = m.seq.wrapping_sub(1);
            m.high_ext = ext;
            m.min_ext = ext.saturating_add(1);
        }
    }
}

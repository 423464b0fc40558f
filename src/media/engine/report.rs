//! RTCP of one leg: a report about every 5 s, and what the peer's reports say.

use super::leg::LegState;
use super::out::{Item, Out};
use crate::clock::{Mono, Now};
use crate::media::event::MediaEvent;
use crate::media::rtcp::{self, Block, Outgoing, Report};
use crate::rng::Rng;
use std::{net::SocketAddr, time::Duration};

/// Mean time between reports; each is 0.5 to 1.5 of it (RFC 3550 section 6.2).
const INTERVAL_US: u64 = 5_000_000;
/// Seconds from 1900 to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;

/// RTCP state of one leg.
#[derive(Debug)]
pub(super) struct Reports {
    next: Option<Mono>,
    chance: u64,
    cname: [u8; 16],
    /// Microseconds from the monotonic clock to NTP's.
    offset_us: u64,
    sent_at_last: u64,
    peer_sr: Option<(u32, Mono)>,
}

impl Reports {
    pub fn new(now: Now, rng: &mut Rng) -> Reports {
        let mut cname = [0; 16];
        rng.fill(&mut cname);
        // Random letters: a name that says nothing about the host (RFC 7022).
        cname.iter_mut().for_each(|b| *b = b'a' + (*b & 15));
        let wall_us = u64::try_from(now.wall.0).unwrap_or(0).saturating_mul(1_000);
        let offset_us = wall_us.saturating_add(NTP_EPOCH * 1_000_000).wrapping_sub(now.mono.0);
        Reports { next: None, chance: rng.next_u64(), cname, offset_us, sent_at_last: 0, peer_sr: None }
    }

    /// Our SSRC is another one, under which nothing was sent.
    pub(super) fn forget_sent(&mut self) {
        self.sent_at_last = 0;
    }

    /// NTP time: seconds and fractions. By the monotonic clock, so that a round trip never sees a jump.
    fn ntp(&self, now: Mono) -> u64 {
        let us = now.0.wrapping_add(self.offset_us);
        let fraction = ((us % 1_000_000) << 32) / 1_000_000;
        ((us / 1_000_000) << 32) | fraction
    }

    fn due(&mut self, now: Mono) -> bool {
        // A step of a linear congruential generator spreads the reports; nothing secret hangs on it.
        let mut interval = || {
            self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Duration::from_micros(INTERVAL_US / 2 + (self.chance >> 33) % INTERVAL_US)
        };
        match self.next {
            Some(next) if now < next => false,
            Some(_) => {
                self.next = Some(now + interval());
                true
            }
            None => {
                self.next = Some(now + interval());
                false
            }
        }
    }
}

/// The middle 32 bits of an NTP time: seconds and 1/65,536.
fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

impl LegState {
    /// An RTCP packet of the peer.
    pub(super) fn on_rtcp(&mut self, now: Now, from: SocketAddr, bytes: &mut [u8], o: &mut Out) {
        let rtcp = self.plan.peer.as_ref().and_then(|p| p.rtcp);
        let believed = self.plan.peer.is_some() && self.lock.accept_rtcp(from, rtcp);
        let compound = believed.then(|| self.open_rtcp(bytes)).flatten();
        let Some(reports) = compound.and_then(rtcp::read) else {
            self.stats.dropped = self.stats.dropped.saturating_add(1);
            return;
        };
        self.heard_at = now.mono;
        self.silent_reported = false;
        let mut told = false;
        for report in reports {
            let blocks = match report {
                Report::Sender(_, ntp, blocks) => {
                    self.reports.peer_sr = Some((middle(ntp), now.mono));
                    blocks
                }
                Report::Receiver(_, blocks) => blocks,
                Report::Bye | Report::Other(_) => continue,
            };
            let ours = self.sender.ssrc;
            for b in blocks.iter().filter(|b| b.ssrc == ours) {
                self.on_block(now, &b);
                told = true;
            }
        }
        if told {
            o.event(MediaEvent::Stats(self.id, self.figures()));
        }
    }

    fn on_block(&mut self, now: Now, b: &Block) {
        self.stats.remote_lost = u64::try_from(b.lost).unwrap_or(0);
        self.stats.remote_jitter_us = u64::from(b.jitter) * 125;
        if b.last_sr == 0 {
            return;
        }
        let trip = middle(self.reports.ntp(now.mono)).wrapping_sub(b.last_sr).wrapping_sub(b.delay);
        // More than a minute (or less than nothing) is a report about something else.
        if trip < 60 << 16 {
            self.stats.rtt_us = (u64::from(trip) * 1_000_000) >> 16;
        }
    }

    /// Sends a report if it is time, or for the last time.
    pub(super) fn report(&mut self, now: Now, bye: bool, o: &mut Out) {
        if !bye && !self.reports.due(now.mono) {
            return;
        }
        let Some(peer) = self.plan.peer.as_ref().filter(|p| self.is_sealed(p)) else { return };
        let Some(to) = self.lock.rtcp_target(peer.rtcp) else { return };
        if self.sender.packets == 0 && self.stats.received == 0 {
            return;
        }
        let sent = self.sender.packets > self.reports.sent_at_last;
        self.reports.sent_at_last = self.sender.packets;
        let ntp = self.reports.ntp(now.mono);
        let figures =
            (ntp, self.sender.clock(now.mono), self.sender.packets as u32, self.sender.octets as u32);
        let report = Outgoing {
            ssrc: self.sender.ssrc,
            sender: sent.then_some(figures),
            block: self.block(now.mono),
            cname: &self.reports.cname,
            bye,
        };
        let (ssrc, secure) = (self.sender.ssrc, &mut self.sender.secure);
        o.send(Item::SendRtcp(self.id, to), |bytes| {
            let start = bytes.len();
            report.write(bytes);
            if let Some(secure) = secure {
                secure.rtcp(bytes, start, ssrc);
            }
        });
    }

    fn block(&mut self, now: Mono) -> Option<Block> {
        let ssrc = self.reception.ssrc()?;
        let (fraction, lost, highest) = self.reception.report();
        let (last_sr, delay) = self.reports.peer_sr.map_or((0, 0), |(sr, at)| {
            let us = now.since(at).as_micros() as u64;
            (sr, ((us << 16) / 1_000_000) as u32)
        });
        let jitter = self.reception.jitter();
        Some(Block { ssrc, fraction, lost: lost as i32, highest, jitter, last_sr, delay })
    }
}

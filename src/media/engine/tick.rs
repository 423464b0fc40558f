//! The 20 ms tick of one leg: what is made here leaves, taps and reports go on, silence is noticed.

use super::incoming::convert;
use super::leg::LegState;
use super::out::Out;
use super::sender::Way;
use super::taps::Closing;
use crate::clock::Now;
use crate::media::codec::g711::{ULAW_SILENCE, alaw_from_ulaw};
use crate::media::event::MediaEvent;
use crate::media::feed::{Frames, PACKET};
use crate::media::jitter::FRAME;
use crate::media::plan::{Codec, Dtmf, Source};
use crate::media::play::Played;
use std::time::Duration;

/// Time of one frame.
pub const TICK: Duration = Duration::from_millis(20);
/// A tick may come this much early and still count (a quarter of a frame).
const EARLY: Duration = Duration::from_millis(5);
/// After a stall so many late frames leave; what is played waits for the others' time to pass (decision 0011).
const CATCH_UP: u64 = 2;
/// Where nothing else is to be heard, silence is sent: a peer that gets no packets takes the call for dead, NAT bindings go, and
/// carriers hang up. A bridged leg has this long for its next packet: one that is late must find its place.
const BRIDGE_QUIET: Duration = Duration::from_secs(1);

/// What a source gave for one frame.
enum Made {
    Audio,
    Event(crate::media::dtmf::outgoing::Event),
    Nothing,
    Ended,
}

impl LegState {
    /// One turn of the leg's phase.
    pub(super) fn tick(&mut self, now: Now, frames: &mut Frames, o: &mut Out) -> Option<Closing> {
        // Before the peer is known there is no beat: the time it rang is not the source's to make up for.
        let due = self.plan.peer.is_some().then(|| *self.due.get_or_insert(now.mono));
        if let Some(due) = due.filter(|due| now.mono + EARLY >= *due) {
            let late = now.mono.since(due);
            let count = 1 + late.as_micros() as u64 / TICK.as_micros() as u64;
            self.due = Some(due + TICK * u32::try_from(count).unwrap_or(u32::MAX));
            let (skipped, sent) = (count.saturating_sub(CATCH_UP), count.min(CATCH_UP));
            self.skip(skipped);
            if late > TICK && self.makes() {
                self.stats.late = self.stats.late.saturating_add(sent);
            }
            for i in skipped..count {
                // A late frame belongs to the time it should have left at.
                let mono = due + TICK * u32::try_from(i).unwrap_or(u32::MAX);
                self.frame(Now { mono, wall: now.wall }, frames, o);
            }
        }
        let closing = self.tick_taps(now, frames, o);
        self.report(now, false, o);
        self.notice_silence(now, o);
        closing
    }

    /// Time of frames that will not leave: a pause in what is played, not a hole.
    fn skip(&mut self, count: u64) {
        if self.makes() {
            let octets = u32::try_from(count).unwrap_or(u32::MAX).saturating_mul(FRAME as u32);
            self.sender.skip(octets);
        }
    }

    /// Whether what the peer hears is made here, by the tick: everything but what a bridged leg says, silence too.
    fn makes(&self) -> bool {
        !matches!(self.plan.source, Some((_, Source::Leg(_))))
    }

    fn frame(&mut self, now: Now, frames: &mut Frames, o: &mut Out) {
        let mut ulaw = [ULAW_SILENCE; FRAME];
        let events = self.plan.peer.as_ref().and_then(|p| p.dtmf_pt);
        let by_info = self.plan.peer.as_ref().is_some_and(|p| p.dtmf == Dtmf::Info);
        let made = self.make(now, events.is_some() || by_info, &mut ulaw);
        if matches!(made, Made::Ended) {
            self.end_source(o);
        }
        let waits = !self.makes() && now.mono.since(self.forwarded_at) < BRIDGE_QUIET;
        match (made, self.way()) {
            (Made::Event(e), Some(way)) if by_info => {
                if e.first {
                    o.event(MediaEvent::SendKey(self.id, e.key()));
                }
                self.send_made(now, &way, &ulaw, frames, o);
            }
            (Made::Event(e), Some(way)) => {
                self.sender.event(now.mono, &way, events.unwrap_or(101), &e, o);
            }
            (Made::Audio, Some(way)) => self.send_made(now, &way, &ulaw, frames, o),
            (Made::Nothing | Made::Ended, Some(way)) if !waits => {
                self.send_made(now, &way, &ulaw, frames, o);
            }
            _ => {}
        }
        self.echo_marks(o);
    }

    fn make(&mut self, now: Now, events: bool, ulaw: &mut [u8; FRAME]) -> Made {
        if self.source.ended {
            return Made::Nothing;
        }
        match self.plan.source.as_ref().map(|(_, s)| s) {
            None => Made::Nothing,
            Some(Source::Clips { list, closed }) => match self.source.player.pull(list, events, ulaw) {
                Played::Audio => Made::Audio,
                Played::Event(e) => Made::Event(e),
                Played::Nothing if *closed => Made::Ended,
                Played::Nothing => Made::Nothing,
            },
            Some(Source::Tone(cadence)) => {
                self.source.tone.pull(cadence, ulaw);
                Made::Audio
            }
            Some(Source::Agent(sid)) => {
                let sid = *sid;
                self.pull_agent(now, sid, ulaw);
                Made::Audio
            }
            Some(Source::Leg(_)) => match (self.keys_out.current(), &mut self.comfort) {
                (Some(key), _) if events => key.event().map_or(Made::Nothing, Made::Event),
                (Some(key), _) => {
                    key.tone(ulaw);
                    Made::Audio
                }
                (None, Some(noise)) => {
                    ulaw.iter_mut().for_each(|octet| *octet = noise.octet());
                    Made::Audio
                }
                (None, None) => Made::Nothing,
            },
        }
    }

    fn send_made(&mut self, now: Now, way: &Way, ulaw: &[u8; FRAME], frames: &mut Frames, o: &mut Out) {
        let mut scratch = [0; PACKET];
        let codec = self.plan.peer.as_ref().map(|p| p.codec).unwrap_or_default();
        let payload: &[u8] = match codec {
            Codec::Pcmu => ulaw,
            Codec::Pcma => convert(ulaw, &mut scratch, alaw_from_ulaw),
        };
        let ts = self.sender.audio(now.mono, way, payload, o);
        self.tap_outbound(now, Codec::Pcmu, ts, None, ulaw, frames, o);
    }

    fn notice_silence(&mut self, now: Now, o: &mut Out) {
        // Who holds in the way of RFC 2543 (`c=0.0.0.0`: no address, and nothing to be sent to it) may send, but nobody does.
        let receiving = self.plan.peer.as_ref().is_some_and(|p| p.recv && (p.send || p.rtp.is_some()));
        let Some(limit) = self.plan.silent_after_s.filter(|_| receiving) else {
            // The wait begins with the answer, and again when the peer may send again.
            self.heard_at = now.mono;
            return;
        };
        let quiet = now.mono.since(self.heard_at) >= Duration::from_secs(u64::from(limit));
        if quiet && !self.silent_reported {
            self.silent_reported = true;
            o.event(MediaEvent::Silent(self.id));
        }
    }
}

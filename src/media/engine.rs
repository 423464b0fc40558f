//! The media engine: every leg of one worker, its RTP, sources, taps and streams, as one pure value. A leg is known by id;
//! a packet of one leg finds those that hear it, so a bridge is two legs of one engine and no more.

mod incoming;
mod leg;
pub mod out;
mod reconcile;
mod report;
mod secure;
mod sender;
mod stream;
mod taps;
mod tick;

pub use leg::LegState;
pub use out::{DiskOp, DiskReport, Item, Out, StreamInput};

use super::event::{EngineCommand, MediaEvent, TapEnd, TapEndReason};
use super::feed::{FRAMES_MAX, Frames};
use super::plan::{MediaPlan, Source};
use crate::clock::{Mono, Now};
use crate::idmap::IdMap;
use crate::rng::Rng;
use crate::sid::{RecordingSid, StreamSid};
use crate::sip::event::LegId;
use crate::streams::audio::Budget;
use incoming::{Heard, Kind};
use sender::Forwarded;
use std::{net::SocketAddr, time::Duration};
use taps::Closing;
pub use tick::TICK;

/// Phases of the tick: legs are spread over them, 5 ms apart.
pub const PHASES: u8 = 4;

/// Octets of agents' audio that wait in one engine: 10 minutes of 100 calls.
const AGENT_AUDIO_MAX: usize = 100 * 600 * 8_000;

/// The disk has this long to complete a recording; then it counts as failed, because a call waits for it.
const CLOSE_MAX: Duration = Duration::from_secs(10);

/// How much an engine holds; all zero after its last leg.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Legs.
    pub legs: usize,
    /// Streams, open or opening.
    pub streams: usize,
    /// Recordings at work, and those that wait for the disk.
    pub recordings: usize,
}

/// What happened to packets, of all legs that ever were here; only ever added to.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets of a foreign source, or none at all, or for nobody.
    pub dropped: u64,
    /// Frames that left more than a tick late.
    pub late: u64,
}

/// All legs of one worker.
pub struct Engine {
    rng: Rng,
    legs: IdMap<LegId, Box<LegState>>,
    /// Who hears a leg.
    hearers: IdMap<LegId, Vec<LegId>>,
    phases: [Vec<LegId>; PHASES as usize],
    streams: IdMap<StreamSid, LegId>,
    recordings: IdMap<RecordingSid, LegId>,
    closing: Vec<Closing>,
    frames: Frames,
    /// Audio of agents that may wait, all streams together.
    budget: Budget,
    /// When each phase had its last turn.
    ticked: [Option<Mono>; PHASES as usize],
    totals: Totals,
}

impl Engine {
    /// Without legs.
    pub fn new(rng: Rng) -> Engine {
        Engine {
            rng,
            legs: IdMap::default(),
            hearers: IdMap::default(),
            phases: Default::default(),
            streams: IdMap::default(),
            recordings: IdMap::default(),
            closing: Vec::new(),
            frames: Vec::with_capacity(FRAMES_MAX),
            budget: Budget::new(AGENT_AUDIO_MAX),
            ticked: Default::default(),
            totals: Totals::default(),
        }
    }

    /// With a bound on agents' audio that all workers share.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Engine {
        self.budget = budget;
        self
    }

    /// What the call says. A command for a leg that is not here is ignored.
    pub fn on_command(&mut self, now: Now, c: EngineCommand, o: &mut Out) {
        match c {
            EngineCommand::Open { leg, ssrc } => {
                let state = Box::new(LegState::new(now, leg, ssrc, &mut self.rng));
                self.insert(state, None);
            }
            EngineCommand::Plan(leg, plan) => self.plan(now, leg, *plan, o),
            EngineCommand::OpenStream(start) => {
                if let Some(leg) = self.legs.get_mut(&start.leg) {
                    self.streams.insert(start.stream, start.leg);
                    leg.open_stream(now, &start, self.rng.fork(), self.budget.clone());
                }
            }
            EngineCommand::CloseStream(sid) => {
                if let Some(leg) = self.streams.remove(&sid).and_then(|l| self.legs.get_mut(&l)) {
                    leg.close_stream(now, sid, o);
                }
            }
            EngineCommand::Key(leg, key) => self.key(now, leg, key, o),
            EngineCommand::Close(leg) => self.close(now, leg, o),
        }
    }

    fn insert(&mut self, mut leg: Box<LegState>, phase: Option<u8>) {
        let emptiest = (0u8..).zip(&self.phases).min_by_key(|(_, p)| p.len()).map(|(i, _)| i);
        leg.phase = phase.or(emptiest).unwrap_or(0);
        if let Some(list) = self.phases.get_mut(usize::from(leg.phase)) {
            list.push(leg.id);
        }
        if let Some(heard) = leg.hears() {
            self.hearers.entry(heard).or_default().push(leg.id);
        }
        self.streams.extend(leg.streams().map(|s| (s, leg.id)));
        self.recordings.extend(leg.recordings().map(|r| (r, leg.id)));
        self.legs.insert(leg.id, leg);
    }

    /// The phase whose turn comes next after this time in each round: a leg that moves keeps its beat.
    fn phase_after(&self, due: Mono) -> Option<u8> {
        let round = TICK.as_micros() as u64;
        // A turn may come a little before its time.
        let wait = |at: Mono| (at.0 % round + round + 2_000 - due.0 % round) % round;
        (0u8..)
            .zip(&self.ticked)
            .filter_map(|(i, at)| Some((i, wait((*at)?))))
            .min_by_key(|(_, w)| *w)
            .map(|(i, _)| i)
    }

    fn remove(&mut self, id: LegId) -> Option<Box<LegState>> {
        let leg = self.legs.remove(&id)?;
        if let Some(list) = self.phases.get_mut(usize::from(leg.phase)) {
            list.retain(|l| *l != id);
        }
        self.unhear(leg.hears(), id);
        self.streams.retain(|_, l| *l != id);
        for r in leg.recordings() {
            self.recordings.remove(&r);
        }
        Some(leg)
    }

    fn unhear(&mut self, heard: Option<LegId>, by: LegId) {
        let Some(heard) = heard else { return };
        if let Some(list) = self.hearers.get_mut(&heard) {
            list.retain(|l| *l != by);
            if list.is_empty() {
                self.hearers.remove(&heard);
            }
        }
    }

    fn plan(&mut self, now: Now, id: LegId, plan: MediaPlan, o: &mut Out) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (before, after) = (leg.hears(), hears(&plan));
        let closing = leg.set_plan(now, plan, &mut self.rng, &mut self.frames, o);
        self.recordings.extend(leg.recordings().map(|r| (r, id)));
        self.closing.extend(closing);
        if before != after {
            self.unhear(before, id);
            if let Some(heard) = after {
                self.hearers.entry(heard).or_default().push(id);
            }
        }
    }

    fn close(&mut self, now: Now, id: LegId, o: &mut Out) {
        let Some(mut leg) = self.remove(id) else { return };
        let closing = leg.end_taps(now, o);
        self.recordings.extend(closing.iter().map(|c| (c.recording, id)));
        self.closing.extend(closing);
        leg.close_streams(now, o);
        leg.report(now, true, o);
        o.event(MediaEvent::Stats(id, leg.figures()));
    }

    /// A key that came by INFO: as if it had come by RTP.
    fn key(&mut self, now: Now, leg: LegId, key: char, o: &mut Out) {
        let (Some(code), Some(speaker)) = (super::dtmf::code(key), self.legs.get_mut(&leg)) else { return };
        speaker.key(now, code, o);
        for id in self.hearers.get(&leg).into_iter().flatten() {
            if let Some(hearer) = self.legs.get_mut(id) {
                hearer.relay_info_key(code);
            }
        }
    }

    /// A packet on the leg's RTP port; SRTP is opened where it lies.
    pub fn on_rtp(&mut self, now: Now, leg: LegId, from: SocketAddr, packet: &mut [u8], o: &mut Out) {
        let Some(speaker) = self.legs.get_mut(&leg) else {
            self.totals.dropped = self.totals.dropped.wrapping_add(1);
            return;
        };
        let before = speaker.stats.dropped;
        let heard = speaker.receive(now, from, packet);
        let dropped = speaker.stats.dropped.wrapping_sub(before);
        self.totals.dropped = self.totals.dropped.wrapping_add(dropped);
        let Some(h) = heard else { return };
        let p = &h.packet;
        let pressed = match h.kind {
            Kind::Keys => speaker.keys_in.on_packet(p.marker, p.ts, p.payload),
            Kind::Audio(_) | Kind::Noise => Default::default(),
        };
        let tone = speaker.tone_key(&h);
        for code in pressed.iter().chain(tone) {
            speaker.key(now, code, o);
        }
        let Some(hearers) = self.hearers.get(&leg) else {
            return speaker.tap_inbound(now, &h, &mut self.frames, o);
        };
        for id in hearers {
            if let Some(hearer) = self.legs.get_mut(id) {
                pressed.iter().for_each(|code| hearer.relay_key(code));
                tone.iter().for_each(|code| hearer.relay_tone_key(*code));
                forward(hearer, now, &h, &mut self.frames, o);
            }
        }
        if let Some(speaker) = self.legs.get_mut(&leg) {
            speaker.tap_inbound(now, &h, &mut self.frames, o);
        }
    }

    /// A packet on the leg's RTCP port, or RTCP that came on its RTP port.
    pub fn on_rtcp(&mut self, now: Now, leg: LegId, from: SocketAddr, packet: &mut [u8], o: &mut Out) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            let before = leg.stats.dropped;
            leg.on_rtcp(now, from, packet, o);
            let dropped = leg.stats.dropped.wrapping_sub(before);
            self.totals.dropped = self.totals.dropped.wrapping_add(dropped);
        }
    }

    /// What came from a stream's connection.
    pub fn on_stream(&mut self, now: Now, s: StreamSid, input: StreamInput<'_>, o: &mut Out) {
        let Some(leg) = self.streams.get(&s).and_then(|l| self.legs.get_mut(l)) else { return };
        if leg.on_stream(now, s, input, o) {
            self.streams.remove(&s);
        }
    }

    /// Every 5 ms, with 0, 1, 2, 3, 0 ...: the legs of that phase have their 20 ms turn.
    pub fn on_tick(&mut self, now: Now, phase: u8, o: &mut Out) {
        if let Some(at) = self.ticked.get_mut(usize::from(phase)) {
            *at = Some(now.mono);
        }
        for id in self.phases.get(usize::from(phase)).into_iter().flatten() {
            let Some(leg) = self.legs.get_mut(id) else { continue };
            let before = leg.stats.late;
            self.closing.extend(leg.tick(now, &mut self.frames, o));
            self.totals.late = self.totals.late.wrapping_add(leg.stats.late.wrapping_sub(before));
        }
        self.give_up_closing(now, o);
    }

    /// Recordings that a disk which hangs does not complete are over all the same.
    fn give_up_closing(&mut self, now: Now, o: &mut Out) {
        let waited = |c: &Closing| now.mono.since(c.since) >= CLOSE_MAX;
        while let Some(at) = self.closing.iter().position(waited) {
            let c = self.closing.swap_remove(at);
            self.recordings.remove(&c.recording);
            let end = TapEnd { recording: c.recording, reason: TapEndReason::Failed, ms: 0 };
            o.event(MediaEvent::TapEnded(c.leg, c.tap, end));
        }
    }

    /// What the disk did.
    pub fn on_disk(&mut self, now: Now, r: DiskReport, o: &mut Out) {
        match r {
            DiskReport::Written { recording, buffer } => {
                let leg = self.recordings.get(&recording).and_then(|l| self.legs.get_mut(l));
                if let Some(r) = leg.and_then(|l| l.recorder(recording)) {
                    r.give_back(buffer);
                }
            }
            DiskReport::Failed { recording } => {
                let leg = self.recordings.get(&recording).and_then(|l| self.legs.get_mut(l));
                self.closing.extend(leg.and_then(|l| l.recording_failed(now, recording, o)));
                let closing = self.closing.iter_mut().filter(|c| c.recording == recording);
                closing.for_each(|c| c.reason = TapEndReason::Failed);
            }
            DiskReport::Closed { recording, ms } => {
                let Some(at) = self.closing.iter().position(|c| c.recording == recording) else { return };
                let c = self.closing.swap_remove(at);
                self.recordings.remove(&recording);
                let end = TapEnd { recording, reason: c.reason, ms };
                o.event(MediaEvent::TapEnded(c.leg, c.tap, end));
            }
        }
    }

    /// Takes a leg out, with its streams and recordings, to go on in another engine. Their clocks must be the same. What
    /// recordings that were ended here still wait for is reported here.
    pub fn detach(&mut self, leg: LegId) -> Option<Box<LegState>> {
        self.remove(leg)
    }

    /// Puts in a leg that was detached from another engine.
    pub fn attach(&mut self, _now: Now, leg: LegId, mut state: Box<LegState>, _o: &mut Out) {
        debug_assert_eq!(leg, state.id, "a leg keeps its name");
        state.moved();
        let phase = state.due.and_then(|due| self.phase_after(due));
        self.insert(state, phase);
    }

    /// How much there is.
    pub fn counts(&self) -> Counts {
        let recordings = self.recordings.len();
        Counts { legs: self.legs.len(), streams: self.streams.len(), recordings }
    }

    /// What happened to packets since the start.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The legs whose turn this phase is.
    pub fn legs_of(&self, phase: u8) -> impl Iterator<Item = LegId> + '_ {
        self.phases.get(usize::from(phase)).into_iter().flatten().copied()
    }

    /// Whether somebody waits for the packets of this leg: they go on when they arrive, to another leg or to an agent.
    pub fn forwards(&self, leg: LegId) -> bool {
        self.hearers.contains_key(&leg) || self.legs.get(&leg).is_some_and(|l| l.is_streamed())
    }

    /// The stream whose agent speaks to the peer of this leg: what it says leaves on the leg's tick, and need not be read before.
    pub fn agent(&self, leg: LegId) -> Option<StreamSid> {
        self.legs.get(&leg).and_then(|l| l.agent())
    }

    /// The legs of each phase, for balance.
    pub fn legs_in_phases(&self) -> [usize; PHASES as usize] {
        self.phases.each_ref().map(Vec::len)
    }
}

fn hears(plan: &MediaPlan) -> Option<LegId> {
    match plan.source {
        Some((_, Source::Leg(other))) => Some(other),
        _ => None,
    }
}

fn forward(hearer: &mut LegState, now: Now, h: &Heard<'_>, frames: &mut Frames, o: &mut Out) {
    let p = &h.packet;
    let f = Forwarded { ext: h.ext, ts: p.ts, restart: h.restart, marker: p.marker, payload: p.payload };
    match h.kind {
        Kind::Audio(codec) => hearer.forward(now, codec, &f, frames, o),
        Kind::Keys => hearer.forward_keys(now, &f, frames, o),
        Kind::Noise => hearer.forward_comfort(now, &f, frames, o),
    }
}

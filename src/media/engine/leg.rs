//! One leg: everything that belongs to it, so that it can move to another engine as one value.

use super::incoming::convert;
use super::out::Out;
use super::report::Reports;
use super::secure::Opening;
use super::sender::{Forwarded, Sender, Way};
use super::stream::StreamState;
use super::taps::TapState;
use crate::clock::{Mono, Now};
use crate::media::codec::g711::{alaw_from_ulaw, ulaw_from_alaw};
use crate::media::comfort::Noise;
use crate::media::dtmf::{incoming::KeyReader, outgoing::KeyQueue, tones::ToneReader};
use crate::media::event::{MediaEvent, Stats};
use crate::media::feed::{Feed, Frames, PACKET};
use crate::media::mos::mos_x100;
use crate::media::plan::{Codec, Dtmf, MediaPlan, Peer, Source, SourceId};
use crate::media::play::Player;
use crate::media::reception::Reception;
use crate::media::record::Side;
use crate::media::source_lock::SourceLock;
use crate::media::tone::TonePlayer;
use crate::rng::Rng;
use crate::sip::event::LegId;

/// How far the source of the plan is.
#[derive(Debug, Default)]
pub(super) struct SourceState {
    pub id: Option<SourceId>,
    pub player: Player,
    pub tone: TonePlayer,
    /// Played to its end or silenced: the plan may go on naming it.
    pub ended: bool,
}

/// A leg. Outside the engine it is only carried from one to another.
///
/// It lies in memory in this order, what each packet and each turn touch first: with hundreds of legs a line that is not in the
/// cache costs more than what is done with it.
#[repr(C)]
pub struct LegState {
    pub(super) id: LegId,
    pub(super) phase: u8,
    pub(super) silent_reported: bool,
    /// When its next frame should leave; None before its first tick in this engine.
    pub(super) due: Option<Mono>,
    pub(super) heard_at: Mono,
    pub(super) taps: Vec<TapState>,
    /// The last turn that its recordings had.
    pub(super) record_turn: i64,
    pub(super) stats: Stats,
    pub(super) reception: Reception,
    pub(super) lock: SourceLock,
    pub(super) plan: MediaPlan,
    pub(super) reports: Reports,
    pub(super) source: SourceState,
    pub(super) sender: Sender,
    pub(super) streams: Vec<StreamState>,
    pub(super) feed_in: Option<Feed>,
    pub(super) feed_out: Option<Feed>,
    /// Opens what the peer sends; None: it comes in clear.
    pub(super) secure: Option<Box<Opening>>,
    pub(super) keys_in: KeyReader,
    /// Looks for keys in what is heard, where they come as tones.
    pub(super) tones_in: Option<Box<ToneReader>>,
    /// Keys of a bridged leg for a peer without telephone-event, and those that came by INFO.
    pub(super) keys_out: KeyQueue,
    /// Silence of a bridged leg for a peer without comfort noise.
    pub(super) comfort: Option<Noise>,
    /// When the bridged leg last said something, or the bridge began.
    pub(super) forwarded_at: Mono,
}

impl LegState {
    pub(super) fn new(now: Now, id: LegId, ssrc: u32, rng: &mut Rng) -> LegState {
        LegState {
            id,
            plan: MediaPlan::default(),
            phase: 0,
            due: None,
            lock: SourceLock::default(),
            reception: Reception::default(),
            keys_in: KeyReader::default(),
            tones_in: None,
            secure: None,
            keys_out: KeyQueue::default(),
            comfort: None,
            forwarded_at: now.mono,
            sender: Sender::new(now.mono, ssrc, rng),
            source: SourceState::default(),
            taps: Vec::new(),
            record_turn: 0,
            feed_in: None,
            feed_out: None,
            streams: Vec::new(),
            reports: Reports::new(now, rng),
            stats: Stats::default(),
            heard_at: now.mono,
            silent_reported: false,
        }
    }

    /// Which leg.
    pub fn id(&self) -> LegId {
        self.id
    }

    /// The stream whose agent speaks to the peer.
    pub(super) fn agent(&self) -> Option<crate::sid::StreamSid> {
        self.streams.iter().find(|s| s.bidirectional).map(|s| s.sid)
    }

    /// The streams that go with it.
    pub fn streams(&self) -> impl Iterator<Item = crate::sid::StreamSid> + '_ {
        self.streams.iter().map(|s| s.sid)
    }

    /// Whom it hears, if it is bridged.
    pub(super) fn hears(&self) -> Option<LegId> {
        match self.plan.source {
            Some((_, Source::Leg(other))) => Some(other),
            _ => None,
        }
    }

    /// The way to the peer, if it is known and wants to hear.
    pub(super) fn way(&self) -> Option<Way> {
        let peer = self.plan.peer.as_ref().filter(|p| p.send && self.is_sealed(p))?;
        let to = self.lock.target()?;
        let size = usize::from(peer.ptime.clamp(10, 60)) * 8;
        Some(Way { leg: self.id, to, pt: peer.pt, size })
    }

    /// The source stops now and counts as ended.
    pub(super) fn end_source(&mut self, o: &mut Out) {
        if let Some(id) = self.source.id.filter(|_| !self.source.ended) {
            self.source.ended = true;
            o.event(MediaEvent::SourceEnded(self.id, id));
        }
    }

    /// Audio of the leg that this one hears, on arrival.
    pub(super) fn forward(
        &mut self,
        now: Now,
        codec: Codec,
        f: &Forwarded<'_>,
        frames: &mut Frames,
        o: &mut Out,
    ) {
        let (Some(way), Some(own)) = (self.way(), self.plan.peer.as_ref().map(|p| p.codec)) else { return };
        self.comfort = None;
        self.forwarded_at = now.mono;
        if !self.keys_out.is_idle() {
            return self.sender.swallow(f.ext);
        }
        let mut scratch = [0; PACKET];
        let payload = match (codec, own) {
            (Codec::Pcmu, Codec::Pcma) => convert(f.payload, &mut scratch, alaw_from_ulaw),
            (Codec::Pcma, Codec::Pcmu) => convert(f.payload, &mut scratch, ulaw_from_alaw),
            _ => f.payload,
        };
        let f = Forwarded { payload, ..*f };
        if let Some(ts) = self.sender.forward(now.mono, &way, &f, o) {
            self.tap_outbound(now, own, ts, Some((f.ext, f.restart)), payload, frames, o);
        }
    }

    /// An event packet of the leg that this one hears.
    pub(super) fn forward_keys(&mut self, now: Now, f: &Forwarded<'_>, frames: &mut Frames, o: &mut Out) {
        self.forwarded_at = now.mono;
        match (self.way(), self.plan.peer.as_ref().and_then(|p| p.dtmf_pt)) {
            (Some(way), Some(pt)) => {
                self.sender.forward_other(now.mono, &way, pt, f, o);
                self.tap_other(now, Side::Outbound, f.ext, frames, o);
            }
            _ => self.sender.swallow(f.ext),
        }
    }

    /// Comfort noise of the leg that this one hears: a peer that did not agree to it hears noise made here, by the tick.
    pub(super) fn forward_comfort(&mut self, now: Now, f: &Forwarded<'_>, frames: &mut Frames, o: &mut Out) {
        self.forwarded_at = now.mono;
        let noise = Noise::of(f.payload);
        match (self.way(), self.plan.peer.as_ref().and_then(|p| p.cn_pt)) {
            (Some(way), Some(pt)) => {
                if let Some(ts) = self.sender.forward_other(now.mono, &way, pt, f, o) {
                    self.tap_comfort(now, Side::Outbound, f.ext, ts, noise, frames, o);
                }
            }
            _ => {
                self.sender.swallow(f.ext);
                self.comfort = Some(noise);
            }
        }
    }

    /// A key of the leg that this one hears which came by INFO: no packet brings it, so it is made here.
    pub(super) fn relay_info_key(&mut self, code: u8) {
        if self.plan.peer.as_ref().is_some_and(|p| p.send) {
            self.keys_out.push(code);
        }
    }

    /// A key of the leg that this one hears: for a peer without telephone-event it becomes a tone.
    pub(super) fn relay_key(&mut self, code: u8) {
        if self.plan.peer.as_ref().is_some_and(|p| p.send && p.dtmf_pt.is_none()) {
            self.keys_out.push(code);
        }
    }

    /// A key of the leg that this one hears which came as a tone: the tone itself goes on to a peer that has nothing else.
    pub(super) fn relay_tone_key(&mut self, code: u8) {
        let wants = |p: &Peer| p.send && (p.dtmf_pt.is_some() || p.dtmf == Dtmf::Info);
        if self.plan.peer.as_ref().is_some_and(wants) {
            self.keys_out.push(code);
        }
    }

    /// The figures up to now.
    pub(super) fn figures(&self) -> Stats {
        let mut s = self.stats;
        // Those under SSRCs of before are in it.
        s.sent = s.sent.saturating_add(self.sender.packets);
        s.lost = self.reception.lost();
        s.jitter_us = u64::from(self.reception.jitter()) * 125;
        if s.received > 0 {
            let loss = s.lost as f64 / (s.lost + s.received) as f64;
            s.mos_x100 = mos_x100(loss, s.jitter_us, s.rtt_us);
        }
        s
    }
}

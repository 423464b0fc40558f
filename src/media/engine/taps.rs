//! Who listens to a leg: recordings and streams. What the peer says and what it hears go to each as they pass.

use super::leg::LegState;
use super::out::{DiskOp, Out};
use crate::clock::{Mono, Now};
use crate::media::codec::g711::{ALAW_SILENCE, ULAW_SILENCE, pcm_from_alaw, pcm_from_ulaw};
use crate::media::comfort::Noise;
use crate::media::engine::incoming::{self, Heard, Kind};
use crate::media::event::TapEndReason;
use crate::media::feed::{Feed, Frames, PACKET};
use crate::media::plan::{Codec, Tap, TapId, Track};
use crate::media::record::{self, Recorder, Side};
use crate::sid::{RecordingSid, StreamSid};
use crate::sip::event::LegId;
use std::collections::BTreeMap;

/// A tap of the plan.
#[derive(Debug)]
pub(super) struct TapState {
    pub id: TapId,
    pub kind: TapKind,
}

/// What it does.
#[derive(Debug)]
pub(super) enum TapKind {
    Record(Box<Recorder>),
    Stream(StreamSid, Track),
    /// A recording that ended by itself: the plan may go on naming it.
    Ended,
}

/// A recording that waits for the disk to say that it is complete.
#[derive(Copy, Clone, Debug)]
pub(super) struct Closing {
    pub leg: LegId,
    pub tap: TapId,
    pub recording: RecordingSid,
    pub reason: TapEndReason,
    pub since: Mono,
}

fn track(side: Side) -> Track {
    match side {
        Side::Inbound => Track::Inbound,
        Side::Outbound => Track::Outbound,
    }
}

fn is_silence(codec: Codec, payload: &[u8]) -> bool {
    let silence = match codec {
        Codec::Pcmu => ULAW_SILENCE,
        Codec::Pcma => ALAW_SILENCE,
    };
    payload.iter().all(|o| *o == silence)
}

impl TapState {
    fn new(now: Now, id: TapId, tap: &Tap, o: &mut Out) -> TapState {
        let kind = match tap {
            Tap::Record(r) => {
                o.disk(DiskOp::Create { recording: r.recording, channels: r.channels.clamp(1, 2) });
                TapKind::Record(Box::new(Recorder::new(now.mono, r.clone())))
            }
            Tap::Stream { stream, track } => TapKind::Stream(*stream, *track),
        };
        TapState { id, kind }
    }

    fn recorder(&mut self) -> Option<&mut Recorder> {
        match &mut self.kind {
            TapKind::Record(r) => Some(r),
            _ => None,
        }
    }
}

impl LegState {
    /// Compares the taps with those of a new plan, by id.
    pub(super) fn plan_taps(&mut self, now: Now, taps: &BTreeMap<TapId, Tap>, o: &mut Out) -> Vec<Closing> {
        let mut closing = Vec::new();
        let (stay, go): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.taps).into_iter().partition(|t| taps.contains_key(&t.id));
        self.taps = stay;
        for mut t in go {
            closing.extend(self.end_tap(now, &mut t, TapEndReason::Stopped, o));
        }
        for (id, tap) in taps {
            match (self.taps.iter_mut().find(|t| t.id == *id), tap) {
                (Some(t), Tap::Record(r)) => {
                    if let Some(recorder) = t.recorder() {
                        recorder.update(now.mono, r);
                    }
                }
                (Some(t), Tap::Stream { stream, track }) => t.kind = TapKind::Stream(*stream, *track),
                (None, tap) => self.taps.push(TapState::new(now, *id, tap, o)),
            }
        }
        self.plan_feeds(now);
        closing
    }

    /// Whether an agent hears what the peer says.
    pub(super) fn is_streamed(&self) -> bool {
        self.feed_in.is_some()
    }

    /// A feed runs while a stream listens to its direction.
    fn plan_feeds(&mut self, now: Now) {
        let wants = |track: Track| {
            self.taps.iter().any(|t| match t.kind {
                TapKind::Stream(_, has) => has == track || has == Track::Both,
                _ => false,
            })
        };
        let (inbound, outbound) = (wants(Track::Inbound), wants(Track::Outbound));
        let keep = |feed: &mut Option<Feed>, wanted: bool| match wanted {
            true => _ = feed.get_or_insert_with(|| Feed::new(now.mono)),
            false => *feed = None,
        };
        keep(&mut self.feed_in, inbound);
        keep(&mut self.feed_out, outbound);
    }

    fn end_tap(&self, now: Now, t: &mut TapState, reason: TapEndReason, o: &mut Out) -> Option<Closing> {
        let TapKind::Record(r) = std::mem::replace(&mut t.kind, TapKind::Ended) else { return None };
        Some(self.close(now, t.id, *r, reason, o))
    }

    /// Hands the rest of a recording to the disk.
    fn close(&self, now: Now, tap: TapId, mut r: Recorder, reason: TapEndReason, o: &mut Out) -> Closing {
        if reason == TapEndReason::Stopped {
            r.finish(now.mono);
        }
        let recording = r.tap.recording;
        for buffer in [r.take_full(), r.take_rest()].into_iter().flatten() {
            o.disk(DiskOp::Write { recording, buffer });
        }
        o.disk(DiskOp::Close { recording, keep: r.keep(), ms: r.ms() });
        Closing { leg: self.id, tap, recording, reason, since: now.mono }
    }

    /// All taps end with the leg.
    pub(super) fn end_taps(&mut self, now: Now, o: &mut Out) -> Vec<Closing> {
        self.plan_taps(now, &BTreeMap::new(), o)
    }

    /// The disk could not write.
    pub(super) fn recording_failed(&mut self, now: Now, sid: RecordingSid, o: &mut Out) -> Option<Closing> {
        let mut taps = std::mem::take(&mut self.taps);
        let closing = taps
            .iter_mut()
            .filter(|t| matches!(&t.kind, TapKind::Record(r) if r.tap.recording == sid))
            .find_map(|t| self.end_tap(now, t, TapEndReason::Failed, o));
        self.taps = taps;
        closing
    }

    /// The recordings at work.
    pub(super) fn recordings(&self) -> impl Iterator<Item = RecordingSid> + '_ {
        self.taps.iter().filter_map(|t| match &t.kind {
            TapKind::Record(r) => Some(r.tap.recording),
            _ => None,
        })
    }

    /// The recording of that name.
    pub(super) fn recorder(&mut self, sid: RecordingSid) -> Option<&mut Recorder> {
        self.taps.iter_mut().filter_map(TapState::recorder).find(|r| r.tap.recording == sid)
    }

    /// The leg goes on in another engine.
    pub(super) fn moved(&mut self) {
        self.taps.iter_mut().filter_map(TapState::recorder).for_each(Recorder::moved);
    }

    /// What goes to the peer is of another sequence now.
    pub(super) fn outbound_changed(&mut self) {
        self.taps.iter_mut().filter_map(TapState::recorder).for_each(|r| r.interrupt(Side::Outbound));
    }

    fn record(
        &mut self,
        now: Now,
        side: Side,
        codec: Codec,
        ts: u32,
        sequence: Option<(i64, bool)>,
        payload: &[u8],
    ) {
        // Nothing is made most of the time, and a recording is silent where nothing was put: only the place counts.
        let silent = sequence.is_none() && is_silence(codec, payload);
        for r in self.taps.iter_mut().filter_map(TapState::recorder) {
            match codec {
                _ if silent => r.put(now.mono, side, None, ts, std::iter::empty()),
                Codec::Pcmu => r.put(now.mono, side, sequence, ts, payload.iter().map(|o| pcm_from_ulaw(*o))),
                Codec::Pcma => r.put(now.mono, side, sequence, ts, payload.iter().map(|o| pcm_from_alaw(*o))),
            }
        }
    }

    /// What the peer says goes to recordings and streams.
    pub(super) fn tap_inbound(&mut self, now: Now, h: &Heard<'_>, frames: &mut Frames, o: &mut Out) {
        let codec = match h.kind {
            Kind::Audio(codec) => codec,
            Kind::Keys => return self.tap_other(now, Side::Inbound, h.ext, frames, o),
            Kind::Noise => {
                let noise = Noise::of(h.packet.payload);
                return self.tap_comfort(now, Side::Inbound, h.ext, h.packet.ts, noise, frames, o);
            }
        };
        if self.taps.is_empty() {
            return;
        }
        self.record(now, Side::Inbound, codec, h.packet.ts, Some((h.ext, h.restart)), h.packet.payload);
        if let Some(feed) = self.feed_in.as_mut() {
            let mut scratch = [0; PACKET];
            let ulaw = incoming::ulaw(codec, h.packet.payload, &mut scratch);
            feed.on_audio(now.mono, h.ext, h.restart, ulaw, frames);
            self.feed_streams(now, Track::Inbound, frames, o);
        }
    }

    /// Comfort noise of one side: recordings and streams hear it.
    #[expect(clippy::too_many_arguments, reason = "two call sites; a struct would only rename them")]
    pub(super) fn tap_comfort(
        &mut self,
        now: Now,
        side: Side,
        ext: i64,
        ts: u32,
        noise: Noise,
        frames: &mut Frames,
        o: &mut Out,
    ) {
        for r in self.taps.iter_mut().filter_map(TapState::recorder) {
            r.comfort(now.mono, side, ext, ts, noise);
        }
        if let Some(feed) = self.feed(side) {
            feed.on_comfort(now.mono, ext, noise, frames);
        }
        self.feed_streams(now, track(side), frames, o);
    }

    /// A packet of one side that nobody hears: it was not lost.
    pub(super) fn tap_other(&mut self, now: Now, side: Side, ext: i64, frames: &mut Frames, o: &mut Out) {
        self.taps.iter_mut().filter_map(TapState::recorder).for_each(|r| r.other(side, ext));
        if let Some(feed) = self.feed(side) {
            feed.on_other(now.mono, ext, frames);
        }
        self.feed_streams(now, track(side), frames, o);
    }

    fn feed(&mut self, side: Side) -> Option<&mut Feed> {
        match side {
            Side::Inbound => self.feed_in.as_mut(),
            Side::Outbound => self.feed_out.as_mut(),
        }
    }

    /// What the peer hears goes to recordings and streams. `sequence`: of forwarded audio (number, restart).
    #[expect(clippy::too_many_arguments, reason = "one call site each; a struct would only rename them")]
    pub(super) fn tap_outbound(
        &mut self,
        now: Now,
        codec: Codec,
        ts: u32,
        sequence: Option<(i64, bool)>,
        payload: &[u8],
        frames: &mut Frames,
        o: &mut Out,
    ) {
        if self.taps.is_empty() {
            return;
        }
        // The timestamps are ours, they go on when those of the other leg begin anew.
        self.record(now, Side::Outbound, codec, ts, sequence.map(|(ext, _)| (ext, false)), payload);
        if let Some(feed) = self.feed_out.as_mut() {
            let mut scratch = [0; PACKET];
            let ulaw = incoming::ulaw(codec, payload, &mut scratch);
            match sequence {
                Some((ext, restart)) => feed.on_audio(now.mono, ext, restart, ulaw, frames),
                None => feed.on_made(now.mono, ulaw, frames),
            }
            self.feed_streams(now, Track::Outbound, frames, o);
        }
    }

    /// Time passes for the taps: streams get comfort silence, recordings write. Returns those that ended by themselves.
    pub(super) fn tick_taps(&mut self, now: Now, frames: &mut Frames, o: &mut Out) -> Option<Closing> {
        if self.taps.is_empty() {
            return None;
        }
        if let Some(feed) = self.feed_in.as_mut() {
            feed.on_tick(now.mono, frames);
            self.feed_streams(now, Track::Inbound, frames, o);
        }
        if let Some(feed) = self.feed_out.as_mut() {
            feed.on_tick(now.mono, frames);
            self.feed_streams(now, Track::Outbound, frames, o);
        }
        let turn = record::turn(now.mono, self.phase);
        if std::mem::replace(&mut self.record_turn, turn) == turn {
            return None;
        }
        let mut ended = None;
        for (i, t) in self.taps.iter_mut().enumerate() {
            let Some(r) = t.recorder() else { continue };
            if let Some(reason) = r.on_turn(now.mono, turn) {
                ended = Some((i, reason));
                break;
            }
            if let Some(buffer) = r.take_full() {
                o.disk(DiskOp::Write { recording: r.tap.recording, buffer });
            }
        }
        let (i, reason) = ended?;
        let mut taps = std::mem::take(&mut self.taps);
        let closing = taps.get_mut(i).and_then(|t| self.end_tap(now, t, reason, o));
        self.taps = taps;
        closing
    }
}

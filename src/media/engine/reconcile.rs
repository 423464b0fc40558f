//! A new plan against the one that runs: by id, so that what stays goes on without a gap.

use super::leg::{LegState, SourceState};
use super::out::Out;
use super::taps::Closing;
use crate::clock::Now;
use crate::media::feed::Frames;
use crate::media::plan::{MediaPlan, Peer};
use crate::rng::Rng;

impl LegState {
    /// Takes over a plan. Returns the recordings that it ended.
    pub(super) fn set_plan(
        &mut self,
        now: Now,
        plan: MediaPlan,
        rng: &mut Rng,
        frames: &mut Frames,
        o: &mut Out,
    ) -> Vec<Closing> {
        self.plan_peer(now, plan.peer.as_ref());
        self.plan_keys(plan.peer.as_ref(), rng);
        let id = plan.source.as_ref().map(|(id, _)| *id);
        if id != self.source.id {
            self.source = SourceState { id, ..SourceState::default() };
            self.sender.source_changed();
            self.keys_out = Default::default();
            self.comfort = None;
            self.forwarded_at = now.mono;
            self.outbound_changed();
            if let Some(feed) = self.feed_out.as_mut() {
                feed.new_sequence(now.mono, frames);
            }
            self.feed_streams(now, crate::media::plan::Track::Outbound, frames, o);
        }
        let closing = self.plan_taps(now, &plan.taps, o);
        if plan.silent_after_s != self.plan.silent_after_s {
            self.silent_reported = false;
        }
        self.plan = plan;
        closing
    }

    /// Tones are looked for only where keys come as such.
    fn plan_tones(&mut self, peer: &Peer) {
        match peer.by_tones() {
            true => _ = self.tones_in.get_or_insert_default(),
            false => self.tones_in = None,
        }
    }

    fn plan_peer(&mut self, now: Now, peer: Option<&Peer>) {
        let Some(peer) = peer else { return };
        self.lock.negotiated(now.mono, peer.rtp, peer.epoch);
        self.plan_tones(peer);
        match self.plan.peer.as_ref() {
            // The wait for packets begins with the first negotiation, and again when the peer may send again.
            None => self.heard_at = now.mono,
            Some(old) if peer.recv && !old.recv => self.heard_at = now.mono,
            Some(_) => {}
        }
    }
}

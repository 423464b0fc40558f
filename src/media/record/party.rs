//! One side of a recording: where its packets belong, which of them are missing, and the noise where it is silent.

use crate::media::comfort::Noise;
use crate::media::jitter::{Anchor, CAPACITY, Timeline};

/// What came of one side so far.
#[derive(Debug)]
pub struct Party {
    channel: usize,
    anchor: Anchor,
    /// Extended sequence number of the newest packet, and the place after its audio.
    newest: Option<(i64, i64)>,
    /// Comfort noise, and the place from which it has still to be put.
    noise: Option<(Noise, i64)>,
}

impl Party {
    /// Whose audio goes to that channel of the timeline.
    pub fn new(channel: usize) -> Party {
        Party { channel, anchor: Anchor::default(), newest: None, noise: None }
    }

    /// Its next packet is put where it arrives.
    pub fn reset(&mut self) {
        *self = Party::new(self.channel);
    }

    /// Its next packet follows nothing, in the same time.
    pub fn interrupt(&mut self) {
        self.newest = None;
        self.noise = None;
    }

    /// Audio that arrives at `at` of the media clock. `sequence`: its extended number, and whether the timestamps are new; None
    /// for audio made here, of which nothing gets lost.
    pub fn audio(
        &mut self,
        timeline: &mut Timeline,
        at: i64,
        sequence: Option<(i64, bool)>,
        ts: u32,
        pcm: impl ExactSizeIterator<Item = i16>,
    ) {
        if sequence.is_some_and(|(_, restart)| restart) {
            self.reset();
        }
        let place = self.place(timeline, at, ts);
        let (len, ext) = (pcm.len() as i64, sequence.map(|(ext, _)| ext));
        let late = ext.zip(self.newest).is_some_and(|(ext, (newest, _))| ext <= newest);
        if !late {
            self.comfort_until(timeline, place);
            self.noise = None;
            if let (Some(ext), Some((newest, end))) = (ext, self.newest) {
                let missing = (ext - newest - 1).saturating_mul(len);
                timeline.lose(self.channel, end.max(place.saturating_sub(missing)), place);
            }
            self.newest = ext.map(|ext| (ext, place.saturating_add(len)));
        }
        timeline.put(self.channel, place, pcm);
    }

    /// From here on it is silent, with this noise.
    pub fn comfort(&mut self, timeline: &mut Timeline, at: i64, ext: i64, ts: u32, noise: Noise) {
        if self.newest.is_some_and(|(newest, _)| ext <= newest) {
            return;
        }
        let place = self.place(timeline, at, ts);
        self.comfort_until(timeline, place);
        self.newest = Some((ext, place));
        self.noise = Some((noise, place));
    }

    /// Does noise stand for its audio?
    pub fn is_comfort(&self) -> bool {
        self.noise.is_some()
    }

    /// A packet of the sequence that is no audio.
    pub fn other(&mut self, ext: i64) {
        if let Some((newest, _)) = &mut self.newest {
            *newest = ext.max(*newest);
        }
    }

    /// Puts the noise, if there is any, up to a place.
    pub fn comfort_until(&mut self, timeline: &mut Timeline, until: i64) {
        let Some((noise, from)) = &mut self.noise else { return };
        let len = usize::try_from(until.saturating_sub(*from)).unwrap_or(0).min(CAPACITY);
        timeline.put(self.channel, until - len as i64, (0..len).map(|_| noise.sample()));
        *from = until.max(*from);
    }

    fn place(&mut self, timeline: &mut Timeline, at: i64, ts: u32) -> i64 {
        let (place, moved) = self.anchor.place(at, ts);
        // Only at the start does the ring hold nothing else, and all of it.
        if moved > 0 && timeline.base() == 0 {
            timeline.shift(self.channel, moved);
        }
        place
    }
}

//! Octets on their way to an agent, kept as whole frames, so that what has become stale can be dropped between two frames
//! and never inside one (ruling 2.43).

use crate::clock::Mono;
use std::{collections::VecDeque, time::Duration};

/// Audio of the call that waited longer than this beyond the kernel's buffer is dropped, oldest first (ruling 2.43).
pub const LAG_MAX: Duration = Duration::from_millis(200);
/// Octets that may wait in all. What may not be dropped (marks, keys, answers to pings) reaches it only if the agent asks
/// for more and more without reading: the connection is then ended.
pub const BACKLOG_MAX: usize = 256 * 1024;
/// Below this much consumed space in front, moving the rest down is not worth it.
const COMPACT: usize = 8 * 1024;

/// One frame that waits, or what is left of it.
#[derive(Copy, Clone, Debug)]
struct Waiting {
    left: usize,
    since: Mono,
    droppable: bool,
}

/// A queue of whole frames in one piece of memory that is used again.
#[derive(Debug, Default)]
pub struct StreamBuf {
    bytes: Vec<u8>,
    /// Where the first octet that waits lies in `bytes`.
    head: usize,
    frames: VecDeque<Waiting>,
    /// A part of the first frame has left already.
    begun: bool,
    /// Frames that `shed` dropped, ever.
    dropped: u64,
}

impl StreamBuf {
    /// Empty, without memory.
    pub fn new() -> StreamBuf {
        StreamBuf::default()
    }

    /// Octets that wait.
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.head)
    }

    /// Nothing waits?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frames dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// More waits than [`BACKLOG_MAX`]: nothing will help any more.
    pub fn is_overfull(&self) -> bool {
        self.len() > BACKLOG_MAX
    }

    /// Adds the frame that `write` appends. `droppable`: audio of the call.
    pub fn push(&mut self, now: Mono, droppable: bool, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        write(&mut self.bytes);
        let len = self.bytes.len().saturating_sub(before);
        if len > 0 {
            self.frames.push_back(Waiting { left: len, since: now, droppable });
        }
    }

    /// Everything that waits, in one piece.
    pub fn front(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    /// The first `n` octets have left.
    pub fn consume(&mut self, n: usize) {
        let mut n = n.min(self.len());
        self.head = self.head.saturating_add(n);
        while let Some(first) = self.frames.front_mut().filter(|_| n > 0) {
            let part = n.min(first.left);
            first.left = first.left.saturating_sub(part);
            n = n.saturating_sub(part);
            self.begun = first.left > 0;
            if first.left == 0 {
                self.frames.pop_front();
            }
        }
        if self.is_empty() {
            self.bytes.clear();
            self.head = 0;
        } else if self.head >= COMPACT {
            self.bytes.drain(..self.head);
            self.head = 0;
        }
    }

    /// Drops the audio that waited longer than [`LAG_MAX`], oldest first, but never a frame of which a part has left.
    /// Returns how many frames were dropped now.
    pub fn shed(&mut self, now: Mono) -> u64 {
        let stale = |f: &Waiting| f.droppable && now.since(f.since) > LAG_MAX;
        if !self.frames.iter().any(stale) {
            return 0;
        }
        let (mut at, mut dropped) = (self.head, 0);
        let mut begun = self.begun;
        let bytes = &mut self.bytes;
        self.frames.retain(|f| {
            let end = at.saturating_add(f.left);
            if std::mem::take(&mut begun) || !stale(f) {
                at = end;
                return true;
            }
            bytes.drain(at..end);
            dropped += 1;
            false
        });
        self.dropped = self.dropped.saturating_add(dropped);
        dropped
    }

    /// Hands out every frame (droppable or not, and its octets) in order and empties the queue, keeping its memory.
    pub fn drain(&mut self, mut each: impl FnMut(bool, &[u8])) {
        let mut rest = self.bytes.get(self.head..).unwrap_or_default();
        for f in self.frames.drain(..) {
            let (frame, after) = rest.split_at_checked(f.left).unwrap_or((rest, &[]));
            each(f.droppable, frame);
            rest = after;
        }
        self.bytes.clear();
        self.head = 0;
        self.begun = false;
    }
}

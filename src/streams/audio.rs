//! What the agent wants to be heard: mu-law that waits, in pieces of fixed size, and the marks between.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most that waits for one call: ten minutes at 8,000 octets a second (31931).
pub const AUDIO_MAX: usize = 600 * 8_000;
/// Octets of one piece: one second.
pub const PIECE: usize = 8_000;

/// How many pieces all sessions that share it may hold together. An atomic count, so that sessions can move between workers.
#[derive(Clone, Debug)]
pub struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// Room for `octets` of audio.
    pub fn new(octets: usize) -> Budget {
        Budget(Arc::new(AtomicUsize::new(octets / PIECE)))
    }

    /// Pieces that are left.
    pub fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
    }

    fn give(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for Budget {
    /// Room for one call.
    fn default() -> Budget {
        Budget::new(AUDIO_MAX + 2 * PIECE)
    }
}

/// A queue of octets that grows and shrinks by pieces and never moves what it holds.
#[derive(Debug, Default)]
pub struct Audio {
    pieces: VecDeque<Vec<u8>>,
    /// Octets of the first piece that were taken.
    begun: usize,
    len: usize,
    /// One empty piece is kept, so that a steady flow allocates nothing.
    spare: Option<Vec<u8>>,
    budget: Budget,
}

impl Audio {
    /// Empty; its pieces count against `budget`.
    pub fn new(budget: Budget) -> Audio {
        Audio { pieces: VecDeque::new(), begun: 0, len: 0, spare: None, budget }
    }

    /// Octets that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Nothing waits?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends as much as fits; false if a rest was discarded.
    pub fn push(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let room = AUDIO_MAX.saturating_sub(self.len);
            let Some(piece) = self.open_piece().filter(|_| room > 0) else { return false };
            let n = bytes.len().min(PIECE.saturating_sub(piece.len())).min(room);
            let (now, later) = bytes.split_at_checked(n).unwrap_or((bytes, &[]));
            piece.extend_from_slice(now);
            self.len = self.len.saturating_add(now.len());
            bytes = later;
        }
        true
    }

    /// The last piece, with room in it; a new one if the last is full.
    fn open_piece(&mut self) -> Option<&mut Vec<u8>> {
        if self.pieces.back().is_none_or(|p| p.len() >= PIECE) {
            let piece = match self.spare.take() {
                Some(p) => p,
                None if self.budget.take() => Vec::with_capacity(PIECE),
                None => return None,
            };
            self.pieces.push_back(piece);
        }
        self.pieces.back_mut()
    }

    /// Moves the oldest octets to `out`; returns how many.
    pub fn pop(&mut self, out: &mut [u8]) -> usize {
        let mut done = 0;
        while let Some(to) = out.get_mut(done..).filter(|t| !t.is_empty()) {
            let Some(piece) = self.pieces.front() else { break };
            let from = piece.get(self.begun..).unwrap_or_default();
            let n = from.len().min(to.len());
            to.iter_mut().zip(from).for_each(|(t, f)| *t = *f);
            let finished = n == from.len();
            self.begun = self.begun.saturating_add(n);
            self.len = self.len.saturating_sub(n);
            done += n;
            if finished {
                self.retire();
            }
        }
        done
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        while !self.pieces.is_empty() {
            self.retire();
        }
        self.len = 0;
    }

    fn retire(&mut self) {
        self.begun = 0;
        let Some(mut piece) = self.pieces.pop_front() else { return };
        if self.spare.is_none() {
            piece.clear();
            self.spare = Some(piece);
        } else {
            self.budget.give();
        }
    }
}

impl Drop for Audio {
    fn drop(&mut self) {
        for _ in self.pieces.iter().chain(&self.spare) {
            self.budget.give();
        }
    }
}

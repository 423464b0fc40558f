//! Which worker a leg lives on. All legs of a bridge live on one: before a plan lets one leg hear another, the hearer moves.

use super::{Output, Switch};
use crate::clock::Mono;
use crate::media::event::EngineCommand;
use crate::media::plan::{MediaPlan, Source};
use crate::rng::Rng;
use crate::sip::event::LegId;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

/// So long nobody is let in after there was no port; then one tries again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Index of a media worker.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub usize);

/// Where every leg lives.
pub struct Workers {
    of: HashMap<LegId, WorkerId>,
    load: Vec<usize>,
    /// Ports that were asked for and have not come.
    pub opening: HashSet<LegId>,
    rng: Rng,
    /// A worker gets so many legs before the next one gets any; 0: the least busy gets the next leg.
    fill: usize,
    /// When the last port that was asked for could not be had, with none that could since.
    none_left: Option<Mono>,
    /// Legs are placed by chance instead of by load (tests).
    pub at_random: bool,
}

impl Workers {
    /// `n` workers, none of them busy.
    pub fn new(n: usize, rng: Rng) -> Workers {
        Workers {
            of: HashMap::new(),
            opening: HashSet::new(),
            load: vec![0; n.max(1)],
            rng,
            fill: 0,
            none_left: None,
            at_random: false,
        }
    }

    /// The first that is not filled, else the least busy one.
    fn place(&mut self, leg: LegId) -> WorkerId {
        let at = if self.at_random {
            self.rng.below(self.load.len() as u64) as usize
        } else if let Some(at) = self.load.iter().position(|n| *n < self.fill) {
            at
        } else {
            self.load.iter().enumerate().min_by_key(|(_, n)| **n).map_or(0, |(i, _)| i)
        };
        self.put(leg, WorkerId(at));
        WorkerId(at)
    }

    fn put(&mut self, leg: LegId, worker: WorkerId) {
        self.close(leg);
        if let Some(n) = self.load.get_mut(worker.0) {
            *n += 1;
        }
        self.of.insert(leg, worker);
    }

    /// Where a leg lives.
    pub fn of(&self, leg: LegId) -> Option<WorkerId> {
        self.of.get(&leg).copied()
    }

    /// It lives no more.
    pub fn close(&mut self, leg: LegId) {
        if let Some(worker) = self.of.remove(&leg)
            && let Some(n) = self.load.get_mut(worker.0)
        {
            *n = n.saturating_sub(1);
        }
    }

    /// A port came, or there was none.
    pub fn came(&mut self, now: Mono, had: bool) {
        self.none_left = if had { None } else { Some(now) };
    }

    /// Has there just been no port to be had? Then whoever comes is refused before anything is begun for them.
    pub fn have_no_port(&self, now: Mono) -> bool {
        self.none_left.is_some_and(|at| now.since(at) < TRY_AGAIN)
    }

    /// How many live.
    pub fn legs(&self) -> usize {
        self.of.len()
    }
}

impl Switch {
    /// Places legs by chance, for tests.
    pub fn place_at_random(&mut self) {
        self.workers.at_random = true;
    }

    /// Fills a worker up to `legs` before the next one gets any: few threads that wake up often cost less than many, and the
    /// legs of a bridge need not move.
    pub fn fill_workers(&mut self, legs: usize) {
        self.workers.fill = legs;
    }

    pub(super) fn open_port(&mut self, leg: LegId, near: Option<SocketAddr>) {
        let worker = self.workers.place(leg);
        self.workers.opening.insert(leg);
        let ssrc = self.rng.next_u64() as u32;
        self.out.push_back(Output::OpenPort { leg, worker, near, ssrc });
    }

    /// A port that came for a leg whose call is gone.
    pub(super) fn close_port(&mut self, leg: LegId) {
        if let Some(worker) = self.workers.of(leg) {
            self.out.push_back(Output::Engine(worker, EngineCommand::Close(leg)));
            self.workers.close(leg);
        }
    }

    /// Gives a leg its plan, moving it first to the leg that it shall hear.
    pub(super) fn plan(&mut self, leg: LegId, plan: Box<MediaPlan>) {
        if let Some((_, Source::Leg(other))) = &plan.source
            && let (Some(from), Some(to)) = (self.workers.of(leg), self.workers.of(*other))
            && from != to
        {
            self.out.push_back(Output::Move { leg, from, to });
            self.workers.put(leg, to);
        }
        if let Some(worker) = self.workers.of(leg) {
            self.out.push_back(Output::Engine(worker, EngineCommand::Plan(leg, plan)));
        }
    }
}

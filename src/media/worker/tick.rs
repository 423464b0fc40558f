//! (s) The tick: a grid of 5 ms on the process's clock, so that the phases of all workers agree and a leg that moves keeps its
//! beat. Absolute deadlines: a late tick does not delay the next one.

use crate::clock::Mono;
use std::time::Duration;

/// One step of the grid in microseconds.
const STEP: u64 = 5_000;
/// Phases of a frame's 20 ms.
const PHASES: u64 = 4;

pub(super) struct Ticks {
    /// Number of the next tick on the grid.
    next: u64,
}

/// A tick that is due.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub phase: u8,
    /// It begins more than a step late.
    pub late: bool,
    /// Ticks left out before it: each phase has one turn after a stall, the engine makes up for the rest.
    pub missed: u64,
}

impl Ticks {
    /// From the next point of the grid on.
    pub(super) fn from(now: Mono) -> Ticks {
        Ticks { next: (now.0 / STEP).saturating_add(1) }
    }

    /// The tick whose time has come, if any; repeat until None.
    pub(super) fn due(&mut self, now: Mono) -> Option<Due> {
        let current = now.0 / STEP;
        if current < self.next {
            return None;
        }
        let first = current.saturating_sub(PHASES - 1);
        let missed = first.saturating_sub(self.next);
        let tick = self.next.max(first);
        self.next = tick.saturating_add(1);
        Some(Due { phase: (tick % PHASES) as u8, late: current > tick, missed })
    }

    /// How long to wait for the next one.
    pub(super) fn wait(&self, now: Mono) -> Duration {
        Mono(self.next.saturating_mul(STEP)).since(now)
    }
}

//! How far apart commits are. A commit costs the same whether it writes one transaction or ten: under load they wait a little for
//! each other. Where few come, none waits.

use std::time::{Duration, Instant};

/// From the beginning of a commit to that of the next under load: so long does a transaction wait at most.
const APART: Duration = Duration::from_millis(4);
/// Transactions of one [`SPAN`] that are load: from two in [`APART`] on there is something to share.
const LOAD: usize = 50;
/// Transactions are counted by spans of this length.
const SPAN: Duration = Duration::from_millis(100);

/// Counts what is committed, and says when the next commit may begin.
#[derive(Debug)]
pub struct Pace {
    last: Option<Instant>,
    span: Instant,
    counted: usize,
    load: bool,
}

impl Pace {
    /// Nothing was committed yet.
    pub fn new(now: Instant) -> Pace {
        Pace { last: None, span: now, counted: 0, load: false }
    }

    /// How long from `now` the next commit shall wait.
    pub fn wait(&self, now: Instant) -> Duration {
        match self.last {
            Some(last) if self.load => (last + APART).saturating_duration_since(now),
            _ => Duration::ZERO,
        }
    }

    /// A commit of so many transactions begins.
    pub fn begins(&mut self, now: Instant, transactions: usize) {
        self.last = Some(now);
        let passed = now.saturating_duration_since(self.span);
        if passed >= SPAN {
            self.load = self.counted >= LOAD && passed < 2 * SPAN;
            (self.span, self.counted) = (now, 0);
        }
        self.counted = self.counted.saturating_add(transactions);
    }
}

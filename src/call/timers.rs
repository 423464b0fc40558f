//! The timers of one call: at most one of each kind.

use crate::clock::Mono;
use std::collections::BTreeMap;

/// What a timer is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKind {
    /// The call may last no longer (TimeLimit).
    TimeLimit,
    /// An outbound call rang long enough (Timeout).
    Ring,
    /// The running verb: the end of a Pause before the answer, Gather's timeout.
    Verb,
    /// Dial's timeLimit, from the bridge.
    DialLimit,
    /// A closing call waits no longer for its media.
    Linger,
}

/// When each is due.
#[derive(Debug, Default)]
pub struct Timers(BTreeMap<TimerKind, Mono>);

impl Timers {
    /// Sets or moves one.
    pub fn arm(&mut self, kind: TimerKind, at: Mono) {
        self.0.insert(kind, at);
    }

    /// Takes one away.
    pub fn disarm(&mut self, kind: TimerKind) {
        self.0.remove(&kind);
    }

    /// Takes all away.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The earliest.
    pub fn next(&self) -> Option<Mono> {
        self.0.values().min().copied()
    }

    /// Takes one that is due, the earliest first.
    pub fn due(&mut self, now: Mono) -> Option<TimerKind> {
        let (kind, _) = self.0.iter().filter(|(_, at)| **at <= now).min_by_key(|(k, at)| (**at, **k))?;
        let kind = *kind;
        self.0.remove(&kind);
        Some(kind)
    }
}

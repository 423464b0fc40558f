//! (s) Figures that a worker counts and anybody may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Only ever added to, except the two that say how much there is. Written by the worker alone.
#[derive(Debug, Default)]
pub struct Counters {
    /// Datagrams read from legs.
    pub received: AtomicU64,
    /// Datagrams sent.
    pub sent: AtomicU64,
    /// Datagrams that the kernel did not take.
    pub unsent: AtomicU64,
    /// Datagrams of those read that were dropped: foreign source, malformed, for no leg.
    pub dropped: AtomicU64,
    /// Frames that left more than a tick late.
    pub late: AtomicU64,
    /// Octets read from agents.
    pub stream_in: AtomicU64,
    /// Octets given to agents.
    pub stream_out: AtomicU64,
    /// Frames dropped because an agent did not read.
    pub stream_dropped: AtomicU64,
    /// Ticks done.
    pub ticks: AtomicU64,
    /// Ticks left out after a stall.
    pub ticks_missed: AtomicU64,
    /// Ticks that began more than 5 ms late.
    pub ticks_late: AtomicU64,
    /// Disk operations refused by a full queue.
    pub disk_refused: AtomicU64,
    /// Events lost because the driver did not take them.
    pub events_lost: AtomicU64,
    /// Panics that were caught; each is a mistake of ours.
    pub panics: AtomicU64,
    /// Legs here now.
    pub legs: AtomicU64,
    /// Stream connections here now.
    pub streams: AtomicU64,
}

/// Adds without ordering: nobody decides anything by these.
pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

pub(super) fn set(counter: &AtomicU64, n: u64) {
    counter.store(n, Ordering::Relaxed);
}

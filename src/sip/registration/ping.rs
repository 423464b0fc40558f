//! OPTIONS to a peer that we are registered with: does it still answer, and does the NAT between us stay open?

use crate::clock::Mono;
use std::time::Duration;

/// How often OPTIONS is sent.
pub const PING_EVERY: Duration = Duration::from_secs(25);
/// So many without any answer in a row, and the peer counts as down.
pub const MISSES_MAX: u8 = 3;

/// The pings of one registration. An answer is waited for longer (64*T1) than the next ping, so two may be under way.
#[derive(Debug, Default)]
pub(super) struct Pings {
    next: Option<Mono>,
    number: u32,
    waiting: Vec<u32>,
    misses: u8,
    /// The peer answered one once.
    ever: bool,
    /// The peer answers REGISTER and never OPTIONS: its silence says nothing.
    deaf: bool,
}

impl Pings {
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.next
    }

    /// The schedule begins, unless it runs.
    pub(super) fn start(&mut self, now: Mono) {
        self.next.get_or_insert(now + PING_EVERY);
    }

    /// Nothing is sent, and what is under way says nothing any more. Numbers go on rising.
    pub(super) fn stop(&mut self) {
        *self = Pings { number: self.number, ever: self.ever, deaf: self.deaf, ..Pings::default() };
    }

    /// As [`Pings::stop`], for another peer.
    pub(super) fn forget(&mut self) {
        *self = Pings { number: self.number, ..Pings::default() };
    }

    /// The peer that was taken for down answered a REGISTER.
    pub(super) fn up(&mut self) {
        self.misses = 0;
        self.deaf |= !self.ever;
    }

    /// The number of the one to send now. The next is due in its time, answered or not.
    pub(super) fn due(&mut self, now: Mono) -> Option<u32> {
        self.next.filter(|at| *at <= now)?;
        self.next = Some(now + PING_EVERY);
        self.number = self.number.saturating_add(1);
        self.waiting.push(self.number);
        Some(self.number)
    }

    /// An answer; false if nobody waits for it.
    pub(super) fn answered(&mut self, number: u32) -> bool {
        let waited = self.take(number);
        if waited {
            self.misses = 0;
            self.ever = true;
        }
        waited
    }

    /// None came. True for the one that makes the peer count as down.
    pub(super) fn missed(&mut self, number: u32) -> bool {
        if !self.take(number) || self.deaf {
            return false;
        }
        self.misses = self.misses.saturating_add(1);
        self.misses == MISSES_MAX
    }

    fn take(&mut self, number: u32) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|n| *n != number);
        self.waiting.len() < before
    }
}

//! The timers of RFC 3261 table 4 and RFC 6026, by their names.

use crate::clock::Mono;
use std::time::Duration;

/// Estimate of the round trip (RFC 3261 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// The longest interval between retransmissions of anything but an INVITE.
pub const T2: Duration = Duration::from_secs(4);
/// The longest time a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// INVITE transaction timeout, 64*T1.
pub const TIMER_B: Duration = Duration::from_secs(32);
/// Wait for retransmitted failures; at least 32 s on UDP.
pub const TIMER_D: Duration = Duration::from_secs(32);
/// Timeout of any other client transaction, 64*T1.
pub const TIMER_F: Duration = Duration::from_secs(32);
/// Wait for the ACK of a failure, 64*T1.
pub const TIMER_H: Duration = Duration::from_secs(32);
/// Wait for retransmitted requests, 64*T1 on UDP.
pub const TIMER_J: Duration = Duration::from_secs(32);
/// Wait for retransmitted INVITEs after a 2xx, 64*T1 (RFC 6026).
pub const TIMER_L: Duration = Duration::from_secs(32);
/// Wait for retransmitted and forked 2xx, 64*T1 (RFC 6026).
pub const TIMER_M: Duration = Duration::from_secs(32);

/// Names of the timers that a machine may run (RFC 3261 table 4, RFC 6026).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    /// INVITE is sent again.
    A,
    /// INVITE was never answered.
    B,
    /// A refused INVITE's answers may still come again.
    D,
    /// Another request is sent again.
    E,
    /// Another request was never answered.
    F,
    /// The refusal of an INVITE is sent again.
    G,
    /// Its ACK never came.
    H,
    /// Its ACK may still come again.
    I,
    /// Another request may still come again.
    J,
    /// Its answers may still come again.
    K,
    /// An accepted INVITE may still come again.
    L,
    /// Its 2xx may still come again, or from another fork.
    M,
}

/// The running timers of one machine. No state of any of the four runs more than two.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    first: Option<(Mono, Timer)>,
    second: Option<(Mono, Timer)>,
}

impl Timers {
    /// Starts `timer`, or sets it anew.
    pub fn set(&mut self, timer: Timer, at: Mono) {
        let free = |slot: &Option<(Mono, Timer)>| slot.is_none_or(|(_, t)| t == timer);
        let other = self.second.is_some_and(|(_, t)| t == timer);
        if free(&self.first) && !other {
            self.first = Some((at, timer));
        } else {
            self.second = Some((at, timer));
        }
    }

    /// Stops all: every state of RFC 3261 starts its own.
    pub fn clear(&mut self) {
        *self = Timers::default();
    }

    /// Stops one.
    pub fn stop(&mut self, timer: Timer) {
        for slot in [&mut self.first, &mut self.second] {
            if slot.is_some_and(|(_, t)| t == timer) {
                *slot = None;
            }
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Mono> {
        self.first.into_iter().chain(self.second).map(|(at, _)| at).min()
    }

    /// Takes out the earliest timer that is due, if one is.
    pub fn pop(&mut self, now: Mono) -> Option<Timer> {
        let (at, timer) = self.first.into_iter().chain(self.second).min_by_key(|(at, _)| *at)?;
        if at > now {
            return None;
        }
        self.stop(timer);
        Some(timer)
    }
}

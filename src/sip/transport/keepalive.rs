//! Keep-alives of the connections that we made (RFC 5626 section 4.4.1): a double CRLF, which a peer that knows them answers by one.
//! They hold open what a NAT or a firewall would forget, and find out that a peer is gone before a call is sent to it.
//!
//! ```text
//!          every 30 s                 10 s without an octet
//!   Idle --------------> Waiting ---------------------------------> dead, if the peer ever answered one
//!    ^ ^                  |   |
//!    | |                  |   +--- it never has: silence says nothing --+
//!    | |    any octet     v                                             |
//!    | +--- 10 s ------ Heard                                           |
//!    +------------------------------------------------------------------+
//! ```

use std::time::Duration;

/// Between two pings: less than any NAT forgets a connection in.
pub const PING_EVERY: Duration = Duration::from_secs(30);
/// An answer comes within this (RFC 5626 section 4.4.1).
pub const PONG_WITHIN: Duration = Duration::from_secs(10);

/// How often, and how long an answer is waited for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// [`PING_EVERY`].
    pub every: Duration,
    /// [`PONG_WITHIN`].
    pub within: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { every: PING_EVERY, within: PONG_WITHIN }
    }
}

/// What is to be done.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send one, and ask again in so long.
    Ping(Duration),
    /// Ask again in so long.
    Wait(Duration),
    /// The peer is gone.
    Dead,
}

#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Waiting,
    Heard,
}

/// One connection's.
#[derive(Debug, Default)]
pub struct KeepAlive {
    pace: Pace,
    state: State,
    /// The peer has answered one: its silence means something. Many never do.
    answers: bool,
}

impl KeepAlive {
    /// At another pace than the usual one.
    pub fn new(pace: Pace) -> KeepAlive {
        KeepAlive { pace, ..KeepAlive::default() }
    }

    /// Something came; `pong`: an answer.
    pub fn heard(&mut self, pong: bool) {
        self.answers |= pong;
        if self.state == State::Waiting {
            self.state = State::Heard;
        }
    }

    /// The time that was asked for is over; the first one is [`Pace::every`].
    pub fn tick(&mut self) -> Step {
        let Pace { every, within } = self.pace;
        let (state, step) = match self.state {
            State::Idle => (State::Waiting, Step::Ping(within)),
            State::Waiting if self.answers => (State::Idle, Step::Dead),
            State::Waiting | State::Heard => (State::Idle, Step::Wait(every.saturating_sub(within))),
        };
        self.state = state;
        step
    }
}

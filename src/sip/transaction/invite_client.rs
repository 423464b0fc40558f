//! INVITE client transaction: RFC 3261 17.1.1 with RFC 6026's Accepted state.
//!
//! ```text
//!                      | INVITE from TU: send, start A (UDP), B
//!       Timer A        v               Timer B or transport error: inform TU
//!   resend, double  +---------+--------------------------------------------+
//!         +-------->| Calling |                                            |
//!         +---------|         |-------------- 2xx: pass ------------+      |
//!   TU: hush: stop A |         |                                     |      |
//!                   +---------+                                     |      |
//!        300-699: ACK, |    | 1xx: pass                             |      |
//!        pass, start D |    v                                       v      |
//!                      |  +------------+  2xx: pass, start M  +----------+ |
//!                      |  | Proceeding |--------------------->| Accepted | |
//!                      |  +------------+  (1xx: pass)         +----------+ |
//!                      |    | 300-699: ACK, pass, start D   2xx: pass |    |
//!                      v    v                                         |    |
//!                   +-----------+ 300-699: ACK again                  |    |
//!                   | Completed |---------+                           |    |
//!                   +-----------+<--------+                           |    |
//!                      | Timer D, transport error           Timer M   |    |
//!                      v                                              v    v
//!                   +------------------------------------------------------+
//!                   |                      Terminated                      |
//!                   +------------------------------------------------------+
//! ```

use super::timer::{T1, TIMER_B, TIMER_D, TIMER_M, Timer, Timers};
use super::{Action, Failure};
use crate::clock::Mono;
use bytes::Bytes;
use std::time::Duration;

/// The states of the picture.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum InviteClientState {
    /// Sent, nothing came.
    Calling,
    /// 1xx came.
    Proceeding,
    /// 2xx came; more of them, also of other forks, go to the TU until M.
    Accepted,
    /// 300-699 came and was ACKed; repeats are ACKed until D.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Debug)]
pub enum InviteClientEvent {
    /// 100-199.
    Provisional,
    /// 200-299.
    Success,
    /// 300-699, with the ACK that answers it (RFC 3261 17.1.1.3).
    Failure(Bytes),
    /// A timer that [`InviteClient::due`] named.
    Time(Timer),
    /// The TU has given it up: it is not sent again, but what still answers is taken in.
    Hush,
    /// The transport gave the message back.
    TransportError,
}

/// The machine.
#[derive(Debug)]
pub struct InviteClient {
    state: InviteClientState,
    reliable: bool,
    /// The INVITE while calling, the ACK once completed.
    last: Bytes,
    interval: Duration,
    timers: Timers,
}

impl InviteClient {
    /// Sends `invite`. `reliable`: a stream transport, where nothing is retransmitted.
    pub fn new(now: Mono, invite: Bytes, reliable: bool, out: &mut Vec<Action>) -> InviteClient {
        let mut timers = Timers::default();
        if !reliable {
            timers.set(Timer::A, now + T1);
        }
        timers.set(Timer::B, now + TIMER_B);
        out.push(Action::Send(invite.clone()));
        InviteClient { state: InviteClientState::Calling, reliable, last: invite, interval: T1, timers }
    }

    /// The INVITE; empty once the final answer came.
    pub fn request(&self) -> Bytes {
        match self.state {
            InviteClientState::Calling | InviteClientState::Proceeding => self.last.clone(),
            _ => Bytes::new(),
        }
    }

    /// Where it stands.
    pub fn state(&self) -> InviteClientState {
        self.state
    }

    /// When it wants to be asked again.
    pub fn deadline(&self) -> Option<Mono> {
        self.timers.next()
    }

    /// A timer that is due; to be given back as an event.
    pub fn due(&mut self, now: Mono) -> Option<Timer> {
        self.timers.pop(now)
    }

    /// One transition per line.
    pub fn on(&mut self, now: Mono, event: InviteClientEvent, out: &mut Vec<Action>) {
        use InviteClientEvent::{Failure as Refusal, Hush, Provisional, Success, Time, TransportError};
        use InviteClientState::{Accepted, Calling, Completed, Proceeding};
        match (self.state, event) {
            (Calling, Time(Timer::A)) => self.resend(now, out),
            (Calling, Hush) => self.timers.stop(Timer::A),
            (Calling, Time(Timer::B)) => self.fail(Failure::Timeout, out),
            (Calling, TransportError) => self.fail(Failure::Transport, out),
            (Calling | Proceeding, Provisional) => self.proceed(out),
            (Calling | Proceeding, Success) => self.accept(now, out),
            (Calling | Proceeding, Refusal(ack)) => self.complete(now, ack, out),
            (Completed, Refusal(_)) => out.push(Action::Send(self.last.clone())),
            (Completed, TransportError) => self.fail(Failure::Transport, out),
            (Completed, Time(Timer::D)) => self.end(out),
            (Accepted, Success) => out.push(Action::Pass),
            (Accepted, Time(Timer::M)) => self.end(out),
            _ => {}
        }
    }

    fn resend(&mut self, now: Mono, out: &mut Vec<Action>) {
        self.interval = self.interval.saturating_mul(2);
        self.timers.set(Timer::A, now + self.interval);
        out.push(Action::Send(self.last.clone()));
    }

    fn proceed(&mut self, out: &mut Vec<Action>) {
        self.state = InviteClientState::Proceeding;
        self.timers.clear();
        out.push(Action::Pass);
    }

    fn accept(&mut self, now: Mono, out: &mut Vec<Action>) {
        self.state = InviteClientState::Accepted;
        self.timers.clear();
        self.timers.set(Timer::M, now + TIMER_M);
        self.last = Bytes::new();
        out.push(Action::Pass);
    }

    fn complete(&mut self, now: Mono, ack: Bytes, out: &mut Vec<Action>) {
        self.state = InviteClientState::Completed;
        self.timers.clear();
        self.last = ack.clone();
        out.push(Action::Send(ack));
        out.push(Action::Pass);
        if self.reliable {
            self.end(out);
        } else {
            self.timers.set(Timer::D, now + TIMER_D);
        }
    }

    fn fail(&mut self, why: Failure, out: &mut Vec<Action>) {
        out.push(Action::Fail(why));
        self.end(out);
    }

    fn end(&mut self, out: &mut Vec<Action>) {
        self.state = InviteClientState::Terminated;
        self.timers.clear();
        out.push(Action::Done);
    }
}

//! INVITE server transaction: RFC 3261 17.2.1 with RFC 6026's Accepted state. The 100 is the transaction user's first
//! provisional response, sent at once.
//!
//! ```text
//!                    | INVITE
//!                    v             INVITE: send the last 1xx again
//!              +------------+      1xx from TU: send
//!              | Proceeding |----+
//!              |            |<---+
//!              +------------+
//!   300-699 from TU: |    | 2xx from TU: send, start L
//!   send, start G, H |    v
//!                    |  +----------+  INVITE: nothing
//!                    |  | Accepted |  ACK: pass
//!                    |  +----------+  2xx from TU: send
//!                    v        | Timer L
//!              +-----------+  |
//!              | Completed |  |    INVITE, Timer G: send again
//!              +-----------+  |
//!      ACK: start I |  | Timer H: inform TU
//!                   v  |      |
//!        +-----------+ |      |
//!        | Confirmed | |      |    ACK, INVITE: nothing
//!        +-----------+ |      |
//!           Timer I |  |      |
//!                   v  v      v
//!              +----------------+
//!              |   Terminated   |
//!              +----------------+
//! ```
//!
//! A transport error is reported and changes no state (RFC 6026 section 7.1): the timers end it.

use super::timer::{T1, T2, T4, TIMER_H, TIMER_L, Timer, Timers};
use super::{Action, Failure};
use crate::clock::Mono;
use bytes::Bytes;
use std::time::Duration;

/// The states of the picture.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum InviteServerState {
    /// The TU has the INVITE; 1xx may have left.
    Proceeding,
    /// 2xx left; the TU repeats it, and repeats of the INVITE are taken in until L.
    Accepted,
    /// 300-699 left and waits for its ACK until H.
    Completed,
    /// Its ACK came; repeats of that are taken in until I.
    Confirmed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Debug)]
pub enum InviteServerEvent {
    /// The INVITE came again.
    Request,
    /// ACK.
    Ack,
    /// The TU sends 100-199.
    Provisional(Bytes),
    /// The TU sends 200-299, also again.
    Success(Bytes),
    /// The TU sends 300-699.
    Failure(Bytes),
    /// A timer that [`InviteServer::due`] named.
    Time(Timer),
    /// The transport gave the message back.
    TransportError,
}

/// The machine.
#[derive(Debug)]
pub struct InviteServer {
    state: InviteServerState,
    reliable: bool,
    last: Option<Bytes>,
    interval: Duration,
    timers: Timers,
}

impl InviteServer {
    /// For an INVITE that just came.
    pub fn new(reliable: bool) -> InviteServer {
        let state = InviteServerState::Proceeding;
        InviteServer { state, reliable, last: None, interval: T1, timers: Timers::default() }
    }

    /// Where it stands.
    pub fn state(&self) -> InviteServerState {
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
    pub fn on(&mut self, now: Mono, event: InviteServerEvent, out: &mut Vec<Action>) {
        use InviteServerEvent::{
            Ack, Failure as Refusal, Provisional, Request, Success, Time, TransportError,
        };
        use InviteServerState::{Accepted, Completed, Confirmed, Proceeding, Terminated};
        match (self.state, event) {
            (Proceeding, Request) => self.resend(out),
            (Proceeding, Provisional(bytes)) => self.send(bytes, out),
            (Proceeding, Success(bytes)) => self.accept(now, bytes, out),
            (Proceeding, Refusal(bytes)) => self.complete(now, bytes, out),
            (Accepted, Success(bytes)) => out.push(Action::Send(bytes)),
            (Accepted, Ack) => out.push(Action::Pass),
            (Accepted, Time(Timer::L)) => self.end(out),
            (Completed, Request) => self.resend(out),
            (Completed, Time(Timer::G)) => self.repeat(now, out),
            (Completed, Time(Timer::H)) => self.fail(Failure::Timeout, out),
            (Completed, Ack) => self.confirm(now, out),
            (Confirmed, Time(Timer::I)) => self.end(out),
            (Proceeding | Accepted | Completed, TransportError) => out.push(Action::Fail(Failure::Transport)),
            (Confirmed | Terminated, _) | (Proceeding | Accepted | Completed, _) => {}
        }
    }

    fn send(&mut self, bytes: Bytes, out: &mut Vec<Action>) {
        self.last = Some(bytes.clone());
        out.push(Action::Send(bytes));
    }

    fn resend(&mut self, out: &mut Vec<Action>) {
        out.extend(self.last.clone().map(Action::Send));
    }

    fn repeat(&mut self, now: Mono, out: &mut Vec<Action>) {
        self.interval = self.interval.saturating_mul(2).min(T2);
        self.timers.set(Timer::G, now + self.interval);
        self.resend(out);
    }

    fn accept(&mut self, now: Mono, bytes: Bytes, out: &mut Vec<Action>) {
        self.state = InviteServerState::Accepted;
        self.last = None;
        self.timers.set(Timer::L, now + TIMER_L);
        out.push(Action::Send(bytes));
    }

    fn complete(&mut self, now: Mono, bytes: Bytes, out: &mut Vec<Action>) {
        self.state = InviteServerState::Completed;
        if !self.reliable {
            self.timers.set(Timer::G, now + T1);
        }
        self.timers.set(Timer::H, now + TIMER_H);
        self.send(bytes, out);
    }

    fn confirm(&mut self, now: Mono, out: &mut Vec<Action>) {
        self.state = InviteServerState::Confirmed;
        self.last = None;
        self.timers.clear();
        if self.reliable {
            self.end(out);
        } else {
            self.timers.set(Timer::I, now + T4);
        }
    }

    fn fail(&mut self, why: Failure, out: &mut Vec<Action>) {
        out.push(Action::Fail(why));
        self.end(out);
    }

    fn end(&mut self, out: &mut Vec<Action>) {
        self.state = InviteServerState::Terminated;
        self.timers.clear();
        out.push(Action::Done);
    }
}

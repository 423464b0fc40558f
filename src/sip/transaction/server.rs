//! Server transaction of every method but INVITE: RFC 3261 17.2.2.
//!
//! ```text
//!                  | request
//!                  v
//!            +----------+
//!            |  Trying  |  request: nothing
//!            +----------+
//!  200-699 from TU: |   | 1xx from TU: send
//!             send  |   v
//!                   | +------------+  request: send the last 1xx again
//!                   | | Proceeding |  1xx from TU: send
//!                   | +------------+
//!                   v   | 200-699 from TU: send
//!            +-----------+
//!            | Completed |  start J (0 on streams); request: send again
//!            +-----------+
//!                  | Timer J
//!                  v
//!            +------------+
//!            | Terminated |
//!            +------------+
//! ```
//!
//! A transport error is reported and changes no state (RFC 6026 section 7.1): Timer J ends it.

use super::timer::{TIMER_J, Timer, Timers};
use super::{Action, Failure};
use crate::clock::Mono;
use bytes::Bytes;

/// The states of the picture.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// The TU has the request.
    Trying,
    /// 1xx left.
    Proceeding,
    /// The final answer left; it answers repeats until J.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Debug)]
pub enum ServerEvent {
    /// The request came again.
    Request,
    /// The TU sends 100-199.
    Provisional(Bytes),
    /// The TU sends 200-699.
    Final(Bytes),
    /// A timer that [`Server::due`] named.
    Time(Timer),
    /// The transport gave the message back.
    TransportError,
}

/// The machine.
#[derive(Debug)]
pub struct Server {
    state: ServerState,
    reliable: bool,
    last: Option<Bytes>,
    timers: Timers,
}

impl Server {
    /// For a request that just came.
    pub fn new(reliable: bool) -> Server {
        Server { state: ServerState::Trying, reliable, last: None, timers: Timers::default() }
    }

    /// Where it stands.
    pub fn state(&self) -> ServerState {
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
    pub fn on(&mut self, now: Mono, event: ServerEvent, out: &mut Vec<Action>) {
        use ServerEvent::{Final, Provisional, Request, Time, TransportError};
        use ServerState::{Completed, Proceeding, Trying};
        match (self.state, event) {
            (Trying | Proceeding, Provisional(bytes)) => self.send(ServerState::Proceeding, bytes, out),
            (Trying | Proceeding, Final(bytes)) => self.complete(now, bytes, out),
            (Proceeding | Completed, Request) => out.extend(self.last.clone().map(Action::Send)),
            (Proceeding | Completed, TransportError) => out.push(Action::Fail(Failure::Transport)),
            (Completed, Time(Timer::J)) => self.end(out),
            _ => {}
        }
    }

    fn send(&mut self, state: ServerState, bytes: Bytes, out: &mut Vec<Action>) {
        self.state = state;
        self.last = Some(bytes.clone());
        out.push(Action::Send(bytes));
    }

    fn complete(&mut self, now: Mono, bytes: Bytes, out: &mut Vec<Action>) {
        self.send(ServerState::Completed, bytes, out);
        if self.reliable {
            self.end(out);
        } else {
            self.timers.set(Timer::J, now + TIMER_J);
        }
    }

    fn end(&mut self, out: &mut Vec<Action>) {
        self.state = ServerState::Terminated;
        self.timers.clear();
        out.push(Action::Done);
    }
}

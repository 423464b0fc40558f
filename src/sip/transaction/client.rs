//! Client transaction of every method but INVITE: RFC 3261 17.1.2.
//!
//! ```text
//!                  | request from TU: send, start E (UDP), F
//!    Timer E       v
//!    resend  +----------+  Timer F or transport error: inform TU
//!        +-->|  Trying  |---------------------------------------+
//!        +---|          |                                       |
//!            +----------+                                       |
//!  200-699: pass |   | 1xx: pass                                |
//!                |   v                                          |
//!                | +------------+  Timer E: resend, E = T2      |
//!                | | Proceeding |--- Timer F, transport error --+
//!                | +------------+  1xx: pass                    |
//!                v   | 200-699: pass                            |
//!            +-----------+                                      |
//!            | Completed | start K (0 on streams)               |
//!            +-----------+                                      |
//!                  | Timer K                                    |
//!                  v                                            v
//!            +--------------------------------------------------+
//!            |                    Terminated                    |
//!            +--------------------------------------------------+
//! ```

use super::timer::{T1, T2, T4, TIMER_F, Timer, Timers};
use super::{Action, Failure};
use crate::clock::Mono;
use bytes::Bytes;
use std::time::Duration;

/// The states of the picture.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ClientState {
    /// Sent, nothing came.
    Trying,
    /// 1xx came.
    Proceeding,
    /// The final answer came; repeats of it are taken in until K.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Copy, Clone, Debug)]
pub enum ClientEvent {
    /// 100-199.
    Provisional,
    /// 200-699.
    Final,
    /// A timer that [`Client::due`] named.
    Time(Timer),
    /// The transport gave the message back.
    TransportError,
}

/// The machine.
#[derive(Debug)]
pub struct Client {
    state: ClientState,
    reliable: bool,
    request: Bytes,
    interval: Duration,
    timers: Timers,
}

impl Client {
    /// Sends `request`. `reliable`: a stream transport, where nothing is retransmitted.
    pub fn new(now: Mono, request: Bytes, reliable: bool, out: &mut Vec<Action>) -> Client {
        let mut timers = Timers::default();
        if !reliable {
            timers.set(Timer::E, now + T1);
        }
        timers.set(Timer::F, now + TIMER_F);
        out.push(Action::Send(request.clone()));
        Client { state: ClientState::Trying, reliable, request, interval: T1, timers }
    }

    /// What it sends; empty once the final answer came.
    pub fn request(&self) -> Bytes {
        self.request.clone()
    }

    /// Where it stands.
    pub fn state(&self) -> ClientState {
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
    pub fn on(&mut self, now: Mono, event: ClientEvent, out: &mut Vec<Action>) {
        use ClientEvent::{Final, Provisional, Time, TransportError};
        use ClientState::{Completed, Proceeding, Trying};
        match (self.state, event) {
            (Trying, Time(Timer::E)) => self.resend(now, self.interval.saturating_mul(2).min(T2), out),
            (Proceeding, Time(Timer::E)) => self.resend(now, T2, out),
            (Trying | Proceeding, Time(Timer::F)) => self.fail(Failure::Timeout, out),
            (Trying | Proceeding, TransportError) => self.fail(Failure::Transport, out),
            (Trying | Proceeding, Provisional) => self.proceed(out),
            (Trying | Proceeding, Final) => self.complete(now, out),
            (Completed, Time(Timer::K)) => self.end(out),
            _ => {}
        }
    }

    fn resend(&mut self, now: Mono, interval: Duration, out: &mut Vec<Action>) {
        self.interval = interval;
        self.timers.set(Timer::E, now + interval);
        out.push(Action::Send(self.request.clone()));
    }

    fn proceed(&mut self, out: &mut Vec<Action>) {
        self.state = ClientState::Proceeding;
        out.push(Action::Pass);
    }

    fn complete(&mut self, now: Mono, out: &mut Vec<Action>) {
        self.state = ClientState::Completed;
        self.request = Bytes::new();
        self.timers.clear();
        out.push(Action::Pass);
        if self.reliable {
            self.end(out);
        } else {
            self.timers.set(Timer::K, now + T4);
        }
    }

    fn fail(&mut self, why: Failure, out: &mut Vec<Action>) {
        out.push(Action::Fail(why));
        self.end(out);
    }

    fn end(&mut self, out: &mut Vec<Action>) {
        self.state = ClientState::Terminated;
        self.timers.clear();
        out.push(Action::Done);
    }
}

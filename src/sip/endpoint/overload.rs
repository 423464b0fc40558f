//! Too much at once (RFC 3261 section 21.5.4): what had to wait too long between the socket and here says that more comes than can be
//! done. New calls are then turned away at the price of one answer without state; everything that belongs to a call goes on.
//!
//! The age of the queue is looked at, not its length or a rate: only the age says what a caller feels, and it needs no number that
//! depends on the machine. Below T1 (500 ms) nobody sends anything again.

use super::Endpoint;
use super::request::Request;
use crate::clock::{Mono, Now};
use crate::sip::check::Refusal;
use std::time::Duration;

/// New INVITEs get 503 while what arrives has waited longer.
pub const WAIT_MAX: Duration = Duration::from_millis(200);
/// A wait says so much about what comes next. Without news nothing arrives, so nobody is behind.
const FRESH: Duration = Duration::from_secs(1);

/// What was seen last.
#[derive(Debug, Default)]
pub(super) struct Overload {
    waited: Duration,
    at: Mono,
}

impl Overload {
    /// The message that comes next has waited so long.
    pub fn note(&mut self, now: Mono, waited: Duration) {
        (self.waited, self.at) = (waited, now);
    }

    /// Is there more than can be done?
    pub fn is(&self, now: Mono) -> bool {
        self.waited > WAIT_MAX && now.since(self.at) < FRESH
    }
}

impl Endpoint {
    /// The message that is handed over next has waited so long since it reached the socket.
    pub fn waited(&mut self, now: Now, waited: Duration) {
        self.overload.note(now.mono, waited);
    }

    /// New calls are turned away at this moment.
    pub fn is_overloaded(&self, now: Now) -> bool {
        self.overload.is(now.mono)
    }

    /// 503 with a Retry-After that is drawn, so that those who were turned away together do not come back together.
    pub(super) fn turn_away_for_now(&mut self, request: &Request) {
        let headers = vec![("Retry-After", self.retry_after())];
        let refusal = Refusal { code: 503, words: "Too Much at Once".to_owned(), headers };
        self.turn_away(request, refusal);
    }
}

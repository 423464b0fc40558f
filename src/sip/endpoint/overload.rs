//! Too much at once (RFC 3261 section 21.5.4): what had to wait too long between the socket and here says that more comes than can be
//! done. New calls are then turned away at the price of one answer without state; everything that belongs to a call goes on.
//!
//! The age of the queue is looked at, not its length or a rate: only the age says what a caller feels, and it needs no number that
//! depends on the machine. Below T1 (500 ms) nobody sends anything again.

use super::Endpoint;
use super::request::Request;
use crate::clock::{Mono, Now};
use crate::sip::event::SipOut;
use std::time::Duration;

/// New INVITEs get 503 while what arrives has waited longer.
pub const WAIT_MAX: Duration = Duration::from_millis(200);
/// A wait says so much about what comes next. Without news nothing arrives, so nobody is behind.
const FRESH: Duration = Duration::from_secs(1);

pub(super) const WORDS: &str = "Too Much at Once";
/// Begins our tag in such an answer, and so the To tag of its ACK. All others of ours are hexadecimal.
pub(super) const MARK: &str = "too-much-";
const TAG: &[u8] = b";tag=too-much-";

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
        let tag = self.tag(request.call_id(), &request.from_tag, request.branch());
        let after = self.retry_after();
        let w = self.response(&request.message, &request.flow, 503, WORDS, &format!("{MARK}{tag}"));
        let bytes = w.header("Retry-After", &after).header("Server", &self.config.user_agent).finish();
        let flow = self.reply_flow(&request.message, request.flow);
        self.out.push_back(SipOut::Send(flow, bytes));
        self.refused(request.flow, 503, &format!("INVITE: {WORDS}"));
    }
}

/// Is this the ACK of such an answer? It belongs to nothing: whoever reads the socket can drop it, at a fraction of what it costs
/// to find that out the long way. Only an ACK whose To, written in one line, has our mark is dropped; no call of ours has it.
pub fn is_ack_of_refusal(datagram: &[u8]) -> bool {
    let is_to = |line: &[u8]| {
        let name = line.split(|b| *b == b':').next().unwrap_or_default().trim_ascii();
        name.eq_ignore_ascii_case(b"To") || name.eq_ignore_ascii_case(b"t")
    };
    let marked = |line: &[u8]| line.windows(TAG.len()).any(|w| w == TAG);
    datagram.starts_with(b"ACK ")
        && datagram
            .split(|b| *b == b'\n')
            .take_while(|l| !l.trim_ascii().is_empty())
            .any(|l| is_to(l) && marked(l))
}
